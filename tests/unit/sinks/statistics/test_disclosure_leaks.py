"""Two hundred planted leaks: the attacker finds every one, and nothing where none was planted."""

from __future__ import annotations

import functools
import random
from dataclasses import replace
from typing import NamedTuple

import pytest

from deploy.attacker import (
    ChangeId,
    Leak,
    Secrets,
    Structure,
    faulty_noise_rows,
    judge,
    read_figures,
)
from schemas.errors import ConfigurationError
from sinks.statistics.disclosure import (
    CellId,
    NoiseTable,
    Protection,
    Release,
    Rules,
    System,
    Vintage,
    make_noise_table,
    protect,
    refuse_noise_table,
    sensitive_change,
)
from tests.unit.sinks.statistics.publishing import (
    Row,
    figure_id,
    published,
    secrets_of,
    structure_of,
)
from tests.unit.sinks.statistics.small_worlds import (
    DIMENSIONS,
    MONTHS,
    Event,
    changes_between,
    events,
    release_of,
    tables_of,
)

WORLDS = range(10)
LEAKS_A_WORLD = 5
NOISE = make_noise_table(5, 4)


@functools.cache
def protected(seed: int) -> tuple[Release, Protection, System, Secrets]:
    release = release_of(seed)
    protection = protect(release)
    assert not protection.unprotected
    system = System(release.tables, release.dimensions)
    return release, protection, system, secrets_of(release, protection)


def rows_of(release: Release, hidden: frozenset[CellId]) -> list[Row]:
    return published(release.tables, release.dimensions, hidden)


def leaks(rows: list[Row], structure: Structure, secrets: Secrets) -> list[Leak]:
    return judge(read_figures(rows, structure), structure, secrets)


def as_outsider(secrets: Secrets) -> Secrets:
    """Without the insiders, who take the most time and aren't needed to find these leaks."""
    return replace(secrets, parts={}, tables=())


def giving_away(seed: int) -> list[tuple[CellId, tuple[CellId, ...]]]:
    """Sensitive parts of a visible total, each with the other hidden parts of that total."""
    _, protection, system, _ = protected(seed)
    found = []
    for equation in system.equations:
        (total,) = (system.ids[number] for number, sign in equation if sign > 0)
        hidden = [system.ids[n] for n, _ in equation if system.ids[n] in protection.hidden]
        if total not in hidden:
            found += [
                (cell, tuple(other for other in hidden if other != cell))
                for cell in hidden
                if cell in protection.primary
            ]
    return found


@pytest.mark.parametrize("seed", WORLDS)
def test_nothing_is_found_where_nothing_leaks(seed: int) -> None:
    release, protection, _, secrets = protected(seed)
    structure = structure_of(release.tables, DIMENSIONS)
    assert leaks(rows_of(release, protection.hidden), structure, secrets) == []


@pytest.mark.parametrize("seed", WORLDS)
def test_secondary_cells_that_are_shown_are_caught(seed: int) -> None:
    release, protection, _, secrets = protected(seed)
    structure = structure_of(release.tables, DIMENSIONS)
    choices = [
        (cell, others)
        for cell, others in giving_away(seed)
        if others and protection.secondary.issuperset(others)
    ]
    for cell, others in random.Random(seed).choices(choices, k=LEAKS_A_WORLD):
        shown = {figure_id(other) for other in others}
        known = {name: s for name, s in secrets.figures.items() if name not in shown}
        unaware = replace(as_outsider(secrets), figures=known)
        found = leaks(rows_of(release, protection.hidden - set(others)), structure, unaware)
        assert ("narrow", figure_id(cell)) in {(leak.kind, leak.figure) for leak in found}


@pytest.mark.parametrize("seed", WORLDS)
def test_an_added_margin_is_caught(seed: int) -> None:
    release, protection, system, secrets = protected(seed)
    choices = [(cell, others) for cell, others in giving_away(seed) if others]
    for cell, others in random.Random(seed).choices(choices, k=LEAKS_A_WORLD):
        (dimension,) = {name for other in others for name, _ in set(cell.at) ^ set(other.at)}
        codes = tuple(dict(other.at)[dimension] for other in others)
        structure = structure_of(release.tables, DIMENSIONS)
        parts = {**structure.parts, dimension: {**structure.parts[dimension], "more": (codes,)}}
        rows = rows_of(release, protection.hidden)
        table = next(
            t
            for t in release.tables
            if {name for name, _ in cell.at} <= set(t.dimensions)
            and any(t.id_of(c, DIMENSIONS) == cell for c in t.cells)
        )
        like = next(c for c in table.cells if table.id_of(c, DIMENSIONS) == cell)
        row: Row = dict(zip(table.dimensions, like.codes, strict=True)) | {
            dimension: "more",
            "table": table.name,
            "release": "1",
            "cut_off": "once",
            "obs_value": sum(system.values[system.index[other]] for other in others),
        }
        found = leaks([*rows, row], replace(structure, parts=parts), as_outsider(secrets))
        assert ("narrow", figure_id(cell)) in {(leak.kind, leak.figure) for leak in found}


class History(NamedTuple):
    """Releases one after the other: what all of them publish, and the auditor's truth of it."""

    rows: list[Row]
    secrets: Secrets
    last: Protection
    structure: Structure


