"""Rows that the broker has acknowledged and that are still in the outbox.

Invariants: a row is removed only after it was added here, and stays known here until it is removed,
so that it is not read as one to be sent. They are removed in groups, since each costs a commit; a
removal that fails is tried again at growing intervals. Owned by the sender's thread.
"""

from __future__ import annotations

from collections.abc import Collection

from producers.outbox import Outbox
from producers.problem import Backoff, ProblemBoard
from schemas.clock import Clock
from schemas.errors import RetryableError

__all__ = ["AcknowledgedRows", "ranges_of"]

_ROWS = 2000
_AFTER_S = 0.02


class AcknowledgedRows:
    """What is to be removed from one outbox."""

    def __init__(self, outbox: Outbox, board: ProblemBoard, clock: Clock) -> None:
        self._outbox = outbox
        self._board = board
        self._clock = clock
        self._rows: set[int] = set()
        self._due_s = 0.0
        self._backoff = Backoff()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def add(self, rows: Collection[int]) -> None:
        if not self._rows:
            self._due_s = self._clock.monotonic_s() + _AFTER_S
        self._rows.update(rows)

    def remove(self, *, at_once: bool = False) -> bool:
        """Remove them, unless more are awaited; True if they are gone."""
        now_s = self._clock.monotonic_s()
        early = len(self._rows) < _ROWS and now_s < self._due_s
        if not self._rows or (early and not at_once) or not self._backoff.due(now_s):
            return False
        try:
            self._outbox.remove(ranges_of(sorted(self._rows)))
        except RetryableError as error:
            self._backoff.failed(now_s)
            self._board.note("outbox", error.code, str(error))
            return False
        self._rows.clear()
        self._backoff = Backoff()
        self._board.clear("outbox")
        return True

    def remove_at_last(self) -> bool:
        """Remove them now, whatever failed a moment ago."""
        self._backoff = Backoff()
        return self.remove(at_once=True)


def ranges_of(rows: list[int]) -> list[tuple[int, int]]:
    """Ascending rows as ranges, both ends included."""
    ranges: list[tuple[int, int]] = []
    for row in rows:
        if ranges and ranges[-1][1] == row - 1:
            ranges[-1] = ranges[-1][0], row
        else:
            ranges.append((row, row))
    return ranges
