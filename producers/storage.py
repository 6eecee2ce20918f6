"""The outbox's file: its tables, its lock, and what SQLite's errors mean to a caller.

Invariants: an account's numbers are given in the transaction that stores the records, and a unique
index refuses a number given twice; row ids only grow, so a reader that has seen id n never finds a
smaller one later. WAL with synchronous=FULL: a commit that returned survives a power cut. One
process owns a file, by a lock beside it that the kernel drops when the process dies.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigurationError, LiaisonError, RetryableError

__all__ = ["FileLock", "connect", "connect_read_only", "storage_error", "transaction"]

_FORMAT = 2
_BUSY_TIMEOUT_S = 10.0
_CACHE_KIB = 16 * 1024
_CHECKPOINT_PAGES = 4000
_TABLES = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    bureau TEXT NOT NULL,
    system TEXT NOT NULL,
    lane TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL,
    unconfirmed_from INTEGER,
    current INTEGER NOT NULL,
    topic TEXT NOT NULL,
    offered INTEGER NOT NULL,
    UNIQUE (bureau, system, lane, epoch)
);
CREATE UNIQUE INDEX one_current_epoch ON accounts (bureau, system, lane) WHERE current;
CREATE TABLE pending (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    topic TEXT NOT NULL,
    value BLOB NOT NULL
);
CREATE UNIQUE INDEX number_given_once ON pending (account, sequence);
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY,
    event_key BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL
);
CREATE TABLE kept_receipts (
    event_key BLOB PRIMARY KEY,
    digest BLOB NOT NULL,
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) WITHOUT ROWID;
"""


class FileLock:
    """Ownership of an outbox file by one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"the outbox lock {path} can't be opened ({error.strerror}): "
                "give a path in a folder that exists and may be written"
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise ConfigurationError(
                f"the outbox {path.with_suffix('')} is open in another process or twice in this "
                "one: an outbox has one owner; stop the other, or give each its own file",
                code="outbox-in-use",
            ) from error

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """Open the file for its owner, making the tables where there are none.

    Raises:
        ConfigurationError: it is no outbox, or one of a newer version.
    """
    _create_private(path)
    try:
        database = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise storage_error(error, path) from error
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        _check_format(database, path)
    except sqlite3.Error as error:
        database.close()
        raise storage_error(error, path) from error
    except BaseException:
        database.close()
        raise
    return database


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open the file beside its owner, to read.

    Raises:
        ConfigurationError: there is no such outbox.
    """
    try:
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise storage_error(error, path) from error
    return database


@contextmanager
def transaction(database: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing: commit at the end, roll back on any error."""
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")
    except BaseException as error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise storage_error(error, path) from error
        raise


def storage_error(error: sqlite3.Error, path: Path) -> LiaisonError:
    """What an error of SQLite means to whoever handed an event over."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL"):
        return RetryableError(
            f"the disk under the outbox {path} is full: nothing of this call was taken; "
            "make room and publish again",
            code="outbox-disk-full",
        )
    if name.startswith(("SQLITE_IOERR", "SQLITE_BUSY", "SQLITE_LOCKED")):
        return RetryableError(
            f"the outbox {path} could not be written ({error}): check the disk and try again",
            code="outbox-io",
        )
    return ConfigurationError(
        f"the outbox {path} can't be used ({error}): is it an outbox file, in a folder that may "
        "be written?",
        code="outbox-unusable",
    )


def _create_private(path: Path) -> None:
    """Events are nobody else's to read; SQLite gives its side files the same rights."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigurationError(
            f"the outbox {path} can't be made ({error.strerror}): "
            "give a path in a folder that exists and may be written",
            code="outbox-unusable",
        ) from error


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise ConfigurationError(
                f"{path} is a database but no outbox: give another path", code="outbox-unusable"
            )
        database.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {_FORMAT};COMMIT;")
    elif found != _FORMAT:
        raise ConfigurationError(
            f"the outbox {path} has format {found}, this version knows {_FORMAT}: "
            "use the version that wrote it to send what is pending",
            code="outbox-unusable",
        )
