"""What clickhouse-go 2.51 does with an answer over HTTP (`conn_http.go`, `lib/proto/block.go`).

It announces its own protocol version and reads its first answer by it; `revision()` in there is the
version by which it reads all later ones.
"""

from __future__ import annotations

import struct

__all__ = ["QUESTION", "VERSION", "decode_block"]

QUESTION = "SELECT displayName(), version(), revision(), timezone()"
VERSION = 54460
CUSTOM_SERIALIZATION = 54454


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        assert len(taken) == size, "unexpected EOF"
        self._at += size
        return taken

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str:
        return self.take(self.varint()).decode()

    @property
    def ended(self) -> bool:
        return self._at == len(self._data)


def decode_block(data: bytes, revision: int) -> dict[str, list[str | int]]:
    """The columns of an answer that is one block; AssertionError where clickhouse-go would fail."""
    source = _Bytes(data)
    if revision > 0:
        _skip_block_info(source)
    columns, rows = source.varint(), source.varint()
    block: dict[str, list[str | int]] = {}
    for _ in range(columns):
        name, kind = source.text(), source.text()
        if revision >= CUSTOM_SERIALIZATION:
            assert source.take(1) == b"\0", "custom serialization is not supported"
        block[name] = [_value(source, kind) for _ in range(rows)]
    assert source.ended, "another block follows"
    return block


def _skip_block_info(source: _Bytes) -> None:
    """It takes the fields' numbers and values without looking at them; a server means these."""
    assert source.varint() == 1
    assert source.take(1) == b"\0"
    assert source.varint() == 2
    assert struct.unpack("<i", source.take(4)) == (-1,)
    assert source.varint() == 0


def _value(source: _Bytes, kind: str) -> str | int:
    if kind == "String":
        return source.text()
    size = {"UInt8": 1, "UInt32": 4, "UInt64": 8}[kind]
    return int.from_bytes(source.take(size), "little")
