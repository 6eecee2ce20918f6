"""Facts made inside ClickHouse, by statements alone: as many as wanted, the same for a seed.

Shares as the simulator has them: a region's bureaus by Zipf's law, kinds by the year's traffic,
each bureau with its own mix of categories. Some are late, corrected or recalled, as the loader
would have left them: a row with sign -1 under the event's own coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate

from clickhouse_connect.driver.client import Client

from producers.simulator.shares import CATEGORIES, DATABASES, REGIONS
from schemas.reference import Reference
from schemas.rules import DIRECT_KINDS
from sinks.clickhouse.checks import fact_columns

__all__ = ["insert_facts", "insert_searches"]

_DAY_S = 86_400


def insert_facts(
    client: Client,
    count: int,
    *,
    start: datetime,
    days: int,
    seed: int = 1,
    bureaus: int = 196,
    kinds: Mapping[str, float] | None = None,
    categories: Mapping[str, float] = CATEGORIES,
    corrected: int = 13,
    recalled: int = 3,
) -> None:
    """So many messages that occurred within these days; `corrected`, `recalled`: of a thousand."""
    reference = Reference.load()
    at_ms = int(start.replace(tzinfo=UTC).timestamp() * 1000)
    names, regions, weights = _bureaus(reference, at_ms, bureaus)
    kinds = kinds or _kinds(reference)
    parameters = {
        "n": count, "seed": seed, "start": int(start.replace(tzinfo=UTC).timestamp()), "days": days,
        "bureaus": names, "regions": regions, "bureau_odds": _cumulative(weights),
        "kinds": list(kinds), "kind_odds": _cumulative(list(kinds.values())),
        "categories": list(categories), "category_odds": _cumulative(list(categories.values())),
        "iccs": [(reference.categories[slug].iccs or ("",))[0] for slug in categories],
        "direct": sorted(DIRECT_KINDS), "corrected": corrected, "recalled": recalled,
    }  # fmt: skip
    _insert(client, _EVENTS, parameters)
    _insert(client, _TAKEN_BACK, parameters)
    _insert(client, _CORRECTIONS, parameters)
    client.command(_STRUCK, parameters={"recalled": recalled})


def insert_searches(client: Client, count: int, *, start: datetime, days: int) -> None:
    """About so many searches, folded by day, bureau, database and result."""
    reference = Reference.load()
    at_ms = int(start.replace(tzinfo=UTC).timestamp() * 1000)
    names, regions, weights = _bureaus(reference, at_ms, 196)
    rows = [
        (name, hits if result == "hit" else searches - hits)
        for name, (searches, hits) in DATABASES.items()
        for result in ("hit", "no-hit")
    ]
    total = sum(number for _, number in rows) * sum(weights) * days
    parameters = {
        "start": int(start.replace(tzinfo=UTC).timestamp()), "days": days,
        "bureaus": names, "regions": regions, "weights": weights,
        "databases": [name for name, _ in rows], "results": ["hit", "no-hit"] * len(DATABASES),
        "expected": [count * number / total for _, number in rows],
    }  # fmt: skip
    _insert(client, _SEARCHES, parameters)


def _bureaus(
    reference: Reference, at_ms: int, most: int
) -> tuple[list[str], list[str], list[float]]:
    names: list[str] = []
    regions: list[str] = []
    weights: list[float] = []
    for region, share in REGIONS.items():
        members = sorted(reference.members_of(region, at_ms))
        members = members[: max(1, most * len(members) // 196)]
        whole = sum(1 / place for place in range(1, len(members) + 1))
        for place, name in enumerate(members, 1):
            names.append(name)
            regions.append(region)
            weights.append(share / place / whole)
    return names, regions, weights


def _kinds(reference: Reference) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in reference.traffic:
        if row.kind in reference.kinds and not row.supersedes:
            found[row.kind] = found.get(row.kind, 0) + row.messages_per_year
    return {kind: found[kind] for kind in sorted(found.keys() - {"search", "recall"})}


def _cumulative(weights: Sequence[float]) -> list[float]:
    whole = sum(weights)
    return [share / whole for share in accumulate(weights)]


def _insert(client: Client, values: str, parameters: dict[str, object]) -> None:
    chosen = {name: value for name, value in parameters.items() if f"{{{name}:" in values}
    names = [name for name, _ in fact_columns(client)]
    client.command(
        f"INSERT INTO raw.facts ({', '.join(names)}) SELECT {', '.join(names)} FROM ({values})",
        parameters=chosen,
        settings={"max_threads": 1},
    )


def _unit(purpose: str, *what: str) -> str:
    """A number from 0 to 1 by the seed, the event and the purpose."""
    of = ", ".join(what or ("number",))
    return f"(cityHash64({of}, {{seed:UInt64}}, '{purpose}') / 18446744073709551616.0)"


def _pick(values: str, odds: str, unit: str, kind: str = "String") -> str:
    index = f"arrayFirstIndex(o -> o > {unit}, {{{odds}:Array(Float64)}})"
    return f"{{{values}:Array({kind})}}[greatest(1, {index})]"


_OWN_CATEGORY = _pick(
    "categories",
    "category_odds",
    f"if({_unit('own')} < 0.5, {_unit('mix', 'bureau', 'number % 4')}, {_unit('category')})",
)
_DIRECT = "has({direct:Array(String)}, kind)"
_HANDLING = (
    f"multiIf({_DIRECT}, 'directed', {_unit('handling')} < 0.215, 'restricted', "
    f"kind = 'diffusion' AND {_unit('handling')} < 0.7, 'directed', "
    f"{_unit('handling')} < 0.26, 'withheld', 'none')"
)
_MEASURED = {
    "arrest": ("persons-arrested", "person", f"1 + toUInt32(4 * pow({_unit('persons')}, 3))"),
    "victim_identified": ("victims-identified", "person", "1"),
    "freeze": ("amount-frozen", "USD", f"1000 + toUInt32(90000 * pow({_unit('money')}, 4))"),
    "seizure": ("amount-seized", "USD", f"500 + toUInt32(50000 * pow({_unit('money')}, 4))"),
}


def _measured(column: int, otherwise: str) -> str:
    cases = ", ".join(
        f"kind = '{kind}', [{said[column] if column == 2 else repr(said[column])}]"
        for kind, said in _MEASURED.items()
    )
    return f"multiIf({cases}, {otherwise})"


_MONEY = "kind IN ('freeze', 'seizure')"
_EVENTS = f"""
SELECT toUUID(concat(leftPad(hex({{seed:UInt64}}), 8, '0'), '-0000-7000-8000-', leftPad(hex(number), 12, '0')))
    AS event_id, NULL AS root, NULL AS root_bureau, NULL AS supersedes_event_id,
    NULL AS supersedes_bureau, NULL AS supersedes_kind,
    fromUnixTimestamp64Milli(toInt64(1000 * ({{start:Int64}} + {_DAY_S} * {{days:Int64}} * {_unit("when")})), 'UTC')
    AS occurred_at, occurred_at AS published_at,
    occurred_at + toIntervalSecond(toUInt32(if({_unit("late")} < 0.005, 9000000, 20000) * {_unit("lag")}))
    AS recorded_at,
    {_pick("kinds", "kind_odds", _unit("kind"))} AS kind, '' AS subtype, '' AS result,
    {_OWN_CATEGORY} AS category, [category] AS categories,
    if({_unit("source")} < 0.9, 'declared', 'keywords') AS category_source,
    if({_unit("offence")} < 0.4, {{iccs:Array(String)}}[indexOf({{categories:Array(String)}}, category)], '')
    AS offence,
    {_pick("bureaus", "bureau_odds", _unit("bureau"))} AS bureau, '' AS sub_bureau, 'main' AS system,
    'message' AS lane, {{regions:Array(String)}}[indexOf({{bureaus:Array(String)}}, bureau)] AS region,
    'engine' AS reference_version, 'routine' AS urgency, '' AS grading_scheme, '' AS grading_source,
    '' AS grading_information, 'en' AS language, '' AS operation, [bureau] AS countries,
    {_HANDLING} AS restricted, false AS test,
    {_measured(0, "[]")} AS measures,
    arrayMap(v -> toDecimal64(v, 3), {_measured(2, "[]")}) AS measure_values,
    {_measured(1, "[]")} AS measure_units, arrayMap(m -> 'period', measures) AS measure_bases,
    arrayMap(v -> if({_MONEY}, toDecimal64(v, 2), NULL), measure_values) AS measure_usd,
    if({_MONEY}, measure_values[1], NULL) AS amount, if({_MONEY}, 'USD', '') AS currency,
    if({_MONEY}, measure_usd[1], NULL) AS amount_usd,
    if({_MONEY}, toDate(recorded_at), NULL) AS rate_date, 'intel.engine' AS source_topic,
    toInt32({{seed:UInt64}}) AS source_partition, toInt64(number) AS source_offset,
    'engine' AS router_version, toInt64(1) AS events, toInt8(1) AS sign, toInt32(-1) AS block_partition,
    toInt64(-1) AS block_offset
