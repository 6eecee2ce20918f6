"""Time as a value that is passed in.

Loops ask a :class:`Clock`; tests move a :class:`ManualClock` by hand. What is *true* about
time in a record (recorded_at, the rate of the day, the region) never comes from here but from the
broker's append time: this clock only paces loops and bounds waits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Clock", "Deadline", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """What a loop may ask of time."""

    def now_ms(self) -> int:
        """Wall clock, milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a negative wait is none."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told to; `sleep` moves it."""

    wall_ms: int = 1_760_000_000_000
    elapsed_s: float = field(default=0.0)

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_s(self) -> float:
        return self.elapsed_s

    def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self.wall_ms += int(seconds * 1000)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A bound for everything done after it was set."""

    clock: Clock
    at_s: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Deadline:
        return cls(clock, clock.monotonic_s() + seconds)

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self.at_s - self.clock.monotonic_s())

    def expired(self) -> bool:
        return self.remaining() <= 0.0
