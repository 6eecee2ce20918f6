"""A release of thin data: a region with two active bureaus, and figures that say little of much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from deploy.attacker import Leak, judge
from deploy.attacker.limits import coverage_limits, lag_limits
from deploy.attacker.reading import read_publication, read_secrets
from sinks.statistics.dataset import load_datasets
from tests.integration.release_world import ReleaseWorld, release_world, wanted

THIN = "mena"
BUREAUS = 28
EVENTS = 200


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseWorld]:
    """With one release, by quarter."""
    with release_world(tmp_path_factory.mktemp("thin"), EVENTS, BUREAUS) as world:
        world.releases().create(wanted("2026-01-01"))
        yield world


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
