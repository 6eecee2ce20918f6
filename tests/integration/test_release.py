"""A release: whole, the same whenever it is made again, and never half there."""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.attacker import Figure, Secrets, Structure, faulty_noise_rows, judge
from deploy.attacker.reading import read_publication, read_secrets
from deploy.releases import releases as module
from deploy.releases.asking import diff_rows, release_number
from deploy.releases.quality import HEADINGS, quality_sheet
from deploy.verify.statistics import statistics_differences
from schemas.errors import PermanentError
from sinks.clickhouse import load_migrations, migrate
from sinks.clickhouse.reference import load_reference
from sinks.statistics.dataset import load_datasets
from sinks.statistics.making import Made, make
from sinks.statistics.manifest import Manifest, given_up
from sinks.statistics.schema import current_sql, vintages_sql
from sinks.statistics.store import make_current
from tests.integration.release_world import ReleaseWorld, small_reference, wanted

pytestmark = pytest.mark.release

SECOND = wanted("2026-04-02")


def killed_before(world: ReleaseWorld, step: str, work: Callable[[module.Releases], object]) -> int:
    """The signal that ended a process of its own, which kills itself with -9 before a step."""
    child = os.fork()
    if child == 0:
        try:
            setattr(module, step, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            work(world.releases())
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def create_second(releases: module.Releases) -> None:
    releases.create(SECOND)


def test_every_table_has_the_release_with_its_whole_grid(world: ReleaseWorld) -> None:
    assert world.current() == {1}
    codes = world.statistician.query(
        "SELECT countDistinct(time_period), countDistinct(region), countDistinct(kind), count() "
        "FROM pub.events_by_kind"
    ).result_rows[0]
    assert codes == (5, 6, 5, 5 * 6 * 5)
    (zeros,) = world.statistician.query(
        "SELECT countIf(obs_value = 0 AND conf_status = 'F') FROM pub.events_by_category_and_kind"
    ).result_rows[0]
    assert zeros > 0


def test_hidden_is_q_and_c_and_says_no_more(world: ReleaseWorld) -> None:
    rows = world.statistician.query(
        "SELECT obs_status, conf_status, obs_value IS NULL, count() FROM pub.events_by_kind "
        "GROUP BY ALL ORDER BY ALL"
    ).result_rows
    assert {row[:3] for row in rows} == {("P", "F", 0), ("Q", "C", 1)}
    reasons = world.publisher.query(
        "SELECT countIf(notEmpty(reasons)), countIf(empty(reasons)) FROM audit.cells "
        "WHERE release = 1 AND is_hidden"
    ).result_rows[0]
    assert min(reasons) > 0, "both sensitive and secondary cells"


@pytest.mark.parametrize("table", ["audit.cells", "raw.facts"])
def test_a_statistician_reads_nothing_but_what_is_published(
    world: ReleaseWorld, table: str
) -> None:
    with pytest.raises(DatabaseError, match="497"):
        world.statistician.query(f"SELECT * FROM {table}")


LEAKS = 200


def test_two_hundred_leaks_planted_in_the_release_are_all_found(world: ReleaseWorld) -> None:
    seen = read_publication(world.statistician)
    secrets = read_secrets(world.publisher, 1)
    figures = [figure for figure in seen.figures if figure.id.measure == "events"]
    noise = [
        list(row)
        for (row,) in world.statistician.query(
            "SELECT noises FROM pub.noise_rows ORDER BY row"
        ).result_rows
    ]
    plans = [
        (target, others)
        for total, parts in sums_of(figures, seen.structure)
        for hidden in [[part for part in parts if part.is_hidden]]
        for target in hidden
        if not total.is_hidden and secrets.figures[target.id].bars is not None
        for others in [[other for other in hidden if other is not target]]
        if others
    ]
    draw = random.Random(1)
    for number in range(LEAKS):
        target, others = draw.choice(plans)
        only = Secrets({target.id: secrets.figures[target.id]})
        shown = sum(secrets.figures[other.id].value for other in others)
        if number % 4 == 0:  # the cells that were hidden with it are shown
            shut = {other.id for other in others}
            told = [
                replace(f, low=(v := secrets.figures[f.id].value), high=v) if f.id in shut else f
                for f in figures
            ]
            leaks = judge(told, seen.structure, only)
        elif number % 4 == 1:  # one more margin: what the others add up to
            (name,) = {pair[0] for other in others for pair in set(target.id.at) ^ set(other.id.at)}
            codes = tuple(dict(other.id.at)[name] for other in others)
            at = tuple(sorted((dict(target.id.at) | {name: "more"}).items()))
            more = Figure(target.id._replace(at=at), target.release, target.table, shown, shown)
            parts = {**seen.structure.parts[name], "more": (codes,)}
            structure = replace(seen.structure, parts={**seen.structure.parts, name: parts})
            leaks = judge([*figures, more], structure, only)
        elif number % 4 == 2:  # the same cell in a later release, one event more or less
            old = draw.choice([f for f in figures if not f.is_hidden and f.low > 1])
            value = old.low + draw.choice((-1, 1))
            new = Figure(old.id._replace(cut_off="later"), "2", old.table, value, value)
            leaks = judge([*figures, new], seen.structure, Secrets({}))
        else:  # a row of noise that the key has no say in
            row = draw.randrange(1, len(noise))
            careless = [*noise[:row], [draw.choice((-1, 0, 1))] * 256, *noise[row + 1 :]]
            assert faulty_noise_rows(careless, 5) == [row]
            continue
        assert leaks, f"leak {number} of {target.id}"
    assert faulty_noise_rows(noise, 5) == []


def sums_of(figures: list[Figure], structure: Structure) -> Iterator[tuple[Figure, list[Figure]]]:
    """A total and its parts, all of them published."""
    by_id = {figure.id: figure for figure in figures}
    for total in figures:
        at = dict(total.id.at)
        for name, splits in structure.parts.items():
            for way in splits.get(at.get(name, structure.totals[name]), ()):
                places = [tuple(sorted((at | {name: code}).items())) for code in way]
                parts = [by_id.get(total.id._replace(at=place)) for place in places]
                if len(published := [part for part in parts if part is not None]) == len(way):
                    yield total, published


def test_a_release_that_would_leak_is_not_published(
    world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(*given: Any) -> Made:
        made = make(*given)
        rows = {
            name: tuple(
                row._replace(value=cell.value, obs_status="A", conf_status="F")
                if row.conf_status == "C" and name == "events_by_kind"
                else row
                for row, cell in zip(found, cells[name].cells, strict=True)
            )
            if name in cells
            else found
            for name, found in made.rows.items()
            for cells in [{table.name: table for table in made.release.tables}]
        }
        return replace(made, rows=rows)

    monkeypatch.setattr(module, "make", careless)
    with pytest.raises(PermanentError) as caught:
        world.releases().create(SECOND)
    assert caught.value.code == "release-leaks"
    assert world.current() == {1}
    assert [manifest.number for manifest in world.folder.manifests()] == [1]


def test_killed_anywhere_the_last_release_stands_and_the_next_command_finishes(
    world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a table that the last release had is published no more."""
    left = {name: found for name, found in load_datasets().items() if name != "searches"}
    monkeypatch.setattr("sinks.statistics.dataset._packaged", lambda: left)
    for step in ("read_secrets", "make_current"):
        assert killed_before(world, step, create_second) == signal.SIGKILL
        assert world.current() == {1}
    assert [manifest.number for manifest in world.folder.manifests()] == [1, 2]
    assert killed_before(world, "publish", lambda r: r.replay()) == signal.SIGKILL
    assert world.current() == {1}
    assert world.releases().replay() == [2]
    assert world.current() == {2}
    assert world.releases().replay() == []


def test_an_earlier_cut_off_than_the_last_is_refused(world: ReleaseWorld) -> None:
    with pytest.raises(PermanentError) as caught:
        world.releases().create(wanted("2025-12-01"))
    assert caught.value.code == "cut-off-passed"


def test_a_figure_with_the_cut_off_it_had_is_the_same_and_what_was_hidden_stays_hidden(
    world: ReleaseWorld,
) -> None:
    for name, dataset in load_datasets().items():
        codes = ", ".join(dataset.dimensions)
        both = (
            f"SELECT {codes}, cut_off, groupUniqArray((obs_value, conf_status)) AS said "
            f"FROM pub.{name}_vintages GROUP BY {codes}, cut_off HAVING length(said) > 1"
        )
        assert world.statistician.query(both).result_rows == [], name
    periods = world.statistician.query(
        "SELECT release, count(DISTINCT time_period) FROM pub.events_by_kind_vintages "
        "GROUP BY release ORDER BY release"
    ).result_rows
    assert periods == [(1, 5), (2, 6)]


def test_what_changed_between_releases_is_told_and_is_in_the_auditor_s_account(
    world: ReleaseWorld,
) -> None:
    rows = list(diff_rows(world.statistician, 1, 2))
    new = [row for row in rows if "2026-Q1" in str(row[1])]
    assert new
    assert all(before is None for _, _, before, *_ in new)
    told = world.publisher.query(
        "SELECT count() FROM audit.changes WHERE is_sensitive AND since = 1 AND release = 2 "
        "AND measure = 'events'"
    ).result_rows[0][0]
    shown = [row for row in rows if row not in new and None not in row[2:4]]
    assert told or not shown


def test_the_verifier_finds_a_figure_that_was_altered_and_nothing_where_none_was(
    world: ReleaseWorld,
) -> None:
    def found() -> list[str]:
        auditor = world.service.connection_as("auditor").client()
        manifests = world.folder.manifests()
        differences = list(statistics_differences(auditor, world.statistician, manifests))
        auditor.close()
        return [f"{difference.check} {difference.where}" for difference in differences]

    assert found() == []
    change = "ALTER TABLE pub.persons_arrested_by_region_vintages UPDATE obs_value = obs_value {} "
    change += "WHERE release = 1 AND time_period = '2025-Q2' AND region = 'europe' "
    change += "SETTINGS mutations_sync = 2"
    unhidden = change.replace("persons_arrested_by_region", "coverage")
    for altered in (change, unhidden):
        world.operator.command(altered.format("+ 1"))
    assert found()[:3] == [
        "pub.coverage release 1 digest",
        "pub.persons_arrested_by_region release 1 digest",
        "pub.persons_arrested_by_region release 1 2025-Q2 europe",
    ]
    for altered in (change, unhidden):
        world.operator.command(altered.format("- 1"))


def test_every_dataset_has_a_quality_sheet_with_generated_figures(world: ReleaseWorld) -> None:
    published = [
        name
        for (name,) in world.statistician.query(
            "SELECT dataset FROM pub.datasets WHERE release = 2"
        ).result_rows
    ]
    assert len(published) > 20, published
    for name in published[::6]:
        dataset = load_datasets()[name]
        sheet = quality_sheet(world.statistician, name, "ar")
        assert sheet.startswith(f"# {dataset.title['ar']}")
        assert [line for line in sheet.splitlines() if line.startswith("## ")] == [
            f"## {place}. {heading}" for place, heading in enumerate(HEADINGS, 1)
        ]
    rates = world.statistician.query(
        "SELECT DISTINCT release, unit = 'USD', rate_months FROM pub.datasets "
        "WHERE release = 1 OR unit != 'USD'"
    ).result_rows
    assert set(rates) == {(1, 1, "2025-01/2025-12"), (1, 0, ""), (2, 0, "")}
    sheet = quality_sheet(world.statistician, "events_by_kind", "en")
    (cells,) = world.statistician.query("SELECT count() FROM pub.events_by_kind").result_rows[0]
    assert f"{cells} figures in the newest release" in sheet
    assert "since release 1" in sheet
    assert "of 196 bureaus reported." in sheet
    members = "ALTER TABLE pub.coverage_vintages UPDATE obs_value = {} WHERE release = 2 "
    members += "AND region = 'total' AND indicator = 'members' SETTINGS mutations_sync = 2"
    world.operator.command(members.format("NULL"))
    assert re.search(
        r" \d+ bureaus reported\.", quality_sheet(world.statistician, "events_by_kind", "en")
    )
    world.operator.command(members.format("196"))


def test_a_withdrawn_release_gives_way_to_the_one_before(world: ReleaseWorld) -> None:
    assert release_number(world.statistician, None, None) == 2
    world.releases().withdraw(2, "counted twice; use 1")
    assert world.current() == {1}
    assert release_number(world.statistician, None, "2030-01-01") == 1
    assert release_number(world.statistician, 2, None) == 2
    with pytest.raises(PermanentError, match="no release 7"):
        world.releases().withdraw(7, "what?")
    with pytest.raises(PermanentError, match="2020"):
        release_number(world.statistician, None, "2020-01-01")


def test_after_a_rebuild_releases_made_again_are_identical_and_stay_withdrawn(
    world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(publisher: Client, manifest: Manifest) -> None:
        make_current(publisher, manifest)
        assert world.current() == {1}, "never current again, not for a moment"

    monkeypatch.setattr(module, "make_current", shown)
    before, number = [world.csv(1), world.csv(2)], len(load_migrations())
    migrate(world.operator, number - 1)
    world.operator.command("OPTIMIZE TABLE raw.facts FINAL")
    migrate(world.operator)
    load_reference(world.operator, small_reference())
    assert world.releases().replay() == [1, 2]
    assert [world.csv(1), world.csv(2)] == before
    assert world.current() == {1}


def test_a_release_that_can_t_be_finished_is_withdrawn_and_left_out(world: ReleaseWorld) -> None:
    """Killed before it was current; now something that it is made of is another."""
    second = world.folder.manifests()[-1]
    otherwise = dict.fromkeys(second.digests, "another")
    third = replace(second, number=3, earlier=(1, 2), digests=otherwise)
    world.folder.write(third)
    world.releases().withdraw(3, "never read")
    told: list[str] = []
    assert replace(world.releases(), tell=told.append).replay() == []
    assert "release 3 comes out otherwise" in told[-1]
    assert world.current() == {1}
    fourth = replace(second, number=4, earlier=(1, 2))
    assert given_up([*world.folder.manifests(), fourth]) == {3}
    assert given_up(world.folder.manifests()) == set()


def test_the_tables_are_as_the_datasets_are_declared() -> None:
    text = (
        (Path(__file__).parents[2] / "sinks/clickhouse/migrations")
        .joinpath("0007_releases.up.sql")
        .read_text("utf-8")
    )
    for dataset in load_datasets().values():
        assert f"{vintages_sql(dataset)};" in text
        assert f"{current_sql(dataset)};" in text
