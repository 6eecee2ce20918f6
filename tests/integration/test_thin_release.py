"""A release of thin data: a region with two active bureaus, and figures that say little of much.

Most of Africa's events are one bureau's, all of them name an offence, and of its four events of a
quarter three, each of another bureau, say how many accounts were blocked: offences and accounts
would say too much of those hidden numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from deploy.attacker import FigureId, Leak, judge
from deploy.attacker.limits import coverage_limits, lag_limits, measure_limits
from deploy.attacker.reading import read_publication, read_secrets
from schemas.clock import ManualClock
from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.statements import BlockPosition
from sinks.statistics.dataset import load_datasets
from tests.integration.fact_blocks import Fact, make_block, make_fact
from tests.integration.release_world import ReleaseWorld, release_world, wanted

THIN = "mena"
BUREAUS = 28
EVENTS = 200


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseWorld]:
    """With one release, by quarter."""
    with release_world(tmp_path_factory.mktemp("thin"), EVENTS, BUREAUS) as world:
        world.operator.command(
            "ALTER TABLE raw.facts UPDATE offence = '0701' WHERE region = 'africa' "
            "AND kind != 'search' SETTINGS mutations_sync = 2"
        )
        facts = [an_event("BF", datetime(2025, 2, 1, tzinfo=UTC)) for _ in range(105)]
        facts += [
            an_event(
                bureau, datetime(2025, 5, 1, tzinfo=UTC), measures=["accounts-blocked"],
                measure_values=[Decimal("4.000")], measure_units=["account"],
                measure_bases=["period"], measure_usd=[None],
            )
            for bureau in ("KE", "NG", "ZA")
        ]  # fmt: skip
        lander = BlockLander(world.operator, ManualClock())
        lander.land(BlockPosition("thin", 0, 0), make_block(facts))
        world.releases().create(wanted("2026-01-01"))
        yield world


def an_event(bureau: str, when: datetime, **measured: Any) -> Fact:
    return make_fact(
        occurred_at=when, published_at=when, recorded_at=when, bureau=bureau, region="africa",
        kind="message", category="financial-fraud", offence="0701", **measured,
    )  # fmt: skip


def asked(world: ReleaseWorld, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in world.statistician.query(sql).result_rows]


def secret_numbers(world: ReleaseWorld) -> Mapping[tuple[str, str], int]:
    """Hidden numbers of events by quarter and region, and how many bureaus reported them."""
    rows = world.publisher.query(
        "SELECT codes[1], codes[2], length(parts) FROM audit.cells WHERE release = 1 AND is_hidden "
        "AND dataset = 'events_by_kind' AND codes[3] = 'total' AND codes[1] LIKE '%-Q%'"
    ).result_rows
    return {(period, region): bureaus for period, region, bureaus in rows}


def leaks_with(
    world: ReleaseWorld, table: str, value: Mapping[tuple[str, str], object]
) -> list[Leak]:
    """What the attacker finds if that table told those numbers, too."""
    columns = ", ".join(load_datasets()[table].dimensions)
    names = [*load_datasets()[table].dimensions, "obs_value", "cut_off", "release"]
    rows = [
        dict(zip(names, row, strict=True))
        for row in asked(
            world, f"SELECT {columns}, obs_value, cut_off, release FROM pub.{table}_vintages"
        )
    ]
    for row in rows:
        if row.get("indicator") != "members" and row.get("statistic") != "p90":
            key = (str(row["time_period"]), str(row["region"]))
            row["obs_value"] = value.get(key, row["obs_value"])
    seen = read_publication(world.statistician)
    more = coverage_limits(rows) if table == "coverage" else lag_limits(rows)
    structure = replace(seen.structure, limits=(*seen.structure.limits, *more))
    return judge(seen.figures, structure, read_secrets(world.publisher, 1))


def test_a_region_with_two_active_bureaus_is_merged_in_every_table(world: ReleaseWorld) -> None:
    ((bureaus,),) = world.operator.query(
        f"SELECT uniqExact(bureau) FROM raw.facts WHERE region = '{THIN}' AND kind != 'search' "
        "AND toYear(occurred_at) = 2025"
    ).result_rows
    assert bureaus == 2
    merges = world.publisher.query(
        "SELECT codes, into FROM audit.merges WHERE release = 1 AND dimension = 'region'"
    ).result_rows
    assert [into for codes, into in merges if THIN in codes] == ["other-regions"]
    for name, dataset in load_datasets().items():
        if "region" in dataset.dimensions and dataset.source != "bureaus":
            regions = {region for (region,) in asked(world, f"SELECT region FROM pub.{name}")}
            assert "other-regions" in regions, name
            assert THIN not in regions, name


def test_the_attacker_finds_nothing(world: ReleaseWorld) -> None:
    seen = read_publication(world.statistician)
    assert seen.structure.limits
    assert judge(seen.figures, seen.structure, read_secrets(world.publisher, 1)) == []


def leaks_where_shown(world: ReleaseWorld, name: FigureId, value: int) -> set[FigureId | None]:
    """What the attacker finds if that figure were shown: as it is, or as noise might have it."""
    seen = read_publication(world.statistician)
    noise = 5 if name.measure == "offences" else 0
    figures = [
        replace(figure, low=value, high=value + 2 * noise) if figure.id == name else figure
        for figure in seen.figures
    ]
    assert figures != list(seen.figures)
    limits = dict.fromkeys((*seen.structure.limits, *measure_limits(figures, seen.structure)))
    structure = replace(seen.structure, limits=tuple(limits))
    return {leak.figure for leak in judge(figures, structure, read_secrets(world.publisher, 1))}


def test_offences_that_say_too_much_of_a_hidden_number_of_events_are_hidden(
    world: ReleaseWorld,
) -> None:
    hidden = asked(
        world,
        "SELECT region FROM pub.offences GROUP BY region "
        "HAVING countIf(conf_status = 'C' AND obs_value IS NULL) = count()",
    )
    shown = asked(world, "SELECT DISTINCT region FROM pub.offences WHERE conf_status = 'F'")
    assert {("africa",), ("total",)} <= set(hidden)
    assert shown
    assert set(shown).isdisjoint(hidden)
    ((number, cut_off),) = world.publisher.query(
        "SELECT value, state FROM audit.cells WHERE release = 1 "
        "AND dataset = 'events_by_kind' AND codes = ['2025', 'africa', 'total'] AND is_hidden"
    ).result_rows
    africa = FigureId("offences", (("region", "africa"), ("time_period", "2025")), cut_off)
    assert africa._replace(measure="events") in leaks_where_shown(world, africa, number)


def test_a_measure_that_says_too_much_of_a_hidden_number_of_events_is_hidden(
    world: ReleaseWorld,
) -> None:
    ((dataset, codes, value, cut_off),) = world.publisher.query(
        "SELECT dataset, codes, value, state FROM audit.cells "
        "WHERE release = 1 AND has(reasons, 'implied')"
    ).result_rows
    assert (dataset, codes) == ("accounts_blocked_by_region", ["2025-Q2", "africa"])
    place = (("region", "africa"), ("time_period", "2025-Q2"))
    accounts = FigureId("accounts_blocked", place, cut_off)
    assert accounts._replace(measure="events") in leaks_where_shown(world, accounts, value)


def test_what_bureaus_know_of_offences_and_measures_is_in_the_auditor_s_account(
    world: ReleaseWorld,
) -> None:
    parts = read_secrets(world.publisher, 1).parts
    named = {
        bureau: part
        for bureau, known in parts.items()
        for name, part in known.items()
        if name.measure == "offences" and dict(name.at).get("region") == "europe"
    }
    ((true,),) = world.publisher.query(
        "SELECT sum(sign * events) FROM raw.facts WHERE region = 'europe' "
        "AND substring(offence, 1, 2) IN ('06', '07') AND toYear(occurred_at) = 2025 "
        "AND recorded_at < '2026-01-01'"
    ).result_rows
    assert named.pop("(desks)") <= true
    assert sum(named.values()) == true
    blocked = [name for name in parts["KE"] if name.measure == "accounts_blocked"]
    assert {len(name.at) for name in blocked} == {1, 2}


def test_bureaus_that_reported_are_told_only_where_the_number_of_events_is(
    world: ReleaseWorld,
) -> None:
    hidden = secret_numbers(world)
    told = {
        (period, region)
        for period, region in asked(
            world,
            "SELECT time_period, region FROM pub.coverage "
            "WHERE indicator = 'reporting' AND obs_value IS NOT NULL",
        )
    }
    assert hidden
    assert told
    assert told.isdisjoint(hidden)
    assert {period for period, _ in hidden}.isdisjoint(p for p, region in told if region == "total")


def test_bureaus_that_reported_of_hidden_events_would_give_them_away(world: ReleaseWorld) -> None:
    assert leaks_with(world, "coverage", secret_numbers(world))


def test_offences_that_are_most_of_hidden_events_would_give_them_away(world: ReleaseWorld) -> None:
    hidden = {
        (("region", region), ("time_period", year)): int(str(value))
        for year, region, value in world.publisher.query(
            "SELECT codes[1], codes[2], value FROM audit.cells WHERE release = 1 AND is_hidden "
            "AND dataset = 'events_by_kind' AND codes[3] = 'total' AND length(codes[1]) = 4"
        ).result_rows
    }
    seen, secrets = read_publication(world.statistician), read_secrets(world.publisher, 1)
    figures = [
        replace(figure, low=hidden[figure.id.at], high=hidden[figure.id.at] + 10)
        if figure.id.measure == "offences" and figure.id.at in hidden
        else figure
        for figure in seen.figures
        if figure.id.measure != "offences" or len(figure.id.at) == 2
    ]
    assert hidden
    assert "narrow" in {leak.kind for leak in judge(figures, seen.structure, secrets)}


def test_a_lag_that_is_shown_of_hidden_events_would_give_them_away(world: ReleaseWorld) -> None:
    hidden = secret_numbers(world)
    assert asked(world, "SELECT 1 FROM pub.reporting_lag WHERE obs_value IS NOT NULL LIMIT 1")
    assert leaks_with(world, "reporting_lag", dict.fromkeys(hidden, 1.5))