FROM numbers({{n:UInt64}})"""  # noqa: E501 - SQL
_DICE = "cityHash64(event_id, 'fate') % 1000"
_OURS = f"""(
SELECT *, event_id AS own_id, {_DICE} AS dice,
    recorded_at + toIntervalSecond(cityHash64(event_id, 'later') % 15000000) AS later
FROM raw.facts WHERE router_version = 'engine' AND sign = 1 AND root IS NULL AND kind != 'search'
    AND source_partition = toInt32({{seed:UInt64}}))"""
_OWN = "* EXCEPT (own_id, dice, later)"
_TAKEN_BACK = f"""
SELECT {_OWN} REPLACE(toInt8(-1) AS sign, later AS recorded_at) FROM {_OURS}
WHERE dice < {{corrected:UInt64}} + {{recalled:UInt64}}"""
_CORRECTIONS = f"""
SELECT {_OWN} REPLACE(toUUID(concat('c', substring(toString(own_id), 2))) AS event_id,
    own_id AS root, bureau AS root_bureau, later AS recorded_at, later AS published_at,
    if(dice % 2 = 0,
        {{categories:Array(String)}}[1 + dice % length({{categories:Array(String)}})], category)
    AS category)
FROM {_OURS}
WHERE dice >= {{recalled:UInt64}} AND dice < {{corrected:UInt64}} + {{recalled:UInt64}}"""
_STRUCK = f"""INSERT INTO raw.struck
SELECT bureau, event_id, source_topic, source_partition, source_offset, NULL, 'recall',
    'withdrawal', recorded_at, recorded_at, recorded_at
