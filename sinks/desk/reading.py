"""From the bytes of a delivered record to what it says; no network.

The enrichment is decoded first, by the schema that the record's frame names; the event only when
asked for. Whatever the bytes are, reading returns or raises `WireError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas import wire
from schemas.catalogue import DeliveredSchema
from schemas.ids import strike_hash
from schemas.registry import SchemaIds
from schemas.topics import MAX_DERIVED_BYTES
from sinks.desk.records import Strike

__all__ = [
    "UNKNOWN_SCHEMA",
    "DeliveredReader",
    "LinkKey",
    "Opened",
    "StrikeKey",
    "chain_hashes",
    "read_strike",
    "strike_key",
]

UNKNOWN_SCHEMA = "unknown-schema"
"""The code of an error that may be none: the schema may be newer than whoever reads."""
_STRIKE = "liaison.strikes.Strike"
_HASH_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivered record of which the enrichment (plain) is read."""

    schema: DeliveredSchema
    enrichment: Mapping[str, Any]
    value: bytes
    event_start: int

    @property
    def event_bytes(self) -> bytes:
        return self.value[self.event_start :]

    def whole(self) -> dict[str, Any]:
        """`{enrichment, event}` with ids, times and decimals as Python's own types.

        Raises:
            WireError: the event does not follow its schema.
        """
        return wire.decode(self.schema.parsed, self.value, offset=wire.FRAME_BYTES, whole=True)


class DeliveredReader:
    """Opens delivered records; keeps the prefix of each schema it met."""

    def __init__(self, schema_ids: SchemaIds) -> None:
        self._ids = schema_ids
        self._prefixes: dict[int, Any] = {}

    def open(self, value: bytes | None) -> Opened:
        """Decode the enrichment.

        Raises:
            WireError: it is no delivered record, or (`unknown-schema`) of a schema that is not
                among the ids.
        """
        if value is not None and len(value) > MAX_DERIVED_BYTES:
            raise wire.WireError(
                f"it has {len(value)} bytes, and no delivered record has over {MAX_DERIVED_BYTES}"
            )
        schema_id = wire.schema_id_of(value)
        schema = self._ids.by_id.get(schema_id)
        if schema is None:
            raise wire.WireError(
                f"schema id {schema_id} is unknown here: it is newer than this subscriber, "
                "start it again or update it",
                code=UNKNOWN_SCHEMA,
            )
        if not isinstance(schema, DeliveredSchema):
            raise wire.WireError(f"{schema.name} is no delivered event")
        prefix = self._prefixes.get(schema_id)
        if prefix is None:
            prefix = self._prefixes[schema_id] = schema.part("enrichment")
        assert value is not None
        record, end = wire.decode_at(prefix, value, wire.FRAME_BYTES)
        return Opened(schema, record["enrichment"], value, end)


def chain_hashes(
    enrichment: Mapping[str, Any], envelope: Mapping[str, Any]
) -> tuple[bytes, tuple[bytes, ...]]:
    """What names an event, and what the events that it names as of its chain."""
    named = []
    if enrichment["root"] is not None:
        named.append((enrichment["root_bureau"], enrichment["root"]))
    earlier = envelope["supersedes"]
    if earlier is not None:
        named.append((earlier["bureau"], str(earlier["event_id"])))
    own = enrichment["bureau"], enrichment["event_id"]
    first, *others = (bytes.fromhex(strike_hash(*name)) for name in (own, *named))
    return first, tuple(others)


@dataclass(frozen=True, slots=True)
class StrikeKey:
    """Whom a strike hits: one event, or its whole chain."""

    hash: bytes
    chain: bool


@dataclass(frozen=True, slots=True)
class LinkKey:
    """Two events of one chain: the first named the other."""

    hash: bytes
    other: bytes


def strike_key(key: bytes | None) -> StrikeKey | LinkKey:
    """Read `<SHA-256 in hex>:chain`, `:one`, or `:of:<SHA-256 in hex>`, which is a link.

    Raises:
        WireError: the key is none of these.
    """
    digits, _, scope = (key or b"").partition(b":")
    try:
        if scope.startswith(b"of:"):
            return LinkKey(_hash(digits), _hash(scope[3:]))
        if scope not in (b"chain", b"one"):
            raise ValueError("scope")
        return StrikeKey(_hash(digits), scope == b"chain")
    except ValueError as error:
        raise wire.WireError(
            "the key of a strike is <SHA-256>:chain or :one, of a link <SHA-256>:of:<SHA-256>, "
            f"not {key!r} ({error})"
        ) from error


def read_strike(schema_ids: SchemaIds, key: StrikeKey, value: bytes, appended_ms: int) -> Strike:
    """What a strike says; one that can't be read still strikes, its key says whom."""
    try:
        schema = schema_ids.by_id.get(wire.schema_id_of(value))
        if schema is None or schema.name != _STRIKE:
            raise wire.WireError("not a strike")
        record = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
    except wire.WireError:
        return Strike(key.chain, "unknown", None, appended_ms)
    return Strike(key.chain, record["reason"], record["successor"], record["recorded_at"])


def _hash(digits: bytes) -> bytes:
    if len(digits) != _HASH_DIGITS:
        raise ValueError("length")
    return bytes.fromhex(digits.decode("ascii"))
