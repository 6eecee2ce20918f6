"""Random histories, landed as the loader lands them, against a recount in plain Python.

Three regions, three kinds, three categories; events, repeats, corrections, recalls before and after
their event, bureaus that move to another region, late arrivals, whole topics loaded twice and by
two loaders at once. Each history has a year of its own, so that one ClickHouse holds all of them.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from clickhouse_connect.driver.client import Client

from schemas.clock import ManualClock
from schemas.reference import Reference
from sinks.clickhouse import migrate
from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.statements import BlockPosition
from sinks.statistics.counting import Counter as FactCounter
from sinks.statistics.dataset import load_datasets
from sinks.statistics.disclosure import Table
from sinks.statistics.making import counted
from sinks.statistics.manifest import Codes, Manifest, Noise
from sinks.statistics.periods import Frequency, Period, cut_off_text, parse_cut_off
from sinks.statistics.planning import Wanted, default_rules
from sinks.statistics.recomputing import recomputed
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.fact_blocks import Fact, correction_of, make_block, make_fact, recall_of

REGIONS = ("africa", "europe", "mena")
KINDS = ("arrest", "message", "notice")
CATEGORIES = ("corruption", "terrorism", "uncategorised")
YEARS = range(2000, 2003)
"""A history each."""
EVENTS = 150
WITHDRAWALS = {"withdrawals_by_kind": "kind", "withdrawals_by_reason": "subtype"}
DATASETS = ("events_by_kind", "events_by_category", "events_by_category_and_kind")
MEASURED = "persons_arrested_by_region"
Key = tuple[str, ...]


def history(year: int) -> list[list[Fact]]:
    """Blocks of facts in the order in which they are loaded, seeded by the year."""
    draw = random.Random(year)
    facts: list[Fact] = []
    later: list[Fact] = []
    for number in range(EVENTS):
        facts.append(_event(draw, year, number))
    for fact in list(facts):
        dice, after = draw.random(), timedelta(days=draw.choice((1, 40, 200)))
        recorded = fact["recorded_at"] + after
        if dice < 0.15:
            corrected = correction_of(
                fact,
                **{name: fact[name] for name in ("occurred_at", "region", "measures")},
                measure_values=fact["measure_values"], measure_units=fact["measure_units"],
                measure_bases=fact["measure_bases"], measure_usd=fact["measure_usd"],
                category=draw.choice(CATEGORIES), recorded_at=recorded, published_at=recorded,
                source_offset=fact["source_offset"] + 1000,
            )  # fmt: skip
            later.append(corrected)
            if draw.random() < 0.4:
                at = recorded + timedelta(days=30)
                later.append(recall_of(corrected, recorded_at=at, source_offset=9000))
        elif dice < 0.3:
            later.append(recall_of(fact, recorded_at=recorded, source_offset=8000))
        elif dice < 0.4:
            facts.append(dict(fact))  # the same record, loaded in another block
    everything = [*facts, *later]
    draw.shuffle(everything)
    half = len(everything) // 2
    return [everything[:half], everything[half:]]


def _event(draw: random.Random, year: int, number: int) -> Fact:
    occurred = datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=draw.randrange(365 * 24))
    late = timedelta(days=draw.choice((0, 0, 0, 5, 60, 300)))
    bureau = f"{draw.choice('ABC')}{draw.choice('XYZ')}"
    home = REGIONS["ABC".index(bureau[0])]
    moved = bureau == "AX" and occurred.month > 6
    persons = draw.choice((0, 0, 1, 3))
    return make_fact(
        event_id=uuid.UUID(int=draw.getrandbits(128), version=4),
        occurred_at=occurred, published_at=occurred, recorded_at=occurred + late,
        bureau=bureau, region="mena" if moved else home,
        kind=draw.choice(KINDS), category=draw.choice(CATEGORIES),
        restricted=draw.choice(("none", "none", "withheld")), test=draw.random() < 0.05,
        measures=["persons-arrested"] * bool(persons),
        measure_values=[Decimal(f"{persons}.000")] * bool(persons),
        measure_units=["person"] * bool(persons), measure_bases=["period"] * bool(persons),
        measure_usd=[None] * bool(persons), source_offset=number,
    )  # fmt: skip


def counting(facts: list[Fact], cut_off: datetime) -> Iterator[Fact]:
    """Facts that count as of a cut-off, each copy; struck ones are gone when we knew of both."""
    known = [fact for fact in facts if fact["recorded_at"] < cut_off and not fact["test"]]
    strikes = [fact for fact in known if fact["supersedes_event_id"] is not None]
    for fact in known:
        if fact["kind"] == "recall":
            continue
        chain = fact["root"] or fact["event_id"]
        if not any(
            strike["supersedes_event_id"] == fact["event_id"]
            or (strike["kind"] == "recall" and strike["root"] == chain)
            for strike in strikes
        ):
            yield fact


def recounted(dimensions: tuple[str, ...], facts: list[Fact], measure: str = "") -> Counter[Key]:
    """Every cell that is not zero, in plain Python."""
    cells: Counter[Key] = Counter()
    for fact in facts:
        value = 1
        if measure:
            value = sum(
                int(v)
                for m, v in zip(fact["measures"], fact["measure_values"], strict=True)
                if m == measure
            )
        month = fact["occurred_at"].month
        times = (f"{fact['occurred_at'].year}-Q{(month + 2) // 3}", str(fact["occurred_at"].year))
        own = [name for name in dimensions if name != "time_period"]
        for time, *codes in product(times, *((fact[name], "total") for name in own)):
            cells[time, *codes] += value
    return cells


@pytest.fixture(scope="module")
def landed(service: ClickHouseProcess, client: Client) -> dict[int, list[Fact]]:
    """All histories, each block landed by two loaders at once, and everything once more."""
    histories = {year: history(year) for year in YEARS}
    blocks = [
        (
            BlockPosition("histories", part, 0),
            make_block([fact for found in histories.values() for fact in found[part]]),
        )
        for part in range(2)
    ]

    def load(_: int) -> None:
        own = service.connection.client()
        lander = BlockLander(own, ManualClock())
        for position, block in blocks:
            lander.land(position, block)
        own.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, range(2)))
    load(2)
    return {year: [fact for block in found for fact in block] for year, found in histories.items()}


def manifest_of(cut_offs: dict[str, str]) -> Manifest:
    names = (*DATASETS, MEASURED, *WITHDRAWALS)
    codes = replace(Codes.of(Reference.load()), regions=REGIONS, kinds=KINDS, categories=CATEGORIES)
    return Manifest(
        1, max(cut_offs.values()), Frequency.QUARTER, min(cut_offs), False, "", "test", cut_offs,
        codes, default_rules(), Noise(),
        {name: load_datasets()[name].structure_digest for name in names}, (),
    )  # fmt: skip


@pytest.mark.parametrize("months", [0, 2, 12])
def test_every_cell_is_a_recount_of_the_history_within_its_cut_off(
    client: Client, landed: dict[int, list[Fact]], months: int
) -> None:
    cut_offs = all_cut_offs(months)
    found = {table.name: table for table in counted(client, manifest_of(cut_offs))}
    for name in (*DATASETS, MEASURED):
        expected: Counter[Key] = Counter()
        for year, facts in landed.items():
            for quarter in range(1, 5):
                code = f"{year}-Q{quarter}"
                counts = [
                    fact
                    for fact in counting(facts, parse_cut_off(cut_offs[code]))
                    if _quarter(fact["occurred_at"].date()) == code
                ]
                measure = "persons-arrested" if name == MEASURED else ""
                expected += recounted(found[name].dimensions, counts, measure)
        published = {cell.codes[0] for cell in found[name].cells}
        expected = Counter({key: n for key, n in expected.items() if n and key[0] in published})
        assert values(found[name]) == expected, name


def withdrawn(facts: list[Fact], what: str) -> Iterator[tuple[datetime, str]]:
    """When events were recalled that nothing had struck before, each copy, and its kind or why."""
    strikes = sorted(
        (fact for fact in facts if fact["supersedes_event_id"] is not None),
        key=lambda strike: (strike["recorded_at"], str(strike["event_id"])),
    )
    for fact in facts:
        chain = fact["root"] or fact["event_id"]
        first = next(
            (
                strike
                for strike in strikes
                if strike["supersedes_event_id"] == fact["event_id"]
                or (strike["kind"] == "recall" and strike["root"] == chain)
            ),
            None,
        )
        if fact["test"] or fact["kind"] == "recall" or first is None or first["kind"] != "recall":
            continue
        at = max(fact["recorded_at"], first["recorded_at"])
        yield at, (fact if what == "kind" else first)[what]


@pytest.mark.parametrize("months", [0, 12])
def test_withdrawals_are_a_recount_of_the_history_by_the_day_on_which_they_were_known(
    client: Client, landed: dict[int, list[Fact]], months: int
) -> None:
    cut_offs = all_cut_offs(months)
    found = {table.name: table for table in counted(client, manifest_of(cut_offs))}
    for name, what in WITHDRAWALS.items():
        expected: Counter[Key] = Counter()
        for at, code in (one for facts in landed.values() for one in withdrawn(facts, what)):
            quarter = _quarter(at.date())
            if quarter in cut_offs and at < parse_cut_off(cut_offs[quarter]):
                for cell in product((quarter, quarter[:4]), (code, "total")):
                    expected[cell] += 1
        cells = {cell.codes for cell in found[name].cells}
        expected = Counter({cell: n for cell, n in expected.items() if cell in cells})
        assert expected
        assert values(found[name]) == expected, name


def all_cut_offs(months: int) -> dict[str, str]:
    """Of every quarter, so long after its end."""
    found = {}
    for year, quarter in product(YEARS, range(1, 5)):
        end = Period.parse(f"{year}-Q{quarter}").end
        at = datetime(end.year, end.month, 1, tzinfo=UTC) + timedelta(days=30 * months)
        found[f"{year}-Q{quarter}"] = cut_off_text(at)
    return found


def values(table: Table) -> Counter[Key]:
    """What isn't zero."""
    return Counter({cell.codes: cell.value for cell in table.cells if cell.value})


