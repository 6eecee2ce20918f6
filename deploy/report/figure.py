"""What a figure and a table are, whichever way they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from deploy.report.language import Language
from deploy.report.published import Cell

__all__ = [
    "NARROW_PX",
    "WIDE_PX",
    "Chart",
    "Entry",
    "Figure",
    "Panel",
    "Table",
    "entry",
    "marks_in",
]

WIDE_PX, NARROW_PX = 800, 270
"""Of figures with one panel, for wide and for narrow screens."""

Chart = Any  # a chart of Altair's; its types name every class singly

_LETTERED = frozenset(("provisional", "break"))
_IN_PLACE = frozenset(("hidden", "unreported", "inapplicable"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell of a table: a figure with its mark, or words."""

    text: str
    value: int | Decimal | None = None
    """The figure itself, for machines."""
    state: str = ""
    """As of :class:`Cell`; empty for words."""

    @property
    def letter(self) -> str:
        """Key of the mark beside the figure; empty for none."""
        return f"mark.{self.state}" if self.state in _LETTERED else ""

    @property
    def is_mark(self) -> bool:
        """Whether a mark stands in the figure's place."""
        return self.state in _IN_PLACE


@dataclass(frozen=True, slots=True)
class Table:
    """The first column names the rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One of a figure's small multiples."""

    title: str
    wide: Chart
    unit: str = ""
    """Where each panel has its own."""
    narrow: Chart | None = None
    """For narrow screens, where the wide one would be too small to read."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Something drawn, with what it says in words and as a table."""

    name: str
    title: str
    note: str
    alt: str
    tables: tuple[str, ...]
    """Where its figures come from."""
    panels: tuple[Panel, ...]
    """None where the table says it better."""
    table: Table
    columns: int = 1
    """Panels side by side, in the picture."""


def entry(language: Language, cell: Cell | None, decimals: int | None = None) -> Entry:
    """A published figure as a table shows it; what a release does not have is not applicable."""
    if cell is None:
        return Entry(language.text("mark.inapplicable"), state="inapplicable")
    state = cell.state
    if cell.value is None:
        state = state if state in _IN_PLACE else "inapplicable"
        return Entry(language.text(f"mark.{state}"), state=state)
    return Entry(language.number(cell.value, decimals), cell.value, state)


def marks_in(table: Table) -> list[str]:
    """States that the table shows by a mark, in the order of the legend."""
    found = {item.state for row in table.rows for item in row}
    order = ("hidden", "provisional", "break", "unreported", "inapplicable")
    return [state for state in order if state in found]
