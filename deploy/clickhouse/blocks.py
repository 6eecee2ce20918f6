"""ClickHouse's own compressed blocks (`compress=1` for answers, `decompress=1` for bodies).

A block is a checksum (CityHash128 v1.0.2 over all that follows it), a method, the size from the
method on, the size of the data unpacked, and the packed data. A body has any number of them, also
with different methods; HTTP's own encoding, if any, lies around them. Nothing of a block is handed
on before all of it has arrived, its checksum is right and it unpacks to the size that it announces;
that size is bounded before anything is allocated for it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import cast

import lz4.block
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.clickhouse.bodies import Readable
from deploy.clickhouse.errors import (
    CANNOT_DECOMPRESS,
    CANNOT_READ_ALL_DATA,
    CHECKSUM_DOESNT_MATCH,
    CORRUPTED_DATA,
    TOO_LARGE_SIZE_COMPRESSED,
    UNKNOWN_COMPRESSION_METHOD,
    ClickHouseError,
)

__all__ = ["BlockReader", "pack_blocks"]

_CHECKSUM_BYTES = 16
_HEADER = struct.Struct("<BII")
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02
_ANSWER_BLOCK_BYTES = 1024 * 1024
_STEP_BYTES = 256 * 1024
_LARGEST_WINDOW_BYTES = 2**27


class BlockReader:
    """The unpacked data of all blocks of a body, one block in memory at a time."""

    def __init__(self, source: Readable, max_block_bytes: int) -> None:
        self._source = source
        self._max_block_bytes = max_block_bytes
        self._unread = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; empty only at the end of the last block."""
        while not self._unread:
            head = self._take(bytearray(), _CHECKSUM_BYTES + _HEADER.size)
            if not head:
                return b""
            self._unread = memoryview(self._unpack_block(head))
        chunk = bytes(self._unread[:size])
        self._unread = self._unread[size:]
        return chunk

    def _unpack_block(self, head: bytearray) -> bytes:
        if len(head) < _CHECKSUM_BYTES + _HEADER.size:
            raise _cut()
        checksum, block = head[:_CHECKSUM_BYTES], head[_CHECKSUM_BYTES:]
        method, block_bytes, unpacked_bytes = _HEADER.unpack(block)
        unpack = _UNPACKERS.get(method)
        if unpack is None:
            raise ClickHouseError.refused(
                UNKNOWN_COMPRESSION_METHOD,
                f"Unknown compression method 0x{method:02x}: use LZ4, ZSTD or NONE, and "
                "decompress=1 only for a body in ClickHouse's compressed blocks.",
            )
        if max(block_bytes, unpacked_bytes) > self._max_block_bytes:
            raise ClickHouseError.refused(
                TOO_LARGE_SIZE_COMPRESSED,
                f"A block announces {block_bytes} bytes, {unpacked_bytes} unpacked; it may have "
                f"{self._max_block_bytes}: send smaller blocks.",
            )
        if block_bytes < _HEADER.size:
            raise ClickHouseError.refused(
                CORRUPTED_DATA, f"A block announces {block_bytes} bytes, less than its own header."
            )
        if len(self._take(block, block_bytes)) < block_bytes:
            raise _cut()
        if _checksum(block) != checksum:
            raise ClickHouseError.refused(
                CHECKSUM_DOESNT_MATCH,
                f"Checksum doesn't match: corrupted data in a block of {block_bytes} bytes.",
            )
        try:
            data = unpack(memoryview(block)[_HEADER.size :], unpacked_bytes)
        except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
            raise ClickHouseError.refused(
                CANNOT_DECOMPRESS, f"Cannot decompress a block: {error}"
            ) from error
        if len(data) != unpacked_bytes:
            raise ClickHouseError.refused(
                CANNOT_DECOMPRESS,
                f"Cannot decompress a block: it announces {unpacked_bytes} bytes and has others.",
            )
        return data

    def _take(self, taken: bytearray, size: int) -> bytearray:
        """Fill up to `size` bytes; what stays shorter is all that there is."""
        while len(taken) < size:
            part = self._source.read(min(size - len(taken), _STEP_BYTES))
            if not part:
                break
            taken += part
        return taken


def pack_blocks(data: bytes) -> bytes:
    """An answer in LZ4 blocks, which every client reads; none for an empty one, like a server."""
    view = memoryview(data)
    return b"".join(
        _pack_block(view[at : at + _ANSWER_BLOCK_BYTES])
        for at in range(0, len(data), _ANSWER_BLOCK_BYTES)
    )


def _pack_block(data: memoryview) -> bytes:
    packed = cast(bytes, lz4.block.compress(data, store_size=False))
    block = _HEADER.pack(_LZ4, _HEADER.size + len(packed), len(data)) + packed
    return _checksum(block) + block


def _checksum(block: bytes | bytearray) -> bytes:
    """Each word is little-endian, but the high one comes first."""
    value = CityHash128(block)
    return struct.pack("<QQ", value >> 64, value & (2**64 - 1))


def _cut() -> ClickHouseError:
    return ClickHouseError.refused(
        CANNOT_READ_ALL_DATA, "Cannot read all data: the body ends in the middle of a block."
    )


def _unpack_lz4(packed: memoryview, size: int) -> bytes:
    return cast(bytes, lz4.block.decompress(packed, uncompressed_size=size))


def _unpack_zstd(packed: memoryview, size: int) -> bytes:
    """At most one byte more than announced, whatever size a frame itself claims to have."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW_BYTES)
    return unpacker.stream_reader(packed, read_across_frames=True).read(size + 1)


def _unpack_none(packed: memoryview, _size: int) -> bytes:
    return bytes(packed)


_UNPACKERS: dict[int, Callable[[memoryview, int], bytes]] = {
    _LZ4: _unpack_lz4,
    _ZSTD: _unpack_zstd,
    _NONE: _unpack_none,
}
