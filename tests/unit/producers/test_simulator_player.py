"""Batches keep faults beside their originals, and a speed follows the simulation's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from producers.simulator import Handover, Mix, Simulator
from producers.simulator.driver import _batches, _paced
from schemas.clock import ManualClock
from schemas.reference import Reference

START = datetime(2026, 3, 2, tzinfo=UTC)
SIMULATOR = Simulator(
    Reference.load(), 4, START, Mix.of("messages", 300, searches=900, span=timedelta(minutes=20))
)


def test_batches_hold_everything_and_no_fault_without_its_original() -> None:
    items = list(SIMULATOR)
    batches = list(_batches(items, 100))
    assert sum(len(b.handovers) + len(b.faults) for b in batches) == len(items)
    assert [len(b.handovers) for b in batches] == [100] * 12
    for batch in batches:
        known = {handover.event.event_id for handover in batch.handovers}
        assert {fault.of for fault in batch.faults} <= {*known, None}
    assert any(batch.faults for batch in batches)


def test_as_fast_as_it_goes_nobody_sleeps() -> None:
    clock = ManualClock()
    assert len(list(_paced(_batches(SIMULATOR, 100), clock, None))) == 12
    assert clock.monotonic_s() == 0.0


def test_a_batch_is_handed_over_when_its_last_event_is_due() -> None:
    clock = ManualClock()
    items = [item for item in SIMULATOR if isinstance(item, Handover)]
    first_ms = items[0].event.event_id.int >> 80
    for batch in _paced(_batches(items, 100), clock, 60.0):
        last_ms = batch.handovers[-1].event.event_id.int >> 80
        assert abs(clock.monotonic_s() - (last_ms - first_ms) / 60_000) < 0.001
    assert 19.0 < clock.monotonic_s() < 20.0
