"""Published tables as plain values: dimensions, cells, and the sums that link them.

A cell's identity is its measure, its coordinates without totals, and its state (the cut-off as of
which it was counted). The same cell in two tables, or in two vintages with one cut-off, is one
cell: who sees it once has seen it. Sums are taken over all cells of a vintage, whatever table they
stand in, since a reader does so too. Grids are full: a zero is a cell. Where only some parts of a
total are published, the rest is a cell that nobody sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.errors import PermanentError

__all__ = [
    "Cell",
    "CellId",
    "Dimension",
    "PublicTotal",
    "Sum",
    "Table",
    "TableError",
    "cells_by_id",
    "find_sums",
    "joined_states",
    "rounded",
]

Place = tuple[tuple[str, str], ...]


class TableError(PermanentError):
    """Tables contradict each other or themselves; the message names the cell."""

    code = "tables-disagree"


class CellId(NamedTuple):
    """Which cell: equal ids are one number, wherever they are published."""

    measure: str
    at: Place
    """Dimension and code, sorted by dimension, totals left out."""
    state: str
    """Cut-off as of which it was counted."""

    def text(self) -> str:
        """For messages: `events month=2026-03 region=africa @2026-07`."""
        where = " ".join(f"{dimension}={code}" for dimension, code in self.at) or "total"
        return f"{self.measure} {where}" + (f" @{self.state}" if self.state else "")


@dataclass(frozen=True, slots=True)
class Dimension:
    """A breakdown: which codes add up to which."""

    name: str
    parts: Mapping[str, tuple[tuple[str, ...], ...]]
    """A code and the ways in which it is split: a year into months, and into quarters."""
    total: str = "total"
    """The code of cells that are not broken down by this dimension."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One true figure and who contributed to it; never published as it is."""

    codes: tuple[str, ...]
    """One a dimension of its table, in that order."""
    value: int
    contributions: Mapping[str, int] = field(default_factory=dict)
    """Part of each bureau, above 0. Less than the value where some of it has no respondent."""
    restricted: Mapping[str, int] = field(default_factory=dict)
    """Of a count: restricted events of each bureau, where desks read this kind; else empty."""
    read: int = 0
    """Of a count: events that a desk can have read, so that it can subtract them."""
    state: str = ""
    shows: tuple[int, int] | None = None
    """What a reader of the published figure learns, if it isn't exact: least and greatest value."""
    perturbed: bool = False
    """Published with noise and never hidden; `shows` says what that gives away."""


@dataclass(frozen=True, slots=True)
class Table:
    """One published table of one measure."""

    name: str
    measure: str
    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    is_count: bool = True
    """Events or persons, so that the minimum count applies; amounts are not."""
    rounding: int = 1
    """What is shown is a multiple of this."""

    def place(self, cell: Cell) -> dict[str, str]:
        """The cell's code in each dimension."""
        return dict(zip(self.dimensions, cell.codes, strict=True))

    def id_of(self, cell: Cell, dimensions: Mapping[str, Dimension]) -> CellId:
        """The cell's identity."""
        at = tuple(
            sorted(
                (name, code)
                for name, code in zip(self.dimensions, cell.codes, strict=True)
                if code != dimensions[name].total
            )
        )
        return CellId(self.measure, at, cell.state)


def rounded(value: int, rounding: int) -> tuple[int, tuple[int, int]]:
    """The nearest multiple (a half goes up), and between what a reader of it knows the value."""
    shown = (value + rounding // 2) // rounding * rounding
    low = shown - rounding // 2
    return shown, (max(0, low), low + rounding - 1)


def joined_states(states: Sequence[str]) -> str:
    """The state of a sum: the one that its parts have, or all of them in their order."""
    return states[0] if len(set(states)) == 1 else "+".join(states)


@dataclass(frozen=True, slots=True)
class PublicTotal:
    """A figure that is public without us: the sum of some cells lies between two values."""

    cells: tuple[CellId, ...]
    low: int
    high: int
    source: str
    """Where it was published; for the record only."""
    truth: int | None = None
    """True value of a single cell that this release doesn't publish, where low isn't high."""

    def unpublished_value(self) -> int | None:
        """What a single cell is, if we can say so without a table that has it."""
        if len(self.cells) != 1:
            return None
        return self.low if self.low == self.high else self.truth


class Sum(NamedTuple):
    """A total and its parts. `rest` is what the published parts leave of it."""

    total: CellId
    parts: tuple[CellId, ...]
    rest: CellId | None


def cells_by_id(
    tables: Iterable[Table], dimensions: Mapping[str, Dimension]
) -> dict[CellId, tuple[Cell, bool]]:
    """Every cell of one vintage once, and whether it is a count.

    Raises :class:`TableError` if two tables give one cell two values, or one place two states.
    """
    found: dict[CellId, tuple[Cell, bool]] = {}
    states: dict[tuple[str, Place], str] = {}
    for table in tables:
        for cell in table.cells:
            cell_id = table.id_of(cell, dimensions)
            if states.setdefault(cell_id[:2], cell.state) != cell.state:
                raise TableError(
                    f"{cell_id.text()} in table {table.name} has another cut-off than in the "
                    "tables before; give a place one cut-off in a release"
                )
            if cell.value < 0:
                raise TableError(f"{cell_id.text()} in table {table.name} is {cell.value}, below 0")
            if sum(cell.contributions.values()) > cell.value:
                raise TableError(
                    f"{cell_id.text()} in table {table.name}: its bureaus' parts exceed its value "
                    f"{cell.value}; count them from the same facts"
                )
            before = found.setdefault(cell_id, (cell, table.is_count))[0]
            if before.value != cell.value:
                raise TableError(
                    f"{cell_id.text()} is {cell.value} in table {table.name} but {before.value} "
                    "in another; compute both from the same facts"
                )
            if before.perturbed and not cell.perturbed:
                found[cell_id] = (cell, table.is_count)
    return found


def find_sums(ids: Mapping[CellId, int], dimensions: Mapping[str, Dimension]) -> Iterator[Sum]:
    """Every sum that a reader of these cells can write down.

    `ids` are the cells of one vintage with their values. Raises :class:`TableError` where parts
    exceed their total, or differ from it although none is missing.
    """
    by_place = {(cell_id.measure, cell_id.at): cell_id for cell_id in ids}
    for cell_id in ids:
        at = dict(cell_id.at)
        for name in sorted(dimensions):
            dimension = dimensions[name]
            for way in dimension.parts.get(at.get(name, dimension.total), ()):
                places = [tuple(sorted((at | {name: code}).items())) for code in way]
                parts = [by_place.get((cell_id.measure, place)) for place in places]
                known = tuple(part for part in parts if part is not None)
                if not known:
                    continue
                left = ids[cell_id] - sum(ids[part] for part in known)
                if left < 0 or (left and len(known) == len(way)):
                    raise TableError(
                        f"{cell_id.text()} is {ids[cell_id]} but its parts by {name} add up to "
                        f"{ids[cell_id] - left}"
                    )
                rest = None
                if len(known) < len(way):
                    # by what is missing: two ways to split a total may leave different rests
                    missing = ",".join(
                        code for code, part in zip(way, parts, strict=True) if part is None
                    )
                    rest = CellId(
                        f"{cell_id.measure} (rest by {name}: {missing})", cell_id.at, cell_id.state
                    )
                yield Sum(cell_id, known, rest)
