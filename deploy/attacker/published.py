"""Published rows as figures: what they say, and in which release; and what limits figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Figure", "FigureId", "Limit", "Structure", "TableShape", "read_figures"]

Place = tuple[tuple[str, str], ...]


class FigureId(NamedTuple):
    """Equal ids are one number. Without a published cut-off each release has numbers of its own."""

    measure: str
    at: Place
    """Dimension and code, sorted, totals left out."""
    cut_off: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A published row."""

    id: FigureId
    release: str
    table: str
    low: int
    high: int | None
    """Least and greatest value that the row leaves possible; None: it is hidden."""

    @property
    def is_hidden(self) -> bool:
        """It was published without its value."""
        return self.high is None


@dataclass(frozen=True, slots=True)
class TableShape:
    """What the catalogue says of a table."""

    measure: str
    dimensions: tuple[str, ...]
    """Columns that hold codes."""
    scale: int = 1
    """Units in which it is reckoned, a published unit: 1000 where thousands were printed."""
    below: int = 0
    above: int = 0
    """How far the true value may lie below and above the printed one: rounding, noise."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a table that holds no counts says of counts: some figures together lie between two."""

    figures: tuple[FigureId, ...]
    least: int
    most: int | None = None
    counts_bureaus: bool = False
    """`least` are bureaus, each with one event or more: who is one of them knows its own part
    instead of that one."""
    source: str = ""
    measured: FigureId | None = None
    """By what is measured of those events: only who has a part of it is one of the bureaus."""

    def least_for(self, own: Mapping[FigureId, int]) -> int:
        """For a bureau that knows its own parts."""
        parts = sum(own.get(name, 0) for name in self.figures) if self.counts_bureaus else 0
        if self.measured is not None and not own.get(self.measured):
            return self.least + parts
        return self.least + max(0, parts - 1)


@dataclass(frozen=True, slots=True)
class Structure:
    """What the catalogue and the other tables say of figures.

    Which code is the total of a dimension, which codes add up to which, and limits.
    """

    tables: Mapping[str, TableShape]
    totals: Mapping[str, str]
    parts: Mapping[str, Mapping[str, tuple[tuple[str, ...], ...]]] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    within: Mapping[str, str] = field(default_factory=dict)
    """A measure that counts some of what another counts, and that other one: at the same place and
    cut-off it is no more."""


def read_figures(rows: Iterable[Mapping[str, object]], structure: Structure) -> list[Figure]:
    """Rows as `pub.*` shows them, each with its `table`, as figures.

    A row has the columns of its dimensions, `obs_value` (null or empty: hidden) and `release`, and
    may have `cut_off`.
    """
    figures = []
    for row in rows:
        name, release = str(row["table"]), str(row["release"])
        shape = structure.tables[name]
        at = tuple(
            sorted(
                (dimension, str(row[dimension]))
                for dimension in shape.dimensions
                if str(row[dimension]) != structure.totals[dimension]
            )
        )
        cut_off = str(row.get("cut_off") or f"release {release}")
        value = row["obs_value"]
        low, high = 0, None
        if value is not None and value != "":
            exact = int(str(value)) * shape.scale
            # what is printed above 0 is none: neither noise nor rounding makes something of nothing
            low, high = max(min(1, exact), exact - shape.below), exact + shape.above
        figures.append(Figure(FigureId(shape.measure, at, cut_off), release, name, low, high))
    return figures
