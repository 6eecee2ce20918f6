"""What may be told beside a hidden number of events: nothing that says how many there are."""

from __future__ import annotations

from schemas.reference import Reference
from sinks.statistics.disclosure import Cell, CellId, Dimension, Protection, Release, Table
from sinks.statistics.event_numbers import EventNumbers
from sinks.statistics.manifest import Codes, Manifest, Noise
from sinks.statistics.periods import Frequency, Period
from sinks.statistics.planning import default_rules

CUT_OFF = "2025-07-01T00:00:00Z"
MONTHS = tuple(f"2025-{month:02}" for month in range(1, 7))
DIMENSIONS = {name: Dimension(name, {}) for name in ("time_period", "region", "kind")}


def numbers(*hidden: tuple[str, str]) -> EventNumbers:
    """Half a year by month; these numbers of a month and region are hidden."""
    manifest = Manifest(
        1, CUT_OFF, Frequency.MONTH, MONTHS[0], False, "", "test",
        dict.fromkeys(MONTHS, CUT_OFF), Codes.of(Reference.load()), default_rules(), Noise(),
        {}, (),
    )  # fmt: skip
    cells = tuple(
        Cell((month, region, kind), 30, {"FR": 10, "DE": 10, "ES": 10})
        for month in MONTHS
        for region in ("europe", "other-regions", "total")
        for kind in ("arrest", "total")
    )
    release = Release(DIMENSIONS, (Table("events_by_kind", "events", tuple(DIMENSIONS), cells),))
    secret = frozenset(
        CellId("events", tuple(sorted({"time_period": m, "region": r}.items())), "")
        for m, r in hidden
    )
    return EventNumbers.of(manifest, release, Protection({}, secret, (), {}, frozenset(), 0, 0))


def test_a_quarter_is_known_where_its_months_are() -> None:
    found = numbers(("2025-02", "europe"))
    assert not found.is_known(Period.parse("2025-Q1"), "europe")
    assert found.is_known(Period.parse("2025-Q2"), "europe")
    assert found.is_known(Period.parse("2025-Q1"), "other-regions")
    assert not found.is_known(Period.parse("2025-Q1"), "mena"), "merged, so in no table"


def test_who_reported_is_told_of_shown_numbers_and_of_the_world_where_all_are() -> None:
    found = numbers(("2025-02", "europe"), ("2025-02", "other-regions"))
    told = {
        (month, region): found.reporting(Period.parse(month), region)
        for month in ("2025-01", "2025-02")
        for region in ("europe", "other-regions", "total")
    }
    assert told == {
        ("2025-01", "europe"): 3, ("2025-01", "other-regions"): 3, ("2025-01", "total"): 3,
        ("2025-02", "europe"): None, ("2025-02", "other-regions"): None, ("2025-02", "total"): None,
    }  # fmt: skip
