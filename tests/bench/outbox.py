"""The outbox against SQLite committing the very rows that it stored, in the same batches.

The baseline's file is an outbox's too: the same tables, indexes, durability and page cache. So what
is compared is what an event costs before and beside its rows: encoding, digest, number, receipt.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from producers import Outbox, Publisher
from producers.publisher import publish_many
from producers.simulator import Handover
from producers.storage import connect, transaction
from schemas.catalogue import Catalogue
from schemas.clock import SystemClock
from schemas.reference import Reference
from schemas.registry import SchemaIds
from tests.bench.measure import Outcome, by_turns
from tests.bench.traffic import simulated

__all__ = ["outbox"]

_EVENTS = {1: 1000, 10: 4000, 100: 20_000, 500: 20_000}
"""How many are published in batches of a size."""
_NAMED = 500
_PENDING = "account, sequence, accepted_at, event_id, topic, value"
_RECEIPTS = "event_key, digest, account, sequence, accepted_at"

Rows = list[tuple[object, ...]]


def outbox() -> Outcome:
    """`publish_many` in batches of 1, 10, 100 and 500; `publish` alone."""
    events = simulated(_EVENTS[_NAMED] // 2, _EVENTS[_NAMED] // 2)
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        runs = _Runs(Path(folder))
        rates = {
            batch: by_turns(
                lambda batch=batch, some=events[:number]: runs.outbox(some, batch),  # type: ignore[misc]
                lambda batch=batch: runs.rows(batch),  # type: ignore[misc]
            )
            for batch, number in _EVENTS.items()
        }
        singles = runs.singles(events[: _EVENTS[1]])
    rate, plain = rates[_NAMED]
    return Outcome(
        "outbox", "events/s", round(rate), "SQLite committing the same rows", round(plain),
        round(rate / plain, 3), 0.5,
        {
            **{f"ratio by {n}": round(rate / plain, 3) for n, (rate, plain) in rates.items()},
            **{f"events/s by {n}": round(rate) for n, (rate, _) in rates.items()},
            "bytes an event": round(statistics.mean(runs.sizes)),
            "publish p50 ms": round(singles[len(singles) // 2], 2),
            "publish p99 ms": round(singles[int(len(singles) * 0.99)], 2),
        },
    )  # fmt: skip


class _Runs:
    """Outbox and plain SQLite by turns: the latter stores what the former before it stored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = count(1)
        self._clock = SystemClock()
        self._catalogue, self._reference = Catalogue.load(), Reference.load()
        self._ids = SchemaIds.numbered(self._catalogue)
        self._pending: Rows = []
        self._receipts: Rows = []
        self.sizes: list[int] = []

    def outbox(self, events: list[Handover], batch: int) -> float:
        """Events a second into a new outbox."""
        path = self._new()
        with Outbox(path, self._clock) as box:
            given = self._given(box, events)
            began = time.monotonic()
            for at in range(0, len(given), batch):
                publish_many(box, given[at : at + batch])
            seconds = time.monotonic() - began
        with sqlite3.connect(path) as database:
            self._pending = database.execute(f"SELECT {_PENDING} FROM pending").fetchall()
            self._receipts = database.execute(f"SELECT {_RECEIPTS} FROM receipts").fetchall()
            self.sizes = [n for (n,) in database.execute("SELECT length(value) FROM pending")]
        database.close()
        return len(given) / seconds

    def rows(self, batch: int) -> float:
        """Events a second whose rows are only committed."""
        path = self._new()
        database = connect(path, synchronous="FULL")
        began = time.monotonic()
        for at in range(0, len(self._pending), batch):
            with transaction(database, path):
                database.executemany(
                    f"INSERT INTO pending ({_PENDING}) VALUES (?, ?, ?, ?, ?, ?)",
                    self._pending[at : at + batch],
                )
                database.executemany(
                    f"INSERT INTO receipts ({_RECEIPTS}) VALUES (?, ?, ?, ?, ?)",
                    self._receipts[at : at + batch],
                )
        seconds = time.monotonic() - began
        database.close()
        return len(self._pending) / seconds

    def singles(self, events: list[Handover]) -> list[float]:
        """How long each `publish` took, in ms, the shortest first."""
        with Outbox(self._new(), self._clock) as box:
            times = []
            for publisher, event in self._given(box, events):
                before = time.perf_counter()
                publisher.publish(event)
                times.append((time.perf_counter() - before) * 1000)
        return sorted(times)

    def _new(self) -> Path:
        return self._folder / f"{next(self._number)}.outbox"

    def _given(self, box: Outbox, events: list[Handover]) -> list:  # type: ignore[type-arg]
        publishers: dict[tuple[str, str], Publisher] = {}
        for item in events:
            if (item.bureau, item.system) not in publishers:
                publishers[item.bureau, item.system] = Publisher(
                    item.bureau, item.system, outbox=box, catalogue=self._catalogue, ids=self._ids,
                    reference=self._reference, clock=self._clock,
                )  # fmt: skip
        return [(publishers[item.bureau, item.system], item.event) for item in events]
