"""What a subscriber hands out: events, notices that an event was struck, records it can't read.

All are plain frozen values. `Delivered.event_bytes` are the very bytes that the bureau sent after
its own frame; a signature in `headers` is over those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import PermanentError

__all__ = ["Delivered", "GapError", "Item", "Position", "Strike", "Struck", "Unreadable"]


class GapError(PermanentError):
    """Records that this subscriber has not seen are gone from the topic.

    `below-log-start`: retention removed them; `beyond-log-end` and `topic-replaced`: the topic was
    made anew. The subscriber stops instead of skipping them.
    """

    code = "below-log-start"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands; desk and bureau topics have one partition."""

    topic: str
    offset: int


@dataclass(frozen=True, slots=True)
class Strike:
    """Why an event no longer holds. `successor` is the hash of what replaces it, if anything."""

    chain: bool
    reason: str
    successor: str | None
    recorded_at_ms: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event for this subscriber. `strike` is set if it was recalled or replaced already."""

    kind: str
    version: int
    enrichment: Mapping[str, Any]
    event: Mapping[str, Any]
    event_bytes: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    position: Position
    strike: Strike | None

    @property
    def struck(self) -> bool:
        return self.strike is not None

    @property
    def event_id(self) -> str:
        return str(self.enrichment["event_id"])

    @property
    def bureau(self) -> str:
        return str(self.enrichment["bureau"])


@dataclass(frozen=True, slots=True)
class Struck:
    """An event that this subscriber was given earlier is recalled or replaced.

    It comes again after every restart until it is acknowledged. `hash` names the event as
    `strikes` does: `schemas.ids.strike_hash(bureau, event_id)`.
    """

    bureau: str
    event_id: str
    hash: str
    strike: Strike


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that can't be decoded; the stream goes on behind it."""

    position: Position
    reason: str
    value: bytes | None


Item = Delivered | Struck | Unreadable
