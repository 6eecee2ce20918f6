"""Who asked what and got how many rows: a line of JSON a request, outside the engine.

The line is written before the answer goes out: an answer without its line is not given. A file a
day (UTC), for the owner alone; a line is whole or not there, and none is ever rewritten or removed
here. What is not in it: data, parameters (one may be a secret), passwords (`masking`). A statement
too long for a line is told without its comments; what is still too long by its head, its tail, its
length and the SHA-256 of it all.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.clickhouse.errors import STD_EXCEPTION, ClickHouseError
from deploy.clickhouse.masking import masked, without_comments, without_data
from schemas.clock import Clock
from schemas.errors import ConfigurationError

__all__ = ["AuditLog", "Entry"]

_LONGEST_QUERY = 16_384
_LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `user` is who it says it is; `role` is empty where the login was refused."""

    user: str
    role: str
    address: str
    query_id: str
    query: str
    is_read: bool
    """Whether the service read it as a statement; what it could not read may have data behind."""
    rows: int
    """Of the answer."""
    written_rows: int
    code: int
    """ClickHouse's error code; 0 for what was answered."""


class AuditLog:
    """Appends to the files of a folder; several threads may."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(b"")
        except OSError as error:
            raise ConfigurationError(
                f"the audit log in {folder} can't be written ({error.strerror}): make the folder "
                "writable",
                code="no-audit-log",
            ) from error

    def write(self, entry: Entry) -> None:
        """Add a line.

        Raises:
            ClickHouseError: it can't be written, so the request must fail.
        """
        line = {"at": self._now().isoformat(timespec="milliseconds"), **asdict(entry)}
        del line["is_read"]
        line["user"] = entry.user[:_LONGEST_NAME]
        line |= _told(entry.query if entry.is_read else without_data(entry.query))
        try:
            self._append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise ClickHouseError.refused(
                STD_EXCEPTION,
                f"The audit log can't be written ({error.strerror}), and nothing is answered "
                "without it: tell the operator.",
            ) from error

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def _append(self, line: bytes) -> None:
        path = self._folder / f"{self._now():%Y-%m-%d}.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with self._lock:
            file = os.open(path, flags, 0o600)
            try:
                self._write_whole(file, line)
            finally:
                os.close(file)

    def _write_whole(self, file: int, line: bytes) -> None:
        """A full disk may take a part, which would spoil the next line: take that back."""
        length_before, written = os.fstat(file).st_size, 0
        try:
            while written < len(line):
                written += os.write(file, line[written:])
        except OSError:
            os.ftruncate(file, length_before)
            raise


def _told(query: str) -> dict[str, object]:
    """What a line says of a statement."""
    query = masked(query)
    if len(query) <= _LONGEST_QUERY:
        return {"query": query}
    query = without_comments(query)
    if len(query) <= _LONGEST_QUERY:
        return {"query": query}
    half = _LONGEST_QUERY // 2
    return {
        "query": query[:half],
        "query_tail": query[-half:],
        "query_length": len(query),
        "query_sha256": hashlib.sha256(query.encode(errors="replace")).hexdigest(),
    }