def _quarter(day: date) -> str:
    return Period.holding(day, Frequency.QUARTER).code


def test_loaded_in_another_order_every_cell_is_the_same(
    client: Client, landed: dict[int, list[Fact]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As when ClickHouse is built anew from its blocks, which are in several partitions."""
    manifest = manifest_of(all_cut_offs(2))
    everything = [fact for facts in landed.values() for fact in facts]
    random.Random(7).shuffle(everything)
    with ClickHouseProcess(tmp_path_factory.mktemp("anew")) as anew:
        other = anew.connection.client(tz_mode="aware")
        migrate(other)
        lander = BlockLander(other, ManualClock())
        for part in range(4):
            lander.land(BlockPosition("anew", part, 0), make_block(everything[part::4]))
        assert counted(other, manifest) == counted(client, manifest)
        assert sorted(FactCounter(other, manifest).lags({})) == sorted(
            FactCounter(client, manifest).lags({})
        )
        other.close()


def test_every_rollup_is_a_recount_of_the_log(
    client: Client, landed: dict[int, list[Fact]]
) -> None:
    everything = [fact for facts in landed.values() for fact in facts]
    ever = datetime(2100, 1, 1, tzinfo=UTC)
    counts = list(counting(everything, ever))
    recalls = [f for f in everything if f["kind"] == "recall" and not f["test"]]
    persons = sum(int(sum(fact["measure_values"])) for fact in counts)
    events = len(counts) + len(recalls)
    for view in ("agg.events_by_month", "agg.events_by_day"):
        (row,) = client.query(f"SELECT sum(events) FROM {view}").result_rows
        assert row[0] == events, view
    (row,) = client.query("SELECT toInt64(sum(value)) FROM agg.measures_by_month").result_rows
    assert row[0] == persons


def test_the_reporting_lag_of_a_corrected_event_is_that_of_its_first_report(
    service: ClickHouseProcess, client: Client
) -> None:
    happened = datetime(2010, 2, 1, tzinfo=UTC)
    first = make_fact(occurred_at=happened, recorded_at=happened + timedelta(hours=2))
    others = [
        make_fact(occurred_at=happened, recorded_at=happened + timedelta(hours=hours))
        for hours in (4, 6)
    ]
    corrections: list[Fact] = []
    for days in (30, 60):
        corrected = correction_of(
            corrections[-1] if corrections else first,
            occurred_at=happened, recorded_at=happened + timedelta(days=days), source_offset=days,
        )  # fmt: skip
        corrections.append(corrected)
    lander = BlockLander(service.connection.client(), ManualClock())
    lander.land(BlockPosition("lags", 5, 0), make_block([first, *others, *corrections]))
    for cut_off in ("2010-02-10", "2010-04-10"):
        manifest = manifest_of({"2010-Q1": f"{cut_off}T00:00:00Z"})
        assert sorted(FactCounter(client, manifest).lags({})) == [
            ("2010-Q1", place, 3, 1, 4 * 3600, 6 * 3600) for place in ("", "europe")
        ]


def test_recomputed_as_of_any_moment_an_event_counts_from_its_landing_until_its_recall(
    service: ClickHouseProcess, client: Client
) -> None:
    known, recalled = datetime(2012, 2, 1, tzinfo=UTC), datetime(2012, 5, 1, tzinfo=UTC)
    event = make_fact(occurred_at=datetime(2011, 11, 10, tzinfo=UTC), recorded_at=known)
    recall = recall_of(event, recorded_at=recalled, source_offset=2)
    lander = BlockLander(service.connection.client(), ManualClock())
    lander.land(BlockPosition("moments", 0, 0), make_block([event, recall]))
    reference, first = Reference.load(), Period.parse("2011-Q4")

    def counted_at(moment: datetime) -> set[object]:
        wanted = Wanted(moment, Frequency.QUARTER, first)
        rows = recomputed(client, wanted, reference, "events_by_kind")
        return {row.value for row in rows if row.codes[:2] == ("2011-Q4", "europe") and row.value}

    second = timedelta(seconds=1)
    assert counted_at(known) == set()
    assert counted_at(known + second) == {1}
    assert counted_at(recalled) == {1}
    assert counted_at(recalled + second) == set()
