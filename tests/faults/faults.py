"""Faults as values, and seeded schedules of them. What a kind does stands in `strikes`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["KINDS", "Fault", "Kind", "schedule"]


@dataclass(frozen=True)
class Kind:
    """What may happen to a target: how often beside others, and for how long (seconds)."""

    name: str
    weight: int
    still_s: tuple[float, float] = (0.0, 0.0)


KILL = Kind("kill -9", 5)
TERMINATE = Kind("SIGTERM", 2)
PAUSE = Kind("pause", 2, (0.2, 4.0))
LONG_PAUSE = Kind("pause past the session", 1, (11.0, 16.0))
CUT = Kind("connection cut", 2, (0.1, 3.0))
DELAY = Kind("connection delayed", 1, (1.0, 5.0))
SWALLOW = Kind("connection swallows", 1, (2.0, 12.0))
NO_REGISTRY = Kind("kill -9, registry away", 1, (1.0, 4.0))
FULL_DISK = Kind("disk full", 1, (1.0, 4.0))
CLOCK_AHEAD = Kind("clock ahead", 1, (2.0, 8.0))
CLOCK_BEHIND = Kind("clock behind", 1, (2.0, 8.0))

_WORKER = (KILL, TERMINATE, PAUSE, LONG_PAUSE, CUT, DELAY, SWALLOW, NO_REGISTRY)
_CLOCK = (CLOCK_AHEAD, CLOCK_BEHIND)
_SERVER = (KILL, TERMINATE, PAUSE)
"""A server that is paused for long is one that the supervisor may start anew: pauses stay short."""

KINDS: Mapping[str, Sequence[Kind]] = {
    "router-message": _WORKER,
    "router-search": _WORKER,
    "cutter": _WORKER,
    "loader": _WORKER,
    "surge": _WORKER,
    "router-message 1": (*_WORKER, *_CLOCK),
    "loader 1": (*_WORKER, *_CLOCK),
    "bureaus": (*_WORKER, *_CLOCK, FULL_DISK),
    "desk": (*_WORKER, *_CLOCK, FULL_DISK),
    # No full disk: docs/faults.md says what the limit that stands for one does to these two.
    "kafka": _SERVER,
    "clickhouse": _SERVER,
    "registry": _SERVER,
}
"""What may happen to whom."""
_SERVERS = frozenset({"kafka", "registry", "clickhouse"})
_ROUNDS_WITHOUT_SERVERS = 1
"""Everyone waits for a server: between two strikes at each, every other target is struck twice."""


@dataclass(frozen=True)
class Fault:
    """One fault, `after_s` seconds after the one before it began."""

    number: int
    target: str
    kind: Kind
    still_s: float
    after_s: float
    together_with: str = ""
    """Another target that is killed at the same instant, or empty."""
    choice: int = 0
    """What is left to choose where it strikes, as which of a target's connections."""

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target, self.together_with) if self.together_with else (self.target,)

    def text(self) -> str:
        still = f" for {self.still_s:.1f} s" if self.still_s else ""
        return f"{self.number}: {self.kind.name} of {' and '.join(self.targets)}{still}"


def schedule(
    seed: int, count: int, interval_s: tuple[float, float] = (1.0, 4.0)
) -> Iterator[Fault]:
    """`count` faults; the same seed gives the same ones. Every target comes in its turn."""
    rng = random.Random(seed)
    turns: list[str] = []
    for number in range(1, count + 1):
        if not turns:
            turns = _turns(rng)
        target = turns.pop()
        kinds = KINDS[target]
        (kind,) = rng.choices(kinds, [kind.weight for kind in kinds])
        second = ""
        if kind is KILL and rng.random() < 0.15:
            second = rng.choice([other for other in KINDS if other != target])
        yield Fault(
            number, target, kind, rng.uniform(*kind.still_s), rng.uniform(*interval_s),
            second, rng.randrange(1 << 30),
        )  # fmt: skip


def _turns(rng: random.Random) -> list[str]:
    turns: list[str] = []
    for servers_too in (True, *[False] * _ROUNDS_WITHOUT_SERVERS):
        targets = [name for name in KINDS if servers_too or name not in _SERVERS]
        turns += rng.sample(targets, len(targets))
    return turns
