"""What can't be protected is merged, in a declared order, until it can be.

A step names a dimension and the coarser code of each code. When cells are left without a proof, the
first step that has a coarser code for one of them is taken, for all of them, in every table at
once: shared margins stay shared. Merged beforehand are regions with few active bureaus, and codes
most of whose figures would be hidden anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.errors import PermanentError
from sinks.statistics.disclosure.protection import Protection, Release, default_price, protect
from sinks.statistics.disclosure.rules import why_sensitive
from sinks.statistics.disclosure.tables import (
    Cell,
    CellId,
    Dimension,
    PublicTotal,
    Table,
    TableError,
    cells_by_id,
    joined_states,
    rounded,
)

__all__ = [
    "CannotProtectError",
    "Merge",
    "MergedRelease",
    "MergeStep",
    "merge",
    "merge_small",
    "protect_merging",
    "thin_codes",
]


class CannotProtectError(PermanentError):
    """Sensitive cells are left, and no declared step merges them; nothing may be published."""

    code = "cannot-protect"

    def __init__(self, message: str, cells: frozenset[CellId]) -> None:
        super().__init__(message)
        self.cells = cells


@dataclass(frozen=True, slots=True)
class MergeStep:
    """A dimension's coarser codes: kind to kind group, month to quarter."""

    dimension: str
    into: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Merge:
    """What was merged; for the record of the release."""

    dimension: str
    codes: tuple[str, ...]
    into: str


@dataclass(frozen=True, slots=True)
class MergedRelease:
    """A release with its protection, after the merges that it took."""

    release: Release
    protection: Protection
    merges: tuple[Merge, ...]


def merge(release: Release, dimension: str, codes: Sequence[str], into: str) -> Release:
    """The release with these codes of a dimension as one.

    Raises :class:`TableError` for a perturbed cell: its noise is made after merging.
    """
    return replace(
        release,
        dimensions={
            name: _merge_parts(declared, codes, into) if name == dimension else declared
            for name, declared in release.dimensions.items()
        },
        tables=tuple(_merge_table(table, dimension, codes, into) for table in release.tables),
        public=tuple(_with_truth(total, release) for total in release.public),
    )


def _with_truth(total: PublicTotal, release: Release) -> PublicTotal:
    """A cell that is merged away takes its true value along."""
    for table in release.tables:
        for cell in table.cells:
            if total.cells == (table.id_of(cell, release.dimensions),):
                return replace(total, truth=cell.value)
    return total


def _merge_parts(dimension: Dimension, codes: Sequence[str], into: str) -> Dimension:
    """The sums with the merged code, beside the old ones: earlier releases have the old codes."""
    parts = dict(dimension.parts)
    for total, ways in dimension.parts.items():
        merged = []
        for way in ways:
            if not set(codes).isdisjoint(way) and total != into:
                kept = [code for code in way if code not in codes]
                if set(codes) <= set(way):
                    merged.append((*kept, into))
        parts[total] = tuple(dict.fromkeys((*ways, *merged)))
    parts[into] = tuple(dict.fromkeys((*parts.get(into, ()), tuple(codes))))
    return replace(dimension, parts=parts)


def _merge_table(table: Table, dimension: str, codes: Sequence[str], into: str) -> Table:
    if dimension not in table.dimensions:
        return table
    place = table.dimensions.index(dimension)
    there_is_one = any(cell.codes[place] == into for cell in table.cells)
    groups: dict[tuple[str, ...], list[Cell]] = {}
    for cell in table.cells:
        if cell.codes[place] in codes:
            if there_is_one:
                continue
            key = (*cell.codes[:place], into, *cell.codes[place + 1 :])
        else:
            key = cell.codes
        groups.setdefault(key, []).append(cell)
    return replace(
        table,
        cells=tuple(
            _merge_cells(table, key, cells) if cells[0].codes != key else cells[0]
            for key, cells in groups.items()
        ),
    )


