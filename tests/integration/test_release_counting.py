"""Random histories, landed as the loader lands them, against a recount in plain Python.

Whole topics are loaded twice, and by two loaders at once. Each history has a year of its own, so
that one ClickHouse holds all of them.
"""

from __future__ import annotations

import random
from collections import Counter
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
from sinks.statistics.disclosure import Protection, Release, Table
from sinks.statistics.making import counted, dimensions_of
from sinks.statistics.manifest import Codes, Manifest, Noise
from sinks.statistics.offences import counted_offences
from sinks.statistics.periods import Frequency, Period, cut_off_text, parse_cut_off
from sinks.statistics.planning import Wanted, default_rules
from sinks.statistics.recomputing import recomputed
from sinks.statistics.rows import Status, suppressed_rows
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.fact_blocks import Fact, correction_of, make_block, make_fact, recall_of
from tests.integration.histories import (
    CATEGORIES,
    DATABASES,
    KINDS,
    OPERATIONS,
    REGIONS,
    history,
)
from tests.integration.recounting import (
    Key,
    as_of_their_quarters,
    counting,
    measured_in,
    recounted,
    recounted_offences,
    searches_as_of_their_quarters,
    withdrawn,
)

YEARS = range(2000, 2003)
"""A history each."""
WITHDRAWALS = {"withdrawals_by_kind": "kind", "withdrawals_by_reason": "subtype"}
DATASETS = ("events_by_kind", "events_by_category", "events_by_category_and_kind")
MEASURED = {
    "persons_arrested_by_region": "persons-arrested",
    "amount_seized_by_region": "amount-seized",
    "amount_seized_by_category": "amount-seized",
}


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
    names = (*DATASETS, *MEASURED, *WITHDRAWALS, "operations", "searches")
    codes = replace(
        Codes.of(Reference.load()), regions=REGIONS, kinds=KINDS, categories=CATEGORIES,
        databases=DATABASES, offences=("06", "0601", "07", "0701"),
    )  # fmt: skip
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
    counts = [fact for facts in landed.values() for fact in as_of_their_quarters(facts, cut_offs)]
    for name in (*DATASETS, *MEASURED):
        expected = recounted(found[name].dimensions, counts, MEASURED.get(name, ""))
        published = {cell.codes[0] for cell in found[name].cells}
        expected = Counter({key: n for key, n in expected.items() if n and key[0] in published})
        assert values(found[name]) == expected, name
    searches = [
        fact for facts in landed.values() for fact in searches_as_of_their_quarters(facts, cut_offs)
    ]
    assert values(found["searches"]) == recounted(found["searches"].dimensions, searches)
    offences = recounted_offences(counts)
    counted_ones = counted_offences(
        FactCounter(client, manifest_of(cut_offs)), map(Period.parse, map(str, YEARS)), "", {}
    )
    assert {key: one.events for key, one in counted_ones.items() if one.events} == offences


def test_the_results_of_an_operation_are_a_recount_whenever_they_happened(
    client: Client, landed: dict[int, list[Fact]]
) -> None:
    """Each operation as of its own cut-off, not of a quarter's."""
    cut_offs = dict(zip(OPERATIONS, ("2001-03-01T00:00:00Z", "2004-01-01T00:00:00Z"), strict=True))
    tables = counted(client, manifest_of(all_cut_offs(0) | cut_offs))
    (found,) = (table for table in tables if table.name == "operations")
    expected: Counter[Key] = Counter()
    for operation, at in cut_offs.items():
        for fact in counting([f for facts in landed.values() for f in facts], parse_cut_off(at)):
            if fact["operation"] == operation:
                for measure, value in measured_in(fact).items():
                    expected[operation, measure] += value
    assert len(expected) == 4
    assert values(found) == expected


