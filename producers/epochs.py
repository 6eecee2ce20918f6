"""What a new epoch takes over from the account before it.

Unconfirmed records move: nobody has sent them. Of an account that was retired so do those with a
number above the highest one booked: a retired account accepts nothing, so none of them ever was.
What it refused for that was sent and waits no longer; the file forgets it, so that the same event,
published again, gets a new number and not its first receipt.

Whoever calls holds the outbox's lock and a transaction.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from producers.account import Account, Restamp

__all__ = ["Retired", "first_to_move", "forget_refused", "move"]


class Retired(NamedTuple):
    """What its receipt says of a retired account; `refused` are ranges, both ends included."""

    high: int
    refused: tuple[tuple[int, int], ...]


def first_to_move(database: sqlite3.Connection, account: Account, retired: Retired | None) -> int:
    """The first number that moves; all from there on wait, so the new numbers have no gap."""
    first = account.unconfirmed_from or account.next_sequence
    if retired is not None:
        waiting = database.execute(
            "SELECT sequence FROM pending WHERE account = ? AND sequence > ? AND sequence < ? "
            "ORDER BY sequence DESC",
            (account.row, retired.high, first),
        )
        for (number,) in waiting:
            if number != first - 1:
                break
            first = number
    return first


def move(
    database: sqlite3.Connection, old: Account, first: int, row: int, epoch: int, restamp: Restamp
) -> None:
    """Give records and receipts from a number on to the account `row`, numbered from 1."""
    moved = database.execute(
        "SELECT value, sequence - ?, id FROM pending "
        "WHERE account = ? AND sequence >= ? ORDER BY sequence",
        (first - 1, old.row, first),
    ).fetchall()
    database.executemany(
        "UPDATE pending SET account = ?, sequence = ?, value = ? WHERE id = ?",
        [(row, number, restamp(value, epoch, number), waiting) for value, number, waiting in moved],
    )
    database.execute(
        "UPDATE receipts SET account = ?, sequence = sequence - ? "
        "WHERE account = ? AND sequence >= ?",
        (row, first - 1, old.row, first),
    )


def forget_refused(database: sqlite3.Connection, account: Account, retired: Retired) -> None:
    """Forget the receipts of what a retired account refused."""
    database.executemany(
        "DELETE FROM receipts WHERE account = ? AND sequence BETWEEN ? AND ?",
        [(account.row, first, last) for first, last in retired.refused],
    )
