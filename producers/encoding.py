"""From an event to its value on the wire, fast, in two steps: content first, its number later.

Invariants: the bytes are those of `schemas.models.encode_event` (a test compares them for every
kind). An event's body is head, stretch and rest, and Avro concatenates: the rest and the digest are
made before the outbox gives a number; the stretch, which has few distinct values, is encoded once
for each; only the head and the epoch are written for every event. The digest covers what the
caller gave and nothing of the stamp, so the same event again has the same digest.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import fastavro

from producers.account import LaneKey
from schemas import wire
from schemas.catalogue import STRETCH_START, EventSchema, Schema
from schemas.errors import ConfigurationError, PermanentError
from schemas.models import Event
from schemas.models.encode import plain_value
from schemas.topics import MAX_SOURCE_BYTES

__all__ = ["MAX_VALUE_BYTES", "Content", "EventEncoder", "restamp"]

_RECORD_OVERHEAD_BYTES = 512
MAX_VALUE_BYTES = MAX_SOURCE_BYTES - _RECORD_OVERHEAD_BYTES
"""A broker bounds the whole batch: key, headers and framing must fit beside the value."""
_MEMO_ENTRIES = 512
_LONG = fastavro.parse_schema("long")
_STAMP_FIELDS = frozenset(
    {"sequence", "published_at", "bureau", "system", "lane", "epoch", "producer"}
)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which of a kind's fields stand where."""

    head_fields: tuple[str, ...]
    stretch_fields: tuple[str, ...]
    rest_fields: tuple[str, ...]
    rest: Any
    stretch_values: itemgetter[Any]


@functools.cache
def _layout(schema: EventSchema) -> _Layout:
    names = [f["name"] for f in schema.definition["fields"]]
    envelope = [f["name"] for f in schema.definition["fields"][0]["type"]["fields"]]
    cut = envelope.index(STRETCH_START)
    stretch = tuple(name for name in envelope[cut:] if name not in _STAMP_FIELDS)
    return _Layout(
        head_fields=tuple(name for name in envelope[:cut] if name not in _STAMP_FIELDS),
        stretch_fields=stretch,
        rest_fields=tuple(names[1:]),
        rest=schema.part(*names[1:]),
        stretch_values=itemgetter(*stretch),
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """An encoded stretch, cut where the epoch goes, and its part of the digest."""

    before_epoch: bytes
    after_epoch: bytes
    content: bytes


@dataclass(slots=True)
class Content:
    """An event that lacks only its number."""

    digest: bytes
    head: dict[str, Any]
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
                stretch = self._stretch(values)
                if len(self._memo) >= _MEMO_ENTRIES:
                    self._memo.clear()
                self._memo[key] = stretch
            head = _plain_fields(values, layout.head_fields)
            rest = wire.encode(layout.rest, _plain_fields(values, layout.rest_fields))
            given = repr(tuple(head.values())).encode()
        except (ValueError, TypeError, OverflowError) as error:
            raise PermanentError(
                f"{event.kind} {event.event_id} can't be written in Avro ({error}): "
                "correct the text or number that is named",
                code="unencodable",
            ) from error
        digest = hashlib.sha256(b"".join((self._kind, given, stretch.content, rest))).digest()
        head["published_at"] = published_at_ms
        return Content(digest, head, stretch, rest)

    def value(self, content: Content, epoch: int, sequence: int) -> bytes:
        """The framed value under a number.

        Raises:
            PermanentError: `too-large` for a source topic.
        """
        head = content.head
        head["sequence"] = sequence
        if self._epoch[0] != epoch:
            self._epoch = epoch, wire.encode(_LONG, epoch)  # type: ignore[arg-type]
        stretch = content.stretch
        value = b"".join(
            (
                self._frame,
                wire.encode(self._schema.head, head),
                stretch.before_epoch,
                self._epoch[1],
                stretch.after_epoch,
                content.rest,
            )
        )
        if len(value) > MAX_VALUE_BYTES:
            raise PermanentError(
                f"{self._schema.kind} {head['event_id']} has {len(value)} bytes; a source topic "
                f"takes {MAX_VALUE_BYTES}: shorten its texts or lists, or send it in parts",
                code="too-large",
            )
        return value

    def _stretch(self, values: Mapping[str, Any]) -> _Stretch:
        given = {name: plain_value(values[name]) for name in self._layout.stretch_fields}
        record = {**given, **self._lane._asdict(), "producer": self._producer}
        # Epochs 0 and 1 are one byte each: where the two encodings differ, the epoch stands.
        zero, one = (wire.encode(self._schema.stretch, {**record, "epoch": n}) for n in (0, 1))
        cut = next(at for at, (a, b) in enumerate(zip(zero, one, strict=True)) if a != b)
        return _Stretch(zero[:cut], zero[cut + 1 :], repr(tuple(given.values())).encode())


def _plain_fields(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Most values are empty or text, and those are plain already."""
    return {
        name: value if (value := values[name]) is None or type(value) is str else plain_value(value)
        for name in names
    }


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
