"""Request and response bodies: compressed frames of any number, sizes bounded.

Clients write one frame a block, so a body is often many frames; a decoder that stops after the
first would lose rows without an error. Output is pulled in bounded steps, so a small body can't
grow past the limit before it is noticed. Truncated bodies raise.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import IO, Any, Protocol, cast

import lz4.frame
import zstandard

from deploy.clickhouse.errors import (
    INCORRECT_DATA,
    LIMIT_EXCEEDED,
    NOT_IMPLEMENTED,
    ClickHouseError,
)

__all__ = ["BoundedReader", "Readable", "choose_encoding", "decoder", "encode"]

_STEP_BYTES = 256 * 1024


class Readable(Protocol):
    """The one method that decoders share."""

    def read(self, size: int, /) -> bytes: ...


class BoundedReader:
    """Reads a decoded body and raises once it is larger than it may be."""

    def __init__(self, source: Readable, limit_bytes: int, encoding: str) -> None:
        self._source = source
        self._left_bytes = limit_bytes
        self._limit_bytes = limit_bytes
        self._encoding = encoding

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; empty only at the end of the whole body."""
        try:
            chunk = self._source.read(min(size, self._left_bytes + 1))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError, RuntimeError) as error:
            raise ClickHouseError.refused(
                INCORRECT_DATA, f"The body is no whole {self._encoding} data: {error}"
            ) from error
        self._left_bytes -= len(chunk)
        if self._left_bytes < 0:
            raise ClickHouseError.refused(
                LIMIT_EXCEEDED,
                f"The decoded body exceeds {self._limit_bytes} bytes: send it in parts.",
            )
        return chunk


class _FrameReader(io.RawIOBase):
    """Concatenated frames behind one `read`, for decoders that stop at each frame's end."""

    def __init__(self, source: IO[bytes], new_decoder: Callable[[], Any]) -> None:
        self._source = source
        self._new_decoder = new_decoder
        self._decoder: Any = None
        self._pending = b""
        self._decoded = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes: a decoder may have more at once."""
        if not self._decoded:
            self._decoded = memoryview(self._decode(size))
        end = size if size >= 0 else len(self._decoded)
        chunk, self._decoded = bytes(self._decoded[:end]), self._decoded[end:]
        return chunk

    def _decode(self, size: int) -> bytes:
        while True:
            if self._decoder is not None and self._decoder.eof:
                self._pending = self._decoder.unused_data or b""
                self._decoder = None
            if self._decoder is None:
                self._pending = self._pending or self._source.read(_STEP_BYTES)
                if not self._pending:
                    return b""
                self._decoder = self._new_decoder()
            elif not self._pending and self._decoder.needs_input:
                self._pending = self._source.read(_STEP_BYTES)
                if not self._pending:
                    raise EOFError("it ends in the middle of a frame")
            chunk = cast(bytes, self._decoder.decompress(self._pending, size))
            self._pending = b""
            if chunk:
                return chunk


class _DeflateReader(io.RawIOBase):
    """zlib's stream (HTTP's `deflate`)."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._decoder = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while not self._decoder.eof:
            data = self._decoder.unconsumed_tail or self._source.read(_STEP_BYTES)
            if not data:
                raise EOFError("it ends in the middle of the stream")
            chunk = self._decoder.decompress(data, size)
            if chunk:
                return chunk
        return b""


class _ZstdFrame:
    """One zstd frame with the interface of lz4's decompressor.

    The library's object has no output limit, so input is fed in small pieces: 1 KiB of zstd is at
    most some 32 MiB of output.
    """

    _PIECE_BYTES = 1024

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
        self._input = b""

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data + self._input

    @property
    def needs_input(self) -> bool:
        return not self._input

    def decompress(self, data: bytes, _size: int) -> bytes:
        self._input += data
        output: list[bytes] = []
        total_bytes = 0
        at = 0
        while at < len(self._input) and total_bytes < _STEP_BYTES and not self._decoder.eof:
            piece = self._input[at : at + self._PIECE_BYTES]
            at += len(piece)
            chunk = self._decoder.decompress(piece)
            output.append(chunk)
            total_bytes += len(chunk)
        self._input = self._input[at:]
        return b"".join(output)


def decoder(source: IO[bytes], encoding: str) -> Readable:
    """A reader of the decoded body; all frames, then the end."""
    if encoding in ("", "identity"):
        return source
    if encoding in ("gzip", "x-gzip"):
        return cast(Readable, gzip.GzipFile(fileobj=source, mode="rb"))
    if encoding == "deflate":
        return cast(Readable, _DeflateReader(source))
    if encoding == "lz4":
        return cast(Readable, _FrameReader(source, lz4.frame.LZ4FrameDecompressor))
    if encoding == "zstd":
        return cast(Readable, _FrameReader(source, _ZstdFrame))
    raise ClickHouseError.refused(
        NOT_IMPLEMENTED,
        f"Unknown content encoding {encoding!r}: use gzip, deflate, lz4 or zstd.",
    )


def choose_encoding(accept_encoding: str) -> str:
    """The best encoding that the client accepts; empty for none."""
    accepted = {
        name.strip().lower()
        for name, _, weight in (part.partition(";") for part in accept_encoding.split(","))
        if weight.replace(" ", "") not in ("q=0", "q=0.0")
    }
    return next((name for name in ("lz4", "zstd", "gzip", "deflate") if name in accepted), "")


def encode(data: bytes, encoding: str) -> bytes:
    """A response body in the encoding that `choose_encoding` named."""
    if encoding == "lz4":
        return cast(bytes, lz4.frame.compress(data))
    if encoding == "zstd":
        return zstandard.ZstdCompressor(level=1).compress(data)
    if encoding == "gzip":
        return gzip.compress(data, 3)
    if encoding == "deflate":
        return zlib.compress(data, 3)
    return data
