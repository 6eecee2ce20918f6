"""Contender and baseline by turns, and what came of it."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

__all__ = ["Outcome", "by_turns", "machine"]

_PACKAGES = ("confluent-kafka", "fastavro", "chdb-core", "clickhouse-connect")


@dataclass(frozen=True)
class Outcome:
    """One bench: rates in `unit`, their ratio, and whatever else it has to tell."""

    bench: str
    unit: str
    rate: float | None
    baseline: str
    baseline_rate: float | None
    ratio: float | None
    required: float | None
    told: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "machine": machine()}


def by_turns(
    contender: Callable[[], float], baseline: Callable[[], float], *, runs: int = 3
) -> tuple[float, float]:
    """Median rates of both; each runs once before to warm up."""
    contender()
    baseline()
    rates: list[tuple[float, float]] = [(contender(), baseline()) for _ in range(runs)]
    return statistics.median(r for r, _ in rates), statistics.median(b for _, b in rates)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        memory_kib = int(next(lines).split()[1])
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / 1024 / 1024, 1),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
