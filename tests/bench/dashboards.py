"""What a dashboard asks of a release by quarter, as a statistician: 8 clients at once over HTTP.

Two vintages of all datasets, with the whole code lists. Beside it one reader in the engine.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from deploy.releases.manifests import ManifestFolder
from deploy.releases.releases import Releases
from schemas.clock import SystemClock
from schemas.reference import Reference
from schemas.rights import ROLES
from sinks.statistics.periods import Frequency, Period
from sinks.statistics.planning import Wanted
from tests.bench.engine_statements import run_in_engine
from tests.bench.facts import FIRST_YEAR, open_facts
from tests.bench.measure import Outcome
from tests.bench.peak_memory import PeakMemory
from tests.integration.clickhouse_process import ClickHouseProcess

__all__ = ["dashboards"]

_FACTS = 1_000_000
_CLIENTS = 8
_ROUNDS = 40
_ENGINE_MS, _HTTP_MS = 20.0, 60.0
"""What is asked for, of 95 in a hundred."""
_LABEL = "dictGet('ref.code_labels', '{language}', ('{dimension}', {dimension})) AS label"

_QUESTIONS = {
    "newest quarter by region": f"""
        SELECT region, {_LABEL.format(language="en", dimension="region")}, obs_value, obs_status
        FROM pub.events_by_kind
        WHERE kind = 'total' AND time_period = (
            SELECT max(time_period) FROM pub.events_by_kind WHERE time_period LIKE '%-Q%')
        ORDER BY region""",
    "a region's trend": f"""
        SELECT time_period, category, {_LABEL.format(language="fr", dimension="category")},
            obs_value, obs_status
        FROM pub.events_by_category WHERE region = 'europe' ORDER BY time_period, category""",
    "top categories of a year": f"""
        SELECT category, {_LABEL.format(language="ar", dimension="category")}, obs_value
        FROM pub.events_by_category_and_kind
        WHERE time_period = '{FIRST_YEAR}' AND region = 'total' AND kind = 'total'
            AND category != 'total'
        ORDER BY obs_value DESC NULLS LAST, category LIMIT 10""",
    "hidden share by region": """
        SELECT region, countIf(conf_status = 'C') AS hidden, count() AS figures,
            round(100 * hidden / figures, 1) AS percent
        FROM pub.events_by_category_and_kind GROUP BY region ORDER BY region""",
    "revisions between vintages": """
        SELECT time_period, region, kind, anyIf(obs_value, release = 1) AS before,
            anyIf(obs_value, release = 2) AS after
        FROM pub.events_by_kind_vintages WHERE release IN (1, 2)
        GROUP BY time_period, region, kind HAVING NOT (before <=> after)
        ORDER BY time_period, region, kind""",
    "catalogue": """
        SELECT dataset, title_en, unit, cells, hidden_percent FROM pub.datasets
        WHERE release = (SELECT max(release) FROM pub.releases) ORDER BY dataset""",
}


def dashboards(facts: int = _FACTS) -> Outcome:
    """Questions a second of all clients; latencies of both sides."""
    with open_facts(facts, passwords={role: f"bench-{role}" for role in ROLES}) as (service, _):
        began = time.monotonic()
        _make_releases(service)
        making_s = time.monotonic() - began
        service.stop()
        service.start()
        memory = PeakMemory(service.process.pid)
        rate, over_http, rows = _over_http(service)
        told = memory.told()
        service.stop()
        asked = [name for _ in range(_ROUNDS + 1) for name in _QUESTIONS]
        ran = run_in_engine(service.data_dir, [_QUESTIONS[name] for name in asked])
    # the first round warms up
    warm = len(_QUESTIONS)
    in_engine = list(zip(asked[warm:], (one.seconds for one in ran[warm:]), strict=True))
    plain = len(in_engine) / sum(seconds for _, seconds in in_engine)
    http_p95, engine_p95 = _percentile(over_http, 95), _percentile(in_engine, 95)
    return Outcome(
        "dashboards", "questions/s", round(rate, 1), "one reader in the engine", round(plain, 1),
        round(rate / plain, 3), None,
        {
            "facts": facts,
            "making both releases, s": round(making_s, 1),
            "clients": _CLIENTS,
            "over HTTP, p50 ms": _percentile(over_http, 50),
            "over HTTP, p95 ms": http_p95,
            "over HTTP, ratio": round(_HTTP_MS / http_p95, 2),
            "in the engine, p50 ms": _percentile(in_engine, 50),
            "in the engine, p95 ms": engine_p95,
            "in the engine, ratio": round(_ENGINE_MS / engine_p95, 2),
            "by question": {
                name: f"{rows[name]} rows, p95 {_percentile(_of(name, over_http), 95)} ms, "
                f"in the engine {_percentile(_of(name, in_engine), 95)} ms"
                for name in _QUESTIONS
            },
            **told,
        },
    )  # fmt: skip


_Took = list[tuple[str, float]]
"""Questions and their seconds."""


def _make_releases(service: ClickHouseProcess) -> None:
    """One at the year's end, the next half a year later: late facts and corrections came."""
    publisher = service.connection_as("publisher").client()
    statistician = service.connection_as("statistician").client()
    releases = Releases(
        publisher, statistician, ManifestFolder(service.data_dir / "releases"),
        Reference.load(), SystemClock(), lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    for month in (1, 7):
        cut_off = datetime(FIRST_YEAR + 1, month, 1, tzinfo=UTC)
        releases.create(Wanted(cut_off, Frequency.QUARTER, Period.parse(f"{FIRST_YEAR}-Q1")))
    publisher.close()
    statistician.close()


def _over_http(service: ClickHouseProcess) -> tuple[float, _Took, dict[str, int]]:
    """Questions a second, each one's time, and how many rows each has."""
    barrier = threading.Barrier(_CLIENTS + 1)
    with ThreadPoolExecutor(_CLIENTS) as pool:
        running = [pool.submit(_ask, service, n, barrier.wait) for n in range(_CLIENTS)]
        barrier.wait()
        began = time.perf_counter()
        answers = [one.result() for one in running]
        seconds = time.perf_counter() - began
    took = [one for answer, _ in answers for one in answer]
    return len(took) / seconds, took, answers[0][1]


def _ask(
    service: ClickHouseProcess, number: int, wait: Callable[[], int]
) -> tuple[_Took, dict[str, int]]:
    """One client; each begins with another question."""
    first = number % len(_QUESTIONS)
    questions = [*_QUESTIONS.items()][first:] + [*_QUESTIONS.items()][:first]
    client = service.connection_as("statistician").client()
    rows = {name: client.query(sql).row_count for name, sql in questions}
    assert all(rows.values()), rows
    took: _Took = []
    wait()
    for _ in range(_ROUNDS):
        for name, sql in questions:
            began = time.perf_counter()
            client.query(sql)
            took.append((name, time.perf_counter() - began))
    client.close()
    return took, rows


def _of(name: str, took: _Took) -> _Took:
    return [one for one in took if one[0] == name]


def _percentile(took: Iterable[tuple[str, float]], percent: int) -> float:
    """In milliseconds."""
    seconds = [one for _, one in took]
    return round(1000 * statistics.quantiles(seconds, n=100)[percent - 1], 1)
