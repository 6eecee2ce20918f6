"""The accounts of an outbox: its table of them, and the same in memory.

Invariants: a lane has one current account; what is in memory is what was committed last, so whoever
fails within a transaction loads it anew. The outbox holds its lock around every call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from producers.account import Account, LaneKey
from schemas.errors import RetryableError

__all__ = ["AccountTable"]

_ALL = """SELECT id, bureau, system, lane, epoch, next_sequence, unconfirmed_from, current, topic,
offered FROM accounts ORDER BY id"""


class AccountTable:
    """Every account of one file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self.by_row: dict[int, Account] = {}
        self.current: dict[LaneKey, Account] = {}

    def load(self) -> None:
        """Take what the file has."""
        accounts = [
            Account(
                row, LaneKey(bureau, system, lane), epoch, following, unconfirmed, bool(now), *to
            )
            for row, bureau, system, lane, epoch, following, unconfirmed, now, *to in (
                self._db.execute(_ALL)
            )
        ]
        self.by_row = {account.row: account for account in accounts}
        self.current = {account.lane: account for account in accounts if account.current}

    @property
    def last_row(self) -> int:
        return max(self.by_row, default=0)

    def of_lane(self, lane: LaneKey) -> list[Account]:
        """Its accounts, the oldest first."""
        return [account for _, account in sorted(self.by_row.items()) if account.lane == lane]

    def keep(self, accounts: Iterable[Account]) -> None:
        """Take what was committed of these."""
        for account in accounts:
            before = self.current.get(account.lane)
            if account.current and before is not None and before.row != account.row:
                self.by_row[before.row] = replace(self.by_row[before.row], current=False)
            self.by_row[account.row] = account
            if account.current:
                self.current[account.lane] = account

    def store(self, accounts: Sequence[Account]) -> None:
        """Write a batch's accounts.

        Raises:
            RetryableError: `outbox-io`: one is not as it was.
        """
        for account in accounts:
            before = self.by_row.get(account.row)
            if before is None:
                self.insert(account)
                continue
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
                    f"account {'/'.join(account.lane)} in the outbox moved on: "
                    "nothing of this call was taken; publish again",
                    code="outbox-io",
                )

    def insert(self, account: Account) -> None:
        """Write a new account, which may take the place of its lane's current one."""
        if account.current and account.lane in self.current:
            self._db.execute(
                "UPDATE accounts SET current = 0 WHERE id = ?", (self.current[account.lane].row,)
            )
        self._db.execute(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                account.row,
                *account.lane,
                account.epoch,
                account.next_sequence,
                account.unconfirmed_from,
                account.current,
                account.topic,
                account.offered,
            ),
        )
