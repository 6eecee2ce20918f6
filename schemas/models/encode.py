"""From a model to the bytes that a bureau sends.

Encoding uses the plain schemas (ids as text, times as integers, decimals as unscaled bytes): the
bytes are the same as with logical types, and making them is several times faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from schemas import wire
from schemas.catalogue import EventSchema
from schemas.headers import Origin
from schemas.models.event import Event

__all__ = [
    "Stamp",
    "encode_event",
    "event_lane",
    "plain_value",
]

_EPOCH_DAY = date(1970, 1, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTED = ("measures", "identifiers")
_ENVELOPE_FIELDS = tuple(name for name in Event.model_fields if name not in _COUNTED)
_PREFIX_FIELDS = frozenset(Event.model_fields)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the outbox gives an event: whose it is, and its number."""

    bureau: str
    system: str
    lane: str
    epoch: int
    sequence: int
    published_at_ms: int
    producer_name: str
    producer_version: str

    def origin(self, event_id: UUID) -> Origin:
        return Origin(self.bureau, self.system, self.lane, self.epoch, self.sequence, str(event_id))


def event_lane(event: Event) -> str:
    """Searches have a lane of their own."""
    return "search" if event.kind == "search" else "message"


def encode_event(schema: EventSchema, event: Event, stamp: Stamp) -> bytes:
    """The Avro body of an event under its stamp, without a frame."""
    values = event.__dict__
    envelope = {name: plain_value(values[name]) for name in _ENVELOPE_FIELDS}
    envelope.update(
        sequence=stamp.sequence,
        published_at=stamp.published_at_ms,
        bureau=stamp.bureau,
        system=stamp.system,
        lane=stamp.lane,
        epoch=stamp.epoch,
        producer={"name": stamp.producer_name, "version": stamp.producer_version},
    )
    record: dict[str, Any] = {
        name: plain_value(value) for name, value in values.items() if name not in _PREFIX_FIELDS
    }
    record["envelope"] = envelope
    record["measures"] = [plain_value(measure) for measure in event.measures]
    record["identifiers"] = [plain_value(identifier) for identifier in event.identifiers]
    return wire.encode(schema.plain, record)


def _milliseconds(value: datetime) -> int:
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


_PLAIN: dict[type, Callable[[Any], Any]] = {
    datetime: _milliseconds,
    date: lambda value: (value - _EPOCH_DAY).days,
    UUID: str,
    Decimal: lambda value: wire.decimal_bytes(value, wire.MEASURE_SCALE),
    tuple: lambda value: [plain_value(item) for item in value],
}
"""By type; a datetime is a date too and stands before it."""
_WRITTEN_AS_THEY_ARE = frozenset({str, int, bool, bytes, type(None)})


def plain_value(value: Any) -> Any:
    """A model's value as the plain schemas write it."""
    convert = _PLAIN.get(type(value))
    if convert is not None:
        return convert(value)
    if type(value) in _WRITTEN_AS_THEY_ARE:
        return value
    if isinstance(value, BaseModel):
        return {name: plain_value(item) for name, item in value.__dict__.items()}
    for base, convert in _PLAIN.items():  # other libraries' times and ids are subclasses
        if isinstance(value, base):
            return convert(value)
    return value
