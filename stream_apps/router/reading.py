"""A source record's bytes into what routing needs: head, decision, measures, identifiers.

The decision for a stretch is remembered under (schema id, UTC day, the stretch's very bytes). On
a hit the stretch is not decoded: Avro is self-delimiting, so bytes equal to a remembered stretch
*are* that stretch. Candidate lengths are kept under the stretch's first bytes. A stretch without a
declared category passes the memo by, since its decision needs the payload's words; so does a long
one, since what is remembered is bounded in bytes too.

What decides is read in Avro's shortest form only: bytes that another reader may take for something
else are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas import wire
from schemas.catalogue import EventSchema
from schemas.registry import SchemaIds
from stream_apps.router.decision import Decider, Decision
from stream_apps.router.keywords import Classifier
from stream_apps.router.refusals import UNDECODABLE, UNKNOWN_SCHEMA, Code, Refused

__all__ = ["Read", "Reader"]

_DAY_MS = 86_400_000
_LENGTH_KEY_BYTES = 24
_MAX_REMEMBERED_BYTES = 1024
_MAX_LENGTHS = 16
_EMPTY_COUNTED: dict[str, list[Any]] = {"measures": [], "identifiers": []}
_NO_CLASSIFIED_TEXT = frozenset(
    {"search", "recall", "hit"}
)  # their payload holds codes and references, no words about a crime
_TEXT_FIELDS = frozenset(
    {"title", "summary", "text", "body", "description", "what", "explanation", "translation"}
)
_MAX_TEXT = 20_000


class Read(NamedTuple):
    """What one record says, as far as routing reads it."""

    schema: EventSchema
    head: Mapping[str, Any]
    decision: Decision | None
    refused: Refused | None
    origin: tuple[str, str, str, int]
    measures: list[Mapping[str, Any]]
    identifiers: list[Mapping[str, Any]]


class _Parts(NamedTuple):
    """An event schema, and the parts of it that are read one by one."""

    schema: EventSchema
    head: wire.Canonical
    stretch: wire.Canonical
    counted: wire.Canonical


class _Remembered:
    """A refusal is kept as its code and words: an error that was raised holds its record, and every
    further raising of it holds another.
    """

    __slots__ = ("decision", "origin", "refused")

    def __init__(
        self,
        origin: tuple[str, str, str, int],
        decision: Decision | None,
        refused: tuple[Code, str] | None,
    ) -> None:
        self.origin = origin
        self.decision = decision
        self.refused = refused


class Reader:
    """Reads records with a bounded memo of decisions."""

    def __init__(
        self, ids: SchemaIds, decider: Decider, classifier: Classifier, *, memo_size: int = 10_000
    ) -> None:
        self._ids = ids
        self._decider = decider
        self._classifier = classifier
        self._memo: dict[tuple[int, int, bytes], _Remembered] = {}
        self._lengths: dict[tuple[int, bytes], set[int]] = {}
        self._parts: dict[int, _Parts] = {}
        self._memo_size = memo_size
        self.hits = 0
        self.misses = 0

    def read(self, value: bytes | None, at_ms: int) -> Read:
        """Read one framed record.

        Raises:
            Refused: unknown schema, or bytes that do not follow it.
        """
        try:
            schema_id = wire.schema_id_of(value)
        except wire.WireError as error:
            raise Refused(UNDECODABLE, str(error)) from error
        assert value is not None
        parts = self._parts.get(schema_id) or self._parts_of(schema_id)
        schema = parts.schema
        try:
            head, start = parts.head.decode(value, wire.FRAME_BYTES)
            day = at_ms // _DAY_MS
            found, end = self._remembered(schema_id, day, value, start)
            if found is None:
                found, end = self._decide(schema_id, parts, day, value, start, at_ms)
            if value[end : end + 2] == b"\0\0":
                counted: Mapping[str, list[Any]] = _EMPTY_COUNTED
            else:
                counted = parts.counted.decode(value, end)[0]
        except wire.WireError as error:
            raise Refused(UNDECODABLE, f"{schema.name} v{schema.version}: {error}") from error
        refused = None if found.refused is None else Refused(*found.refused)
        return Read(
            schema, head, found.decision, refused, found.origin,
            counted["measures"], counted["identifiers"],
        )  # fmt: skip

    def _parts_of(self, schema_id: int) -> _Parts:
        schema = self._ids.by_id.get(schema_id)
        if not isinstance(schema, EventSchema):
            raise Refused(
                UNKNOWN_SCHEMA,
                f"schema id {schema_id} is no event of this router's catalogue: provision the "
                "registry, or update the router, then replay",
            )
        head, stretch, counted = map(wire.Canonical, (schema.head, schema.stretch, schema.counted))
        parts = self._parts[schema_id] = _Parts(schema, head, stretch, counted)
        return parts

    def _remembered(
        self, schema_id: int, day: int, value: bytes, start: int
    ) -> tuple[_Remembered | None, int]:
        lengths = self._lengths.get((schema_id, value[start : start + _LENGTH_KEY_BYTES]))
        if lengths:
            memo = self._memo
            for length in lengths:
                found = memo.get((schema_id, day, value[start : start + length]))
                if found is not None:
                    self.hits += 1
                    return found, start + length
        return None, 0

    def _decide(
        self, schema_id: int, parts: _Parts, day: int, value: bytes, start: int, at_ms: int
    ) -> tuple[_Remembered, int]:
        self.misses += 1
        schema = parts.schema
        stretch, end = parts.stretch.decode(value, start)
        assert schema.kind is not None
        kind = schema.kind
        by_keywords = stretch["category"] is None and kind not in _NO_CLASSIFIED_TEXT
        categories = self._keywords(schema, value, stretch["language"]) if by_keywords else None
        origin = (stretch["bureau"], stretch["system"], stretch["lane"], stretch["epoch"])
        try:
            found = _Remembered(
                origin, self._decider.decide(kind, stretch, at_ms, categories), None
            )
        except Refused as refused:
            found = _Remembered(origin, None, (refused.code, refused.reason))
        if not by_keywords and end - start <= _MAX_REMEMBERED_BYTES:
            self._remember((schema_id, day, value[start:end]), found)
        return found, end

    def _remember(self, key: tuple[int, int, bytes], found: _Remembered) -> None:
        if len(self._memo) >= self._memo_size:
            self._memo.clear()
            self._lengths.clear()
        stretch = key[2]
        lengths = self._lengths.setdefault((key[0], stretch[:_LENGTH_KEY_BYTES]), set())
        if len(lengths) < _MAX_LENGTHS or len(stretch) in lengths:
            lengths.add(len(stretch))
            self._memo[key] = found

    def _keywords(self, schema: EventSchema, value: bytes, language: str) -> tuple[str, ...]:
        payload = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
        text = " \n ".join(_texts(payload))[:_MAX_TEXT]
        found = self._classifier.classify(text, language)
        return () if found.primary is None else (found.primary, *found.further)


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    for name, value in record.items():
        if name in ("envelope", "measures", "identifiers"):
            continue
        if isinstance(value, str):
            if name in _TEXT_FIELDS:
                yield value
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    yield from _texts(item)
        elif isinstance(value, dict):
            yield from _texts(value)
