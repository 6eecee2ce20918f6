"""Faults as values, and seeded schedules of them."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Fault", "Kind", "schedule"]


@dataclass(frozen=True)
class Kind:
    """What is done to a process: signals, and how long it then lies still (seconds)."""

    name: str
    signals: tuple[signal.Signals, ...]
    still_s: tuple[float, float] = (0.0, 0.0)


KILL = Kind("kill -9", (signal.SIGKILL,))
TERMINATE = Kind("SIGTERM", (signal.SIGTERM,))
PAUSE = Kind("pause", (signal.SIGSTOP, signal.SIGCONT), (0.2, 4.0))
LONG_PAUSE = Kind("pause past the session", (signal.SIGSTOP, signal.SIGCONT), (11.0, 16.0))

_WEIGHTS = ((KILL, 5), (TERMINATE, 2), (PAUSE, 3), (LONG_PAUSE, 1))
_SERVERS = frozenset({"kafka", "registry", "clickhouse"})
"""A server that is paused for long is one that the supervisor may start anew: pauses stay short."""


@dataclass(frozen=True)
class Fault:
    """One fault, `after_s` seconds after the one before it has been got over."""

    number: int
    target: str
    kind: Kind
    still_s: float
    after_s: float
    together_with: str = ""
    """Another target of the same fault at the same time, or empty."""

    def text(self) -> str:
        targets = f"{self.target} and {self.together_with}" if self.together_with else self.target
        still = f" for {self.still_s:.1f} s" if self.still_s else ""
        return f"{self.number}: {self.kind.name} of {targets}{still}"


def schedule(seed: int, count: int, targets: Sequence[str]) -> Iterator[Fault]:
    """`count` faults; the same seed and targets give the same ones. Every target comes in turn."""
    rng = random.Random(seed)
    order: list[str] = []
    for number in range(1, count + 1):
        if not order:
            order = rng.sample(list(targets), len(targets))
        target = order.pop()
        kinds = [(k, w) for k, w in _WEIGHTS if k is not LONG_PAUSE or target not in _SERVERS]
        (kind,) = rng.choices([k for k, _ in kinds], [w for _, w in kinds])
        second = rng.choice(list(targets)) if rng.random() < 0.15 and kind is KILL else ""
        yield Fault(
            number, target, kind, rng.uniform(*kind.still_s), rng.uniform(0.0, 0.8),
            "" if second == target else second,
        )  # fmt: skip
