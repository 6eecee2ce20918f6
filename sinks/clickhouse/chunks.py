"""Compensations in chunks: each chunk is planned, inserted as one block, and booked.

A compensation must go in once, though a loader may be killed anywhere and others may find the same
strike at the same time. An insert's token tells a repeat only of the very same rows; so which
facts share an insert is written down before it, in `raw.strike_chunks`, and never changes. The
chunks are numbered without a break in time: whoever plans number n + 1 has seen chunk n inserted
and booked, and the token of the plan's own insert lets one loader have the number. So every fact
is in one chunk, only the last chunk can be unfinished, and anyone may finish it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from clickhouse_connect.driver.client import Client

from schemas.clock import Clock
from sinks.clickhouse import statements
from sinks.clickhouse.strikes import FactKey, Strike

__all__ = ["StrikeChunks", "parts"]

_T = TypeVar("_T")

_STRIKES_A_CHUNK = 1000
"""So the largest block makes fewer inserts than ClickHouse keeps tokens: its own stays known."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The last chunk that was planned; number 0 where none was."""

    number: int
    rows: tuple[FactKey, ...]
    booked: bool

    @property
    def token(self) -> str:
        """What ClickHouse knows its insert by: the number, and the rows in their order."""
        ids = "\n".join("/".join(map(str, row)) for row in self.rows)
        return f"strikes/{self.number}/{hashlib.sha256(ids.encode()).hexdigest()}"


class StrikeChunks:
    """Writes compensations through one client. `columns` are all of raw.facts."""

    def __init__(self, client: Client, clock: Clock, columns: Sequence[str]) -> None:
        self._client = client
        self._clock = clock
        self._columns = columns

    def write(self, find: Callable[[], Sequence[Strike]]) -> int:
        """Write what `find` says is still to be struck, until it says nothing; tell how many.

        `find` is asked again where another loader was quicker: its strikes are in by then.
        """
        last = self._finished(self._last())
        written = 0
        while found := find():
            for strikes in parts(found, _STRIKES_A_CHUNK):
                last = self._finished(self._plan(last, strikes))
                if last.rows != _rows(strikes):
                    break
                written += len(strikes)
            else:
                break
        return written

    def _plan(self, last: _Chunk, strikes: Sequence[Strike]) -> _Chunk:
        """Make these the chunk after `last`, unless another loader made it already."""
        lines = "\n".join(json.dumps(statements.planned_strike(strike)) for strike in strikes)
        # A number whose rows never come is one at whose insert ClickHouse itself was killed.
        number, chunk = last.number, last
        while chunk.number <= last.number:
            number += 1
            self._client.raw_insert(
                "",  # the statement stands in front of the data
                insert_block=f"{statements.plan_chunk_sql(number, last.number)}\n{lines}".encode(),
                fmt="JSONEachRow",
            )
            chunk = self._last()
        return chunk

    def _finished(self, chunk: _Chunk) -> _Chunk:
        if chunk.number and not chunk.booked:
            self._compensate(chunk)
            self._book(chunk)
        return chunk

    def _compensate(self, chunk: _Chunk) -> None:
        self._client.command(statements.insert_chunk_sql(chunk.number, chunk.token, self._columns))

    def _book(self, chunk: _Chunk) -> None:
        self._client.command(statements.book_chunk_sql(chunk.number, self._clock.now_ms()))

    def _last(self) -> _Chunk:
        rows = self._client.query(statements.last_chunk_sql()).result_rows
        if not rows:
            return _Chunk(0, (), booked=True)
        struck = tuple(sorted(FactKey(*row) for _, *row, _ in rows))
        return _Chunk(int(rows[0][0]), struck, booked=all(bool(booked) for *_, booked in rows))


def parts(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The items in their order, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _rows(strikes: Sequence[Strike]) -> tuple[FactKey, ...]:
    return tuple(sorted(strike.row for strike in strikes))
