"""All tables, earlier releases and public figures as one system of integer equations.

A move is a change of some cells that leaves every equation true, and every figure that is visible
as it is. If a move takes a cell far enough from its true value, no reader can tell the two apart.
Nothing here is solved; whether a move is one is decided by integer arithmetic alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from sinks.statistics.disclosure.tables import (
    Cell,
    CellId,
    Dimension,
    PublicTotal,
    Sum,
    Table,
    TableError,
    cells_by_id,
    find_sums,
)
from sinks.statistics.disclosure.vintages import Vintage

__all__ = ["DESKS", "Moves", "Standing", "System"]

DESKS = "(desks)"
"""The name under which desks stand among those who know a part of a cell."""

Moves = dict[int, int]
"""Cell number to change, without zeros."""


class Standing(Enum):
    """What a reader knows of a cell, and what a release may still decide."""

    PUBLIC = "public"
    """Known for good: an earlier release or somebody else has shown it."""
    BOUNDED = "bounded"
    """Known to within limits for good: perturbed, or rounded and shown before."""
    OPEN = "open"
    """Shown by this release unless it is hidden."""
    HIDDEN = "hidden"
    """Not in this release: earlier ones hid it, or nobody publishes it."""


class System:
    """Cells by number, their true values, and the equations between them.

    `least` is what everybody knows of cells, hidden or not. `known_parts` gives, for each bureau
    and for desks, the part of each cell that they know.
    """

    def __init__(
        self,
        tables: Iterable[Table],
        dimensions: Mapping[str, Dimension],
        vintages: Iterable[Vintage] = (),
        public: Iterable[PublicTotal] = (),
        least: Mapping[CellId, int] = MappingProxyType({}),
    ) -> None:
        self.ids: list[CellId] = []
        self.index: dict[CellId, int] = {}
        self.values: list[int] = []
        self.standing: list[Standing] = []
        self.shown_low: list[int] = []
        self.shown_high: list[int] = []
        """Limits of an open cell while it is shown; equal where it is exact."""
        self.low: list[int] = []
        self.high: list[int | None] = []
        """Limits of a cell that isn't shown; None: there is no upper one."""
        self.hidden_before: set[int] = set()
        """Cells of this release that an earlier one hid, with the same cut-off."""
        self.equations: list[tuple[tuple[int, int], ...]] = []
        self.known_parts: dict[str, dict[int, int]] = {}
        self._seen: set[frozenset[tuple[int, int]]] = set()

        self.cells = dict(sorted(cells_by_id(tables, dimensions).items()))
        for cell_id, (cell, _) in self.cells.items():
            number = self._add_cell(cell_id, cell)
            self.low[number] = max(self.low[number], least.get(cell_id, 0))
        public = tuple(public)
        values = {cell_id: cell.value for cell_id, (cell, _) in self.cells.items()}
        for total in public:
            values |= self._add_unpublished(total)
        self._link(values, dimensions)
        for vintage in vintages:
            self._add_vintage(vintage, dimensions)
        for total in public:
            self._add_public(total)
        self.equations_of: list[list[int]] = [[] for _ in self.ids]
        for number, equation in enumerate(self.equations):
            for cell_number, _ in equation:
                self.equations_of[cell_number].append(number)

    def _add(self, cell_id: CellId, value: int, standing: Standing, shows: tuple[int, int]) -> int:
        if not shows[0] <= value <= shows[1]:
            raise TableError(f"{cell_id.text()} is {value}, outside of what it shows {shows}")
        number = self.index[cell_id] = len(self.ids)
        self.ids.append(cell_id)
        self.values.append(value)
        self.standing.append(standing)
        self.shown_low.append(shows[0])
        self.shown_high.append(shows[1])
        bounded = standing is Standing.BOUNDED
        self.low.append(max(0, shows[0]) if bounded else 0)
        self.high.append(shows[1] if bounded else None)
        return number

    def _add_cell(self, cell_id: CellId, cell: Cell) -> int:
        standing = Standing.BOUNDED if cell.perturbed else Standing.OPEN
        if cell.perturbed and cell.shows is None:
            raise TableError(f"{cell_id.text()} is perturbed; say in `shows` what that gives away")
        number = self._add(cell_id, cell.value, standing, cell.shows or (cell.value, cell.value))
        self._know(number, cell.contributions)
        if cell.read:
            self._know(number, {DESKS: cell.read})
        return number

    def _add_unpublished(self, total: PublicTotal) -> dict[CellId, int]:
        """The cell and its value, if somebody else published one that we don't."""
        value = total.unpublished_value()
        if value is None or total.cells[0] in self.index:
            return {}
        self._add(total.cells[0], value, Standing.HIDDEN, (value, value))
        return {total.cells[0]: value}

    def _know(self, number: int, parts: Mapping[str, int]) -> None:
        for name, part in parts.items():
            self.known_parts.setdefault(name, {})[number] = part

    def _link(self, values: Mapping[CellId, int], dimensions: Mapping[str, Dimension]) -> None:
        for found in find_sums(values, dimensions):
            terms = {self.index[found.total]: 1} | {self.index[part]: -1 for part in found.parts}
            if found.rest is not None:
                terms[self._rest(found)] = -1
            self._add_equation(terms)

    def _rest(self, found: Sum) -> int:
        """The unpublished rest of a total; those who contributed know their part of it."""
        assert found.rest is not None
        if found.rest in self.index:
            return self.index[found.rest]
        total, parts = self.index[found.total], [self.index[part] for part in found.parts]
        value = self.values[total] - sum(self.values[part] for part in parts)
        number = self._add(found.rest, value, Standing.HIDDEN, (value, value))
        for known in self.known_parts.values():
            left = known.get(total, 0) - sum(known.get(part, 0) for part in parts)
            if left > 0:
                known[number] = left
        return number

    def _add_equation(self, terms: Mapping[int, int]) -> None:
        key = frozenset(terms.items())
        if key not in self._seen:
            self._seen.add(key)
            self.equations.append(tuple(sorted(terms.items())))

    def _add_vintage(self, vintage: Vintage, dimensions: Mapping[str, Dimension]) -> None:
        cells = cells_by_id(vintage.tables, dimensions)
        for cell_id, (cell, _) in sorted(cells.items()):
            number = self.index.get(cell_id)
            if number is None:
                number = self._add_cell(cell_id, cell)
            elif self.values[number] != cell.value:
                raise TableError(
                    f"{cell_id.text()} is {self.values[number]} but was {cell.value} in release "
                    f"{vintage.release} with the same cut-off; a cut-off must fix the figure"
                )
            if cell_id in vintage.hidden and cell_id in self.cells:
                self.hidden_before.add(number)
            elif cell_id in vintage.hidden:
                if self.standing[number] is Standing.OPEN:
                    self.standing[number] = Standing.HIDDEN
            else:
                self._reveal(number, *(cell.shows or (cell.value, cell.value)))
        values = {cell_id: cell.value for cell_id, (cell, _) in sorted(cells.items())}
        self._link(values, dimensions)

    def _reveal(self, number: int, low: int, high: int) -> None:
        """Somebody has shown that the cell lies between these two."""
        high_before = self.high[number]
        low = max(low, self.low[number])
        high = high if high_before is None else min(high, high_before)
        if not low <= self.values[number] <= high:
            raise TableError(
                f"{self.ids[number].text()} is {self.values[number]}, outside of what is public of "
                f"it: {low} to {high}"
            )
        self.low[number], self.high[number] = low, high
        self.standing[number] = Standing.PUBLIC if low == high else Standing.BOUNDED

    def _add_public(self, total: PublicTotal) -> None:
        numbers = [self.index.get(cell_id) for cell_id in total.cells]
        if None in numbers or not numbers:
            raise TableError(
                f"the public total of {total.source} names a cell that isn't published; give its "
                "true value: " + ", ".join(cell_id.text() for cell_id in total.cells)
            )
        known = [number for number in numbers if number is not None]
        if len(known) == 1:
            self._reveal(known[0], total.low, total.high)
            return
        value = sum(self.values[number] for number in known)
        cell_id = CellId(f"public: {total.source}", (("number", str(len(self.ids))),), "")
        number = self._add(cell_id, value, Standing.HIDDEN, (value, value))
        self._reveal(number, total.low, total.high)
        self._add_equation({number: 1} | dict.fromkeys(known, -1))

    def limits(self, number: int, hidden: frozenset[int] | set[int]) -> tuple[int, int | None]:
        """Between what the cell can lie, as far as it is visible itself. None: no upper limit."""
        standing = self.standing[number]
        if standing is Standing.OPEN and number not in hidden:
            return self.shown_low[number], self.shown_high[number]
        return self.low[number], self.high[number]

    def may_change(
        self, number: int, change: int, hidden: frozenset[int] | set[int], own: Mapping[int, int]
    ) -> bool:
        """Whether the cell, so changed, lies between its limits and not below the reader's part."""
        value = self.values[number] + change
        low, high = self.limits(number, hidden)
        return value >= max(low, own.get(number, 0)) and (high is None or value <= high)

    def is_move(
        self,
        moves: Moves,
        hidden: frozenset[int] | set[int],
        own: Mapping[int, int] | None = None,
    ) -> bool:
        """Whether the tables so changed agree with everything visible; integers only.

        `own` is what the reader knows of cells by itself: they can't lie below that.
        """
        own = own or {}
        touched = set()
        for number, change in moves.items():
            if not self.may_change(number, change, hidden, own):
                return False
            touched.update(self.equations_of[number])
        return all(
            sum(sign * moves.get(number, 0) for number, sign in self.equations[touched_one]) == 0
            for touched_one in touched
        )
