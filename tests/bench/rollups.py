"""What statisticians ask of whole years: the facts themselves against their rollups, in the engine.

Both answers must be equal. There is no rollup of reporting lags: medians do not add up. Counts by
bureau are no rates, since the reference data has no populations.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from tests.bench.engine_statements import Ran, run_in_engine
from tests.bench.facts import FIRST_YEAR, open_facts
from tests.bench.measure import Outcome

__all__ = ["rollups"]

_FACTS = 1_000_000
_DAYS = 730
_RUNS = 5
_RECORDED = "toStartOfMonth(recorded_at)"
_AS_OF = f"toDate('{FIRST_YEAR + 1}-07-01')"
_IN_YEAR = f"toYear({{when}}) = {FIRST_YEAR}"
_SAME_MONTH = "toMonth({when}) = 6"


@dataclass(frozen=True, slots=True)
class _Question:
    """`sql` has {table}, {when} (the day or month) and {n} (the sum); `tables` have an answer."""

    title: str
    sql: str
    tables: tuple[str, ...]


_RAW = {"table": "raw.facts", "when": "occurred_at", "n": "sum(sign * events)"}
_RAW |= {"recorded": _RECORDED, "where": "NOT test"}
_ROLLUPS = {
    "month": {"table": "agg.events_by_month", "when": "month"},
    "day": {"table": "agg.events_by_day", "when": "day"},
}
_ROLLUP = {"n": "sum(events)", "recorded": "recorded_month", "where": "1"}
_EITHER = ("month", "day")

_QUESTIONS = (
    _Question(
        "months by kind",
        "SELECT toStartOfMonth({when}) AS at, kind, {n} AS total FROM {table} WHERE {where} "
        "GROUP BY at, kind HAVING total != 0 ORDER BY at, kind",
        _EITHER,
    ),
    _Question(
        "bureaus by offence, a year",
        f"SELECT bureau, offence, {{n}} AS total FROM {{table}} WHERE {{where}} AND {_IN_YEAR} "
        "GROUP BY bureau, offence HAVING total != 0 ORDER BY bureau, offence",
        ("month",),
    ),
    _Question(
        "the same month of two years, by region",
        f"SELECT toYear({{when}}) AS at, region, {{n}} AS total FROM {{table}} "
        f"WHERE {{where}} AND {_SAME_MONTH} "
        "GROUP BY at, region HAVING total != 0 ORDER BY at, region",
        _EITHER,
    ),
    _Question(
        "bureaus with French labels, a year",
        "SELECT dictGet('ref.member_labels', 'fr', bureau) AS label, bureau, {n} AS total "
        f"FROM {{table}} WHERE {{where}} AND {_IN_YEAR} "
        "GROUP BY bureau HAVING total != 0 ORDER BY total DESC, bureau",
        ("month",),
    ),
    _Question(
        "reporting lag by bureau",
        "SELECT bureau, uniqExact(event_id) AS total, "
        "quantilesExact(0.5, 0.9)(dateDiff('second', occurred_at, recorded_at)) AS lag "
        "FROM {table} WHERE {where} AND sign = 1 GROUP BY bureau ORDER BY bureau",
        (),
    ),
    _Question(
        "months as known on a day, and now",
        f"SELECT toStartOfMonth({{when}}) AS at, sumIf(signed, known < {_AS_OF}) AS then, "
        "sum(signed) AS now FROM "
        "(SELECT {when}, {recorded} AS known, {each} AS signed FROM {table} WHERE {where}) "
        "GROUP BY at HAVING now != 0 OR then != 0 ORDER BY at",
        _EITHER,
    ),
)


def rollups(facts: int = _FACTS) -> Outcome:
    """The median of the questions' ratios; raises :class:`AssertionError` if answers differ."""
    with open_facts(facts, days=_DAYS) as (service, _client):
        service.stop()
        asked = [
            (question.title, name, _sql(question, name))
            for _ in range(_RUNS + 1)
            for question in _QUESTIONS
            for name in ("raw", *question.tables)
        ]
        ran = run_in_engine(service.data_dir, [sql for _, _, sql in asked])
    found: dict[str, dict[str, list[Ran]]] = {}
    for (title, name, _), one in zip(asked, ran, strict=True):
        found.setdefault(title, {}).setdefault(name, []).append(one)
    for title, by_table in found.items():
        digests = {one.digest for runs in by_table.values() for one in runs}
        assert len(digests) == 1, f"{title}: the rollup's answer is another than the facts'"
    took = {
        title: {name: _ms(runs) for name, runs in each.items()} for title, each in found.items()
    }
    best = {
        title: (each["raw"], min(ms for name, ms in each.items() if name != "raw"))
        for title, each in took.items()
        if len(each) > 1
    }
    raw_s, rollup_s = (sum(pair[side] for pair in best.values()) / 1000 for side in (0, 1))
    return Outcome(
        "rollups", "questions/s", round(len(best) / rollup_s, 1),
        "the facts themselves", round(len(best) / raw_s, 1),
        round(statistics.median(raw / rollup for raw, rollup in best.values()), 2), None,
        {
            "facts": facts,
            "ratio by question": {t: round(raw / rollup, 2) for t, (raw, rollup) in best.items()},
            "ms by question": took,
            "answers equal": len(best),
        },
    )  # fmt: skip


def _sql(question: _Question, name: str) -> str:
    if name == "raw":
        return question.sql.format(**_RAW, each="sign * events")
    return question.sql.format(**_ROLLUPS[name], **_ROLLUP, each="events")


def _ms(runs: list[Ran]) -> float:
    """Without the first, which warms up."""
    return round(1000 * statistics.median(one.seconds for one in runs[1:]), 1)
