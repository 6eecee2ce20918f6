"""Bodies of many frames arrive whole, cut ones raise, large ones stop."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from deploy.clickhouse.bodies import BoundedReader, choose_encoding, decoder, encode
from deploy.clickhouse.errors import ClickHouseError

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "gzip": gzip.compress,
}


def read_all(body: bytes, encoding: str, *, limit_bytes: int = 1 << 30, step: int = 7919) -> bytes:
    reader = BoundedReader(decoder(io.BytesIO(body), encoding), limit_bytes, encoding)
    chunks = list(iter(lambda: reader.read(step), b""))
    assert all(len(chunk) <= step for chunk in chunks)
    return b"".join(chunks)


@pytest.mark.parametrize("encoding", ENCODERS)
@given(parts=st.lists(st.binary(max_size=2000), max_size=6), step=st.integers(1, 5000))
def test_all_frames_of_a_body_arrive(encoding: str, parts: list[bytes], step: int) -> None:
    body = b"".join(ENCODERS[encoding](part) for part in parts)
    assert read_all(body, encoding, step=step) == b"".join(parts)


@pytest.mark.parametrize("encoding", ENCODERS)
def test_large_frames_arrive_whole(encoding: str) -> None:
    parts = [bytes([n]) * 3_000_000 + str(n).encode() for n in range(3)]
    body = b"".join(ENCODERS[encoding](part) for part in parts)
    assert read_all(body, encoding) == b"".join(parts)


@pytest.mark.parametrize("encoding", [*ENCODERS, "deflate"])
@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_body_that_is_cut_raises(encoding: str, cut: int) -> None:
    data = bytes(range(256)) * 50
    body = zlib.compress(data) if encoding == "deflate" else ENCODERS[encoding](data)
    with pytest.raises(ClickHouseError) as caught:
        read_all(body[:-cut], encoding)
    assert caught.value.code == 117


@pytest.mark.parametrize("encoding", [*ENCODERS, "deflate"])
def test_a_body_that_is_something_else_raises(encoding: str) -> None:
    with pytest.raises(ClickHouseError) as caught:
        read_all(b"no frame at all, just text " * 10, encoding)
    assert caught.value.code == 117


@pytest.mark.parametrize("encoding", ["", *ENCODERS, "deflate"])
def test_a_body_stops_at_the_limit(encoding: str) -> None:
    data = bytes(50_000_000)
    body = {"": data, "deflate": zlib.compress(data)}.get(encoding) or ENCODERS[encoding](data)
    reader = BoundedReader(decoder(io.BytesIO(body), encoding), 1_000_000, encoding)
    received: list[int] = []
    with pytest.raises(ClickHouseError) as caught:
        received.extend(iter(lambda: len(reader.read(65_536)), 0))
    assert caught.value.code == 290
    assert sum(received) <= 1_000_000


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(ClickHouseError) as caught:
        decoder(io.BytesIO(b""), "snappy")
    assert caught.value.code == 48


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", ""),
        ("gzip, deflate", "gzip"),
        ("lz4,br,zstd,gzip", "lz4"),
        ("lz4;q=0, zstd", "zstd"),
        ("br", ""),
    ],
)
def test_the_answer_takes_an_encoding_that_the_client_knows(accept: str, chosen: str) -> None:
    assert choose_encoding(accept) == chosen


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "lz4", "zstd"])
def test_what_is_encoded_can_be_decoded(encoding: str) -> None:
    data = b"abc" * 1000
    assert read_all(encode(data, encoding), encoding) == data
