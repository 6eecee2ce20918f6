"""Whether what ClickHouse keeps beside raw.facts still says what raw.facts says.

Each table is compared with the facts grouped by the table's own dimensions, sum by sum. What a
dimension or a sum is stands here once more, on purpose: a view that was altered by hand agrees with
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from deploy.verify.difference import Difference

__all__ = ["rollup_differences", "struck_differences"]

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class _Kept:
    """A table that a view fills from raw.facts. Expressions are those over the facts."""

    table: str
    dimensions: Mapping[str, str]
    sums: Mapping[str, str]
    """Of each sum its expression over the facts; in the table it has the key's name. `_ROWS` is
    how many rows there are."""
    rows: str = "raw.facts AS facts"


_MONTHS = {
    "month": "toStartOfMonth(facts.occurred_at)",
    "recorded_month": "toStartOfMonth(facts.recorded_at)",
}
_ROWS = "rows"
_ONE = "toInt64(1)"
_EVENTS = "toInt64(facts.sign) * facts.events"
_SIGN = "toDecimal128(facts.sign, 0)"
_USD = f"{_SIGN} * toDecimal128(ifNull(facts.amount_usd, 0), 2)"


def _columns(names: str) -> dict[str, str]:
    return {name: f"facts.{name}" for name in names.split()}


def _links() -> str:
    """Each link of a fact in both directions, with whether it has such a one."""
    own = "toString(facts.bureau), assumeNotNull(facts.event_id)"
    links = []
    for bureau, event_id in (("root_bureau", "root"), ("supersedes_bureau", "supersedes_event_id")):
        other = f"toString(ifNull(facts.{bureau}, facts.bureau)), assumeNotNull(facts.{event_id})"
        named = f"facts.{event_id} IS NOT NULL"
        links += [f"({own}, {other}, {named})", f"({other}, {own}, {named})"]
    differ = "link.5 AND (link.1, link.2) != (link.3, link.4)"
    return f"arrayDistinct(arrayFilter(link -> {differ}, [{', '.join(links)}]))"


_KEPT = (
    _Kept(
        "agg.events_month",
        _MONTHS
        | _columns("region bureau kind subtype category offence operation urgency restricted test"),
        {"events": _EVENTS, "usd": _USD},
    ),
    _Kept(
        "agg.events_day",
        {"day": "toDate(facts.occurred_at)", "recorded_month": _MONTHS["recorded_month"]}
        | _columns("region category kind test"),
        {"events": _EVENTS, "usd": _USD},
    ),
    _Kept(
        "agg.measures_month",
        _MONTHS
        | _columns("region bureau kind category operation test")
        | {"measure": "measured.1", "unit": "measured.3", "basis": "measured.4"},
        {
            "value": f"{_SIGN} * toDecimal128(measured.2, 3)",
            "value_usd": f"{_SIGN} * toDecimal128(ifNull(measured.5, 0), 2)",
            "reports": "toInt64(facts.sign)",
        },
        "raw.facts AS facts ARRAY JOIN arrayZip(facts.measures, facts.measure_values, "
        "facts.measure_units, facts.measure_bases, facts.measure_usd) AS measured",
    ),
    _Kept(
        "agg.searches_month",
        _MONTHS | _columns("region bureau result test") | {"database": "facts.subtype"},
        {"events": _EVENTS},
        "raw.facts AS facts WHERE facts.kind = 'search'",
    ),
    _Kept(
        "raw.recalls",
        {
            "bureau": "assumeNotNull(ifNull(facts.supersedes_bureau, facts.bureau))",
            "target": "assumeNotNull(facts.supersedes_event_id)",
            "recall_event_id": "facts.event_id",
            "kind": "facts.kind",
        },
        {_ROWS: _ONE},
        "raw.facts AS facts WHERE facts.supersedes_event_id IS NOT NULL AND facts.sign = 1",
    ),
    _Kept(
        "raw.links",
        {"bureau": "held.1", "event_id": "held.2", "other_bureau": "held.3", "other": "held.4"}
        | _columns("recorded_at"),
        {_ROWS: _ONE},
        f"raw.facts AS facts ARRAY JOIN {_links()} AS held "
        "WHERE facts.sign = 1 AND facts.kind != 'recall' AND facts.event_id IS NOT NULL",
    ),
)


def rollup_differences(client: Client) -> Iterator[Difference]:
    """Every cell of a rollup that the facts count differently, the first hundred of each."""
    for kept in _KEPT:
        for row in client.query(_sql(kept)).result_rows:
            where, sums = row[: len(kept.dimensions)], row[len(kept.dimensions) :]
            for name, expected, found in zip(kept.sums, sums[::2], sums[1::2], strict=True):
                if expected != found:
                    cell = " ".join(str(part) for part in where)
                    yield Difference(kept.table, f"{name} of {cell}", str(expected), str(found))


def _sql(kept: _Kept) -> str:
    expected = [f"{e} AS d{n}" for n, e in enumerate(kept.dimensions.values())]
    expected += [f"sum({e}) AS s{n}" for n, e in enumerate(kept.sums.values())]
    found = [f"kept.{name} AS d{n}" for n, name in enumerate(kept.dimensions)]
    found += [
        f"sum({_ONE if name == _ROWS else f'kept.{name}'}) AS s{n}"
        for n, name in enumerate(kept.sums)
    ]
    dimensions = ", ".join(f"d{n}" for n in range(len(kept.dimensions)))
    both = ", ".join(
        f"sumIf(s{n}, of_facts) AS e{n}, sumIf(s{n}, NOT of_facts) AS f{n}"
        for n in range(len(kept.sums))
    )
    differ = " OR ".join(f"e{n} != f{n}" for n in range(len(kept.sums)))
    return (
        f"SELECT {dimensions}, {both} FROM (\n"
        f"SELECT {', '.join(expected)}, true AS of_facts FROM {kept.rows} GROUP BY {dimensions}\n"
        "UNION ALL\n"
        f"SELECT {', '.join(found)}, false AS of_facts FROM {kept.table} AS kept "
        f"GROUP BY {dimensions}\n"
        f") GROUP BY {dimensions} HAVING {differ} ORDER BY {dimensions} LIMIT {_SHOWN}"
    )


def struck_differences(client: Client) -> Iterator[Difference]:
    """Copies booked as struck without a compensation, and compensations that are not booked."""
    rows = client.query(
        "SELECT bureau, toString(id), sum(booked) AS b, sum(compensations) AS c FROM (\n"
        "SELECT DISTINCT bureau, event_id AS id, source_topic, source_partition, source_offset, "
        "1 AS booked, 0 AS compensations FROM raw.struck\n"
        "UNION ALL\n"
        "SELECT bureau, assumeNotNull(event_id) AS id, source_topic, source_partition, "
        "source_offset, 0 AS booked, 1 AS compensations "
        "FROM raw.facts WHERE sign = -1\n"
        f") GROUP BY bureau, id HAVING b != c ORDER BY bureau, id LIMIT {_SHOWN}"
    ).result_rows
    for bureau, event_id, booked, compensations in rows:
        yield Difference(
            "struck and compensated", f"{bureau} {event_id}", int(booked), int(compensations)
        )
