"""Counting rules as SQL over the signed facts: what counts, where, as of which cut-off.

- Exercises, searches and recalls are no events; what was recalled or corrected is taken out by its
  own compensation, if that was recorded before the cut-off.
- The reference period is that of `occurred_at`, in UTC. A late report counts from the next cut-off
  of its block on.
- The primary category only; a code that the release doesn't know is `uncategorised`.
- The respondent is the bureau. The General Secretariat is none: what it corrects stays the first
  bureau's, what it publishes as a notice is the first concerned member's (a fact does not say who
  asked for it), and what else it publishes is nobody's and in no table.
- A person whom two bureaus report counts twice. Figures for a period only, no cumulative ones.

Nothing here depends on the time of asking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from schemas.rules import DIRECT_KINDS
from schemas.topics import GENERAL_SECRETARIAT
from sinks.clickhouse.known import FACT_KEY, HOLDS, KNOWN_FACTS
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import Frequency, parse_cut_off

__all__ = ["UNCATEGORISED", "Counter", "Offences", "Part"]

UNCATEGORISED = "uncategorised"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = {
    Frequency.MONTH: "formatDateTime({moment}, '%Y-%m', 'UTC')",
    Frequency.QUARTER: "concat(toString(toYear({moment})), '-Q', toString(toQuarter({moment})))",
}
_CUT_OFF = "transform({block}, {{blocks:Array(String)}}, {{cut_offs:Array(Int64)}}, toInt64(0))"
_MEMBERS = (
    "arrayZip({member:Array(String)}, {member_region:Array(String)}, {since:Array(String)}, "
    "{until:Array(String)}) AS members"
)
_PLACE = (
    "arrayFirst(m -> m.1 = {who} AND m.3 <= toString(toDate(published_at)) "
    "AND toString(toDate(published_at)) < m.4, members)"
)
_UNIT = "transform(measured.1, {measures:Array(String)}, {units:Array(String)}, '')"
_AMOUNT = (
    f"multiIf({_UNIT} = 'USD', toInt64(round(ifNull(measured.5, 0), 0)), "
    f"measured.3 = {_UNIT}, toInt64(measured.2), toInt64(0))"
)
"""Of a measure: whole dollars of money, else the count if its unit is the declared one."""
_EACH_MEASURE = (
    "ARRAY JOIN arrayZip(measures, measure_values, measure_units, measure_bases, measure_usd) "
    "AS measured WHERE measured.4 = 'period' AND has({measures:Array(String)}, measured.1) "
    f"AND {_AMOUNT} > 0"
)
_CHAIN = "if(root IS NULL, event_id, root), if(root_bureau IS NULL, bureau, root_bureau)"
"""What stays the same in a chain of corrections."""


class Part(NamedTuple):
    """What one bureau has in one finest cell."""

    block: str
    codes: Mapping[str, str]
    """Dimension and code."""
    bureau: str
    value: int
    unread: int = 0
    """Of the value: what no desk reads, though desks read this kind."""
    read: int = 0
    """Of the value: what desks may read."""
    restricted: int = 0
    """Of `unread`: what is withheld from somebody, restricted to named bureaus, or TLP:RED."""


class Offences(NamedTuple):
    """Events of one bureau that name an offence."""

    block: str
    region: str
    code: str
    bureau: str
    events: int
    keys: int
    """Sum of the keys of their records."""
    read: int
    """Of the events: what desks may read."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Asks one ClickHouse what a manifest counts. Rows come in no order."""

    client: Client
    manifest: Manifest

    def events(self) -> Iterator[Part]:
        """Events by region, kind and category."""
        rows = self._ask(
            "SELECT block, place, kind, primary_category, respondent, "
            f"{_sums('toInt64(sign) * events')} FROM ({self._facts()}) "
            "GROUP BY block, place, kind, primary_category, respondent HAVING value != 0"
        )
        for block, region, kind, category, bureau, *sums in rows:
            yield Part(block, {"region": region, "kind": kind, "category": category}, bureau, *sums)

    def measures(self) -> Iterator[tuple[str, Part]]:
        """Counts of persons and accounts, and whole US dollars, each with its measure's code."""
        rows = self._ask(
            "SELECT block, place, primary_category, measured.1 AS measure, respondent, "
            f"{_sums(f'toInt64(sign) * {_AMOUNT}')} FROM ({self._facts()}) "
            f"{_EACH_MEASURE} "
            "GROUP BY block, place, primary_category, measure, respondent HAVING value != 0"
        )
        for block, region, category, measure, bureau, *sums in rows:
            yield measure, Part(block, {"region": region, "category": category}, bureau, *sums)

    def operations(self) -> Iterator[Part]:
        """What was reported of operations, whenever it happened."""
        rows = self._ask(
            "SELECT operation, measured.1 AS measure, respondent, "
            f"{_sums(f'toInt64(sign) * {_AMOUNT}')} "
            f"FROM ({self._facts('operation', self.manifest.operations)}) {_EACH_MEASURE} "
            "GROUP BY operation, measure, respondent HAVING value != 0",
            self.manifest.operations,
        )
        for operation, measure, bureau, *sums in rows:
            yield Part(operation, {"operation": operation, "measure": measure}, bureau, *sums)

    def searches(self) -> Iterator[Part]:
        """Searches by database and result."""
        block = self._block("occurred_at")
        rows = self._ask(
            f"SELECT {block} AS block, subtype, result, bureau, sum(toInt64(sign) * events) AS n "
            "FROM raw.facts WHERE kind = 'search' AND NOT test "
            f"AND {_is_known(block)} GROUP BY block, subtype, result, bureau HAVING n != 0"
        )
        for period, database, result, bureau, value in rows:
            yield Part(period, {"database": database, "result": result}, bureau, value)

    def withdrawals(self) -> Iterator[Part]:
        """Recalled events by the period of their recall, kind and reason."""
        block = self._block("recorded_at")
        rows = self._ask(
            "SELECT block, kind, held_reason, respondent, count() FROM ("
            f"{self._facts(block)}) AS facts INNER JOIN (SELECT {FACT_KEY}, "
            f"argMin(reason, {HOLDS}) AS held_reason FROM raw.struck GROUP BY {FACT_KEY} "
            f"HAVING argMin(kind, {HOLDS}) = 'recall') AS struck USING ({FACT_KEY}) "
            "WHERE sign = -1 GROUP BY block, kind, held_reason, respondent"
        )
        for period, kind, reason, bureau, value in rows:
            yield Part(period, {"kind": kind, "reason": reason}, bureau, value)

    def offences(self, secret: str) -> Iterator[Offences]:
        """By ICCS code, of at most 4 digits, and bureau.

        A key belongs to a chain of corrections; the secret goes as a parameter, which no log keeps.
        """
        key = (
            "reinterpretAsUInt8(substring(SHA256(concat({secret:String}, '/', "
            f"toString(tuple({_CHAIN})))), 1, 1))"
        )
        rows = self._ask(
            "SELECT block, place, substring(offence, 1, 4) AS code, respondent, "
            f"sum(toInt64(sign) * events), sum(toInt64(sign) * toInt64({key})), "
            "sumIf(toInt64(sign) * events, restricted = 'none' "
            "AND has({desk_kinds:Array(String)}, kind)) "
            f"FROM ({self._facts()}) WHERE offence != '' GROUP BY block, place, code, respondent",
            secret=secret,
        )
        yield from (Offences(*row[:4], *map(int, row[4:])) for row in rows)

    def lags(self, coarser: Mapping[str, str]) -> Iterator[tuple[str, str, int, int, int, int]]:
        """Quarter, region (empty: world), events, bureaus, median and 90th percentile, seconds.

        From what is known now of when an event happened to the first report of it. `coarser` are
        regions that were merged, and into what.
        """
        names = sorted(coarser)
        merged: dict[str, Any] = {"merged": names, "merged_into": [coarser[name] for name in names]}
        region = "transform(place, {merged:Array(String)}, {merged_into:Array(String)}, place)"
        quarter = _BLOCK[Frequency.QUARTER].format(moment="occurred_at")
        of_event = "kind NOT IN ('recall', 'search') AND sign = 1 AND NOT test"
        corrected = (
            f"SELECT ({_CHAIN}) AS chain, min(recorded_at) AS first FROM raw.facts "
            f"WHERE {of_event} AND ({_CHAIN}) IN (SELECT ({_CHAIN}) FROM raw.facts "
            f"WHERE {of_event} AND root IS NOT NULL) GROUP BY chain"
        )
        standing = (
            f"SELECT {quarter} AS quarter, place, respondent, greatest(0, dateDiff('second', "
            "occurred_at, if(first > 0, first, recorded_at))) AS lag "
            f"FROM (SELECT *, ({_CHAIN}) AS chain FROM ({self._facts()}) WHERE sign = 1) AS facts "
            f"LEFT JOIN ({corrected}) AS corrected USING (chain) WHERE (event_id, bureau) NOT IN "
            f"(SELECT event_id, bureau FROM ({self._facts()}) WHERE sign = -1)"
        )
        yield from self._ask(
            "SELECT quarter, region, count(), uniqExact(respondent), "
            "quantileExact(0.5)(lag), quantileExact(0.9)(lag) "
            f"FROM (SELECT *, {region} AS region FROM ({standing})) "
            "GROUP BY GROUPING SETS ((quarter, region), (quarter))",
            **merged,
        )

    def rate_months(self) -> str:
        """First and last month of the exchange rates of all amounts; empty where there are none."""
        first, last = (f"formatDateTime({of}(rate_date), '%Y-%m')" for of in ("min", "max"))
        (row,) = self._ask(
            f"SELECT count(), ifNull({first}, ''), ifNull({last}, '') FROM ({self._facts()}) "
            "WHERE rate_date IS NOT NULL"
        )
        return f"{row[1]}/{row[2]}" if row[0] else ""

    def category_sources(self) -> Iterator[tuple[str, str, int]]:
        """Block, how its category was found (declared, keywords, none), events."""
        yield from self._ask(
            "SELECT block, category_source, sum(toInt64(sign) * events) AS n "
            f"FROM ({self._facts()}) GROUP BY block, category_source HAVING n != 0"
        )

    def chains(self, since: Mapping[str, str]) -> Iterator[tuple[str, str, int, Part]]:
        """What came and went from an earlier release's cut-offs on, by chain of corrections.

        `since` are the blocks with another cut-off then. Yields chain, measure (empty: events) and
        the part; a chain that came and went again in between is left out.
        """
        blocks = sorted(since)
        bounds: dict[str, Any] = {
            "since_blocks": blocks, "since_cut_offs": [_ms(since[block]) for block in blocks],
        }  # fmt: skip
        earlier = (
            "toUnixTimestamp64Milli(recorded_at) >= transform(block, "
            "{since_blocks:Array(String)}, {since_cut_offs:Array(Int64)}, toInt64(-1)) "
            "AND has({since_blocks:Array(String)}, block)"
        )
        rows = self._ask(
            "SELECT toString(cityHash64("
            f"{_CHAIN})) AS chain, '' AS measure, block, place, kind, primary_category, "
            "respondent, "
            f"sum(toInt64(sign) * events) AS value FROM ({self._facts()}) WHERE {earlier} "
            "GROUP BY chain, block, place, kind, primary_category, respondent HAVING value != 0 "
            "UNION ALL "
            f"SELECT toString(cityHash64({_CHAIN})) AS chain, measured.1 AS measure, block, place, "
            "'' AS kind, primary_category, respondent, "
            f"sum(toInt64(sign) * {_AMOUNT}) AS value "
            f"FROM ({self._facts()}) {_EACH_MEASURE} AND {earlier} "
            "GROUP BY chain, measure, block, place, primary_category, respondent HAVING value != 0",
            **bounds,
        )
        for chain, measure, block, region, kind, category, bureau, value in rows:
            codes = {"region": region, "kind": kind, "category": category}
            yield chain, measure, int(value), Part(block, codes, bureau, int(value))

    def _facts(self, block: str = "", blocks: Mapping[str, str] | None = None) -> str:
        """Facts that count as of the cut-offs, with their block, respondent and its region."""
        block = block or self._block("occurred_at")
        own = f"bureau != '{GENERAL_SECRETARIAT}'"
        corrected = f"root_bureau IS NOT NULL AND root_bureau != '{GENERAL_SECRETARIAT}'"
        concerned = f"arrayFirst(c -> {_PLACE.format(who='c')}.2 != '', countries)"
        at_home = _PLACE.format(who="respondent")
        known = "" if blocks is None else "AND operation != '' "
        return (
            f"SELECT *, {block} AS block, "
            f"multiIf({own}, bureau, {corrected}, assumeNotNull(root_bureau), "
            f"kind = 'notice', {concerned}, '') AS respondent, "
            f"if({own}, region, {at_home}.2) AS place, "
            "if(has({categories:Array(String)}, category), category, "
            f"'{UNCATEGORISED}') AS primary_category "
            f"FROM {KNOWN_FACTS} WHERE NOT test {known}AND has({{kinds:Array(String)}}, kind) "
            f"AND {_is_known(block)} AND has({{regions:Array(String)}}, place)"
        )

    def _block(self, moment: str) -> str:
        return _BLOCK[self.manifest.frequency].format(moment=moment)

    def _ask(
        self, sql: str, blocks: Mapping[str, str] | None = None, **parameters: Any
    ) -> list[Any]:
        codes = self.manifest.codes
        if blocks is None:
            blocks = {period.code: at for period, at in self.manifest.blocks.items()}
        names = sorted(blocks)
        given = {
            "blocks": names,
            "cut_offs": [_ms(blocks[name]) for name in names],
            "member": [period[0] for period in codes.periods],
            "member_region": [period[1] for period in codes.periods],
            "since": [period[2] for period in codes.periods],
            "until": [period[3] for period in codes.periods],
            "regions": list(codes.regions),
            "kinds": list(codes.kinds),
            "categories": list(codes.categories),
            "measures": list(codes.measures),
            "units": list(codes.measures.values()),
            "desk_kinds": sorted(set(codes.kinds) - DIRECT_KINDS),
            **parameters,
        }
        used = {name: value for name, value in given.items() if f"{{{name}:" in sql}
        if "members" in sql:
            sql = f"WITH {_MEMBERS} {sql}"
            used |= {n: given[n] for n in ("member", "member_region", "since", "until")}
        answer = self.client.query(sql, parameters=used)
        return list(answer.result_rows)


def _sums(value: str) -> str:
    """The value with the parts of it that desks may read and that they may not."""
    desks = "has({desk_kinds:Array(String)}, kind)"
    return (
        f"sum({value}) AS value, "
        f"sumIf({value}, restricted != 'none' AND {desks}) AS unread, "
        f"sumIf({value}, restricted = 'none' AND {desks}) AS seen, "
        f"sumIf({value}, restricted NOT IN ('none', 'directed') AND {desks}) AS hushed"
    )


def _is_known(block: str) -> str:
    """Recorded before the cut-off of its block; a block that isn't published has none."""
    return f"toUnixTimestamp64Milli(recorded_at) < {_CUT_OFF.format(block=block)}"


def _ms(cut_off: str) -> int:
    return int((parse_cut_off(cut_off) - _EPOCH).total_seconds()) * 1000
