"""What a new epoch takes over from the accounts before it.

Unconfirmed records move: nobody has sent them. Of an account that was retired so do those with a
number above the highest one booked: a retired account accepts nothing, so none of them ever was.
What it refused for that was sent and waits no longer; the file forgets it, so that the same event,
published again, gets a new number and not its first receipt. When a bureau changes region, what no
producer was ever given moves.

Who moves is an account's tail, from a number on, so what stays has no gap; the order of acceptance
stays, since an older account's records were all accepted before those of a younger one. Whoever
calls holds the outbox's lock and a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from producers.account import Account, Restamp

__all__ = ["Retired", "first_to_move", "forget_refused", "move"]

_ROWS = 1000


class Retired(NamedTuple):
    """What its receipt says of a retired account (its row in the file).

    `refused` are ranges of numbers, both ends included; none overlaps another.
    """

    account: int
    high: int
    refused: tuple[tuple[int, int], ...]


def first_to_move(
    database: sqlite3.Connection, account: Account, first: int, retired: Retired
) -> int:
    """The first number that moves, `first` or a lower one: all from there on wait."""
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
    database: sqlite3.Connection,
    tails: Iterable[tuple[Account, int]],
    into: Account,
    restamp: Restamp,
) -> None:
    """Number records and receipts from there on anew, from 1, in `into` and for its topic.

    `tails` are accounts, the oldest first, with the first number of each that moves.
    """
    moved = 0
    for account, first in tails:
        shift = first - 1 - moved
        while rows := database.execute(
            "SELECT id, sequence, value FROM pending WHERE account = ? AND sequence >= ? "
            "ORDER BY sequence LIMIT ?",
            (account.row, first, _ROWS),
        ).fetchall():
            database.executemany(
                "UPDATE pending SET account = ?, sequence = ?, topic = ?, value = ? WHERE id = ?",
                [
                    (
                        into.row,
                        sequence - shift,
                        into.topic,
                        restamp(value, into.epoch, sequence - shift),
                        pending_id,
                    )
                    for pending_id, sequence, value in rows
                ],
            )
        database.execute(
            "UPDATE receipts SET account = ?, sequence = sequence - ? "
            "WHERE account = ? AND sequence >= ?",
            (into.row, shift, account.row, first),
        )
        moved += account.next_sequence - first


def forget_refused(database: sqlite3.Connection, retired: Retired) -> None:
    """Forget the receipts of what a retired account refused; one pass, however many ranges."""
    database.execute("CREATE TEMP TABLE refused (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)")
    try:
        database.executemany("INSERT INTO temp.refused VALUES (?, ?)", retired.refused)
        for table in ("receipts", "kept_receipts"):
            database.execute(
                f"DELETE FROM {table} WHERE account = ? AND sequence <= (SELECT last "
                "FROM temp.refused WHERE first <= sequence ORDER BY first DESC LIMIT 1)",
                (retired.account,),
            )
    finally:
        database.execute("DROP TABLE temp.refused")
