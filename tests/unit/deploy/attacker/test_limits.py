"""What tables that hold no counts say of hidden counts: the attacker reads them all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.attacker import (
    Figure,
    FigureId,
    Leak,
    Limit,
    Secret,
    Secrets,
    Structure,
    TableShape,
    judge,
)
from deploy.attacker.limits import coverage_limits, lag_limits, loss_limits, quality_limits

MONTHS = ("2025-01", "2025-02", "2025-03")
REGIONS = ("africa", "europe", "mena")
QUARTER = "2025-Q1"
NUMBERS = {
    ("africa", "2025-01"): 4, ("europe", "2025-01"): 60, ("mena", "2025-01"): 6,
    ("africa", "2025-02"): 10, ("europe", "2025-02"): 70, ("mena", "2025-02"): 50,
    ("africa", "2025-03"): 6, ("europe", "2025-03"): 80, ("mena", "2025-03"): 41,
}  # fmt: skip
HIDDEN = frozenset({("africa", "2025-01"), ("mena", "2025-01")})
STRUCTURE = Structure(
    {"events_by_kind": TableShape("events", ("time_period", "region"))},
    {"time_period": "total", "region": "total"},
    {
        "region": {"total": (REGIONS,)},
        "time_period": {QUARTER: (MONTHS,)},
    },
)


def name(region: str, period: str) -> FigureId:
    at = [("time_period", period)] + [("region", region)] * (region != "total")
    return FigureId("events", tuple(sorted(at)), "once")


def figures() -> list[Figure]:
    """Months by region; January hides Africa and the Middle East."""
    values = dict(NUMBERS)
    for month in MONTHS:
        values["total", month] = sum(NUMBERS[region, month] for region in REGIONS)
    return [
        Figure(name(*place), "1", "events_by_kind", 0 if place in HIDDEN else value,
               None if place in HIDDEN else value)
        for place, value in values.items()
    ]  # fmt: skip


SECRETS = Secrets(
    {name(*place): Secret(value, (max(1, value - 3), value + 3)) for place, value in NUMBERS.items()
     if place in HIDDEN},
    parts={"KE": {name("africa", "2025-01"): 2}, "(desks)": {name("africa", "2025-01"): 3}},
    insider_percent=10,
)  # fmt: skip


def found(*limits: Limit, also: tuple[Figure, ...] = ()) -> list[Leak]:
    return judge([*figures(), *also], replace(STRUCTURE, limits=limits), SECRETS)


def coverage(period: str = "2025-01", **reporting: int | None) -> list[dict[str, object]]:
    """Ten members a region."""
    return [
        {"time_period": period, "region": region, "indicator": indicator, "obs_value": value,
         "cut_off": "once", "release": 1}
        for region, told in reporting.items()
        for indicator, value in (("reporting", told), ("members", 30 if region == "total" else 10))
    ]  # fmt: skip


def test_without_such_tables_nothing_is_given_away() -> None:
    assert found() == []


def test_bureaus_that_reported_are_a_lower_bound() -> None:
    """Four bureaus: so there are four events or more."""
    leaks = found(*coverage_limits(coverage(africa=4, europe=9, mena=None, total=None)))
    assert {(leak.kind, leak.figure) for leak in leaks} >= {("narrow", name("africa", "2025-01"))}


def test_a_hidden_number_of_bureaus_follows_from_the_world_s() -> None:
    limits = coverage_limits(coverage(africa=None, europe=9, mena=5, total=13))
    assert ("narrow", name("africa", "2025-01")) in {
        (leak.kind, leak.figure) for leak in found(*limits)
    }


def test_two_hidden_numbers_of_bureaus_follow_within_what_the_regions_have() -> None:
    """Fourteen of two regions with ten bureaus each: four or more are of each."""
    limits = list(coverage_limits(coverage(africa=None, europe=9, mena=None, total=23)))
    africa, mena = name("africa", "2025-01"), name("mena", "2025-01")
    least = {limit.figures: limit.least for limit in limits}
    assert (least[africa,], least[mena,], least[africa, mena]) == (4, 4, 14)
    assert found(*limits)


def test_a_region_of_which_nobody_reported_has_no_events() -> None:
    (limit,) = coverage_limits(coverage(africa=0))
    assert (limit.least, limit.most) == (0, 0)


def test_who_reported_itself_counts_the_others_events_from_it() -> None:
    """KE has two of the four; with two more bureaus it knows the others to have two or more."""
    limits = list(coverage_limits(coverage(africa=3)))
    own = SECRETS.parts["KE"]
    assert [limit.least_for(own) for limit in limits] == [4]
    leaks = found(*limits)
    told = [leak.message for leak in leaks if leak.kind == "insider"]
    assert told
    assert all("KE knows" in message for message in told)
    (limit,) = limits
    assert found(replace(limit, least=1)) == []


@pytest.mark.parametrize(("statistic", "least"), [("median", 20), ("p90", 100)])
def test_a_lag_is_shown_of_enough_events_only(statistic: str, least: int) -> None:
    row = {
        "time_period": QUARTER,
        "region": "africa",
        "statistic": statistic,
        "obs_value": 1.5,
        "cut_off": "once",
    }
    limits = list(lag_limits([row, row | {"obs_value": None}]))
    assert [(limit.least, limit.counts_bureaus) for limit in limits] == [(least, False), (3, True)]


def test_a_lag_of_a_quarter_bounds_its_hidden_months() -> None:
    """The quarter stands in no table: two shown months, 16, and what is hidden add up to it."""
    unseen = Figure(name("africa", QUARTER), "1", "reporting_lag", 0, None)
    assert found(also=(unseen,)) == []
    limits = (Limit((unseen.id,), 20), Limit((unseen.id,), 3, counts_bureaus=True))
    leaks = found(*limits, also=(unseen,))
    assert ("narrow", name("africa", "2025-01")) in {(leak.kind, leak.figure) for leak in leaks}


def test_a_whole_per_cent_of_a_small_table_tells_the_count() -> None:
    """Its total is hidden, too: 17 of 117 are 14.5 per cent; one of 25 may stand for up to 33."""
    table = TableShape("arrests", ("region",))
    structure = Structure(
        {"arrests": table}, {"region": "total"}, {"region": {"total": (REGIONS,)}}
    )

    def figure(region: str, value: int | None) -> Figure:
        at = (("region", region),) if region != "total" else ()
        return Figure(FigureId("arrests", at, "once"), "1", "arrests", value or 0, value)

    rows = [figure("africa", None), figure("europe", 60), figure("mena", 40), figure("total", None)]
    secrets = Secrets({rows[0].id: Secret(17, (14, 20)), rows[3].id: Secret(117, (105, 129))})

    def leaks(percent: int) -> list[Leak]:
        limits = tuple(loss_limits(rows, structure, {("1", "arrests"): percent}))
        return judge(rows, replace(structure, limits=limits), secrets)

    assert leaks(25) == []
    assert {leak.kind for leak in leaks(15)} == {"narrow"}
    assert {leak.kind for leak in leaks(14)} == {"contradiction"}
    (limit,) = loss_limits(rows, structure, {("1", "arrests"): 16})
    assert (limit.least, limit.most) == (18, 19)


def test_shares_are_told_of_enough_events() -> None:
    row = {"time_period": "2025", "indicator": "declared", "cut_off": "once"}
    least = {
        percent: [
            limit.least for limit in quality_limits([row | {"obs_value": percent}], ["declared"])
        ]
        for percent in (None, 33, 35, 30, 75, 50, 0)
    }
    assert least == {None: [], 33: [500], 35: [100], 30: [50], 75: [20], 50: [10], 0: [10]}
