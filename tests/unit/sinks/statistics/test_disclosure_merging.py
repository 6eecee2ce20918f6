"""Thin data: what can't be protected is merged, in the declared order, and only that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.attacker import judge, read_figures
from sinks.statistics.disclosure import (
    CannotProtectError,
    Cell,
    Dimension,
    Merge,
    MergedRelease,
    MergeStep,
    PublicTotal,
    Release,
    System,
    Table,
    TableError,
    merge,
    merge_small,
    protect,
    protect_merging,
    thin_codes,
)
from tests.unit.sinks.statistics.publishing import published, secrets_of, structure_of
from tests.unit.sinks.statistics.small_worlds import (
    DIMENSIONS,
    KINDS,
    MONTHS,
    events,
    release_of,
    tables_of,
)

GROUPS = {"arrest": "operational", "seizure": "operational", "message": "paper", "notice": "paper"}
QUARTER = dict.fromkeys(MONTHS[:3], "2025-Q1")
STEPS = (MergeStep("kind", GROUPS), MergeStep("time", QUARTER))
LINE = {"kind": Dimension("kind", {"total": (KINDS,)})}


MANY = {"fr": 100, "de": 100, "es": 100, "it": 100}


def line(*public: str) -> Release:
    """One row of kinds, two of them thin; `public` ones are known from elsewhere."""
    parts = {
        "arrest": {"de": 1, "es": 1},
        "message": MANY,
        "notice": MANY,
        "seizure": {"fr": 2, "de": 2},
    }
    parts["total"] = {
        bureau: sum(by_bureau.get(bureau, 0) for by_bureau in parts.values()) for bureau in MANY
    }
    cells = tuple(Cell((kind,), sum(of.values()), of) for kind, of in parts.items())
    table = Table("t", "events", ("kind",), cells)
    known = tuple(
        PublicTotal((table.id_of(cell, LINE),), cell.value, cell.value, "a press release")
        for cell in cells
        if cell.codes[0] in public
    )
    return Release(LINE, (table,), public=known)


def codes(release: Release, dimension: str) -> set[str]:
    return {
        cell.codes[table.dimensions.index(dimension)]
        for table in release.tables
        if dimension in table.dimensions
        for cell in table.cells
    }


def leaks(merged: MergedRelease) -> list[object]:
    release, protection = merged.release, merged.protection
    structure = structure_of(release.tables, release.dimensions)
    rows = published(release.tables, release.dimensions, protection.hidden)
    return [*judge(read_figures(rows, structure), structure, secrets_of(release, protection))]


def test_a_region_with_two_active_bureaus_is_merged() -> None:
    found = events(1, bureaus={"africa": 6, "europe": 8, "mena": 2})
    release = Release(DIMENSIONS, tables_of(found))
    merged, merges = merge_small(release, "region", "other-regions")
    assert merges == (Merge("region", ("africa", "mena"), "other-regions"),)
    assert codes(merged, "region") == {"europe", "other-regions", "total"}
    done = protect_merging(merged, STEPS)
    assert not done.protection.unprotected
    assert leaks(done) == []


def test_regions_with_enough_bureaus_stay_as_they_are() -> None:
    release = release_of(1)
    assert merge_small(release, "region", "other-regions") == (release, ())


def test_small_regions_that_are_enough_together_take_no_other_with_them() -> None:
    found = events(1, bureaus={"africa": 3, "europe": 8, "mena": 4})
    _, merges = merge_small(Release(DIMENSIONS, tables_of(found)), "region", "other-regions")
    assert merges == (Merge("region", ("africa", "mena"), "other-regions"),)


def test_what_can_be_protected_is_not_merged() -> None:
    release = release_of(1)
    merged = protect_merging(release, STEPS)
    assert merged.merges == ()
    assert merged.release is release


def test_a_cell_that_nothing_can_hide_is_merged_into_its_group() -> None:
    """Arrests and seizures are known to be six together, so seizures can't be seven."""
    release = line("message", "notice", "total")
    assert {cell.text() for cell in protect(release).unprotected} == {"events kind=seizure"}
    merged = protect_merging(release, STEPS)
    assert merged.merges == (Merge("kind", ("arrest", "seizure"), "operational"),)
    assert merged.protection.hidden == frozenset()
    assert codes(merged.release, "kind") == {"message", "notice", "operational", "total"}


def test_steps_are_taken_in_their_order() -> None:
    release = line("message", "notice", "total")
    by_all = MergeStep("kind", dict.fromkeys(GROUPS, "everything"))
    assert protect_merging(release, (by_all, *STEPS)).merges == (
        Merge("kind", ("arrest", "message", "notice", "seizure"), "everything"),
    )


def test_without_a_step_nothing_may_be_published() -> None:
    with pytest.raises(CannotProtectError, match="kind=seizure; declare a coarser code"):
        protect_merging(line("message", "notice", "total"), STEPS[1:])


def test_merged_cells_add_up() -> None:
    release = merge(release_of(1), "kind", ("arrest", "seizure"), "operational")
    (table,) = (table for table in release.tables if table.name == "by-kind")
    cells = {cell.codes: cell for cell in table.cells}
    (before,) = (table for table in release_of(1).tables if table.name == "by-kind")
    parts = {cell.codes: cell for cell in before.cells}
    for time, region, kind in cells:
        if kind == "operational":
            first, second = parts[time, region, "arrest"], parts[time, region, "seizure"]
            one = cells[time, region, kind]
            assert one.value == first.value + second.value
            assert sum(one.contributions.values()) == one.value
    assert len(cells) == len(parts) - 20


def test_perturbed_cells_are_not_merged() -> None:
    release = line()
    cells = tuple(replace(cell, shows=(0, 999), perturbed=True) for cell in release.tables[0].cells)
    noisy = replace(release, tables=(replace(release.tables[0], cells=cells),))
    with pytest.raises(TableError, match="merge the true figures first"):
        merge(noisy, "kind", ("arrest", "seizure"), "operational")


def test_codes_of_which_most_figures_are_sensitive_are_thin() -> None:
    assert thin_codes(line(), "kind") == {"arrest", "seizure"}


def test_a_code_is_thin_above_the_share_that_was_asked_for() -> None:
    parts = {"de": 1}
    cells = (Cell(("a", "arrest"), 1, parts), Cell(("b", "arrest"), 1, parts))
    enough = Cell(("c", "arrest"), 400, MANY)
    dimensions = {"kind": Dimension("kind", {}), "region": Dimension("region", {})}
    table = Table("t", "events", ("region", "kind"), (*cells, enough))
    assert thin_codes(Release(dimensions, (table,)), "kind", most_percent=67) == frozenset()
    assert thin_codes(Release(dimensions, (table,)), "kind", most_percent=66) == {"arrest"}


def test_after_two_merges_every_sum_is_still_true() -> None:
    """What the first merge leaves of a total is not what the second one does."""
    kinds = ("arrest", "freeze", "message", "notice", "seizure")
    cells = (*(Cell((kind,), n) for n, kind in enumerate(kinds, 7)), Cell(("total",), 45))
    table = Table("t", "events", ("kind",), cells)
    release = Release({"kind": Dimension("kind", {"total": (kinds,)})}, (table,))
    release = merge(release, "kind", ("message", "notice"), "paper")
    release = merge(release, "kind", ("freeze", "seizure"), "assets")
    system = System(release.tables, release.dimensions)
    assert len(system.equations) == 4
    for equation in system.equations:
        assert sum(sign * system.values[number] for number, sign in equation) == 0
