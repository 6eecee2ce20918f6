"""What bureaus remember of what they sent: requests to answer, events to correct or withdraw.

Bounded, and ordered by insertion only, so that the same seed remembers the same. A correction takes
the place of what it replaced; what was withdrawn is forgotten.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from uuid import UUID

from schemas.models import Event

__all__ = ["Memory", "Pending", "Sent"]

_OWN_EVENTS = 32
_PENDING = 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that its bureau may correct or withdraw."""

    bureau: str
    event: Event

    @property
    def root(self) -> UUID:
        return self.event.root or self.event.event_id


@dataclass(frozen=True, slots=True)
class Pending:
    """Something that one bureau owes another an answer to."""

    event: Event
    asked_by: str
    asked: str


@dataclass(frozen=True, slots=True)
class OpenSearch:
    """A search that hit and of which no hit was reported yet."""

    bureau: str
    database: str
    event_id: UUID


class Memory:
    """Recent events by what may still follow of them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._own: dict[str, list[Sent]] = {}
        self._pending: dict[str, deque[Pending]] = {}
        self._searches: deque[OpenSearch] = deque(maxlen=_PENDING)

    def sent(self, bureau: str, event: Event) -> None:
        """Remember an event of a bureau; the oldest goes."""
        own = self._own.setdefault(bureau, [])
        own.append(Sent(bureau, event))
        if len(own) > _OWN_EVENTS:
            del own[0]

    def take(self, bureau: str, kind: str | None = None) -> Sent | None:
        """One of a bureau's events, no longer remembered; None if it has none of that kind."""
        own = self._own.get(bureau, [])
        places = [n for n, sent in enumerate(own) if kind is None or sent.event.kind == kind]
        return own.pop(self._rng.choice(places)) if places else None

    def owe(self, what: str, pending: Pending) -> None:
        self._pending.setdefault(what, deque(maxlen=_PENDING)).append(pending)

    def owed(self, what: str, *, settle: bool = True) -> Pending | None:
        """Something that waits for an answer: the oldest, or any one if it goes on waiting."""
        waiting = self._pending.get(what)
        if not waiting:
            return None
        return waiting.popleft() if settle else waiting[self._rng.randrange(len(waiting))]

    def searched(self, search: OpenSearch) -> None:
        self._searches.append(search)

    def open_search(self) -> OpenSearch | None:
        return self._searches.popleft() if self._searches else None
