"""From `publish_many` to visible in SQL, everything on this machine."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import islice

from deploy.handover import Handover as OpenHandover
from deploy.handover import open_handover, outbox_file
from deploy.running import WORKERS
from producers.publisher import publish_many
from producers.simulator import Handover
from tests.bench.measure import Outcome
from tests.bench.stack import BenchStack, open_stack
from tests.bench.traffic import simulated
from tests.faults.expectation import Account, Geography

__all__ = ["whole_way"]

_INTERPOL_2023_PER_S = 254.0
"""18 million messages and about eight billion searches in a year."""
_EVENTS = 100_000
_MESSAGES_A_THOUSAND = 2.25
_BATCH = 2000


def whole_way() -> Outcome:
    """The year's mix: 444 searches for each message."""
    with open_stack(*WORKERS) as stack:
        rate = _run(stack, _EVENTS // 4, seed=2)
        rate = _run(stack, _EVENTS, seed=3)
    return Outcome(
        "whole-way", "events/s", round(rate), "INTERPOL's traffic of 2023", _INTERPOL_2023_PER_S,
        round(rate / _INTERPOL_2023_PER_S, 1), 100.0, {"events": _EVENTS},
    )  # fmt: skip


def _run(stack: BenchStack, events: int, *, seed: int) -> float:
    """Hand over and wait until SQL has it all; events a second."""
    messages = max(1, round(events * _MESSAGES_A_THOUSAND / 1000))
    items = simulated(messages, events - messages, seed=seed)
    client = stack.at.clickhouse_as("operator").client()

    def landed() -> int:
        ((n,),) = client.query("SELECT sumIf(events, sign = 1) FROM raw.facts").result_rows
        return int(n)

    before = landed()
    path = outbox_file(stack.folder / "outbox", "bench")
    began = time.monotonic()
    with open_handover(path, stack.at.kafka, stack.ids) as handover:
        _publish(items, handover)
        handover.finish(600)
    wanted = before + _accepted(items)
    while landed() < wanted:
        time.sleep(0.05)
        if time.monotonic() - began > 1200:
            raise RuntimeError(f"only {landed() - before} of {len(items)} events came to SQL")
    seconds = time.monotonic() - began
    client.close()
    return len(items) / seconds


def _publish(items: list[Handover], handover: OpenHandover) -> None:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        publish_many(
            handover.outbox, [(handover.publisher(i.bureau, i.system), i.event) for i in batch]
        )


def _accepted(items: list[Handover]) -> int:
    """All but those that no rule lets anybody read."""
    account = Account(Geography(datetime.now(UTC).date()))
    for item in items:
        account.add(item.bureau, item.system, item.event)
    return sum(expected.refused is None for expected in account.events.values())
