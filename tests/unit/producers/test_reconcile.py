"""Reconciling where no broker answers: it says so soon, ends when told to, and is quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.handover import open_handover
from producers import reconcile_with_receipts
from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import RetryableError
from tests.unit.producers.bureau_side import IDS, draft, open_outbox

NOBODY = KafkaConnection("127.0.0.1:1")
CLOCK = SystemClock()


def test_a_broker_that_does_not_answer_is_told_of_long_before_the_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.reconcile._ANSWER_S", 0.1)
    begin_s = CLOCK.monotonic_s()
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        with pytest.raises(
            RetryableError, match=r"receipts\.FR .*refused|brokers are down"
        ) as caught:
            reconcile_with_receipts(outbox, NOBODY, IDS, CLOCK, timeout_s=60)
    assert caught.value.code == "receipts-unread"
    assert CLOCK.monotonic_s() - begin_s < 20


def test_a_command_that_ends_before_the_receipts_were_read_says_what_waits(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def hand_over() -> None:
        with open_handover(tmp_path / "o", NOBODY, IDS) as handover:
            handover.outbox.accept([draft(2)])
            handover.finish(1.0)

    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])  # so that there is an account whose receipts are asked for
    begin_s = CLOCK.monotonic_s()
    with pytest.raises(RetryableError) as caught:
        hand_over()
    assert caught.value.code == "not-sent"
    assert not getattr(caught.value, "__notes__", [])
    assert CLOCK.monotonic_s() - begin_s < 10
    assert "FAIL" not in capfd.readouterr().err
