"""`liaison rates`: changes and rates from what a stored release shows, and nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import exits
from deploy.cli.app import run
from schemas.reference import Reference
from sinks.statistics.dataset import find_dataset
from sinks.statistics.history import read_rows
from sinks.statistics.rows import PublishedRow
from tests.integration.release_world import ReleaseWorld

pytestmark = pytest.mark.release

Capture = pytest.CaptureFixture[str]
KINDS = "events_by_kind"


@pytest.fixture(autouse=True)
def _statistician(world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's settings name the world's ClickHouse, and nothing else."""
    for name, value in world.settings_as("statistician").items():
        monkeypatch.setenv(name, value)


def asked(words: list[str], capfd: Capture) -> list[dict[str, Any]]:
    assert run([*words, "--format", "json"]) == exits.OK
    found: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    return found


def published(world: ReleaseWorld, name: str) -> dict[tuple[str, ...], PublishedRow]:
    rows = read_rows(world.statistician, name, find_dataset(name).dimensions, 1)
    return {row.codes: row for row in rows}


def test_every_change_is_that_of_two_published_figures_or_is_hidden_with_one(
    world: ReleaseWorld, capfd: Capture
) -> None:
    figures, cases = published(world, KINDS), Counter[str]()
    changes = asked(["rates", KINDS, "--change", "previous", "--release", "1"], capfd)
    assert len(changes) == len(figures)
    for change in changes:
        at = (change["region"], change["kind"])
        now = figures[change["time_period"], *at]
        base = figures.get((change["base_period"], *at))
        assert change["published_value"] == now.value
        assert change["base_value"] == (None if base is None else base.value)
        status = (change["obs_status"], change["conf_status"])
        if "C" in (now.conf_status, base and base.conf_status):
            cases["hidden"] += 1
            assert (change["obs_value"], *status) == (None, "Q", "C")
        elif base is None or not base.value or now.value is None:
            cases["no base"] += 1
            assert change["obs_value"] is None
            assert change["conf_status"] == "F"
        else:
            cases["told"] += 1
            exact = 100 * (Decimal(now.value) / Decimal(base.value) - 1)
            assert abs(Decimal(str(change["obs_value"])) - exact) <= Decimal("0.005")
            assert status == ("P", "F")
    assert min(cases.values()) > 0
    assert len(cases) == 3


def test_rates_per_member_bureau_have_the_number_of_the_period_s_first_day(
    world: ReleaseWorld, capfd: Capture
) -> None:
    words = ["rates", KINDS, "--denominator", "members", "--as-of", "2026-07-01"]
    reference = Reference.load()
    europe = [row for row in asked([*words, "--lang", "fr"], capfd) if row["region"] == "europe"]
    for row in europe:
        members = sum(
            period.region == "europe"
            and str(period.valid_from) <= "2025-01-01" < str(period.valid_until or "9999")
            for member in reference.members.values()
            for period in member.periods
        )
        assert (row["denominator"], row["denominator_year"], row["per"]) == (members, "2025", 1)
        assert row["release"] == 1
        first = "2025-Q1" if row["time_period"] == "2025" else row["time_period"]
        assert row["denominator_source"] == f"pub.coverage members {first}"
        assert row["region_label"] == reference.region_labels["europe"]["fr"]
        if row["published_value"] is not None:
            assert abs(row["obs_value"] - row["published_value"] / members) <= 0.0051
    assert {row["conf_status"] for row in europe} == {"F", "C"}


def test_rates_per_reporting_bureau_are_hidden_where_that_number_is(
    world: ReleaseWorld, capfd: Capture
) -> None:
    coverage = published(world, "coverage")
    rows = asked(["rates", KINDS, "--denominator", "reporting", "--release", "1"], capfd)
    for row in rows:
        told = coverage.get((row["time_period"], row["region"], "reporting"))
        assert row["denominator"] == (None if told is None else told.value)
        if told is None and row["published_value"] is not None:  # of a year it is not told
            assert (row["obs_status"], row["denominator_source"]) == ("M", "")


def test_inhabitants_come_from_a_file_and_stand_beside_the_rate(
    tmp_path: Path, capfd: Capture
) -> None:
    file = tmp_path / "inhabitants.csv"
    file.write_text("area,year,value,source\ntotal,2025,8200000000,WPP 2024\n", "utf-8")
    words = ["rates", "persons_arrested_by_category", "--denominator", str(file)]
    assert run([*words, "--per", "1000000000", "--release", "1", "--format", "csv"]) == exits.OK
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out, newline="")))
    told = [row for row in rows if row["obs_value"]]
    assert told
    for row in told:
        exact = Decimal(row["published_value"]) / Decimal("8.2")
        assert abs(Decimal(row["obs_value"]) - exact) <= Decimal("0.005")
        assert row["denominator_source"] == "WPP 2024"
    assert {row["unit_measure"] for row in rows} == {"PER"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([KINDS], "usage"),
        ([KINDS, "--change", "year", "--denominator", "members"], "usage"),
        (["events_by_planet", "--change", "year"], "no-such-dataset"),
        (["coverage", "--denominator", "members", "--release", "1"], "no-rates"),
        ([KINDS, "--denominator", "no-such.csv", "--release", "1"], "bad-denominators"),
        (["offences", "--denominator", "reporting", "--release", "1"], "no-denominators"),
    ],
)
def test_a_rate_that_can_not_be_made_is_one_line(
    given: list[str], code: str, capfd: Capture
) -> None:
    assert run(["rates", *given]) in (exits.USAGE, exits.DIFFERENCE, exits.CONFIGURATION)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"error[{code}]: ")
    assert shown.err.count("\n") == 1
