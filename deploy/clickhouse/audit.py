"""Who asked what and got how many rows: a line of JSON a request, outside the engine.

The line is written before the answer goes out: an answer without its line is not given. A file a
day (UTC), for the owner alone, never rewritten or removed here. What is not in it: data, parameters
(one may be a secret), passwords.
"""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.clickhouse.errors import STD_EXCEPTION, ClickHouseError
from schemas.clock import Clock
from schemas.errors import ConfigurationError

__all__ = ["AuditLog", "Entry"]

_LONGEST_QUERY = 16_384
_SECRET = re.compile(r"(\b(?:password|by)\b\s*=?\s*)'(?:[^'\\]|\\.|'')*'", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `user` is who it says it is; `role` is empty where the login was refused."""

    user: str
    role: str
    address: str
    query_id: str
    query: str
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
        query = _SECRET.sub(r"\1'[HIDDEN]'", entry.query[:_LONGEST_QUERY])
        line = {"at": self._now().isoformat(timespec="milliseconds"), **asdict(entry)}
        line["query"] = query
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
                os.write(file, line)
            finally:
                os.close(file)
