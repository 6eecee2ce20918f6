"""What offences, persons and amounts say of hidden numbers of events: the attacker reads it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from deploy.attacker import Figure, FigureId, Leak, Secret, Secrets, Structure, TableShape, judge
from deploy.attacker.limits import MEASURED, measure_limits
from deploy.attacker.published import read_figures
from sinks.statistics.dataset import load_datasets

REGIONS = ("africa", "europe", "mena")
EVENTS: Mapping[str, int | None] = {"africa": None, "europe": 60, "mena": None, "total": 74}
"""Africa has 6, the Middle East 8."""
STRUCTURE = Structure(
    {
        "events_by_kind": TableShape("events", ("time_period", "region")),
        "offences": TableShape("offences", ("time_period", "region"), below=1, above=1),
        "persons_arrested_by_region": TableShape("persons_arrested", ("time_period", "region")),
    },
    {"time_period": "total", "region": "total"},
    {"region": {"total": (REGIONS,)}},
    within={"offences": "events"},
)


def name(measure: str, region: str) -> FigureId:
    at = [("time_period", "2025")] + [("region", region)] * (region != "total")
    return FigureId(measure, tuple(sorted(at)), "once")


def rows(table: str, values: Mapping[str, int | None], cut_off: str = "once") -> list[Figure]:
    return read_figures(
        (
            {"table": table, "release": "1", "time_period": "2025", "region": region,
             "cut_off": cut_off, "obs_value": value}
            for region, value in values.items()
        ),
        STRUCTURE,
    )  # fmt: skip


SECRETS = Secrets(
    {name("events", "africa"): Secret(6, (3, 9)), name("events", "mena"): Secret(8, (5, 11))}
)


def leaks(*figures: Figure, secrets: Secrets = SECRETS) -> list[Leak]:
    told = [*rows("events_by_kind", EVENTS), *figures]
    limits = tuple(measure_limits(told, STRUCTURE))
    structure = Structure(
        STRUCTURE.tables, STRUCTURE.totals, STRUCTURE.parts, limits, STRUCTURE.within
    )
    return judge(told, structure, secrets)


def test_offences_of_a_hidden_number_of_events_are_at_most_as_many() -> None:
    few = rows("offences", {"africa": 4, "europe": 9, "mena": 2, "total": 15})
    assert leaks(*few) == []
    many = rows("offences", {"africa": 5, "europe": 9, "mena": 2, "total": 15})
    (leak,) = [leak for leak in leaks(*many) if leak.figure == name("events", "africa")]
    assert leak.kind == "narrow"


def test_offences_that_are_hidden_follow_from_those_of_the_world() -> None:
    told = {"africa": None, "europe": 9, "mena": 2, "total": 20}
    found = leaks(*rows("offences", told))
    assert {leak.figure for leak in found} >= {name("events", "africa")}
    assert leaks(*rows("offences", told | {"total": None})) == []


def test_offences_as_of_another_cut_off_say_nothing() -> None:
    assert leaks(*rows("offences", {"africa": 6, "total": 20}, "before")) == []


def test_persons_that_are_shown_are_of_three_bureaus_with_an_event_each() -> None:
    secrets = Secrets({name("events", "africa"): Secret(4, (1, 7)),
                       name("events", "mena"): Secret(10, (7, 13))})  # fmt: skip
    assert leaks(secrets=secrets) == []
    assert leaks(*rows("persons_arrested_by_region", {"africa": 0}), secrets=secrets) == []
    found = leaks(*rows("persons_arrested_by_region", {"africa": 7}), secrets=secrets)
    assert ("narrow", name("events", "africa")) in {(leak.kind, leak.figure) for leak in found}


def test_a_bureau_among_the_three_knows_of_two_others() -> None:
    africa, persons = name("events", "africa"), name("persons_arrested", "africa")
    secrets = Secrets({africa: Secret(7, (4, 10))}, {"KE": {africa: 5, persons: 1}})
    assert leaks(secrets=secrets) == []
    found = leaks(*rows("persons_arrested_by_region", {"africa": 7}), secrets=secrets)
    assert [(leak.kind, leak.figure) for leak in found] == [("insider", africa)]


def test_a_bureau_without_persons_knows_of_three_others() -> None:
    africa = name("events", "africa")
    secrets = Secrets({africa: Secret(8, (5, 11))}, {"KE": {africa: 5}})
    assert leaks(secrets=secrets) == []
    found = leaks(*rows("persons_arrested_by_region", {"africa": 7}), secrets=secrets)
    assert [(leak.kind, leak.figure) for leak in found] == [("insider", africa)]


@pytest.mark.parametrize(("named", "is_found"), [(0, True), (1, False)])
def test_a_bureau_subtracts_from_offences_what_it_named_itself(named: int, is_found: bool) -> None:
    """Of Africa's 10 events 5 are Kenya's; at least 5 of all name an offence."""
    africa, offences = name("events", "africa"), name("offences", "africa")
    secrets = Secrets({africa: Secret(10, (7, 13))}, {"KE": {africa: 5, offences: named}})
    found = leaks(*rows("offences", {"africa": 6, "total": None}), secrets=secrets)
    assert [(leak.kind, leak.figure) for leak in found] == [("insider", africa)] * is_found


def test_a_proof_spares_no_program_where_a_bureau_subtracts_offences() -> None:
    """Two offences of Africa, none of them Kenya's, refute the table with one event less there."""
    africa, offences = name("events", "africa"), name("offences", "africa")
    mena = name("events", "mena")
    secrets = Secrets(
        {africa: Secret(6, (3, 9)), mena: Secret(8, (5, 11))},
        {"KE": {africa: 4, offences: 0}},
        tables=({africa: 5, mena: 9}, {africa: 7, mena: 7}),
    )
    assert leaks(secrets=secrets) == []
    twice = (*rows("offences", {"africa": 3}), *rows("offences", {"africa": 1}))
    found = leaks(*twice, secrets=secrets)
    assert [(leak.kind, leak.figure) for leak in found] == [("insider", africa), ("insider", mena)]


def test_persons_are_none_where_there_is_no_event() -> None:
    """A zero that was hidden to hide another figure is known, and with it the other."""
    events = rows("events_by_kind", {"africa": 0, "europe": 66, "mena": 8, "total": 74})
    persons = rows(
        "persons_arrested_by_region", {"africa": None, "europe": 60, "mena": None, "total": 63}
    )
    secrets = Secrets({
        name("persons_arrested", "africa"): Secret(0),
        name("persons_arrested", "mena"): Secret(3, (1, 6)),
    })  # fmt: skip
    assert {leak.kind for leak in judge(persons, STRUCTURE, secrets)} == {"narrow"}
    told = [*events, *persons]
    limits = tuple(measure_limits(told, STRUCTURE))
    found = judge(told, Structure(STRUCTURE.tables, STRUCTURE.totals, STRUCTURE.parts, limits),
                  secrets)  # fmt: skip
    assert {leak.kind for leak in found} == {"exact", "narrow"}


def test_it_knows_every_measure_that_is_declared() -> None:
    declared = {
        one.measure for one in load_datasets().values() if one.source in ("counts", "money")
    }
    assert declared == MEASURED
