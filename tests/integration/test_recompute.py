"""`liaison release recompute`: a release's own counting at any moment, for whom it is meant."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.cli import exits
from deploy.cli.app import run
from sinks.statistics.dataset import Protected, find_dataset
from sinks.statistics.disclosure import rounded
from sinks.statistics.history import read_rows
from sinks.statistics.recomputing import NOT_FOR_PUBLICATION, recomputed
from tests.integration.release_world import ReleaseWorld, small_reference, wanted

pytestmark = pytest.mark.release

Capture = pytest.CaptureFixture[str]
CUT_OFF = "2026-01-01"
"""Of the first release, which has all its periods with it."""
RECOMPUTE = ["release", "recompute", "events_by_kind", "--at", CUT_OFF]


def logged_in(world: ReleaseWorld, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's settings name the world's ClickHouse, and nothing else."""
    for name, value in world.settings_as(role).items():
        monkeypatch.setenv(name, value)


def audit_lines(world: ReleaseWorld) -> list[dict[str, Any]]:
    files = sorted((world.service.data_dir / "audit").iterdir())
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


@pytest.fixture
def auditor(world: ReleaseWorld) -> Iterator[Client]:
    client = world.service.connection_as("auditor").client()
    yield client
    client.close()


@pytest.mark.parametrize(
    "name",
    [
        "events_by_category_and_kind", "amount_seized_by_region", "searches", "coverage",
        "offences",
    ],
)  # fmt: skip
def test_as_of_a_release_s_cut_off_every_figure_is_the_one_that_it_shows(
    name: str, world: ReleaseWorld, auditor: Client
) -> None:
    dataset = find_dataset(name)
    published = read_rows(world.statistician, name, dataset.dimensions, 1)
    rows = recomputed(auditor, wanted(CUT_OFF), small_reference(), name)
    found = {row.codes: row for row in rows}
    assert found.keys() == {row.codes for row in published}
    assert {row.conf_status for row in rows} == {NOT_FOR_PUBLICATION}
    noise = 5 if dataset.protection is Protected.NOISE else 0
    for row in published:
        now = found[row.codes]
        if row.conf_status == "C":
            assert now.value is not None
        elif row.value is None:
            assert (now.value, now.obs_status) == (None, row.obs_status)
        else:
            assert now.value is not None
            shown = rounded(int(now.value), dataset.rounding)[0]
            assert abs(shown - int(row.value)) <= noise, row.codes
            assert (now.unit, now.cut_off) == (row.unit, row.cut_off)


def test_bureaus_that_waived_nothing_are_in_it_and_add_up_to_the_world(
    world: ReleaseWorld,
) -> None:
    rows = recomputed(world.publisher, wanted(CUT_OFF), small_reference(), "events_by_bureau")
    values = [row.value for row in rows if row.codes[0] == "2025" and row.value]
    ((world_s,),) = world.statistician.query(
        "SELECT obs_value FROM pub.events_by_kind_vintages WHERE release = 1 "
        "AND time_period = '2025' AND region = 'total' AND kind = 'total'"
    ).result_rows
    assert len(values) > 100
    assert sum(values) == world_s


def test_the_auditor_gets_it_marked_and_logged_and_nothing_is_written(
    world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    logged_in(world, "auditor", monkeypatch)
    before = len(audit_lines(world))
    assert run([*RECOMPUTE, "--format", "csv"]) == exits.OK
    shown = capfd.readouterr()
    rows = list(csv.DictReader(io.StringIO(shown.out, newline="")))
    assert {(row["conf_status"], row["note"]) for row in rows} == {("N", "not for publication")}
    assert "not for publication" in shown.err
    dimensions = find_dataset("events_by_kind").dimensions
    told = {
        row.codes: row.value
        for row in read_rows(world.statistician, "events_by_kind", dimensions, 1)
        if row.conf_status == "F" and row.value is not None
    }
    found = {tuple(row[name] for name in dimensions): row["obs_value"] for row in rows}
    assert {codes: Decimal(found[codes]) for codes in told} == told
    lines = [line for line in audit_lines(world)[before:] if line["user"] == "auditor"]
    assert any(
        "'liaison release recompute' AS command, 'events_by_kind' AS dataset, "
        "'2026-01-01T00:00:00Z' AS at" in line["query"]
        for line in lines
    )
    assert {line["written_rows"] for line in lines} == {0}
    assert {line["query"].split()[0] for line in lines} == {"SELECT", "WITH"}


def test_a_statistician_is_refused_and_told_what_there_is(
    world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    logged_in(world, "statistician", monkeypatch)
    assert run(RECOMPUTE) == exits.DIFFERENCE
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error[not-for-this-role]: ")
    assert "--as-of" in shown.err
    assert any(
        line["user"] == "statistician" and "raw.facts" in line["query"] and line["code"] == 497
        for line in audit_lines(world)
    )


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["events_by_planet", "--at", CUT_OFF], "no-such-dataset"),
        (["events_by_kind", "--at", "2999-01-01"], "bad-release"),
        (["events_by_kind", "--at", "yesterday"], "bad-release"),
        (["events_by_kind", "--at", "2020-01-01"], "nothing-to-publish"),
    ],
)
def test_what_can_not_be_recomputed_is_one_line(
    given: list[str],
    code: str,
    world: ReleaseWorld,
    monkeypatch: pytest.MonkeyPatch,
    capfd: Capture,
) -> None:
    logged_in(world, "auditor", monkeypatch)
    assert run(["release", "recompute", *given]) == exits.DIFFERENCE
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error[{code}]: ")
    assert shown.err.count("\n") == 1
