"""Outboxes, publishers and events for tests of the bureau's side, with keyword defaults."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID

from producers import Outbox, Publisher
from producers.account import Draft, LaneKey
from schemas.catalogue import Catalogue
from schemas.clock import Clock, ManualClock, SystemClock
from schemas.ids import derived_id
from schemas.models import Event, Message, Search
from schemas.reference import Reference
from schemas.registry import SchemaIds

__all__ = ["CATALOGUE", "IDS", "draft", "event_id", "message", "open_outbox", "publisher", "search"]

CATALOGUE = Catalogue.load()
IDS = SchemaIds.numbered(CATALOGUE)


def open_outbox(
    path: Path, *, clock: Clock | None = None, max_pending: int | None = None
) -> Outbox:
    return Outbox(path, clock or ManualClock(), max_pending=max_pending)


def publisher(
    outbox: Outbox,
    *,
    bureau: str = "FR",
    system: str = "main",
    clock: Clock | None = None,
    ids: SchemaIds = IDS,
    producer: tuple[str, str] = ("test", "1"),
) -> Publisher:
    return Publisher(
        bureau,
        system,
        outbox=outbox,
        catalogue=CATALOGUE,
        ids=ids,
        reference=Reference.load(),
        clock=clock or SystemClock(),
        producer=producer,
    )


def message(number: int = 0, **fields: object) -> Event:
    """The same number gives the same event."""
    return Message.model_validate(
        {
            "event_id": event_id(number),
            "occurred_at": "2026-01-02T03:04:05Z",
            "subtype": "information-request",
            "addressees": ["DE"],
            "title": f"request {number}",
            **fields,
        }
    )


def search(number: int = 0) -> Event:
    return Search(event_id=event_id(number), subtype="sltd", key_hash=hashlib.sha256(b"x").digest())


def event_id(number: int) -> UUID:
    return derived_id("test", str(number), "1")


def draft(
    number: int = 0,
    *,
    bureau: str = "FR",
    system: str = "main",
    lane: str = "message",
    topic: str = "intel.europe",
    content: str = "",
    size: int = 0,
) -> Draft:
    """A draft whose value names its account number: what the outbox is given, without Avro."""
    text = content or f"event {number}"

    def encode(epoch: int, sequence: int) -> bytes:
        return f"{epoch}/{sequence}/{text}".encode().ljust(size, b".")

    digest = hashlib.sha256(text.encode()).digest()
    return Draft(LaneKey(bureau, system, lane), event_id(number), digest, topic, encode)
