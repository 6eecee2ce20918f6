"""From an event to its value on the wire, fast, in two steps: content first, its number later.

Invariants: the bytes are those of `schemas.models.encode_event` (a test compares them for every
kind). An event's body is head, stretch and rest, and Avro concatenates: the rest and the digest are
made before the outbox gives a number; the stretch, which has few distinct values, is encoded once
for each, the head's empty end once for all; the numbers are put in last. The digest covers what the
caller gave, and nothing of the stamp or the schema: the same event again has the same digest, also
after an upgrade to a newer schema, as long as its new fields are left at their defaults.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic import BaseModel

from producers.account import LaneKey
from schemas import wire
from schemas.catalogue import STRETCH_START, EventSchema, Schema
from schemas.compiled import WriteRecord, compile_writer
from schemas.errors import ConfigurationError, PermanentError
from schemas.models import Event
from schemas.models.encode import plain_value
from schemas.topics import MAX_SOURCE_BYTES

__all__ = ["MAX_VALUE_BYTES", "Content", "EventEncoder", "restamp"]

_RECORD_OVERHEAD_BYTES = 512
MAX_VALUE_BYTES = MAX_SOURCE_BYTES - _RECORD_OVERHEAD_BYTES
"""A broker bounds the whole batch: key, headers and framing must fit beside the value."""
_MEMO_ENTRIES = 512
_HEAD_START = ["event_id", "sequence", "occurred_at", "published_at"]
_ID_LENGTH = b"\x48"
"""Avro's length of an event id's 36 characters."""
_STAMP_FIELDS = frozenset(
    {"sequence", "published_at", "bureau", "system", "lane", "epoch", "producer"}
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which of a kind's fields stand where."""

    stretch_fields: tuple[str, ...]
    write_before_epoch: WriteRecord
    write_after_epoch: WriteRecord
    rest_fields: tuple[str, ...]
    write_rest: WriteRecord
    tail_fields: tuple[str, ...]
    tail_values: itemgetter[Any]
    write_tail: WriteRecord
    empty_tail: bytes
    stretch_values: itemgetter[Any]
    unstretched_fields: tuple[str, ...]


@functools.cache
def _layout(schema: EventSchema) -> _Layout:
    names = [f["name"] for f in schema.definition["fields"]]
    envelope = [f["name"] for f in schema.definition["fields"][0]["type"]["fields"]]
    if envelope[:4] != _HEAD_START:
        raise ConfigurationError(
            f"the envelope of {schema.name} v{schema.version} begins with {envelope[:4]}, not "
            f"{_HEAD_START}: the order is part of the contract"
        )
    cut = envelope.index(STRETCH_START)
    stretch = tuple(name for name in envelope[cut:] if name not in _STAMP_FIELDS)
    tail = tuple(envelope[4:cut])
    write_tail = compile_writer({**schema.head, "fields": schema.head["fields"][4:]})
    fields = schema.stretch["fields"]
    epoch = [f["name"] for f in fields].index("epoch")
    before, after = ({**schema.stretch, "fields": f} for f in (fields[:epoch], fields[epoch + 1 :]))
    return _Layout(
        stretch_fields=stretch,
        write_before_epoch=compile_writer(before),
        write_after_epoch=compile_writer(after),
        rest_fields=tuple(names[1:]),
        write_rest=compile_writer(schema.part(*names[1:])),
        tail_fields=tail,
        tail_values=itemgetter(*tail),
        write_tail=write_tail,
        empty_tail=write_tail(dict.fromkeys(tail)),
        stretch_values=itemgetter(*stretch),
        unstretched_fields=(*tail, *names[1:]),
    )


class _Stretch(NamedTuple):
    """An encoded stretch, cut where the epoch goes, and what the caller gave of it."""

    before_epoch: bytes
    after_epoch: bytes
    given: dict[str, Any]


class Content(NamedTuple):
    """An event that lacks only its number, which goes between `start` and `middle`."""

    digest: bytes
    start: bytes
    middle: bytes
    stretch: _Stretch
    rest: bytes


