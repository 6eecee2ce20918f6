"""When records are to be moved to another topic, and that they were: the sender's view of it.

Owned by the sender's thread; any other thread may cause moves, by its own calls of the outbox.
"""

from __future__ import annotations

from collections.abc import Callable

from producers.outbox import Outbox
from producers.problem import ProblemBoard
from schemas.errors import LiaisonError

__all__ = ["MoveWatch"]

_EVERY_S = 1.0


class MoveWatch:
    """Calls `readdress` once a second, and tells of moves since it was last asked."""

    def __init__(
        self, outbox: Outbox, board: ProblemBoard, readdress: Callable[[], object] | None
    ) -> None:
        self._outbox = outbox
        self._board = board
        self._readdress = readdress
        self._due_s = 0.0
        self._seen = 0

    def moved(self, now_s: float) -> bool:
        """Let records be moved if it is time; whether any were since the last call.

        One that fails is noted and tried again: until then they go to the topic that they have.
        """
        if self._readdress is not None and now_s >= self._due_s:
            self._due_s = now_s + _EVERY_S
            try:
                self._readdress()
                self._board.clear("addresses")
            except LiaisonError as error:
                self._board.note("addresses", error.code, str(error))
        seen, self._seen = self._seen, self._outbox.moves
        return seen != self._seen

    @property
    def count(self) -> int:
        """Moves as of the last call, for `Outbox.offer`."""
        return self._seen
