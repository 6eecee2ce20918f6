"""Facts read as Arrow over HTTP, as the auditor, against the engine in-process; the same rows.

Both end with a table in memory. Each side has the store to itself, one after the other.
"""

from __future__ import annotations

import statistics
import time

from schemas.rights import ROLES
from tests.bench.engine_statements import run_in_engine
from tests.bench.facts import open_facts
from tests.bench.measure import Outcome
from tests.bench.peak_memory import PeakMemory

__all__ = ["arrow"]

_FACTS = 1_000_000
_RUNS = 5
_MIB = 1 << 20
_SQL = """SELECT event_id, occurred_at, recorded_at, region, bureau, kind, category, offence,
    urgency, restricted, amount_usd, events, sign
FROM raw.facts LIMIT {rows}"""


def arrow(facts: int = _FACTS) -> Outcome:
    """Rows a second of one reader; the service's memory meanwhile."""
    sql = _SQL.format(rows=facts)
    with open_facts(facts, passwords={role: f"bench-{role}" for role in ROLES}) as (service, _):
        service.stop()
        service.start()
        client = service.connection_as("auditor").client()
        memory = PeakMemory(service.process.pid)
        took = []
        for _run in range(_RUNS + 1):
            began = time.perf_counter()
            table = client.query_arrow(sql)
            took.append(time.perf_counter() - began)
            assert table.num_rows == facts
        told = memory.told()
        client.close()
        service.stop()
        ran = run_in_engine(service.data_dir, [sql] * (_RUNS + 1), answer_as="ArrowStream")
    # the first of each warms up
    rate = facts / statistics.median(took[1:])
    plain = facts / statistics.median(one.seconds for one in ran[1:])
    return Outcome(
        "arrow", "rows/s", round(rate), "the engine in-process", round(plain),
        round(rate / plain, 3), 0.5,
        {"rows": facts, "MiB an answer": round(ran[-1].answer_bytes / _MIB, 1), **told},
    )  # fmt: skip
