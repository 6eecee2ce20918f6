"""Resident memory of every process over millions of events."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from deploy.running import WORKERS
from tests.bench.measure import Outcome
from tests.bench.stack import BenchStack, open_stack
from tests.bench.traffic import Numbers, produce, simulated

__all__ = ["memory"]

_ROUND = 50_000
_ROUNDS = 100
_SAMPLES = 10
_MESSAGES_A_THOUSAND = 2.25
_MOST_WAITING = 200_000
_WAIT_S = 600.0


def memory() -> Outcome:
    """The year's mix, the same events under ever new numbers, as fast as the routers take them."""
    messages = round(_ROUND * _MESSAGES_A_THOUSAND / 1000)
    events = simulated(messages, _ROUND - messages, seed=10)
    numbers: Numbers = defaultdict(int)
    samples: dict[str, list[int]] = defaultdict(list)
    with open_stack(*WORKERS) as stack, _subscriber(stack) as desk:
        began = time.monotonic()
        for number in range(1, _ROUNDS + 1):
            produce(events, 1, stack.at.kafka, stack.ids, numbers)
            last = number % (_ROUNDS // _SAMPLES) == 0
            _wait(stack, number * _ROUND - (0 if last else _MOST_WAITING))
            if last:
                for name, pid in {**stack.running.pids(), "desk tail": desk.pid}.items():
                    resident = psutil.Process(pid).memory_info().rss
                    samples[name].append(resident // (1 << 20))
        seconds = time.monotonic() - began
    total = _ROUND * _ROUNDS
    return Outcome(
        "memory", "events/s", round(total / seconds), "none", None, None, None,
        {"events": total, "MiB at every tenth": dict(samples)},
    )  # fmt: skip


@contextmanager
def _subscriber(stack: BenchStack) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [
            sys.executable, "-m", "deploy.cli", "--data-dir", str(stack.folder),
            "desk", "tail", "--region", "europe", "--jsonl",
        ],
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        yield process
        process.terminate()


def _wait(stack: BenchStack, records: int) -> None:
    """Until SQL has so many of the records, but for those that no rule lets anybody read."""
    client = stack.at.clickhouse_as("operator").client()
    until, before = time.monotonic() + _WAIT_S, -1
    try:
        while True:
            ((landed,),) = client.query("SELECT sumIf(events, sign = 1) FROM raw.facts").result_rows
            if landed >= records * 0.999:
                return
            if landed > before:
                until, before = time.monotonic() + _WAIT_S, landed
            if time.monotonic() > until:
                raise RuntimeError(f"only {landed} of {records} events came to SQL")
            time.sleep(0.2)
    finally:
        client.close()
