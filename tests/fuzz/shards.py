"""A long run in parts, each in a process of its own, so that its memory is its own.

Which cases run depends on the seed and the count alone, not on how many processes there are.
"""

from __future__ import annotations

import logging
import multiprocessing
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor

import structlog

from tests.fuzz.runner import Report, run_target
from tests.fuzz.targets import TARGETS

__all__ = ["quiet", "run_sharded"]

_INPUTS = 25_000
_CASES = 1_000_000
"""The numbers of cases that a part has to itself."""


def run_sharded(
    counts: Mapping[str, int], seed: int, *, first: int, processes: int
) -> Iterator[Report]:
    """How many inputs to feed each target, by its name; a report a target."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, quiet, max_tasks_per_child=1) as pool:
        parts = {
            name: [
                pool.submit(_run, name, seed, min(_INPUTS, count - begin), first + number * _CASES)
                for number, begin in enumerate(range(0, count, _INPUTS))
            ]
            for name, count in counts.items()
        }
        for name, futures in parts.items():
            report = Report(name, seed)
            for future in futures:
                report.add(future.result())
            yield report


def quiet() -> None:
    """What the code under test logs of hostile input is no news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _run(name: str, seed: int, count: int, first: int) -> Report:
    return run_target(
        TARGETS[name], seed, count, first=first, said=lambda line: print(line, file=sys.stderr)
    )
