"""A seeded selection of faults, on servers of its own, which are struck too."""

import json
from pathlib import Path

import pytest

from tests.faults.faults import KINDS, TERMINATE, schedule
from tests.faults.soak import soak

FAULTS, SEED = 20, 15089


@pytest.mark.timeout(400)
def test_twenty_faults_lose_double_misroute_and_miscount_nothing_and_nobody_stays_down(
    tmp_path: Path,
) -> None:
    report = soak(FAULTS, SEED, events_per_s=20.0, interval_s=(0.3, 1.2), keep=tmp_path / "field")
    assert report["differences"] == [], json.dumps(report, indent=2)
    assert report["down"] == []
    assert report["faults"] == FAULTS
    assert report["events handed over"] > 500
    assert report["given to a desk"] > 0


def test_the_selection_strikes_everyone_and_shuts_the_broker_down_in_order() -> None:
    selection = list(schedule(SEED, FAULTS))
    assert {target for fault in selection for target in fault.targets} == set(KINDS)
    assert any(fault.target == "kafka" and fault.kind is TERMINATE for fault in selection)
    assert len({fault.kind for fault in selection}) >= 8


def test_a_schedule_is_the_same_for_the_same_seed_and_comes_to_everything() -> None:
    assert list(schedule(3, 50)) == list(schedule(3, 50)) != list(schedule(4, 50))
    struck = {(fault.target, fault.kind) for fault in schedule(1, 1000)}
    assert struck == {(target, kind) for target, kinds in KINDS.items() for kind in kinds}
