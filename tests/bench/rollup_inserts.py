"""Facts inserted with the rollups' materialized views against the same without, in the engine.

In the order of recording, by as many rows a statement as a block of facts has at most. The other
views of `raw.facts`, which loading needs, stay on both sides.
"""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Iterator, Sequence

from tests.bench.engine_statements import run_in_engine
from tests.bench.facts import open_facts
from tests.bench.measure import Outcome

__all__ = ["rollup_inserts"]

_FACTS = 1_000_000
_BLOCK = 50_000
_RUNS = 3
_WITH, _WITHOUT, _BETWEEN = "with", "without", "between"
_MADE = """CREATE TABLE bench.made ENGINE = MergeTree ORDER BY number AS
SELECT rowNumberInAllBlocks() AS number, *
FROM (SELECT * FROM raw.facts ORDER BY recorded_at, event_id, sign)"""
_VIEWS = "SELECT name FROM system.tables WHERE database = 'agg' AND engine = 'MaterializedView'"


def rollup_inserts(facts: int = _FACTS) -> Outcome:
    """Facts a second into raw.facts and every rollup behind it."""
    with open_facts(facts) as (service, client):
        views = [f"agg.{name}" for (name,) in client.query(_VIEWS).result_rows]
        client.command("CREATE DATABASE bench")
        client.command(_MADE)
        rows = int(client.query("SELECT count() FROM bench.made").result_rows[0][0])
        service.stop()
        statements = list(_statements(rows, views))
        ran = run_in_engine(service.data_dir, [sql for _, sql in statements])
    seconds = {_WITH: [0.0] * (_RUNS + 1), _WITHOUT: [0.0] * (_RUNS + 1)}
    for ((side, run), _), one in zip(statements, ran, strict=True):
        if side != _BETWEEN:
            seconds[side][run] += one.seconds
    # the first run of each warms up
    with_them, without = (rows / statistics.median(seconds[side][1:]) for side in (_WITH, _WITHOUT))
    return Outcome(
        "rollup-inserts", "rows/s", round(with_them), "without the rollups", round(without),
        round(with_them / without, 3), 0.6,
        {"rows": rows, "rows a statement": _BLOCK, "rollups": len(views)},
    )  # fmt: skip


def _statements(rows: int, views: Sequence[str]) -> Iterator[tuple[tuple[str, int], str]]:
    """Side and run, and what to do: both sides by turns, each into empty tables."""
    for run in range(_RUNS + 1):
        for side in (_WITH, _WITHOUT):
            for table in ("raw.facts", *(view.removesuffix("_mv") for view in views)):
                yield (_BETWEEN, run), f"TRUNCATE TABLE {table} SYNC"
            for view in views if side == _WITHOUT else ():
                yield (_BETWEEN, run), f"DETACH TABLE {view} SYNC"
            for begin in range(0, rows, _BLOCK):
                yield (
                    (side, run),
                    "INSERT INTO raw.facts SELECT * EXCEPT number FROM bench.made "
                    f"WHERE number >= {begin} AND number < {begin + _BLOCK} "
                    f"SETTINGS insert_deduplication_token = '{uuid.uuid4().hex}'",
                )
            for view in views if side == _WITHOUT else ():
                yield (_BETWEEN, run), f"ATTACH TABLE {view}"
