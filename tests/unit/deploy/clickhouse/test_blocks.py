"""Compressed blocks: what ClickHouse's clients write arrives whole, what is wrong is refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import lz4.block
import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128
from hypothesis import given
from hypothesis import strategies as st

from deploy.clickhouse.blocks import BlockReader, pack_blocks
from deploy.clickhouse.bodies import BoundedReader
from deploy.clickhouse.errors import ClickHouseError

PACKERS: dict[int, Callable[[bytes], bytes]] = {
    0x82: lambda data: lz4.block.compress(data, store_size=False),
    0x90: lambda data: zstandard.ZstdCompressor().compress(data),
    0x02: bytes,
}
FROM_CH_GO = {
    "lz4": "178863bd57718cf17b11a6c211b9b5a0822700000028000000886c696169736f6e20080000100000"
    "1000c0736f6e206c696169736f6e20",
    "zstd": "d26203319bec867769c8551474e5be6b90250000002800000028b52ffd04007d0000406c69616973"
    "6f6e20015408031d0b7994d4b4",
    "none": "e34c8baca50b5d1c0540f4a94b74cef80231000000280000006c696169736f6e206c696169736f6e"
    "206c696169736f6e206c696169736f6e206c696169736f6e20",
}
"""What ch-go, the codec of clickhouse-go, makes of `liaison ` five times."""


def block(
    method: int, packed: bytes, unpacked_bytes: int, *, block_bytes: int | None = None
) -> bytes:
    """A block with a right checksum, whatever else is wrong with it."""
    announced = 9 + len(packed) if block_bytes is None else block_bytes
    rest = struct.pack("<BII", method, announced, unpacked_bytes) + packed
    value = CityHash128(rest)
    return struct.pack("<QQ", value >> 64, value & (2**64 - 1)) + rest


def packed_block(method: int, data: bytes) -> bytes:
    return block(method, PACKERS[method](data), len(data))


def read_all(body: bytes, *, max_block_bytes: int = 1 << 27, step: int = 7919) -> bytes:
    reader = BlockReader(io.BytesIO(body), max_block_bytes)
    return b"".join(iter(lambda: reader.read(step), b""))


def code_of(body: bytes, *, max_block_bytes: int = 1 << 27) -> int:
    with pytest.raises(ClickHouseError) as caught:
        read_all(body, max_block_bytes=max_block_bytes)
    return caught.value.code


@pytest.mark.parametrize("method", FROM_CH_GO)
def test_a_block_of_another_implementation_is_read(method: str) -> None:
    assert read_all(bytes.fromhex(FROM_CH_GO[method])) == b"liaison " * 5


def test_the_checksum_of_an_answer_is_that_of_another_implementation() -> None:
    data = bytes.fromhex(FROM_CH_GO["none"])
    assert packed_block(0x02, b"liaison " * 5) == data
    answer = pack_blocks(b"liaison " * 5)
    checksum = CityHash128(answer[16:])
    assert answer[:16] == struct.pack("<QQ", checksum >> 64, checksum & (2**64 - 1))
    assert answer[16] == 0x82


@given(
    parts=st.lists(st.tuples(st.sampled_from(sorted(PACKERS)), st.binary(max_size=2000))),
    step=st.integers(1, 5000),
)
def test_all_blocks_of_a_body_arrive_whatever_their_methods(
    parts: list[tuple[int, bytes]], step: int
) -> None:
    body = b"".join(packed_block(method, data) for method, data in parts)
    assert read_all(body, step=step) == b"".join(data for _, data in parts)


def test_an_answer_comes_in_blocks_of_a_server_s_size_and_can_be_read_back() -> None:
    data = bytes(range(256)) * 10_000
    answer = pack_blocks(data)
    sizes = []
    at = 0
    while at < len(answer):
        _, block_bytes, unpacked_bytes = struct.unpack_from("<BII", answer, at + 16)
        sizes.append(unpacked_bytes)
        at += 16 + block_bytes
    assert sizes == [1 << 20, 1 << 20, len(data) - (2 << 20)]
    assert read_all(answer) == data


def test_an_empty_answer_has_no_block() -> None:
    assert pack_blocks(b"") == b""
    assert read_all(b"") == b""


@pytest.mark.parametrize("method", PACKERS)
def test_one_flipped_bit_anywhere_is_refused(method: int) -> None:
    body = packed_block(method, b"liaison " * 5)
    for bit in range(len(body) * 8):
        broken = bytearray(body)
        broken[bit // 8] ^= 1 << bit % 8
        assert code_of(bytes(broken)) in (33, 39, 40, 89, 246)


def test_a_wrong_checksum_is_refused_as_one() -> None:
    body = bytearray(packed_block(0x82, b"liaison"))
    body[0] ^= 1
    assert code_of(bytes(body)) == 40
    swapped = packed_block(0x82, b"liaison")
    assert code_of(swapped[8:16] + swapped[:8] + swapped[16:]) == 40


@pytest.mark.parametrize("cut", [1, 10, 24, 25, 26, 40])
def test_a_body_that_ends_within_a_block_is_refused(cut: int) -> None:
    whole = packed_block(0x82, bytes(range(100)))
    assert code_of(whole + whole[:cut]) == 33


def test_an_unknown_method_is_refused() -> None:
    assert code_of(block(0x95, b"liaison", 7)) == 89
    assert code_of(b"INSERT INTO t FORMAT CSV, but in no blocks") == 89


@pytest.mark.parametrize("method", PACKERS)
def test_a_size_over_the_bound_is_refused_before_the_data_is_looked_at(method: int) -> None:
    huge = 0xFFFF_FFFF
    assert code_of(block(method, b"", huge)) == 39
    assert code_of(block(method, b"", 1, block_bytes=huge)) == 39
    assert code_of(packed_block(method, bytes(1001)), max_block_bytes=1000) == 39
    assert read_all(packed_block(0x82, bytes(1000)), max_block_bytes=1000) == bytes(1000)


def test_a_block_smaller_than_its_header_is_refused() -> None:
    assert code_of(block(0x82, b"", 0, block_bytes=8)) == 246


@pytest.mark.parametrize("method", PACKERS)
@pytest.mark.parametrize("announced", [0, 39, 41, 1000])
def test_data_of_another_size_than_announced_is_refused(method: int, announced: int) -> None:
    assert code_of(block(method, PACKERS[method](bytes(40)), announced)) == 271


@pytest.mark.parametrize("method", [0x82, 0x90])
def test_data_that_can_not_be_unpacked_is_refused(method: int) -> None:
    assert code_of(block(method, b"\xff" * 40, 40)) == 271


@given(method=st.sampled_from(sorted(PACKERS)), packed=st.binary(), size=st.integers(0, 5000))
def test_no_packed_data_does_more_than_be_refused(method: int, packed: bytes, size: int) -> None:
    try:
        outcome = len(read_all(block(method, packed, size)))
    except ClickHouseError as error:
        outcome = -error.code
    assert outcome in (size, -271)


def test_a_zstd_frame_that_lies_about_its_size_unpacks_no_further_than_announced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    unpacker = zstandard.ZstdDecompressor

    class Watched:
        def __init__(self, max_window_size: int) -> None:
            self._unpacker = unpacker(max_window_size=max_window_size)

        def stream_reader(self, packed: memoryview, *, read_across_frames: bool) -> Watched:
            self._reader = self._unpacker.stream_reader(
                packed, read_across_frames=read_across_frames
            )
            return self

        def read(self, size: int) -> bytes:
            asked.append(size)
            return self._reader.read(size)

    monkeypatch.setattr(zstandard, "ZstdDecompressor", Watched)
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    assert code_of(block(0x90, bomb, 40)) == 271
    assert asked == [41]


def test_the_whole_body_stops_at_the_limit() -> None:
    body = packed_block(0x82, bytes(1 << 20)) * 50
    reader = BoundedReader(BlockReader(io.BytesIO(body), 1 << 27), 3_000_000, "block-compressed")
    received: list[int] = []
    with pytest.raises(ClickHouseError) as caught:
        received.extend(iter(lambda: len(reader.read(65_536)), 0))
    assert caught.value.code == 290
    assert sum(received) <= 3_000_000
