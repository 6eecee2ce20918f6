"""Figures that rank: categories or regions of one period, and tables by what they hide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deploy.report.charts import Bar, ranking_chart
from deploy.report.figure import NARROW_PX, WIDE_PX, Entry, Figure, Panel, Table, entry
from deploy.report.published import Cell
from deploy.report.wording import Wording
from sinks.statistics.dataset import TOTAL

__all__ = [
    "category_figure",
    "hidden_figure",
    "hidden_table",
    "ranked_categories",
    "ranking_figure",
]

_TABLE = "events_by_category"


def ranked_categories(wording: Wording, year: str) -> list[tuple[str, Cell | None]]:
    """The largest first, those without a figure last."""
    publication = wording.publication
    cells = [
        (code, publication.cell(_TABLE, year, TOTAL, code))
        for code in publication.codes(_TABLE, "category")
        if code != TOTAL
    ]
    return sorted(cells, key=lambda item: _by_size(item[1]))


def category_figure(wording: Wording) -> Figure | None:
    """The newest year's categories by size."""
    year, language = wording.newest_year(), wording.language
    if year is None or _TABLE not in wording.publication.datasets:
        return None
    return ranking_figure(
        wording,
        "categories",
        language.text("figure.ranking", period=language.period(year)),
        "category",
        _TABLE,
        ranked_categories(wording, year),
    )


def ranking_figure(
    wording: Wording,
    name: str,
    title: str,
    dimension: str,
    table: str,
    cells: Iterable[tuple[str, Cell | None]],
) -> Figure:
    """Events of one period by a dimension."""
    language = wording.language
    rows = [
        (wording.label(dimension, code), entry(language, cell), wording.said(cell))
        for code, cell in sorted(cells, key=lambda item: _by_size(item[1]))
    ]
    bars = [
        Bar(
            label,
            None if found.value is None else float(found.value),
            said if found.is_mark else found.text,
            found.state,
        )
        for label, found, said in rows
    ]
    values = wording.listed([(label, said) for label, _, said in rows])
    return Figure(
        name,
        title,
        language.text("note.ranking"),
        language.text("alt.values", title=title, values=values),
        (f"pub.{table}",),
        (_ranked(title, bars, wording),),
        Table(
            (language.text(f"column.{dimension}"), language.text("column.events")),
            tuple((Entry(label), found) for label, found, _ in rows),
        ),
    )


def hidden_figure(wording: Wording) -> Figure | None:
    """What each table hides; None if none does."""
    language = wording.language
    tables = sorted(
        (
            table
            for table in wording.publication.datasets.values()
            if table.protection in ("suppression", "rounding") and table.hidden_percent
        ),
        key=lambda table: (-table.hidden_percent, table.name),
    )
    if not tables:
        return None
    title = language.text("figure.hidden")
    bars = [
        Bar(
            wording.title(table.name),
            table.hidden_percent,
            language.text(
                "note.hidden_bar",
                cells=language.percent(table.hidden_percent),
                value=language.percent(table.hidden_value_percent),
            ),
            "final",
        )
        for table in tables
    ]
    return Figure(
        "hidden", title, language.text("note.hidden"),
        language.text(
            "alt.values", title=title, values=wording.listed([(b.name, b.text) for b in bars])
        ),
        ("pub.datasets",),
        (_ranked(title, bars, wording),),
        hidden_table(wording),
    )  # fmt: skip


def hidden_table(wording: Wording) -> Table:
    """Every table of the release: how it is protected, and what that costs."""
    language = wording.language
    return Table(
        tuple(
            language.text(f"column.{name}")
            for name in ("table", "method", "cells", "hidden", "hidden_value")
        ),
        tuple(
            (
                Entry(wording.title(table.name)),
                Entry(language.text(f"method.{table.protection}")),
                Entry(language.number(table.cells), table.cells, "final"),
                Entry(language.percent(table.hidden_percent), table.hidden_percent, "final"),
                Entry(
                    language.percent(table.hidden_value_percent),
                    table.hidden_value_percent,
                    "final",
                ),
            )
            for table in wording.publication.datasets.values()
        ),
    )


def _ranked(title: str, bars: Sequence[Bar], wording: Wording) -> Panel:
    wide, narrow = (
        ranking_chart(bars, wording.language, width=width) for width in (WIDE_PX, NARROW_PX)
    )
    return Panel(title, wide, narrow=narrow)


def _by_size(cell: Cell | None) -> tuple[bool, float]:
    """Sorts by the published figure; equal ones, and those without one, keep their order."""
    if cell is None or cell.value is None:
        return True, 0.0
    return False, -float(cell.value)
