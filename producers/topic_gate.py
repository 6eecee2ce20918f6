"""Whether a topic may be written to, asked once before its first record.

Invariants: no record is given to a producer whose topic is missing or forbidden, since it would
fail there out of order; accounts that wait for a topic are `held` and skipped, and a closed topic
is asked for again at growing intervals. Owned by the sender's thread.
"""

from __future__ import annotations

from producers.account import Pending
from producers.problem import Backoff, ProblemBoard
from producers.stream import BrokerAwayError, Stream

__all__ = ["TopicGate"]

_TIMEOUT_S = 1.0


class TopicGate:
    """Open and closed topics, and the accounts that wait for one."""

    def __init__(self, board: ProblemBoard) -> None:
        self.held: dict[int, str] = {}
        self._board = board
        self._open: set[str] = set()
        self._closed: dict[str, Backoff] = {}

    def admits(self, record: Pending, stream: Stream, now_s: float) -> bool:
        """Whether a record may go; if not, its account is held.

        Raises:
            BrokerAwayError: nobody can tell now.
        """
        if record.account.row in self.held:
            return False
        topic = record.topic
        if topic in self._open:
            return True
        if topic not in self._closed and self._ask(topic, stream, now_s):
            return True
        self.held[record.account.row] = topic
        return False

    def reopen(self, stream: Stream, now_s: float) -> bool:
        """Ask again for closed topics that are due; True if accounts were let go."""
        before = len(self.held)
        for topic in [t for t, backoff in self._closed.items() if backoff.due(now_s)]:
            try:
                opened = self._ask(topic, stream, now_s)
            except BrokerAwayError:
                self._closed[topic].failed(now_s)
                continue
            if opened:
                del self._closed[topic]
                self._board.clear(f"topic {topic}")
                self.held = {row: held for row, held in self.held.items() if held != topic}
        return len(self.held) != before

    def forget(self) -> None:
        """Records were moved, perhaps to other topics: what was closed is asked for once more."""
        for topic in self._closed:
            self._board.clear(f"topic {topic}")
        self._closed.clear()
        self.held.clear()

    def _ask(self, topic: str, stream: Stream, now_s: float) -> bool:
        error = stream.topic_error(topic, _TIMEOUT_S)
        if error is None:
            self._open.add(topic)
            return True
        self._closed.setdefault(topic, Backoff()).failed(now_s)
        self._board.note(
            f"topic {topic}",
            error.name(),
            f"topic {topic} can't be written to: {error.str()}. Its records wait; run `liaison "
            "provision` or grant the right, and they go out by themselves",
        )
        return False