def publish_in_turn(*states: tuple[list[Event], dict[str, str]]) -> History:
    """One release each of these facts, with cut-offs by month; protected with those before it."""
    rows: list[Row] = []
    vintages: list[Vintage] = []
    account: dict[ChangeId, bool] = {}
    for number, (found, cut_offs) in enumerate(states, 1):
        tables = tables_of(found, cut_offs)
        changes = [
            change
            for earlier, (before, _) in enumerate(states[: number - 1], 1)
            for change in changes_between(before, found, tables, str(earlier))
        ]
        release = Release(DIMENSIONS, tables, Rules(), tuple(vintages), tuple(changes))
        protection = protect(release)
        assert not protection.unprotected
        for change in changes:
            sensitive = sensitive_change(
                change.cell, change.gross, change.contributions, is_count=True, rules=release.rules
            )
            place = ChangeId(change.cell.measure, change.cell.at, change.since, str(number))
            account[place] = sensitive
        rows += published(tables, DIMENSIONS, protection.hidden, str(number))
        vintages.append(
            Vintage(str(number), tables, protection.hidden, frozenset(protection.primary))
        )
    secrets = replace(secrets_of(release, protection), changes=account)
    return History(rows, secrets, protection, structure_of(tables, DIMENSIONS))


@pytest.mark.parametrize("seed", WORLDS)
def test_a_vintage_that_is_off_by_one_event_is_caught(seed: int) -> None:
    before = events(seed)
    release, protection, _, secrets = protected(seed)
    structure = structure_of(release.tables, DIMENSIONS)
    hidden_places = {cell.at for cell in protection.hidden}
    for one in random.Random(seed).sample(march(before), LEAKS_A_WORLD):
        tables = tables_of([*before, one], {MONTHS[2]: "revised"})
        careless = frozenset(
            cell for cell in System(tables, DIMENSIONS).index if cell.at in hidden_places
        )
        rows = [
            *published(release.tables, DIMENSIONS, protection.hidden, "1"),
            *published(tables, DIMENSIONS, careless, "2"),
        ]
        changed = {
            ChangeId(change.cell.measure, change.cell.at, "1", "2"): True
            for change in changes_between(before, [*before, one], tables, "1")
        }
        found = leaks(rows, structure, replace(as_outsider(secrets), changes=changed))
        assert "change" in {leak.kind for leak in found}


def march(found: list[Event]) -> list[Event]:
    return [event for event in found if event.time == MONTHS[2]]


@pytest.mark.parametrize("count", [1, 40])
def test_a_revision_whose_changes_are_accounted_for_leaks_nothing(count: int) -> None:
    before = events(3)
    after = [*before, *march(before)[:count]]
    history = publish_in_turn((before, {}), (after, {MONTHS[2]: "revised"}))
    assert leaks(history.rows, history.structure, history.secrets) == []


def test_changes_that_are_in_no_account_are_caught() -> None:
    before = events(3)
    after = [*before, *march(before)[:40]]
    history = publish_in_turn((before, {}), (after, {MONTHS[2]: "revised"}))
    found = leaks(history.rows, history.structure, replace(history.secrets, changes={}))
    assert {leak.kind for leak in found} == {"change"}


@pytest.mark.parametrize("seed", range(2))
def test_three_releases_together_leak_nothing(seed: int) -> None:
    """March is revised, then April; the other months, and March then, keep their cut-offs."""
    first = events(seed)
    late = events(seed + 1000, count=120)
    second = revised(first, late, MONTHS[2])
    third = revised(second, late, MONTHS[3])
    history = publish_in_turn(
        (first, {}),
        (second, {MONTHS[2]: "second"}),
        (third, {MONTHS[2]: "second", MONTHS[3]: "third"}),
    )
    assert leaks(history.rows, history.structure, history.secrets) == []
    assert history.last.secondary


def revised(found: list[Event], late: list[Event], month: str) -> list[Event]:
    """Five events of that month are gone, and those come that were late."""
    gone = [event for event in found if event.time == month][:5]
    left = list(found)
    for event in gone:
        left.remove(event)
    return left + [event for event in late if event.time == month]


def test_figures_that_contradict_each_other_are_caught() -> None:
    release, protection, _, secrets = protected(0)
    structure = structure_of(release.tables, DIMENSIONS)
    rows = rows_of(release, protection.hidden)
    largest = max((row for row in rows if row["obs_value"]), key=lambda row: str(row["obs_value"]))
    largest["obs_value"] = int(str(largest["obs_value"])) + 1
    assert [leak.kind for leak in leaks(rows, structure, secrets)] == ["contradiction"]


@pytest.mark.parametrize("seed", range(50))
def test_a_noise_row_without_a_say_of_the_key_is_refused_and_caught(seed: int) -> None:
    table = NOISE
    number = random.Random(seed).randrange(1, len(table.rows))
    rows = list(table.rows)
    rows[number] = (random.Random(seed).choice((0, 1, -1)),) * len(rows[number])
    assert faulty_noise_rows(table.rows, 5) == []
    assert faulty_noise_rows(rows, 5) == [number]
    with pytest.raises(ConfigurationError, match=f"row {number} .* depend on the key"):
        refuse_noise_table(NoiseTable(5, 4, tuple(rows)))