class EventEncoder:
    """Encodes one kind for one lane of one publisher."""

    def __init__(
        self, schema: EventSchema, schema_id: int, lane: LaneKey, producer: tuple[str, str]
    ) -> None:
        self._schema = schema
        self._frame = wire.frame(schema_id, b"")
        self._lane = lane
        self._producer = {"name": producer[0], "version": producer[1]}
        self._layout = _layout(schema)
        self._kind = f"{schema.kind}\n".encode()
        self._memo: dict[Any, _Stretch] = {}
        self._epoch = -1, b""
        self._published_at = -1, b""

    def content(self, event: Event, published_at_ms: int) -> Content:
        """Everything but the number.

        Raises:
            PermanentError: a text or number of the event can't be written in Avro.
        """
        values = event.__dict__
        layout = self._layout
        key = layout.stretch_values(values)
        stretch = self._memo.get(key)
        try:
            if stretch is None:
                stretch = self._stretch(event)
                if len(self._memo) >= _MEMO_ENTRIES:
                    self._memo.clear()
                self._memo[key] = stretch
            start = _ID_LENGTH + str(event.event_id).encode("ascii")
            occurred = _varint(plain_value(event.occurred_at))
            tail = layout.empty_tail
            if any(value is not None for value in layout.tail_values(values)):
                tail = layout.write_tail(_plain_fields(values, layout.tail_fields))
            rest = layout.write_rest(_plain_fields(values, layout.rest_fields))
            given = _canonical_text(stretch.given | _given(event, layout.unstretched_fields))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise PermanentError(
                f"{event.kind} {event.event_id} can't be written in Avro ({error}): "
                "correct the text or number that is named",
                code="unencodable",
            ) from error
        digest = hashlib.sha256(
            b"".join((self._kind, start, occurred, given.encode("ascii")))
        ).digest()
        if self._published_at[0] != published_at_ms:
            self._published_at = published_at_ms, _varint(published_at_ms)
        middle = b"".join((occurred, self._published_at[1], tail, stretch.before_epoch))
        return Content(digest, self._frame + start, middle, stretch, rest)

    def value(self, content: Content, epoch: int, sequence: int) -> bytes:
        """The framed value under a number.

        Raises:
            PermanentError: `too-large` for a source topic.
        """
        if self._epoch[0] != epoch:
            self._epoch = epoch, _varint(epoch)
        value = b"".join(
            (
                content.start,
                _varint(sequence),
                content.middle,
                self._epoch[1],
                content.stretch.after_epoch,
                content.rest,
            )
        )
        if len(value) > MAX_VALUE_BYTES:
            raise PermanentError(
                f"{self._schema.kind} {content.start[-36:].decode()} has {len(value)} bytes; a "
                f"source topic takes {MAX_VALUE_BYTES}: shorten its texts or send it in parts",
                code="too-large",
            )
        return value

    def _stretch(self, event: Event) -> _Stretch:
        layout = self._layout
        record = _plain_fields(event.__dict__, layout.stretch_fields)
        record |= {**self._lane._asdict(), "producer": self._producer}
        return _Stretch(
            layout.write_before_epoch(record),
            layout.write_after_epoch(record),
            _given(event, layout.stretch_fields),
        )


def _varint(number: int) -> bytes:
    """Avro's long."""
    return wire.base128(number << 1 ^ number >> 63)


def _plain_fields(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Most values are empty or text, and those are plain already."""
    return {
        name: value if (value := values[name]) is None or type(value) is str else plain_value(value)
        for name in names
    }


_CANONICAL = frozenset({str, bytes, bool, int})
_canonical_text = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), check_circular=False, default=bytes.hex
).encode


@functools.cache
def _defaults(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.default for name, field in model.model_fields.items()}


def _given(model: BaseModel, names: Iterable[str]) -> dict[str, Any]:
    """What the caller gave: the fields that are not at their defaults, for the digest."""
    values, defaults = model.__dict__, _defaults(type(model))
    return {
        name: value if type(value) in _CANONICAL else _canonical(value)
        for name in names
        if (value := values[name]) != defaults[name]
    }


def _canonical(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, BaseModel):
        return _given(value, value.__dict__)
    return plain_value(value)


def restamp(schemas: Mapping[int, Schema], value: bytes, epoch: int, sequence: int) -> bytes:
    """The same event under another number; every other byte stays.

    Raises:
        ConfigurationError: the registry's ids do not name the value's schema.
    """
    schema_id = wire.schema_id_of(value)
    schema = schemas.get(schema_id)
    if not isinstance(schema, EventSchema):
        raise ConfigurationError(
            f"schema id {schema_id} in the outbox is no event schema of this registry: "
            "is it the registry that the outbox was filled with?"
        )
    head, after_head = wire.decode_at(schema.head, value, wire.FRAME_BYTES)
    stretch, after_stretch = wire.decode_at(schema.stretch, value, after_head)
    return b"".join(
        (
            value[: wire.FRAME_BYTES],
            wire.encode(schema.head, {**head, "sequence": sequence}),
            wire.encode(schema.stretch, {**stretch, "epoch": epoch}),
            value[after_stretch:],
        )
    )
