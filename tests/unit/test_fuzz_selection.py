"""A small seeded part of `make fuzz`, and that the fuzzer sees what it is there to see."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.case import Case, Finding, Target
from tests.fuzz.runner import replay, run_target
from tests.fuzz.targets import SHARES, TARGETS

SEED = 20
SELECTION = {
    "source": 500,
    "statement": 400,
    "body": 200,
    "delivered": 400,
    "un-list": 100,
    "settings": 200,
    "cli": 60,
}


@pytest.mark.parametrize("name", SELECTION)
def test_hostile_input_is_refused_or_delivered_and_harms_nobody(name: str, tmp_path: Path) -> None:
    report = run_target(TARGETS[name], SEED, SELECTION[name], folder=tmp_path)
    assert report.findings == []
    assert report.inputs >= SELECTION[name]
    assert len(report.codes) > 1


def test_a_case_depends_on_seed_target_and_number_alone() -> None:
    first, second = TARGETS["statement"](), TARGETS["statement"]()
    for number in range(50):
        text = f"{SEED}/statement/{number}"
        assert first.make(Random(text)) == second.make(Random(text))


def test_every_target_has_a_share_of_a_run() -> None:
    assert TARGETS.keys() == SHARES.keys()


class Planted:
    """A target that breaks in one of two ways, or not at all."""

    name = "planted"

    def __init__(self, mended: bool = False) -> None:
        self._mended = mended

    def make(self, rng: Random) -> Case:
        return {"way": rng.choice(("crash", "finding", "good")), "bytes": b"\xff\0"}

    def run(self, case: Case) -> list[str]:
        if self._mended or case["way"] == "good":
            return ["good"]
        if case["way"] == "crash":
            raise KeyError(case["bytes"])
        raise Finding("a promise is broken")

    def close(self) -> None:
        """Nothing is open."""


def test_what_is_found_is_kept_once_a_cause_and_can_be_run_again(tmp_path: Path) -> None:
    report = run_target(Planted, 1, 40, folder=tmp_path)
    kept = sorted(tmp_path.iterdir())
    assert len(report.findings) == len(kept) == 2
    for path in kept:
        problem = json.loads(path.read_text("utf-8"))["problem"]
        again = replay(path, {"planted": Planted})
        assert again is not None
        assert again.splitlines()[-1] == problem.splitlines()[-1]

    def mended() -> Target:
        return Planted(mended=True)

    assert replay(kept[0], {"planted": mended}) is None
