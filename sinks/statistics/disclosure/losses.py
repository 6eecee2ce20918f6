"""What protection costs: cells and values hidden by table, beside hiding whole rows.

Whole rows are the plain way: every row of a table that has a sensitive cell is hidden, in whichever
direction that hides least. It would not even protect: a row hidden alone follows from the margins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sinks.statistics.disclosure.protection import Protection
from sinks.statistics.disclosure.tables import (
    Cell,
    CellId,
    Dimension,
    Table,
    cells_by_id,
    find_sums,
)

__all__ = ["Loss", "losses"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Of one table."""

    table: str
    nonzero: int
    """Cells that aren't zero."""
    hidden: int
    """Those of them that are hidden."""
    hidden_zeros: int
    by_whole_rows: int
    """Nonzero cells that would be hidden by whole rows."""
    value: int
    """Sum of the cells that have no parts in the table."""
    hidden_value: int
    """Sum of those of them that are hidden."""

    @property
    def cells_percent(self) -> int:
        """Of the nonzero cells, rounded up: what may be told to everybody."""
        return -(-100 * self.hidden // self.nonzero) if self.nonzero else 0

    @property
    def value_percent(self) -> int:
        """Of the value, rounded up: what may be told to everybody."""
        return -(-100 * self.hidden_value // self.value) if self.value else 0


def losses(
    tables: tuple[Table, ...], dimensions: Mapping[str, Dimension], protection: Protection
) -> tuple[Loss, ...]:
    """One a table, in their order."""
    return tuple(_loss(table, dimensions, protection) for table in tables)


def _loss(table: Table, dimensions: Mapping[str, Dimension], protection: Protection) -> Loss:
    cells = {cell_id: cell for cell_id, (cell, _) in cells_by_id([table], dimensions).items()}
    values = {cell_id: cell.value for cell_id, cell in cells.items()}
    totals = {found.total for found in find_sums(values, dimensions)}
    hidden = protection.hidden
    shut = [cell_id for cell_id in cells if cell_id in hidden]
    return Loss(
        table=table.name,
        nonzero=sum(value > 0 for value in values.values()),
        hidden=sum(values[cell_id] > 0 for cell_id in shut),
        hidden_zeros=sum(values[cell_id] == 0 for cell_id in shut),
        by_whole_rows=_by_whole_rows(table, cells, protection),
        value=sum(value for cell_id, value in values.items() if cell_id not in totals),
        hidden_value=sum(values[cell_id] for cell_id in shut if cell_id not in totals),
    )


def _by_whole_rows(table: Table, cells: Mapping[CellId, Cell], protection: Protection) -> int:
    """Nonzero cells in rows that have a sensitive cell, in the direction with the fewest."""
    hidden = []
    for place in range(len(table.dimensions)):
        if len({cell.codes[place] for cell in cells.values()}) < 2:
            continue
        rows = {
            cell_id: cell.codes[:place] + cell.codes[place + 1 :] for cell_id, cell in cells.items()
        }
        shut = {rows[cell_id] for cell_id in cells if cell_id in protection.primary}
        hidden.append(sum(rows[c] in shut and cell.value > 0 for c, cell in cells.items()))
    return min(hidden, default=0)
