"""The outbox: an event is durable, numbered and answered with a receipt before anything is sent.

Invariants: `accept` takes all of its drafts or none; numbers are given in the transaction that
stores the records, per lane, from 1, without gaps; a record leaves only by `remove`, after the
broker's acknowledgement. The same event again (bureau, id and content) returns its first receipt
for 30 days and as long as it waits; other content under the same id is refused. The caller of
`accept` may be any thread; one `Sender` reads and removes. Nothing here knows Kafka or Avro.

A file that came back from a backup gives numbers that it has given before. So numbers given after
opening are *unconfirmed* until `confirm`, and nothing unconfirmed is sent: whoever finds the
receipts ahead (`producers.reconcile`) moves them into a new epoch first. What was pending in the
backup keeps its number, since it may have been sent: the router drops repeats by that number.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from producers.account import (
    Account,
    AccountCount,
    Draft,
    LaneKey,
    Pending,
    Receipt,
    Restamp,
    receipt_key,
)
from producers.epochs import Retired, first_to_move, forget_refused, move
from producers.numbering import Batch, Known, number
from producers.storage import FileLock, connect, connect_read_only, storage_error, transaction
from schemas.clock import Clock
from schemas.errors import RetryableError

__all__ = ["RECEIPTS_KEPT_MS", "Outbox", "random_epoch", "read_accounts"]

RECEIPTS_KEPT_MS = 30 * 86_400_000
_EPOCH_BITS = 62
_LOOK_UP_CHUNK = 500
_PURGE_EVERY_S = 60.0
_PURGE_ROWS = 20_000
_ACCOUNTS = """SELECT id, bureau, system, lane, epoch, next_sequence, unconfirmed_from, current
FROM accounts ORDER BY id"""
_COUNTS = """SELECT bureau, system, lane, epoch, next_sequence - 1,
(SELECT count(*) FROM pending WHERE account = accounts.id), current FROM accounts ORDER BY id"""


def random_epoch() -> int:
    """A number that no other life of an outbox has."""
    return 1 + secrets.randbelow((1 << _EPOCH_BITS) - 1)


class Outbox:
    """One file of accepted records that wait for the broker; a context manager."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        max_pending: int | None = None,
        new_epoch: Callable[[], int] = random_epoch,
    ) -> None:
        """Open or make the file.

        Raises:
            ConfigurationError: another owner has it (`outbox-in-use`), or it is no outbox.
        """
        path = path.resolve()  # one file, one lock, under whatever name it is opened
        self.path = path
        self._clock = clock
        self._max_pending = max_pending
        self._new_epoch = new_epoch
        self._lock = threading.RLock()
        self._read_lock = threading.Lock()
        self._news = threading.Condition()
        self._version = 0
        self._confirmed = False
        self._pending = 0
        self._last_account = 0
        self._next_purge_s = 0.0
        with ExitStack() as opened:
            file_lock = FileLock(path.with_name(f"{path.name}.lock"))
            opened.callback(file_lock.release)
            self._db = opened.enter_context(closing(connect(path, synchronous="FULL")))
            # Losing a removal only sends a record once more under its number: no fsync for it.
            self._reader = opened.enter_context(closing(connect(path, synchronous="NORMAL")))
            self._load()
            self._inherited = frozenset(self._by_row)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file up; its sender is stopped first."""
        with self._lock, self._read_lock:
            self._opened.close()

    # -- the publisher's side -------------------------------------------------------------------

    def accept(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Store all drafts or none; durable when this returns.

        Raises:
            PermanentError: `event-id-reused`, or whatever a draft's encoding raises.
            RetryableError: `outbox-full`, `outbox-disk-full` or `outbox-io`.
        """
        keys = [receipt_key(draft.lane.bureau, draft.event_id) for draft in drafts]
        with self._lock:
            batch = number(
                drafts,
                keys,
                self._known(keys),
                self._current,
                self._new_account,
                () if self._confirmed else self._inherited,
                self._clock.now_ms(),
            )
            if batch.pending:
                self._bound(len(batch.pending))
                with self._reloading():
                    with transaction(self._db, self.path):
                        self._store(batch)
                    self._remember(batch)
        if batch.pending:
            self.wake()
        return batch.receipts

    def pending(self) -> int:
        """How many records wait."""
        return self._pending

    def sent_counts(self) -> list[AccountCount]:
        """Numbers given and records waiting, by account, old epochs too."""
        with self._read_lock, self._reading():
            return list(_counts(self._reader))

    # -- restored disks -------------------------------------------------------------------------

    def accounts(self) -> list[Account]:
        """The accounts that numbers are given in now."""
        with self._lock:
            return list(self._current.values())

    def confirm(self) -> None:
        """From here on the file's numbers are taken as given by nobody else."""
        with self._lock, self._reloading():
            with transaction(self._db, self.path):
                self._db.execute("UPDATE accounts SET unconfirmed_from = NULL")
            self._confirmed = True
            self._load()

    def begin_new_epoch(
        self, lane: LaneKey, restamp: Restamp, retired: Retired | None = None
    ) -> Account:
        """Give the lane a new epoch; what `producers.epochs` names moves into it, from 1 on."""
        with self._lock, self._reloading():
            old = self._current[lane]
            epoch = self._new_epoch()
            with transaction(self._db, self.path):
                first = first_to_move(self._db, old, retired)
                self._db.execute(
                    "UPDATE accounts SET current = 0, unconfirmed_from = NULL, next_sequence = ? "
                    "WHERE id = ?",
                    (first, old.row),
                )
                row = self._insert_account(lane, epoch, old.next_sequence - first + 1)
                move(self._db, old, first, row, epoch, restamp)
                if retired is not None:
                    forget_refused(self._db, old, retired)
            self._load()
            return self._current[lane]

    # -- the sender's side ----------------------------------------------------------------------

    def read(
        self,
        after_row: int,
        *,
        max_records: int,
        max_bytes: int,
        without: Collection[int] = (),
        only: int | None = None,
    ) -> list[Pending]:
        """The next waiting records in order: without some accounts, or of one (by row)."""
        named = [int(row) for row in without] if only is None else [int(only)]
        some = f"{'NOT ' if only is None else ''}IN ({', '.join(map(str, named))})"
        statement = (
            "SELECT id, account, sequence, event_id, topic, value FROM pending "
            f"WHERE id > ? AND +account {some} ORDER BY id LIMIT ?"
        )
        records: list[Pending] = []
        size = 0
        with self._read_lock, self._reading():
            cursor = self._reader.execute(statement, (after_row, max_records))
            for row, account_row, sequence, event_id, topic, value in cursor:
                account = self._by_row.get(account_row)
                if account is None:  # committed this instant by another thread; next time
                    break
                records.append(Pending(row, account, sequence, UUID(bytes=event_id), topic, value))
                size += len(value)
                if size >= max_bytes:
                    break
            cursor.close()
        return records

    def remove(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Forget records that the broker has acknowledged: ranges of rows, both ends included."""
        with self._lock, self._read_lock:
            with transaction(self._reader, self.path):
                cursor = self._reader.executemany(
                    "DELETE FROM pending WHERE id BETWEEN ? AND ?", list(ranges)
                )
            self._pending -= cursor.rowcount

    def wake(self) -> None:
        """Let whoever waits in `wait_for_news` look again."""
        with self._news:
            self._version += 1
            self._news.notify_all()

    def wait_for_news(self, seen_version: int, timeout_s: float) -> int:
        """Wait until something was accepted since that version; returns the version now."""
        with self._news:
            if self._version == seen_version:
                self._news.wait(timeout_s)
            return self._version

    # -- inside ---------------------------------------------------------------------------------

    def _known(self, keys: Sequence[bytes]) -> Known:
        known: Known = {}
        for start in range(0, len(keys), _LOOK_UP_CHUNK):
            chunk = keys[start : start + _LOOK_UP_CHUNK]
            marks = ",".join("?" * len(chunk))
            with self._reading():
                found = self._db.execute(
                    "SELECT event_key, digest, account, sequence FROM receipts "
                    f"WHERE event_key IN ({marks})",
                    chunk,
                ).fetchall()
            for key, digest, row, sequence in found:
                account = self._by_row[row]
                receipt = Receipt(UUID(bytes=key[:16]), *account.lane, account.epoch, sequence)
                known[key] = digest, receipt
        return known

    def _new_account(self, lane: LaneKey, ordinal: int) -> Account:
        """A lane's first account; its row is stored with its first record."""
        return Account(self._last_account + ordinal, lane, self._new_epoch(), 1, None, True)

    def _store(self, batch: Batch) -> None:
        for account in batch.accounts:
            before = self._current.get(account.lane)
            if before is None:
                self._db.execute(
                    "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, NULL, 1)",
                    (account.row, *account.lane, account.epoch, account.next_sequence),
                )
            else:
                changed = self._db.execute(
                    "UPDATE accounts SET next_sequence = ?, unconfirmed_from = ? "
                    "WHERE id = ? AND next_sequence = ?",
                    (
                        account.next_sequence,
                        account.unconfirmed_from,
                        account.row,
                        before.next_sequence,
                    ),
                )
                if changed.rowcount != 1:
                    raise RetryableError(
                        f"account {'/'.join(account.lane)} in the outbox {self.path} moved on: "
                        "nothing of this call was taken; publish again",
                        code="outbox-io",
                    )
        self._db.executemany(
            "INSERT INTO pending (account, sequence, accepted_at, event_id, topic, value) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            batch.pending,
        )
        self._db.executemany(
            "INSERT INTO receipts (event_key, digest, account, sequence, accepted_at) "
            "VALUES (?, ?, ?, ?, ?)",
            batch.index,
        )
        self._purge()

    def _purge(self) -> None:
        """Drop receipts past their time, some at a time, never one whose record still waits."""
        if self._clock.monotonic_s() < self._next_purge_s:
            return
        oldest = self._db.execute("SELECT accepted_at FROM pending ORDER BY id LIMIT 1").fetchone()
        before_ms = min(self._clock.now_ms() - RECEIPTS_KEPT_MS, oldest[0])
        gone = self._db.execute(
            "DELETE FROM receipts WHERE accepted_at < ? "
            "AND id IN (SELECT id FROM receipts ORDER BY id LIMIT ?)",
            (before_ms, _PURGE_ROWS),
        )
        if gone.rowcount < _PURGE_ROWS:
            self._next_purge_s = self._clock.monotonic_s() + _PURGE_EVERY_S

    def _bound(self, more: int) -> None:
        if self._max_pending is not None and self._pending + more > self._max_pending:
            raise RetryableError(
                f"the outbox {self.path} holds {self._pending} records that wait for the broker; "
                f"{more} more would pass its bound of {self._max_pending}: nothing of this call "
                "was taken; publish again once it drains",
                code="outbox-full",
            )

    def _remember(self, batch: Batch) -> None:
        self._by_row.update((account.row, account) for account in batch.accounts)
        self._current.update((account.lane, account) for account in batch.accounts)
        self._last_account = max(self._last_account, *(account.row for account in batch.accounts))
        self._pending += len(batch.pending)

    def _insert_account(self, lane: LaneKey, epoch: int, next_sequence: int) -> int:
        self._last_account += 1
        self._db.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, NULL, 1)",
            (self._last_account, *lane, epoch, next_sequence),
        )
        return self._last_account

    def _load(self) -> None:
        rows = self._db.execute(_ACCOUNTS).fetchall()
        accounts = [
            Account(row, LaneKey(bureau, system, lane), epoch, following, unconfirmed, bool(now))
            for row, bureau, system, lane, epoch, following, unconfirmed, now in rows
        ]
        self._by_row = {account.row: account for account in accounts}
        self._current = {account.lane: account for account in accounts if account.current}
        self._last_account = max(self._by_row, default=0)
        self._pending = self._db.execute("SELECT count(*) FROM pending").fetchone()[0]

    @contextmanager
    def _reloading(self) -> Iterator[None]:
        """What is held in memory never outlives a failed call."""
        try:
            yield
        except BaseException as error:
            self._load()
            if isinstance(error, sqlite3.Error):
                raise storage_error(error, self.path) from error
            raise

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise storage_error(error, self.path) from error


def read_accounts(path: Path) -> list[AccountCount]:
    """What `Outbox.sent_counts` says, read beside the owner of the file.

    Raises:
        ConfigurationError: there is no such outbox.
    """
    database = connect_read_only(path)
    try:
        return list(_counts(database))
    except sqlite3.Error as error:
        raise storage_error(error, path) from error
    finally:
        database.close()


def _counts(database: sqlite3.Connection) -> Iterator[AccountCount]:
    for row in database.execute(_COUNTS):
        bureau, system, lane, epoch, last_sequence, pending, current = row
        yield AccountCount(bureau, system, lane, epoch, last_sequence, pending, bool(current))
