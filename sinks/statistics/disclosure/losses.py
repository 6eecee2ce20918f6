"""What protection costs: cells and values hidden by table, beside hiding whole rows.

What is told to everybody must not help anybody: the per cents of hidden figures are worked out from
what is visible, those of hidden values are as coarse as it takes for the other tables, which prove
the protection, to have them too.

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
    rounded,
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
    cells_percent: int
    """For everybody: hidden cells, among these and those that are shown as other than zero."""
    value_percent: int
    """For everybody: of the value, rounded up, in small tables to 5, 10, 25, 50 or 100."""


_STEPS = (100, 50, 25, 10, 5, 1)


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
    finest = values.keys() - totals
    visible = sum(
        rounded(value, table.rounding)[0] != 0
        for cell_id, value in values.items()
        if cell_id not in hidden
    )
    value = sum(values[cell_id] for cell_id in finest)
    hidden_value = sum(values[cell_id] for cell_id in finest & hidden)
    held = [(hidden_value, value)]
    for table_of_proof in {id(proof.table): proof.table for proof in protection.proofs}.values():
        moved = {c: v - values[c] for c, v in table_of_proof.items() if c in finest}
        if moved:
            in_hidden = sum(change for cell_id, change in moved.items() if cell_id in hidden)
            held.append((hidden_value + in_hidden, value + sum(moved.values())))
    return Loss(
        table=table.name,
        nonzero=sum(value > 0 for value in values.values()),
        hidden=sum(values[cell_id] > 0 for cell_id in shut),
        hidden_zeros=sum(values[cell_id] == 0 for cell_id in shut),
        by_whole_rows=_by_whole_rows(table, cells, protection),
        value=value,
        hidden_value=hidden_value,
        cells_percent=_rounded_up(len(shut), len(shut) + visible, 1),
        value_percent=_percent_for_all(held),
    )


def _percent_for_all(held: list[tuple[int, int]]) -> int:
    """The finest per cent that is as true of every other table as of the true one, the first.

    A reader takes a per cent to be rounded up by the greatest step that it is a multiple of.
    """
    for step in sorted(_STEPS):
        percent = _rounded_up(*held[0], step)
        if not percent and any(part for part, _ in held):
            percent = step
        above = percent - next(one for one in _STEPS if percent % one == 0)
        if all(
            100 * part <= percent * whole and (100 * part > above * whole or above <= 0)
            for part, whole in held
        ):
            return percent
    return 100


def _rounded_up(part: int, whole: int, step: int) -> int:
    """Per cents, to the next multiple of the step."""
    return -(-100 * part // (step * whole)) * step if whole else 0


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
