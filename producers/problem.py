"""What keeps records in an outbox, for whoever must act, and when to try again.

A sender drops nothing: what the broker refuses stays, first in its account's order, and is tried
again at growing intervals until somebody has put right what the problem names.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from schemas.clock import Clock

__all__ = ["Backoff", "Problem", "ProblemBoard"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `code` is Kafka's name of the error, or ours."""

    where: str
    code: str
    message: str
    since_ms: int


@dataclass(slots=True)
class Backoff:
    """When the next try is due: at once, then after 0.5 s, doubling up to a bound."""

    first_s: float = 0.5
    most_s: float = 30.0
    due_s: float = 0.0
    tries: int = 0

    def failed(self, now_s: float) -> None:
        self.due_s = now_s + min(self.most_s, self.first_s * 2**self.tries)
        self.tries = min(self.tries + 1, 30)

    def due(self, now_s: float) -> bool:
        return now_s >= self.due_s


class ProblemBoard:
    """What is wrong now, one problem a place; written by one thread, read by any."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_place: dict[str, Problem] = {}

    def note(self, where: str, code: str, message: str) -> None:
        """Say that something is wrong; saying it again changes nothing."""
        before = self._by_place.get(where)
        if before is not None and before.code == code:
            return
        self._by_place[where] = Problem(where, code, message, self._clock.now_ms())
        structlog.get_logger(__name__).warning(
            "records wait in the outbox", where=where, code=code, reason=message
        )

    def clear(self, where: str) -> None:
        self._by_place.pop(where, None)

    def now(self) -> list[Problem]:
        return list(self._by_place.copy().values())