def _merge_cells(table: Table, codes: tuple[str, ...], cells: Sequence[Cell]) -> Cell:
    if any(cell.perturbed for cell in cells):
        raise TableError(
            f"table {table.name}: {'/'.join(codes)} is perturbed; merge the true figures first and "
            "perturb them then"
        )
    value = sum(cell.value for cell in cells)
    return Cell(
        codes=codes,
        value=value,
        contributions=_add_up([cell.contributions for cell in cells]),
        restricted=_add_up([cell.restricted for cell in cells]),
        read=sum(cell.read for cell in cells),
        state=joined_states([cell.state for cell in cells]),
        shows=rounded(value, table.rounding)[1] if table.rounding > 1 else None,
    )


def _add_up(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for part in parts:
        for bureau, value in part.items():
            total[bureau] = total.get(bureau, 0) + value
    return total


def merge_small(
    release: Release, dimension: str, into: str, *, fewest_bureaus: int = 5
) -> tuple[Release, tuple[Merge, ...]]:
    """Codes with fewer active bureaus than that become one, with the next smallest if need be.

    A code that nobody reports is nobody's secret and stays. The release should hold one year: a
    bureau is active if it contributed to any of its cells.
    """
    active: dict[str, set[str]] = {}
    total = release.dimensions[dimension].total
    for table in release.tables:
        if dimension in table.dimensions:
            place = table.dimensions.index(dimension)
            for cell in table.cells:
                if cell.codes[place] != total:
                    active.setdefault(cell.codes[place], set()).update(cell.contributions)
    by_size = sorted((code for code in active if active[code]), key=lambda c: (len(active[c]), c))
    small = [code for code in by_size if len(active[code]) < fewest_bureaus]
    if not small:
        return release, ()
    for code in by_size[len(small) :]:
        together = set().union(*(active[one] for one in small))
        if len(small) > 1 and len(together) >= fewest_bureaus:
            break
        small.append(code)
    done = Merge(dimension, tuple(sorted(small)), into)
    return merge(release, dimension, done.codes, into), (done,)


def thin_codes(release: Release, dimension: str, *, most_percent: int = 66) -> frozenset[str]:
    """Codes of which more than that share of the figures, zeros aside, are sensitive.

    By themselves, whatever is hidden with them. Each cell once, in whichever tables it stands.
    """
    nonzero, sensitive = Counter[str](), Counter[str]()
    for cell_id, (cell, is_count) in cells_by_id(release.tables, release.dimensions).items():
        code = dict(cell_id.at).get(dimension)
        if cell.value and code is not None:
            nonzero[code] += 1
            sensitive[code] += bool(why_sensitive(cell_id, cell, is_count, release.rules))
    return frozenset(
        code for code, count in nonzero.items() if 100 * sensitive[code] > most_percent * count
    )


def protect_merging(
    release: Release,
    steps: Sequence[MergeStep],
    price: Callable[[int], float] = default_price,
) -> MergedRelease:
    """Protect, merging by the declared steps whatever can't be.

    Raises :class:`CannotProtectError` when no step is left for a cell without a proof.
    """
    merges: list[Merge] = []
    while True:
        protection = protect(release, price)
        if not protection.unprotected:
            return MergedRelease(release, protection, tuple(merges))
        found = _next_merges(release, protection, steps)
        if not found:
            raise CannotProtectError(
                f"{len(protection.unprotected)} cells can't be protected and no step merges them: "
                + ", ".join(cell.text() for cell in sorted(protection.unprotected)[:5])
                + "; declare a coarser code, or publish no such table",
                protection.unprotected,
            )
        for one in found:
            release = merge(release, one.dimension, one.codes, one.into)
        merges += found


def _next_merges(
    release: Release, protection: Protection, steps: Sequence[MergeStep]
) -> list[Merge]:
    """The first step that helps: every group of codes that has a cell without a proof."""
    for step in steps:
        used = {
            cell.codes[table.dimensions.index(step.dimension)]
            for table in release.tables
            if step.dimension in table.dimensions
            for cell in table.cells
        }
        targets = {
            step.into[code]
            for cell in protection.unprotected
            for dimension, code in cell.at
            if dimension == step.dimension and code in step.into and code in used
        }
        if targets:
            return [
                Merge(
                    step.dimension,
                    tuple(sorted(code for code in used if step.into.get(code) == target)),
                    target,
                )
                for target in sorted(targets)
            ]
    return []