def test_what_is_printed_of_a_rounded_figure_is_the_nearest_multiple(
    client: Client, landed: dict[int, list[Fact]]
) -> None:
    manifest = manifest_of(all_cut_offs(2))
    tables = {table.name: table for table in counted(client, manifest)}
    rounded_ones = tuple(tables[name] for name in ("searches", "amount_seized_by_region"))
    release = Release(dimensions_of(manifest, ()), rounded_ones, default_rules())
    status = Status.of(manifest, tables.values(), ())
    nothing_hidden = Protection({}, frozenset(), (), {}, frozenset(), 0, 0)
    rows = suppressed_rows(release, nothing_hidden, manifest, status)
    for table, step in zip(rounded_ones, (10, 1000), strict=True):
        printed = {row.codes: row.value for row in rows[table.name]}
        true = {cell.codes: cell.value for cell in table.cells}
        assert len(set(printed.values())) > 2
        for codes, value in printed.items():
            assert isinstance(value, int)
            assert value % step == 0
            assert abs(2 * (true[codes] - value)) <= step


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
    searches = sum(f["events"] for f in everything if f["kind"] == "search" and not f["test"])
    measured = sum(sum(fact["measure_values"]) for fact in counts)
    events = len(counts) + len(recalls) + searches
    for view in ("agg.events_by_month", "agg.events_by_day"):
        (row,) = client.query(f"SELECT sum(events) FROM {view}").result_rows
        assert row[0] == events, view
    (row,) = client.query("SELECT sum(value) FROM agg.measures_by_month").result_rows
    assert row[0] == measured
    rows = client.query(
        "SELECT toYear(month), database, result, sum(events) FROM agg.searches_by_month "
        "GROUP BY ALL HAVING sum(events) != 0"
    ).result_rows
    by_year: Counter[tuple[int, str, str]] = Counter()
    for fact in everything:
        if fact["kind"] == "search" and not fact["test"]:
            key = (fact["occurred_at"].year, fact["subtype"], fact["result"])
            by_year[key] += fact["events"]
    assert {row[:3]: row[3] for row in rows} == by_year


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


def test_the_general_secretariat_is_no_respondent(
    service: ClickHouseProcess, client: Client
) -> None:
    """Its notices are those of the first member concerned, its corrections the first bureau's."""
    when = datetime(2011, 2, 1, tzinfo=UTC)
    same = {"occurred_at": when, "recorded_at": when, "published_at": when}
    own = make_fact(**same, bureau="DE", kind="message")
    facts = [
        own,
        correction_of(own, **{**same, "recorded_at": when + timedelta(days=1)}, bureau="XP"),
        make_fact(**same, bureau="FR", kind="notice"),
        make_fact(**same, bureau="XP", kind="notice", countries=["AT", "EG"]),
        make_fact(**same, bureau="XP", kind="notice", countries=["EG", "AT"]),
        make_fact(**same, bureau="XP", kind="notice", countries=[]),
        make_fact(**same, bureau="XP", kind="arrest", countries=["AT"], **arrested(1)),
    ]
    lander = BlockLander(service.connection.client(), ManualClock())
    lander.land(BlockPosition("secretariat", 6, 0), make_block(facts))
    counter = FactCounter(client, manifest_of({"2011-Q1": "2011-05-01T00:00:00Z"}))
    counts = {(part.bureau, part.codes["region"], part.codes["kind"]) for part in counter.events()}
    assert counts == {
        ("DE", "europe", "message"),
        ("FR", "europe", "notice"),
        ("AT", "europe", "notice"),
        ("EG", "mena", "notice"),
    }
    assert {part.value for part in counter.events()} == {1}
    assert list(counter.measures()) == []


def test_a_person_whom_two_bureaus_report_counts_twice(
    service: ClickHouseProcess, client: Client
) -> None:
    """Nothing in a fact says who it is: they may be one person, or two."""
    when = datetime(2012, 2, 1, tzinfo=UTC)
    facts = [
        make_fact(
            occurred_at=when, recorded_at=when, published_at=when, kind="arrest", bureau=bureau,
            operation=OPERATIONS[0], countries=["DE", "FR"], **arrested(1),
        )
        for bureau in ("DE", "FR")
    ]  # fmt: skip
    lander = BlockLander(service.connection.client(), ManualClock())
    lander.land(BlockPosition("persons", 7, 0), make_block(facts))
    counter = FactCounter(client, manifest_of({"2012-Q1": "2012-05-01T00:00:00Z"}))
    counts = [(measure, part.bureau, part.value) for measure, part in counter.measures()]
    assert sorted(counts) == [("persons-arrested", "DE", 1), ("persons-arrested", "FR", 1)]


def arrested(persons: int) -> dict[str, object]:
    return {
        "measures": ["persons-arrested"], "measure_values": [Decimal(f"{persons}.000")],
        "measure_units": ["person"], "measure_bases": ["period"], "measure_usd": [None],
    }  # fmt: skip
