"""Earlier releases: what they showed stays known, what changed since is a table of its own.

Where a change is sensitive, either the cell is hidden or its block (a month, say) keeps the cut-off
that it had: :func:`blocks_to_keep` finds the blocks in which hiding would cost too much. A cell
with the cut-off it had before is the same cell, so a release can't hide what another has shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sinks.statistics.disclosure.rules import Rules, sensitive_change
from sinks.statistics.disclosure.tables import (
    Cell,
    CellId,
    Dimension,
    Table,
    TableError,
    cells_by_id,
)

__all__ = ["Change", "Vintage", "blocks_to_keep", "sensitive_changes"]


@dataclass(frozen=True, slots=True)
class Vintage:
    """A release that was made before, a withdrawn one too."""

    release: str
    tables: tuple[Table, ...]
    hidden: frozenset[CellId]
    """Cells that were published without their value."""
    sensitive: frozenset[CellId]
    """Those of them that must stay protected: the primary ones."""


@dataclass(frozen=True, slots=True)
class Change:
    """What came into a cell and what left it since an earlier release, regardless of sign."""

    cell: CellId
    """As the new release counts it."""
    since: str
    """The earlier release."""
    gross: int
    contributions: Mapping[str, int] = field(default_factory=dict)


def sensitive_changes(
    changes: Iterable[Change],
    vintages: Iterable[Vintage],
    cells: Mapping[CellId, tuple[Cell, bool]],
    dimensions: Mapping[str, Dimension],
    rules: Rules,
) -> frozenset[CellId]:
    """Cells whose difference from some earlier release may not be told.

    A cell that was sensitive then is left out: its old value is protected, so the difference is.
    Whoever merges codes gives the changes of the merged cells too, though the earlier release
    did not publish them: its parts add up. Raises :class:`TableError` for an unknown release.
    """
    before = {
        vintage.release: {
            (cell_id.measure, cell_id.at): cell_id in vintage.sensitive
            for cell_id in cells_by_id(vintage.tables, dimensions)
        }
        for vintage in vintages
    }
    found = set()
    for change in changes:
        if change.since not in before:
            raise TableError(
                f"{change.cell.text()} is said to have changed since release {change.since}, which "
                "isn't among the vintages; give that release too"
            )
        cell = cells.get(change.cell)
        if cell is None or before[change.since].get(change.cell[:2], False):
            continue
        if sensitive_change(change.cell, change.gross, change.contributions, cell[1], rules):
            found.add(change.cell)
    return frozenset(found)


def blocks_to_keep(
    sensitive: Iterable[CellId],
    cells: Iterable[CellId],
    block_of: Callable[[CellId], str | None],
    *,
    most_percent: int = 10,
) -> frozenset[str]:
    """Blocks of which more than `most_percent` of the cells would have to be hidden.

    They keep their earlier cut-off: compute the tables again with it. `block_of` names a cell's
    block, None if it has none (a year's total).
    """
    all_cells = Counter(block_of(cell) for cell in cells)
    hidden = Counter(block_of(cell) for cell in sensitive)
    return frozenset(
        block
        for block, count in hidden.items()
        if block is not None and count * 100 > most_percent * all_cells[block]
    )
