"""Zero, not reported and not applicable are told apart alike in every table."""

from __future__ import annotations

import pytest

from schemas.reference import Reference
from sinks.statistics.dataset import load_datasets
from sinks.statistics.disclosure import Cell, Table
from sinks.statistics.manifest import Codes, Manifest, Noise
from sinks.statistics.periods import Frequency
from sinks.statistics.planning import default_rules
from sinks.statistics.rows import Status

CUT_OFF = "2025-07-01T00:00:00Z"
REPORTED, SILENT, FUTURE = "2025-Q1", "2025-Q2", "2025-Q4"
DIMENSIONS = ("time_period", "region", "kind")
DATASETS = load_datasets()


def status() -> Status:
    """Africa reported in the first quarter, Europe and FR never; searches were in the second."""
    manifest = Manifest(
        1, CUT_OFF, Frequency.QUARTER, REPORTED, True, "", "test",
        dict.fromkeys((REPORTED, SILENT, "2025-Q3", FUTURE), CUT_OFF),
        Codes.of(Reference.load()), default_rules(), Noise(), {}, (),
    )  # fmt: skip
    events = {
        (REPORTED, "africa"): 7, (REPORTED, "europe"): 0, (REPORTED, "total"): 7,
        (SILENT, "africa"): 0, (SILENT, "europe"): 0, (SILENT, "total"): 0,
    }  # fmt: skip
    searches = {REPORTED: 0, SILENT: 9}
    tables = (
        Table("events_by_kind", "events", DIMENSIONS, tuple(
            Cell((*place, kind), value if kind == "total" else 0)
            for place, value in events.items() for kind in ("arrest", "total")
        )),
        Table("events_by_bureau", "events", DIMENSIONS[:2], (Cell((REPORTED, "FR"), 0),)),
        Table("searches", "searches", ("time_period", "database", "result"), tuple(
            Cell((period, *codes), value if codes == ("total", "total") else 0)
            for period, value in searches.items()
            for codes in (("sltd", "hit"), ("total", "hit"), ("total", "total"))
        )),
    )  # fmt: skip
    return Status.of(manifest, tables, ())


@pytest.mark.parametrize(
    ("dataset", "codes", "expected"),
    [
        ("events_by_kind", (REPORTED, "africa", "arrest"), "P"),
        ("events_by_kind", (REPORTED, "europe", "arrest"), "O"),
        ("events_by_kind", (SILENT, "total", "arrest"), "O"),
        ("events_by_kind", (FUTURE, "africa", "arrest"), "M"),
        ("events_by_bureau", (REPORTED, "FR"), "O"),
        ("persons_arrested_by_region", (SILENT, "total"), "O"),
        ("persons_arrested_by_category", (SILENT, "terrorism"), "O"),
        ("persons_arrested_by_category", (REPORTED, "terrorism"), "P"),
        ("withdrawals_by_kind", (SILENT, "arrest"), "O"),
        ("withdrawals_by_kind", (REPORTED, "arrest"), "P"),
        ("withdrawals_by_kind", (FUTURE, "arrest"), "M"),
        ("searches", (SILENT, "sltd", "hit"), "P"),
        ("searches", (REPORTED, "sltd", "hit"), "O"),
    ],
)
def test_a_zero_has_the_status_of_its_period_and_region(
    dataset: str, codes: tuple[str, ...], expected: str
) -> None:
    declared = DATASETS[dataset]
    assert len(declared.dimensions) == len(codes)
    row = status().row(declared, Cell(codes, 0, state=CUT_OFF), "EV", is_hidden=False)
    assert (row.obs_status, row.conf_status) == (expected, "F")
    assert row.value == (0 if expected == "P" else None)


def test_what_is_known_to_be_nothing_and_what_its_row_says_agree() -> None:
    """Without a region it is the world that reported, wherever it is asked."""
    found = status()
    for period, letter in ((REPORTED, ""), (SILENT, "O"), (FUTURE, "M")):
        assert found.nothing("counts", {"time_period": period}) == letter
        assert found.nothing("counts", {"time_period": period, "region": "total"}) == letter
    assert found.nothing("operations", {"operation": "x"}) == ""
