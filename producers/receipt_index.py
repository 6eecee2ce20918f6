"""Which events were accepted, and under which number: the outbox's tables of receipts.

Invariants: an event is in one of the two tables, once. A receipt lives 30 days, and as long as its
record waits; that of a derived id (see `schemas.ids`) lives for ever, aside from the others: who
derives ids hands the same event over whenever its source shows it again, be it years later, and
relies on its first receipt. The outbox holds its lock, and a transaction, around every call that
writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from uuid import UUID

from producers.account import Account, Receipt
from producers.numbering import Known
from schemas.clock import Clock
from schemas.ids import is_derived

__all__ = ["RECEIPTS_KEPT_MS", "ReceiptIndex"]

RECEIPTS_KEPT_MS = 30 * 86_400_000
_LOOK_UP_CHUNK = 500
_PURGE_EVERY_S = 60.0
_PURGE_ROWS = 20_000


class ReceiptIndex:
    """Receipts of one file, found by bureau and event id."""

    def __init__(self, database: sqlite3.Connection, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._next_purge_s = 0.0

    def known(self, keys: Sequence[bytes], accounts: Mapping[int, Account]) -> Known:
        """Digest and receipt of those that were accepted before."""
        known: Known = {}
        self._look_up("receipts", keys, accounts, known)
        kept = [key for key in keys if key not in known and is_derived(_event_id(key))]
        self._look_up("kept_receipts", kept, accounts, known)
        return known

    def add(self, rows: Sequence[tuple[bytes, bytes, int, int, int]]) -> None:
        """Key, digest, account row, number, instant of each."""
        self._db.executemany(
            "INSERT INTO receipts (event_key, digest, account, sequence, accepted_at) "
            "VALUES (?, ?, ?, ?, ?)",
            rows,
        )
        self._purge()

    def _look_up(
        self, table: str, keys: Sequence[bytes], accounts: Mapping[int, Account], known: Known
    ) -> None:
        for start in range(0, len(keys), _LOOK_UP_CHUNK):
            chunk = keys[start : start + _LOOK_UP_CHUNK]
            found = self._db.execute(
                f"SELECT event_key, digest, account, sequence FROM {table} "
                f"WHERE event_key IN ({','.join('?' * len(chunk))})",
                chunk,
            )
            for key, digest, row, sequence in found:
                account = accounts[row]
                receipt = Receipt(_event_id(key), *account.lane, account.epoch, sequence)
                known[key] = digest, receipt

    def _purge(self) -> None:
        """Drop receipts past their time, some at a time, never one whose record still waits."""
        if self._clock.monotonic_s() < self._next_purge_s:
            return
        oldest = self._db.execute("SELECT accepted_at FROM pending ORDER BY id LIMIT 1").fetchone()
        before_ms = min(self._clock.now_ms() - RECEIPTS_KEPT_MS, oldest[0])
        gone = self._db.execute(
            "DELETE FROM receipts WHERE accepted_at < ? "
            "AND id IN (SELECT id FROM receipts ORDER BY id LIMIT ?) "
            "RETURNING event_key, digest, account, sequence",
            (before_ms, _PURGE_ROWS),
        ).fetchall()
        self._db.executemany(
            "INSERT INTO kept_receipts VALUES (?, ?, ?, ?)",
            [row for row in gone if is_derived(_event_id(row[0]))],
        )
        if len(gone) < _PURGE_ROWS:
            self._next_purge_s = self._clock.monotonic_s() + _PURGE_EVERY_S


def _event_id(key: bytes) -> UUID:
    return UUID(bytes=key[:16])
