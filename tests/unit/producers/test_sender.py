"""The sender's parts that need no broker, and a sender that finds none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers import Sender
from producers.problem import Backoff, ProblemBoard
from producers.sender import _ranges
from schemas.clock import Deadline, ManualClock, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, LiaisonError, RetryableError
from tests.unit.producers.bureau_side import draft, open_outbox

NOBODY = KafkaConnection("127.0.0.1:1")
CLOCK = SystemClock()


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_rows(rows: set[int]) -> None:
    ranges = _ranges(sorted(rows))
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

    def reconcile() -> None:
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
        with pytest.raises(LiaisonError):
            sender.stop(Deadline.after(CLOCK, 1))
        assert outbox.pending() == 1
