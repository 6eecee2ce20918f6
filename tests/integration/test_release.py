"""A release: whole, the same whenever it is made again, and never half there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.releases import releases as module
from deploy.releases.asking import diff_rows, release_number
from schemas.errors import PermanentError
from sinks.clickhouse import load_migrations, migrate
from sinks.statistics.dataset import load_datasets
from sinks.statistics.making import Made, make
from sinks.statistics.schema import current_sql, vintages_sql
from tests.integration.release_world import ReleaseWorld, release_world, wanted

FIRST = wanted("2026-01-01")
SECOND = wanted("2026-04-02")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseWorld]:
    """With the first release made."""
    with release_world(tmp_path_factory.mktemp("releases")) as world:
        world.releases().create(FIRST)
        yield world


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
    world: ReleaseWorld,
) -> None:
    for step in ("stage", "read_secrets", "publish"):
        assert killed_before(world, step, create_second) == signal.SIGKILL
        assert world.current() == {1}
    assert [manifest.number for manifest in world.folder.manifests()] == [1, 2]
    assert killed_before(world, "make_current", lambda r: r.replay()) == signal.SIGKILL
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
    world: ReleaseWorld,
) -> None:
    before, number = [world.csv(1), world.csv(2)], len(load_migrations())
    migrate(world.operator, number - 1)
    world.operator.command("OPTIMIZE TABLE raw.facts FINAL")
    migrate(world.operator)
    assert world.releases().replay() == [1, 2]
    assert [world.csv(1), world.csv(2)] == before
    assert world.current() == {1}


def test_the_tables_are_as_the_datasets_are_declared() -> None:
    text = (
        (Path(__file__).parents[2] / "sinks/clickhouse/migrations")
        .joinpath("0007_releases.up.sql")
        .read_text("utf-8")
    )
    for dataset in load_datasets().values():
        assert f"{vintages_sql(dataset)};" in text
        assert f"{current_sql(dataset)};" in text
