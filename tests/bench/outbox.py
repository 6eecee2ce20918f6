"""The outbox against SQLite committing rows of the same size in the same batches."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from producers import Outbox, Publisher
from producers.publisher import publish_many
from schemas.catalogue import Catalogue
from schemas.clock import SystemClock
from schemas.reference import Reference
from schemas.registry import SchemaIds
from tests.bench.measure import Outcome, by_turns
from tests.bench.traffic import simulated

__all__ = ["outbox"]

_EVENTS = 20_000
_BATCH = 500
_SINGLES = 300


def outbox() -> Outcome:
    """`publish_many` in batches of 500, and `publish` one by one."""
    events = simulated(_EVENTS // 2, _EVENTS // 2)
    catalogue, clock = Catalogue.load(), SystemClock()
    ids, reference = SchemaIds.numbered(catalogue), Reference.load()
    number = count(1)
    sizes: list[int] = []
    singles: list[float] = []
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:

        def contender() -> float:
            with Outbox(Path(folder) / f"{next(number)}.outbox", clock) as box:
                publishers: dict[tuple[str, str], Publisher] = {}

                def publisher(bureau: str, system: str) -> Publisher:
                    key = bureau, system
                    if key not in publishers:
                        publishers[key] = Publisher(
                            bureau, system, outbox=box, catalogue=catalogue, ids=ids,
                            reference=reference, clock=clock,
                        )  # fmt: skip
                    return publishers[key]

                batches = [events[n : n + _BATCH] for n in range(_SINGLES, len(events), _BATCH)]
                began = time.monotonic()
                for batch in batches:
                    publish_many(box, [(publisher(i.bureau, i.system), i.event) for i in batch])
                seconds = time.monotonic() - began
                singles.clear()
                for item in events[:_SINGLES]:
                    before = time.perf_counter()
                    publisher(item.bureau, item.system).publish(item.event)
                    singles.append((time.perf_counter() - before) * 1000)
                if not sizes:
                    sizes.extend(
                        len(record.value)
                        for record in box.read(0, max_records=len(events), max_bytes=1 << 30)
                    )
            return (len(events) - _SINGLES) / seconds

        def baseline() -> float:
            rows = [(n, b"\0" * 16, b"\0" * size) for n, size in enumerate(sizes)]
            database = sqlite3.connect(Path(folder) / f"{next(number)}.sqlite")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, event BLOB, value BLOB)")
            database.commit()
            began = time.monotonic()
            for start in range(0, len(rows), _BATCH):
                with database:
                    database.executemany(
                        "INSERT INTO rows VALUES (?, ?, ?)", rows[start : start + _BATCH]
                    )
            seconds = time.monotonic() - began
            database.close()
            return len(rows) / seconds

        rate, plain = by_turns(contender, baseline)
    singles.sort()
    return Outcome(
        "outbox", "events/s", round(rate), "SQLite committing the same rows", round(plain),
        round(rate / plain, 3), 0.5,
        {
            "bytes an event": round(statistics.mean(sizes)),
            "publish p50 ms": round(singles[len(singles) // 2], 2),
            "publish p99 ms": round(singles[int(len(singles) * 0.99)], 2),
        },
    )  # fmt: skip
