"""What may be told beside a hidden number of events: whatever every proof holds with."""

from __future__ import annotations

from dataclasses import replace

from deploy.attacker import judge, read_figures
from deploy.attacker.limits import measure_limits
from sinks.statistics.disclosure import Cell, Dimension, Release, Table, protect
from sinks.statistics.disclosure.rules import Reason
from sinks.statistics.implied import Implied, Numbers
from sinks.statistics.offences import rows_to_hide
from sinks.statistics.periods import Period
from tests.unit.sinks.statistics.publishing import published, secrets_of, structure_of

REGIONS = ("africa", "americas", "europe", "mena")
DIMENSIONS = {
    "time_period": Dimension("time_period", {}),
    "region": Dimension("region", {"total": (REGIONS,)}),
}
NUMBERS = {"africa": 4, "americas": 90, "europe": 40, "mena": 30}
BLOCKS = (Period.parse("2025-Q1"),)


def cell(region: str, value: int) -> Cell:
    """Of three bureaus, as even as can be."""
    shares = {f"{region}-{one}": (value + one) // 3 for one in range(3)}
    return Cell(("2025", region), value, {who: part for who, part in shares.items() if part})


def table(name: str, measure: str, values: dict[str, int]) -> Table:
    cells = [cell(region, value) for region, value in values.items()]
    parts = {who: part for one in cells for who, part in one.contributions.items()}
    total = Cell(("2025", "total"), sum(values.values()), parts)
    return Table(name, measure, ("time_period", "region"), (*cells, total))


EVENTS = table("events_by_kind", "events", NUMBERS)
EVENT_RELEASE = Release(DIMENSIONS, (EVENTS,))


def hidden_rows(**offences: int) -> frozenset[tuple[str, str]]:
    protection = protect(EVENT_RELEASE)
    assert protection.primary
    totals = {
        ("2025", region): cell(region, value)
        for region, value in ({r: v // 2 for r, v in NUMBERS.items()} | offences).items()
    }
    return rows_to_hide(totals, Implied.of(EVENT_RELEASE, protection, BLOCKS))


def test_offences_are_told_of_shown_numbers_whatever_they_are() -> None:
    assert hidden_rows(africa=0, americas=90) == set()


def test_offences_that_narrow_a_hidden_number_are_hidden_with_those_of_the_world() -> None:
    assert hidden_rows(africa=4) == {("2025", "africa"), ("2025", "total")}
    assert hidden_rows(africa=0) == set()


def test_a_bureau_that_names_none_knows_the_offences_to_be_of_others() -> None:
    """All other events of Africa name an offence: who has the events without one knows that."""
    protection = protect(EVENT_RELEASE)
    implied = Implied.of(EVENT_RELEASE, protection, BLOCKS)
    one = Cell(("2025", "africa"), 1, {"africa-2": 1})
    assert protection.widths
    assert rows_to_hide({("2025", "africa"): one}, implied)
    assert not rows_to_hide({("2025", "africa"): replace(one, value=0, contributions={})}, implied)


def test_persons_of_three_bureaus_are_hidden_where_the_events_bear_no_three() -> None:
    persons = table("persons", "persons_arrested", {"africa": 9, "americas": 80, "europe": 70,
                                                    "mena": 60})  # fmt: skip
    release = Release(DIMENSIONS, (EVENTS, persons))
    protection = protect(release)
    africa = persons.id_of(persons.cells[0], DIMENSIONS)
    assert africa not in protection.hidden
    least = Implied.of(release, protection, BLOCKS).too_much(persons, DIMENSIONS)
    assert least == {africa}

    def leaks(release: Release) -> list[str]:
        done = protect(release)
        structure = structure_of(release.tables, DIMENSIONS)
        figures = read_figures(published(release.tables, DIMENSIONS, done.hidden), structure)
        limits = tuple(measure_limits(figures, structure))
        found = judge(figures, replace(structure, limits=limits), secrets_of(release, done))
        return [leak.kind for leak in found]

    assert "narrow" in leaks(release)
    without = replace(release, untold=frozenset(least))
    assert protect(without).primary[africa] == {Reason.IMPLIED}
    assert leaks(without) == []


def test_no_proof_has_no_event_where_persons_are_measured() -> None:
    """Of the events of Africa, 1 of 1 bureau, only the number of persons says that there is one."""
    line = table("events_by_kind", "events", NUMBERS | {"africa": 2, "mena": 1})
    persons = table("persons", "persons_arrested", {"africa": 1, "mena": 3})
    release = Release(DIMENSIONS, (line, persons))
    numbers = Numbers.of(release, BLOCKS)
    least = numbers.at_least_one(persons)
    assert {dict(one.at).get("region") for one in least} == {"africa", "mena", None}
    done = protect(replace(release, least=least))
    assert not done.unprotected
    assert all(proof.table.get(one, 1) >= 1 for proof in done.proofs for one in least)


def test_a_quarter_without_events_is_one_whose_months_have_none() -> None:
    months = ("2025-01", "2025-02", "2025-03")
    cells = tuple(Cell((month, "mena"), 0) for month in months)
    by_month = Table("events_by_kind", "events", ("time_period", "region"), cells)
    numbers = Numbers.of(Release(DIMENSIONS, (by_month,)), map(Period.parse, months))
    assert numbers.is_none({"time_period": "2025-Q1", "region": "mena"})
    assert not numbers.is_none({"time_period": "2025-Q1", "region": "africa"})
    assert not numbers.is_none({"time_period": "2025-Q2", "region": "mena"})
