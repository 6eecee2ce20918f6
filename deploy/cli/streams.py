"""A stream for what no work may stop for: what can't be written (a full disk, a reader that has
gone, a terminal that was closed) is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

__all__ = ["DroppingStream"]


class DroppingStream:
    """Whatever stream there is when something is written; a process may have none."""

    def __init__(self, stream: Callable[[], TextIO | None]) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        stream = self._stream()
        return "utf-8" if stream is None else stream.encoding

    def write(self, text: str) -> int:
        stream = self._stream()
        if stream is not None:
            with suppress(OSError, ValueError):  # ValueError: it is closed
                stream.write(text)
        return len(text)

    def flush(self) -> None:
        stream = self._stream()
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()

    def isatty(self) -> bool:
        stream = self._stream()
        with suppress(OSError, ValueError):
            return stream is not None and stream.isatty()
        return False
