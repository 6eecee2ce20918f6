"""Bytes on the wire: Confluent framing, Avro bodies, the prefix that stops, the splice.

Invariants: a bureau's body is never re-encoded; a delivered record is `magic, id, enrichment, body`
where `body` is the very bytes after the bureau's own frame; whatever bytes come in, decoding either
returns or raises :class:`WireError`, in time bounded by their number.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from schemas.compiled import IRREGULAR, compile_reader
from schemas.errors import PermanentError

__all__ = [
    "FRAME_BYTES",
    "MEASURE_SCALE",
    "Canonical",
    "WireError",
    "base128",
    "container",
    "decimal_bytes",
    "decode",
    "decode_at",
    "decode_canonical",
    "encode",
    "frame",
    "read_container",
    "schema_id_of",
    "splice",
    "unscaled_bytes",
]

FRAME_BYTES = 5
MEASURE_SCALE = 3
_FRAME = struct.Struct(">bI")
_DECODE_ERRORS = (
    EOFError, ValueError, IndexError, KeyError, OverflowError, TypeError, struct.error,
    MemoryError, StopIteration, SchemaParseException, ArithmeticError, RecursionError,
)  # fmt: skip


class WireError(PermanentError):
    """Bytes that are not what they claim to be."""

    code = "undecodable"


def frame(schema_id: int, body: bytes) -> bytes:
    """Confluent framing: a zero byte, the id in four bytes, the Avro body."""
    return _FRAME.pack(0, schema_id) + body


def schema_id_of(value: bytes | None) -> int:
    """The schema id of a framed value.

    Raises:
        WireError: no value, too short, or not Confluent framing.
    """
    if value is None or len(value) < FRAME_BYTES:
        raise WireError(
            f"the value has {0 if value is None else len(value)} bytes; "
            "Confluent framing needs 5 and a body: is the client's Avro serializer on?"
        )
    magic, schema_id = _FRAME.unpack_from(value)
    if magic != 0:
        raise WireError(
            f"the value begins with byte {value[0]}, not 0 (Confluent framing): "
            "is the client's Avro serializer on?"
        )
    return int(schema_id)


def base128(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow. Not below 0."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def decimal_bytes(value: Decimal, scale: int) -> bytes:
    """An Avro decimal's unscaled two's complement, as short as it can be."""
    return unscaled_bytes(int(value.scaleb(scale)))


def unscaled_bytes(number: int) -> bytes:
    """The two's complement of a decimal that is unscaled already, as short as it can be."""
    return number.to_bytes((number.bit_length() + 8) // 8, "big", signed=True)


def encode(parsed: Any, record: Mapping[str, Any]) -> bytes:
    """One Avro body, without a frame."""
    out = BytesIO()
    fastavro.schemaless_writer(out, parsed, record)
    return out.getvalue()


def decode(
    parsed: Any, body: bytes, *, offset: int = 0, whole: bool = False, reader: Any = None
) -> dict[str, Any]:
    """Decode from `offset` on; with `whole`, bytes left over are an error.

    With `reader` the record comes as that schema sees it, by Avro's rules of resolution.

    Raises:
        WireError: the bytes do not follow the schema.
    """
    record, end = decode_at(parsed, body, offset, reader)
    if whole and end != len(body):
        raise WireError(f"{len(body) - end} bytes are left after the record, at byte {end}")
    return record


def decode_at(
    parsed: Any, body: bytes, offset: int, reader: Any = None
) -> tuple[dict[str, Any], int]:
    """Decode from `offset` on and tell where the decoded part ends.

    Raises:
        WireError: the bytes do not follow the schema.
    """
    stream = BytesIO(body)
    stream.seek(offset)
    try:
        record = fastavro.schemaless_reader(stream, parsed, reader)
    except _DECODE_ERRORS as error:
        raise WireError(
            f"the bytes from {offset} on do not follow the schema "
            f"({type(error).__name__}: {str(error)[:200]})"
        ) from error
    return record, stream.tell()  # type: ignore[return-value]


def decode_canonical(parsed: Any, body: bytes, offset: int) -> tuple[dict[str, Any], int]:
    """As :func:`decode_at`, for bytes that every reader must understand alike.

    Avro's binary form leaves room: an array in several blocks, a number with needless bytes. And
    readers forgive differently what lies outside it: fastavro takes a symbol's index from the end
    when it is negative. Rules about who may read an event can't rest on either.

    Raises:
        WireError: the bytes do not follow the schema, or are not its shortest form.
    """
    record, end = decode_at(parsed, body, offset)
    again = encode(parsed, record)
    if again != body[offset:end]:
        at = next((n for n, b in enumerate(again) if body[offset + n] != b), len(again))
        raise WireError(
            f"the byte at {offset + at} is not in Avro's shortest form (an array in one block, "
            "numbers without needless bytes, indexes that the schema has)"
        )
    return record, end


class Canonical:
    """:func:`decode_canonical` of one plain record schema, for who reads many of it."""

    def __init__(self, parsed: Any) -> None:
        self._parsed = parsed
        self._read = compile_reader(parsed)

    def decode(self, body: bytes, offset: int) -> tuple[dict[str, Any], int]:
        """The record from `offset` on, and where it ends.

        Raises:
            WireError: the bytes do not follow the schema, or are not its shortest form.
        """
        try:
            return self._read(body, offset)
        except IRREGULAR:
            return decode_canonical(self._parsed, body, offset)


def splice(schema_id: int, enrichment: bytes, framed_event: bytes) -> bytes:
    """A delivered value: its own frame, the enrichment, the bureau's bytes untouched."""
    return _FRAME.pack(0, schema_id) + enrichment + framed_event[FRAME_BYTES:]


def container(parsed: Any, records: Iterable[Mapping[str, Any]], codec: str = "null") -> bytes:
    """An Avro container file of records, as one block; equal records give equal bytes."""
    out = BytesIO()
    fastavro.writer(
        out, parsed, records, codec=codec, sync_interval=1 << 30, sync_marker=b"liaison-block-01"
    )
    return out.getvalue()


def read_container(data: bytes, reader: Any = None) -> list[dict[str, Any]]:
    """All records of an Avro container file, with `reader` as that schema sees them.

    Raises:
        WireError: the file is broken.
    """
    try:
        return list(fastavro.reader(BytesIO(data), reader))  # type: ignore[arg-type]
    except (*_DECODE_ERRORS, zlib.error) as error:
        raise WireError(f"not a whole Avro container file ({error})") from error
