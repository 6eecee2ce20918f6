"""What a simulation yields: events to hand over, and what a faulty client sends past the outbox.

A repeat follows its original at once in the stream: whoever plays the stream still has the
record. No faulty record uses up a number: a repeat has its original's, the others none that is
legible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from schemas.models import Event

__all__ = ["Handover", "Item", "Repeat", "Unparsable"]


@dataclass(frozen=True, slots=True)
class Handover:
    """An event that a bureau's system hands to its outbox."""

    bureau: str
    system: str
    event: Event


@dataclass(frozen=True, slots=True)
class Repeat:
    """The record of an event once more: the same bytes under the same number."""

    bureau: str
    lane: str
    of: UUID


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A record that nobody can read.

    `noise`: these bytes are the value. `cut`: the value is the start of the record of event `of`,
    cut `keep_bytes` after its frame, which is inside of the envelope. `garbled-origin`: noise, with
    an origin header that is none either.
    """

    bureau: str
    lane: str
    way: Literal["noise", "cut", "garbled-origin"]
    noise: bytes = b""
    of: UUID | None = None
    keep_bytes: int = 0


Item = Handover | Repeat | Unparsable
