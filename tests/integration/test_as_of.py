"""`--as-of`: the release that stood at a moment, for whoever has ClickHouse and nothing else."""

from __future__ import annotations

import json

import pytest

from deploy.cli import exits
from deploy.cli.app import run
from tests.integration.release_world import ReleaseWorld

pytestmark = pytest.mark.release

Capture = pytest.CaptureFixture[str]
KINDS = "events_by_kind"
LATER = "2026-07-01"
"""When the first release stood."""


@pytest.fixture(autouse=True)
def _statistician(world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's settings name the world's ClickHouse, and nothing else."""
    for name, value in world.settings_as("statistician").items():
        monkeypatch.setenv(name, value)


def test_a_release_is_found_by_the_moment_at_which_it_stood(capfd: Capture) -> None:
    """With ClickHouse alone, as statisticians have it."""
    shown = []
    for which in (["--release", "1"], ["--as-of", LATER]):
        assert run(["export", KINDS, *which]) == exits.OK
        shown.append(capfd.readouterr().out)
    assert shown[0] == shown[1]
    assert run(["release", "show", "--as-of", LATER, "--json"]) == exits.OK
    assert {row["release"] for row in json.loads(capfd.readouterr().out)} == {1}


@pytest.mark.parametrize(
    "words",
    [["release", "show"], ["export", KINDS], ["report"]],
    ids=" ".join,
)
def test_before_the_first_release_there_is_none(words: list[str], capfd: Capture) -> None:
    assert run([*words, "--as-of", "2020-01-01"]) == exits.DIFFERENCE
    shown = capfd.readouterr()
    assert shown.err.startswith("error[no-such-release]: there is no release at 2020-01-01")
    number = ["--release", "1"] if words[0] == "export" else ["1"]
    assert run([*words, *number, "--as-of", LATER]) == exits.USAGE
