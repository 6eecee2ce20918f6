"""One router and two, each a process of its own, over the same waiting records."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from tests.bench.measure import Outcome
from tests.bench.positions import router_positions
from tests.bench.stack import BenchStack, open_stack
from tests.bench.traffic import produce, simulated
from tests.worker_processes import WorkerProcess

__all__ = ["router_workers"]

_MESSAGES = 60_000


def router_workers() -> Outcome:
    """Messages a second, and CPU seconds a million of them: the second worker brings so much."""
    events = simulated(_MESSAGES, 0)
    found: dict[int, tuple[float, float]] = {}
    with open_stack() as stack:
        for workers in (1, 1, 2):  # the first warms the broker up
            produce(events, workers + len(found), stack.at.kafka, stack.ids)
            with _routers(stack, workers) as processes:
                found[workers] = _drained(stack, processes)
    (one, cpu_of_one), (two, cpu_of_two) = found[1], found[2]
    return Outcome(
        "router-workers", "events/s, two workers", round(two), "one worker", round(one),
        round(two / one, 2), None,
        {
            "CPU s a million, one worker": round(cpu_of_one, 1),
            "CPU s a million, two workers": round(cpu_of_two, 1),
        },
    )  # fmt: skip


@contextmanager
def _routers(stack: BenchStack, count: int) -> Iterator[list[psutil.Process]]:
    with ExitStack() as undo:
        processes = []
        for number in range(count):
            worker = WorkerProcess(
                "router-message", stack.folder, Path(stack.folder / f"bench-{number}.log"),
                extra=("--worker", f"bench-{number}"),
            )  # fmt: skip
            undo.callback(worker.stop)
            processes.append(psutil.Process(worker.start().pid))
        yield processes


def _drained(stack: BenchStack, processes: list[psutil.Process]) -> tuple[float, float]:
    """From the first commit of a start to the last: events a second, CPU seconds a million."""
    with router_positions(stack.at.kafka, "message") as positions:
        end, first = positions.ends(), positions.committed()
        while (begin := positions.committed()) == first:
            time.sleep(0.01)
        began, cpu = time.monotonic(), _cpu_s(processes)
        while positions.committed() < end:
            time.sleep(0.02)
        seconds, cpu = time.monotonic() - began, _cpu_s(processes) - cpu
    return (end - begin) / seconds, cpu / (end - begin) * 1_000_000


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
