"""The question with which clickhouse-go (and so Grafana's plugin) opens an HTTP connection.

It reads the answer as a block of the protocol version that it announces, with block info and a
serialization mark a column, and every later one as the answered `revision()` says. chDB's Native is
always that of revision 0. So this one answer is framed by hand and gives revision 0; then plain
Native fits.
"""

from __future__ import annotations

import struct

from schemas import wire

__all__ = ["DISPLAY_NAME", "ROW_FORMAT", "hello_block", "is_hello"]

DISPLAY_NAME = "liaison"
ROW_FORMAT = "TSVRaw"
"""What the engine is asked in instead, so that the request's settings and database are checked."""

_QUESTION = "SELECT displayName(), version(), revision(), timezone()"
_FIRST_VERSION = 54454
"""From this one on a column says how it is serialized; no clickhouse-go that asks is older."""
_REVISION = 0
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1, no overflow rows; field 2, no bucket (-1); the end."""
_DEFAULT_SERIALIZATION = b"\x00"


def is_hello(sql: str, output_format: str, protocol_version: int) -> bool:
    """Whether a statement is that question, asked by a client that reads the answer so."""
    return (
        sql.strip() == _QUESTION
        and output_format.lower() == "native"
        and protocol_version >= _FIRST_VERSION
    )


def hello_block(row: bytes) -> bytes:
    """The answer as a Native block, from the engine's own in `ROW_FORMAT`; empty if that is."""
    fields = row.partition(b"\n")[0].rstrip(b"\r").split(b"\t")
    rows = 1 if len(fields) == 4 else 0
    version, timezone = (fields[1], fields[3]) if rows else (b"", b"")
    columns = (
        (b"displayName()", b"String", _text(DISPLAY_NAME.encode())),
        (b"version()", b"String", _text(version)),
        (b"revision()", b"UInt32", struct.pack("<I", _REVISION)),
        (b"timezone()", b"String", _text(timezone)),
    )
    parts = [_BLOCK_INFO, wire.base128(len(columns)), wire.base128(rows)]
    for name, kind, value in columns:
        parts += [_text(name), _text(kind), _DEFAULT_SERIALIZATION, value if rows else b""]
    return b"".join(parts)


def _text(value: bytes) -> bytes:
    return wire.base128(len(value)) + value
