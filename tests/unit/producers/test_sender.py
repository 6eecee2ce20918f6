"""The sender's parts that need no broker, and a sender that finds none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import Outbox, Sender
from producers.account import Pending
from producers.acknowledged import ranges_of
from producers.problem import Backoff, ProblemBoard
from schemas.clock import Deadline, ManualClock, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, LiaisonError, RetryableError
from tests.unit.producers.bureau_side import draft, open_outbox

NOBODY = KafkaConnection("127.0.0.1:1")
CLOCK = SystemClock()


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_rows(rows: set[int]) -> None:
    ranges = ranges_of(sorted(rows))
    held = [row for first, last in ranges for row in range(first, last + 1)]
    assert held == sorted(rows)
    assert all(a[1] + 1 < b[0] for a, b in zip(ranges, ranges[1:], strict=False))


def test_a_backoff_is_due_at_once_then_ever_later_up_to_its_bound() -> None:
    backoff = Backoff(first_s=1.0, most_s=5.0)
    assert backoff.due(0.0)
    waits = []
    for _ in range(5):
        backoff.failed(100.0)
        waits.append(backoff.due_s - 100.0)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert not backoff.due(104.9)
    assert backoff.due(105.0)


def test_a_problem_keeps_its_first_instant_until_it_changes_or_is_cleared() -> None:
    clock = ManualClock(wall_ms=1000)
    board = ProblemBoard(clock)
    board.note("topic t", "UNKNOWN", "first")
    clock.advance(5)
    board.note("topic t", "UNKNOWN", "again")
    assert [(p.since_ms, p.message) for p in board.now()] == [(1000, "first")]
    board.note("topic t", "FORBIDDEN", "worse")
    assert [(p.since_ms, p.code) for p in board.now()] == [(6000, "FORBIDDEN")]
    board.clear("topic t")
    board.clear("never noted")
    assert board.now() == []


def test_a_sender_is_started_once_and_stopping_an_unstarted_one_is_harmless(
    tmp_path: Path,
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        sender = Sender(outbox, NOBODY, CLOCK)
        sender.stop(Deadline.after(CLOCK, 1))
        sender.start()
        with pytest.raises(ConfigurationError):
            sender.start()
        sender.stop(Deadline.after(CLOCK, 1))


def test_nothing_is_sent_until_reconciling_succeeds_and_it_is_tried_again(
    tmp_path: Path,
) -> None:
    tries: list[int] = []

    def reconcile(_is_stopping: Callable[[], bool]) -> None:
        tries.append(len(tries))
        if len(tries) < 2:
            raise RetryableError("the receipts are away", code="receipts-unread")

    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        sender = Sender(outbox, NOBODY, CLOCK, reconcile=reconcile)
        sender.start()
        deadline = Deadline.after(CLOCK, 30)
        while len(tries) < 2 and not deadline.expired():
            CLOCK.sleep(0.01)
        sender.stop(Deadline.after(CLOCK, 0.1))
        assert tries == [0, 1]
        assert outbox.pending() == 1


def test_a_sender_that_dies_says_so_in_the_next_call(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        sender = Sender(outbox, KafkaConnection("127.0.0.1:1", {"no.such.option": "1"}), CLOCK)
        sender.start()
        with pytest.raises(LiaisonError) as caught:
            sender.drain(Deadline.after(CLOCK, 30))
        assert caught.value.code == "sender-died"
        assert "no.such.option" in str(caught.value)
        assert [problem.code for problem in sender.problems()] == ["sender-died"]
        assert "start a new sender" in sender.problems()[0].message
        with pytest.raises(LiaisonError):
            sender.stop(Deadline.after(CLOCK, 1))
        assert outbox.pending() == 1


class OnceUnreadableOutbox(Outbox):
    """Its disk fails at the first reading."""

    failures = 0

    def read(self, *arguments: Any, **named: Any) -> list[Pending]:
        if not self.failures:
            self.failures += 1
            raise RetryableError("the disk did not answer", code="outbox-io")
        return super().read(*arguments, **named)


def test_a_disk_that_fails_once_is_read_again(tmp_path: Path) -> None:
    with OnceUnreadableOutbox(tmp_path / "o", CLOCK) as outbox:
        outbox.accept([draft(1)])
        sender = Sender(outbox, NOBODY, CLOCK)
        sender.start()
        told: list[str] = []
        deadline = Deadline.after(CLOCK, 30)
        while "broker-away" not in told and not deadline.expired():
            told += [p.code for p in sender.problems() if p.code not in told]
            CLOCK.sleep(0.01)
        assert told == ["outbox-io", "broker-away"]
        assert [problem.where for problem in sender.problems()] == ["broker"]
        sender.stop(Deadline.after(CLOCK, 0.1))


def test_stopping_ends_a_reconciling_and_is_no_problem_of_it(tmp_path: Path) -> None:
    begun: list[bool] = []

    def reconcile(is_stopping: Callable[[], bool]) -> None:
        begun.append(True)
        while not is_stopping():
            CLOCK.sleep(0.01)
        raise RetryableError("told to stop", code="receipts-unread")

    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        sender = Sender(outbox, NOBODY, CLOCK, reconcile=reconcile)
        sender.start()
        while not begun:
            CLOCK.sleep(0.01)
        sender.stop(Deadline.after(CLOCK, 0.1))
        assert sender.problems() == []
        assert outbox.pending() == 1


def test_a_sender_that_died_does_not_hide_what_its_owner_was_raising(tmp_path: Path) -> None:
    unusable = KafkaConnection("127.0.0.1:1", {"no.such.option": "1"})

    def use(outbox: Outbox) -> None:
        with Sender(outbox, unusable, CLOCK) as sender:
            deadline = Deadline.after(CLOCK, 10)
            while not sender.problems() and not deadline.expired():
                CLOCK.sleep(0.01)
            raise ValueError("the owner's own")

    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        with pytest.raises(ValueError, match="the owner's own") as caught:
            use(outbox)
    assert any("no.such.option" in note for note in caught.value.__notes__)
