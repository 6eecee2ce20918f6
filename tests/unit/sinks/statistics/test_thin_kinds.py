"""A kind of which most figures by month and region are sensitive is told with the one near it."""

from __future__ import annotations

import pytest

from schemas.reference import Reference
from sinks.statistics.changes import told_as
from sinks.statistics.codes import kind_groups, near_kinds
from sinks.statistics.disclosure import Cell, Dimension, Merge, Release, Table, Vintage
from sinks.statistics.making import merge_thin_kinds
from sinks.statistics.manifest import Codes, Manifest, Noise
from sinks.statistics.periods import Frequency
from sinks.statistics.planning import default_rules

CUT_OFF = "2025-07-01T00:00:00Z"
MONTHS = ("2025-01", "2025-02", "2025-03")
BUREAUS = ("FR", "DE", "ES", "IT")
ENOUGH, THIN = 400, 4
MERGED = Merge("kind", ("report", "operation_report"), "reports")


def manifest(frequency: Frequency) -> Manifest:
    blocks = MONTHS if frequency is Frequency.MONTH else ("2025-Q1",)
    return Manifest(
        1, CUT_OFF, frequency, blocks[0], False, "", "test",
        dict.fromkeys(blocks, CUT_OFF), Codes.of(Reference.load()), default_rules(), Noise(),
        {}, (),
    )  # fmt: skip


def release(frequency: Frequency = Frequency.MONTH, **events: int) -> Release:
    """So many events of each kind in each period and region; the year's numbers are all large."""
    kinds = {"message": ENOUGH, "operation_report": ENOUGH, "report": ENOUGH} | events
    dimensions = {
        "time_period": Dimension("time_period", {}),
        "region": Dimension("region", {}),
        "kind": Dimension("kind", {"total": (tuple(kinds),)}),
    }
    periods = MONTHS if frequency is Frequency.MONTH else ("2025-Q1",)
    cells = tuple(
        Cell((period, region, kind), of, dict.fromkeys(BUREAUS, of // len(BUREAUS)))
        for period in (*periods, "2025")
        for region in ("africa", "europe", "total")
        for kind, count in kinds.items()
        for of in [ENOUGH if period == "2025" else count]
    )
    return Release(dimensions, (Table("events_by_kind", "events", tuple(dimensions), cells),))


def test_a_thin_kind_is_merged_with_the_near_one_in_a_release_by_month() -> None:
    merged, merges = merge_thin_kinds(release(report=THIN), manifest(Frequency.MONTH))
    assert merges == (MERGED,)
    values = {cell.codes: cell.value for cell in merged.tables[0].cells}
    assert values["2025-02", "africa", "reports"] == ENOUGH + THIN
    assert {kind for *_, kind in values} == {"message", "reports"}


@pytest.mark.parametrize(
    ("frequency", "report"), [(Frequency.MONTH, ENOUGH), (Frequency.QUARTER, THIN)]
)
def test_other_kinds_and_releases_by_quarter_stay_as_they_are(
    frequency: Frequency, report: int
) -> None:
    counted = release(frequency, report=report)
    assert merge_thin_kinds(counted, manifest(frequency)) == (counted, ())


def test_a_thin_kind_that_has_no_near_one_in_the_release_stays() -> None:
    counted = release(message=THIN)
    assert merge_thin_kinds(counted, manifest(Frequency.MONTH)) == (counted, ())


def test_what_an_earlier_release_merged_stays_merged() -> None:
    earlier, _ = merge_thin_kinds(release(report=THIN), manifest(Frequency.MONTH))
    before = Vintage("1", earlier.tables, frozenset(), frozenset())
    counted = release()
    now = Release(counted.dimensions, counted.tables, vintages=(before,))
    assert merge_thin_kinds(now, manifest(Frequency.MONTH))[1] == (MERGED,)


def test_near_kinds_are_of_one_group_and_go_into_it_together() -> None:
    groups, kinds = kind_groups(), Reference.load().kinds
    for code, near in near_kinds().items():
        assert {groups[kind] for kind in near} == {groups[code]}
        assert code not in kinds


def test_a_change_is_counted_wherever_a_kind_was_merged_into_step_by_step() -> None:
    coarser = {("kind", "report"): "reports", ("kind", "reports"): "analyses"}
    assert list(told_as("kind", "report", coarser)) == ["report", "reports", "analyses"]
    assert list(told_as("kind", "message", coarser)) == ["message"]
