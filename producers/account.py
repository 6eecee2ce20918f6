"""The nouns of an outbox: whose numbers, what is handed in, what comes back, what waits.

An account is bureau + system + lane + epoch; a lane key is an account without its epoch. Numbers
start at 1 in each account and have no gaps. All records of an account go to one topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from schemas.headers import ORIGIN_HEADER, Origin

__all__ = [
    "Account",
    "AccountCount",
    "Draft",
    "Encode",
    "LaneKey",
    "Pending",
    "Receipt",
    "Restamp",
    "receipt_key",
]


class LaneKey(NamedTuple):
    """Whose numbers are given, whatever the epoch."""

    bureau: str
    system: str
    lane: str


class Encode(Protocol):
    """Makes a record's value once its number is known."""

    def __call__(self, epoch: int, sequence: int) -> bytes: ...


class Restamp(Protocol):
    """Makes the value of the same event under another number."""

    def __call__(self, value: bytes, epoch: int, sequence: int) -> bytes: ...


class Draft(NamedTuple):
    """An event on its way into the outbox; `digest` is SHA-256 of its content as given."""

    lane: LaneKey
    event_id: UUID
    digest: bytes
    topic: str
    encode: Encode


class Receipt(NamedTuple):
    """Proof that an event is in the outbox, and under which number."""

    event_id: UUID
    bureau: str
    system: str
    lane: str
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Account:
    """One account as the file holds it.

    `unconfirmed_from` is the first number given since the file was opened and before anyone looked
    whether its receipts are ahead of it; such a record has never been sent. `offered` is the last
    number that a producer was given: those up to it may have been sent, those above it never were.
    """

    row: int
    lane: LaneKey
    epoch: int
    next_sequence: int
    unconfirmed_from: int | None
    current: bool
    topic: str
    offered: int = 0


class AccountCount(NamedTuple):
    """For the verifier: numbers up to `last_sequence` were given, `pending` of them still wait."""

    bureau: str
    system: str
    lane: str
    epoch: int
    last_sequence: int
    pending: int
    current: bool
    """Whether its lane is numbered in it now; else it was left for a new epoch."""


class Pending(NamedTuple):
    """A record that waits for the broker's acknowledgement."""

    row: int
    account: Account
    sequence: int
    event_id: UUID
    topic: str
    value: bytes

    @property
    def key(self) -> bytes:
        return self.account.lane.bureau.encode("ascii")

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        bureau, system, lane = self.account.lane
        origin = Origin(bureau, system, lane, self.account.epoch, self.sequence, str(self.event_id))
        return [(ORIGIN_HEADER, origin.pack())]


def receipt_key(bureau: str, event_id: UUID) -> bytes:
    """What a receipt is found by: an id is one event of one bureau, whatever its system."""
    return event_id.bytes + bureau.encode("ascii")
