"""The outbox: an event is durable, numbered and answered with a receipt before anything is sent.

Invariants: `accept` takes all of its drafts or none; numbers are given in the transaction that
stores the records, per lane, from 1, without gaps; a record leaves only by `remove`, after the
broker's acknowledgement. The same event again (bureau, id and content) returns its first receipt
for 30 days and as long as it waits, one with a derived id for ever; other content under the same id
is refused. The caller of `accept` may be any thread; one `Sender` reads and removes. Nothing here
knows Kafka or Avro.

A file that came back from a backup gives numbers that it has given before. So numbers given after
opening are *unconfirmed* until `confirm`, and nothing unconfirmed is sent: whoever finds the
receipts ahead (`producers.reconcile`) moves them into a new epoch first. What was pending in the
backup keeps its number, since it may have been sent: the router drops repeats by that number.

An account's records all go to one topic. When a bureau changes region, its lanes go on in new
epochs, and what waits for the old topic moves there (`producers.addressing`), unless a producer was
given it: that is written down before (`offer`), and it keeps number and topic.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
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
from producers.account_table import AccountTable
from producers.epochs import Retired, first_to_move, forget_refused, move
from producers.numbering import Batch, Known, number
from producers.receipt_index import ReceiptIndex
from producers.storage import FileLock, connect, connect_read_only, storage_error, transaction
from schemas.clock import Clock
from schemas.errors import RetryableError

__all__ = ["Outbox", "random_epoch", "read_accounts"]

_EPOCH_BITS = 62
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
        self.moves = 0
        """How often records were moved into another account since the file was opened."""
        self._confirmed = False
        self._pending = 0
        with ExitStack() as opened:
            file_lock = FileLock(path.with_name(f"{path.name}.lock"))
            opened.callback(file_lock.release)
            self._db = opened.enter_context(closing(connect(path, synchronous="FULL")))
            # Losing a removal only sends a record once more under its number: no fsync for it.
            self._reader = opened.enter_context(closing(connect(path, synchronous="NORMAL")))
            self._accounts = AccountTable(self._db)
            self._receipts = ReceiptIndex(self._db, clock)
            self._load()
            self._inherited = frozenset(self._accounts.by_row)
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
                self._accounts.current,
                self._new_account,
                () if self._confirmed else self._inherited,
                self._clock.now_ms(),
            )
            if batch.pending:
                self._bound(len(batch.pending))
                with self._reloading():
                    with transaction(self._db, self.path):
                        self._store(batch)
                    self._accounts.keep(batch.accounts)
                    self._pending += len(batch.pending)
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
            return list(self._accounts.current.values())

    def all_accounts(self) -> list[Account]:
        """Those and the epochs before, in which records may still wait."""
        with self._lock:
            return list(self._accounts.by_row.values())

    def confirm(self, booked: Mapping[int, int] | None = None) -> None:
        """From here on the file's numbers are taken as given by nobody else.

        `booked` is how far accounts (by row) stand with the router: so far they were sent.
        """
        with self._lock, self._reloading():
            with transaction(self._db, self.path):
                self._db.execute("UPDATE accounts SET unconfirmed_from = NULL")
                self._db.executemany(
                    "UPDATE accounts SET offered = max(offered, min(?, next_sequence - 1)) "
                    "WHERE id = ?",
                    [(high, row) for row, high in (booked or {}).items()],
                )
            self._confirmed = True
            self._load()

    def begin_new_epoch(
        self, lane: LaneKey, restamp: Restamp, retired: Retired | None = None
    ) -> Account:
        """Give the lane a new epoch; what `producers.epochs` names moves into it, from 1 on.

        What stays behind may have been sent by whoever had the file after its backup.
        """
        with self._lock, self._reloading():
            current = self._accounts.current[lane]
            with transaction(self._db, self.path):
                if retired is not None:
                    forget_refused(self._db, retired)
                tails = []
                for account in self._accounts.of_lane(lane):
                    first = account.next_sequence
                    if not self._confirmed:
                        first = self._unsent_from(account)
                    if retired is not None and account.row == retired.account:
                        first = first_to_move(self._db, account, first, retired)
                    tails.append((account, first))
                begun = self._begin(current.topic, tails, restamp, sent=True)
            self._moved()
        return begun

    def forget_refused(self, retired: Iterable[Retired]) -> None:
        """Forget what accounts refused since a new epoch took their place: they were retired."""
        with self._lock:
            for account in retired:
                with transaction(self._db, self.path):
                    forget_refused(self._db, account)

    def readdress(self, topic_of: Callable[[LaneKey], str], restamp: Restamp) -> list[Account]:
        """Move records that wait for another topic than their lane's now into a new epoch.

        A record that a producer was ever given stays where it is: it may have been sent, and under
        two numbers it would count twice. Those accepted after a moved one move too, so that the
        order stays. Before `confirm` nothing is moved. Returns the accounts begun.
        """
        begun = []
        with self._lock, self._reloading():
            waiting = [a for a in self._accounts.by_row.values() if a.offered + 1 < a.next_sequence]
            for lane in {account.lane for account in waiting} if self._confirmed else ():
                topic = topic_of(lane)
                tails = [(a, a.offered + 1) for a in waiting if a.lane == lane]
                if any(account.topic != topic for account, _ in tails):
                    with transaction(self._db, self.path):
                        begun.append(self._begin(topic, tails, restamp, sent=False))
                    self._moved()
        return begun

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
                account = self._accounts.by_row.get(account_row)
                if account is None:  # committed this instant by another thread; next time
                    break
                records.append(Pending(row, account, sequence, UUID(bytes=event_id), topic, value))
                size += len(value)
                if size >= max_bytes:
                    break
            cursor.close()
        return records

    def offer(self, records: Sequence[Pending], moves: int) -> bool:
        """Write down that a producer is given these, before it is: from now on they don't move.

        `moves` is what `Outbox.moves` was before they were read; False, and nothing is written, if
        it has grown since: they may have other numbers now. A power cut may lose the last of these
        notes, no fsync being spent on them; the receipts know such a record again. So they do where
        the disk has no room for a note: it is kept in memory then, for nothing but sending makes
        room.
        """
        with self._lock, self._read_lock:
            if moves != self.moves:
                return False
            last = {record.account.row: record.sequence for record in records}
            offered = {
                row: number
                for row, number in last.items()
                if number > self._accounts.by_row[row].offered
            }
            if offered:
                with suppress(RetryableError), transaction(self._reader, self.path):
                    self._reader.executemany(
                        "UPDATE accounts SET offered = ? WHERE id = ?",
                        [(number, row) for row, number in offered.items()],
                    )
                self._accounts.keep(
                    replace(self._accounts.by_row[row], offered=number)
                    for row, number in offered.items()
                )
            return True

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
        with self._reading():
            return self._receipts.known(keys, self._accounts.by_row)

    def _unsent_from(self, account: Account) -> int:
        """The first number that, nothing being confirmed, was surely never sent."""
        if account.row in self._inherited:
            return account.unconfirmed_from or account.next_sequence
        return 1

    def _new_account(self, lane: LaneKey, topic: str, ordinal: int) -> Account:
        """A lane's first account, or that of its new topic; stored with its first record."""
        return Account(
            self._accounts.last_row + ordinal, lane, self._new_epoch(), 1, None, True, topic
        )

    def _begin(
        self, topic: str, tails: Sequence[tuple[Account, int]], restamp: Restamp, *, sent: bool
    ) -> Account:
        """Within a transaction, a new epoch of a lane with the tails of its accounts.

        `sent`: what stays behind counts as sent, whatever was written down.
        """
        begun = Account(
            self._accounts.last_row + 1,
            tails[0][0].lane,
            self._new_epoch(),
            1 + sum(account.next_sequence - first for account, first in tails),
            None,
            True,
            topic,
        )
        self._db.executemany(
            "UPDATE accounts SET unconfirmed_from = NULL, next_sequence = ?, offered = ? "
            "WHERE id = ?",
            [(first, first - 1 if sent else a.offered, a.row) for a, first in tails],
        )
        self._accounts.insert(begun)
        move(self._db, tails, begun, restamp)
        return begun

    def _moved(self) -> None:
        self.moves += 1
        self._load()
        self.wake()

    def _store(self, batch: Batch) -> None:
        self._accounts.store(batch.accounts)
        self._db.executemany(
            "INSERT INTO pending (account, sequence, accepted_at, event_id, topic, value) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            batch.pending,
        )
        self._receipts.add(batch.index)

    def _bound(self, more: int) -> None:
        if self._max_pending is not None and self._pending + more > self._max_pending:
            raise RetryableError(
                f"the outbox {self.path} holds {self._pending} records that wait for the broker; "
                f"{more} more would pass its bound of {self._max_pending}: nothing of this call "
                "was taken; publish again once it drains",
                code="outbox-full",
            )

    def _load(self) -> None:
        self._accounts.load()
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