FROM raw.facts WHERE sign = -1 AND router_version = 'engine' AND {_DICE} < {{recalled:UInt64}}"""
_SEARCHES = f"""
SELECT NULL AS event_id, NULL AS root, NULL AS root_bureau, NULL AS supersedes_event_id,
    NULL AS supersedes_bureau, NULL AS supersedes_kind,
    fromUnixTimestamp64Milli(toInt64(1000 * ({{start:Int64}} + {_DAY_S} * day.number)), 'UTC') AS occurred_at,
    occurred_at AS published_at, occurred_at AS recorded_at, 'search' AS kind,
    {{databases:Array(String)}}[row.number + 1] AS subtype,
    {{results:Array(String)}}[row.number + 1] AS result, 'uncategorised' AS category,
    ['uncategorised'] AS categories, 'none' AS category_source, '' AS offence,
    {{bureaus:Array(String)}}[who.number + 1] AS bureau, '' AS sub_bureau, 'main' AS system, 'search' AS lane,
    {{regions:Array(String)}}[who.number + 1] AS region, 'engine' AS reference_version,
    'routine' AS urgency, '' AS grading_scheme, '' AS grading_source, '' AS grading_information,
    'en' AS language, '' AS operation, [] AS countries, 'none' AS restricted, false AS test,
    [] AS measures, [] AS measure_values, [] AS measure_units, [] AS measure_bases, [] AS measure_usd,
    NULL AS amount, '' AS currency, NULL AS amount_usd, NULL AS rate_date,
    'search.engine' AS source_topic, toInt32(0) AS source_partition, toInt64(0) AS source_offset,
    'engine' AS router_version,
    toInt64({{expected:Array(Float64)}}[row.number + 1] * {{weights:Array(Float64)}}[who.number + 1]
        + cityHash64(day.number, row.number, who.number) % 1000 / 1000) AS events,
    toInt8(1) AS sign, toInt32(-1) AS block_partition, toInt64(-1) AS block_offset
FROM numbers({{days:UInt64}}) AS day, numbers(length({{databases:Array(String)}})) AS row,
    numbers(length({{bureaus:Array(String)}})) AS who
WHERE events > 0"""  # noqa: E501 - SQL
