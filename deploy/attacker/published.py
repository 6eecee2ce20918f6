"""Published rows as figures: what they say, and in which release."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Figure", "FigureId", "Structure", "TableShape", "read_figures"]

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
class Structure:
    """The code lists: which code is the total of a dimension, and which codes add up to which."""

    tables: Mapping[str, TableShape]
    totals: Mapping[str, str]
    parts: Mapping[str, Mapping[str, tuple[tuple[str, ...], ...]]] = field(default_factory=dict)


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
            low, high = max(0, exact - shape.below), exact + shape.above
        figures.append(Figure(FigureId(shape.measure, at, cut_off), release, name, low, high))
    return figures
