"""Figures over time: the world, each region, the largest categories, results, and revisions.

Of a single period there is no trend: it is a ranking, a table, or left to the headline figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.report.charts import Point, change_chart, trend_chart
from deploy.report.figure import NARROW_PX, WIDE_PX, Entry, Figure, Panel, Table, entry
from deploy.report.published import Cell
from deploy.report.rankings import ranked_categories, ranking_figure
from deploy.report.wording import MEASURE_TABLES, Wording
from sinks.statistics.dataset import TOTAL

__all__ = [
    "category_trends",
    "events_figure",
    "region_figure",
    "results_figure",
    "revision_figure",
]

_PANEL_PX, _PANEL_HIGH_PX = 250, 110
_SHOWN_PERIODS = 36
_SHOWN_CATEGORIES = 9
_SCALES = (1_000_000_000, 1_000_000, 1_000)
_FEWEST_UNITS = 10
_EVENTS = "events_by_kind"
_CATEGORIES = "events_by_category"


@dataclass(frozen=True, slots=True)
class _Series:
    """What one panel shows."""

    name: str
    cells: list[Cell | None]


def events_figure(wording: Wording) -> Figure | None:
    """The world's events by period."""
    periods = wording.reported_periods(_EVENTS, TOTAL, TOTAL)[-_SHOWN_PERIODS:]
    if len(periods) < 2:
        return None  # the headline has it
    language = wording.language
    cells = [wording.publication.cell(_EVENTS, period, TOTAL, TOTAL) for period in periods]
    points = _points(wording, periods, cells)
    label_all = len(periods) <= 8
    title = language.text("figure.events")
    table = wording.periods_table(periods, [(language.text("column.events"), cells)])
    wide, narrow = (
        trend_chart(points, language, width=width, height=height, label_all=label_all and every)
        for width, height, every in ((WIDE_PX, 220, True), (NARROW_PX, 170, len(periods) <= 5))
    )
    return Figure(
        "events", title, language.text("note.events"),
        _trend_alt(wording, title, periods, [_Series(title, cells)]),
        (f"pub.{_EVENTS}",), (Panel(title, wide, narrow=narrow),), table,
    )  # fmt: skip


def region_figure(wording: Wording) -> Figure | None:
    """A panel a region, all with one scale."""
    publication, language = wording.publication, wording.language
    periods = wording.reported_periods(_EVENTS, TOTAL, TOTAL)[-_SHOWN_PERIODS:]
    regions = [code for code in publication.codes(_EVENTS, "region") if code != TOTAL]
    title = language.text("figure.regions")
    if len(periods) == 1:
        title = language.text("form.titled", title=title, period=language.period(periods[0]))
        cells = [(code, publication.cell(_EVENTS, periods[0], code, TOTAL)) for code in regions]
        return ranking_figure(wording, "regions", title, "region", _EVENTS, cells)
    series = [
        _Series(
            wording.label("region", code),
            [publication.cell(_EVENTS, period, code, TOTAL) for period in periods],
        )
        for code in regions
    ]
    return _multiples(wording, "regions", title, _EVENTS, periods, series)


def category_trends(wording: Wording) -> Figure | None:
    """A panel each for the largest categories of the newest year, all with one scale."""
    publication, year = wording.publication, wording.newest_year()
    periods = wording.reported_periods(_CATEGORIES, TOTAL, TOTAL)[-_SHOWN_PERIODS:]
    if year is None or len(periods) < 2:
        return None
    largest = [code for code, cell in ranked_categories(wording, year) if cell and cell.value]
    series = [
        _Series(
            wording.label("category", code),
            [publication.cell(_CATEGORIES, period, TOTAL, code) for period in periods],
        )
        for code in largest[:_SHOWN_CATEGORIES]
    ]
    title = wording.language.text("figure.categories", count=len(series))
    return _multiples(wording, "category-trends", title, _CATEGORIES, periods, series)


def results_figure(wording: Wording) -> Figure | None:
    """A panel a measure, each in its own unit; of a single period the table alone."""
    publication, language = wording.publication, wording.language
    tables = {
        code: table for code, table in MEASURE_TABLES.items() if table in publication.datasets
    }
    spans = {
        code: periods
        for code, table in tables.items()
        if (periods := wording.reported_periods(table, TOTAL))
    }
    if not spans:
        return None
    longest = sorted(set().union(*spans.values()))[-_SHOWN_PERIODS:]
    series, panels = [], []
    for code in spans:
        cells = [publication.cell(tables[code], period, TOTAL) for period in longest]
        unit = next(cell.unit for cell in cells if cell is not None)
        name = wording.label("measure", code)
        scale = _scale_of(cells)
        shown_unit = wording.label("unit", unit)
        if scale > 1:
            shown_unit = language.text(
                "form.scaled", unit=shown_unit, scale=language.text(f"scale.{scale}")
            )
        series.append(_Series(f"{name} ({wording.label('unit', unit)})", cells))
        panels.append(
            Panel(
                name,
                trend_chart(
                    _points(wording, longest, cells, scale), language,
                    width=_PANEL_PX, height=_PANEL_HIGH_PX,
                ),
                shown_unit,
            )
        )  # fmt: skip
    title = language.text("figure.results")
    return Figure(
        "results", title, language.text("note.own"), _trend_alt(wording, title, longest, series),
        tuple(f"pub.{tables[code]}" for code in spans), tuple(panels) if len(longest) > 1 else (),
        wording.periods_table(longest, [(one.name, one.cells) for one in series]), columns=3,
    )  # fmt: skip


def revision_figure(wording: Wording) -> Figure | None:
    """What became of the world's events since the earlier release; None if nothing did."""
    publication, language = wording.publication, wording.language
    if publication.earlier is None:
        return None
    before = publication.vintages.get(publication.earlier, {})
    after = publication.vintages[publication.number]
    periods = [
        period
        for period in publication.periods(_EVENTS, years=False)
        if (old := before.get(period)) is not None and old.value
        and (new := after.get(period)) is not None and new.value is not None
    ]  # fmt: skip
    pairs = [(before[period].value or 0, after[period].value or 0) for period in periods]
    if all(old == new for old, new in pairs):
        return None
    changes = [language.change(old, new) for old, new in pairs]
    points = [
        Point(period, float(100 * (new - old) / old), change, "final")
        for period, (old, new), change in zip(periods, pairs, changes, strict=True)
    ]
    title = language.text(
        "figure.revisions", release=publication.number, earlier=publication.earlier
    )
    return Figure(
        "revisions", title, language.text("note.revisions"),
        language.text(
            "alt.values", title=title,
            values=wording.listed(
                [(language.period(p), c) for p, c in zip(periods, changes, strict=True)]
            ),
        ),
        (f"pub.{_EVENTS}_vintages",),
        (
            Panel(
                title,
                change_chart(points, language, width=WIDE_PX, height=150),
                narrow=change_chart(points, language, width=NARROW_PX, height=150),
            ),
        ),
        Table(
            (
                language.text("column.period"),
                language.text("column.before", release=publication.earlier),
                language.text("column.before", release=publication.number),
                language.text("column.change"),
            ),
            tuple(
                (
                    Entry(language.period(period)),
                    entry(language, before[period]),
                    entry(language, after[period]),
                    Entry(change),
                )
                for period, change in zip(periods, changes, strict=True)
            ),
        ),
    )  # fmt: skip


def _multiples(
    wording: Wording,
    name: str,
    title: str,
    table: str,
    periods: list[str],
    series: Sequence[_Series],
) -> Figure | None:
    if not periods or not series:
        return None
    top = max(
        (float(cell.value) for one in series for cell in one.cells if cell and cell.value),
        default=1.0,
    )
    panels = tuple(
        Panel(
            one.name,
            trend_chart(
                _points(wording, periods, one.cells), wording.language,
                width=_PANEL_PX, height=_PANEL_HIGH_PX, top=top,
            ),
        )
        for one in series
    )  # fmt: skip
    return Figure(
        name, title, wording.language.text("note.shared"),
        _trend_alt(wording, title, periods, series), (f"pub.{table}",), panels,
        wording.periods_table(periods, [(one.name, one.cells) for one in series]), columns=3,
    )  # fmt: skip


def _points(
    wording: Wording, periods: Sequence[str], cells: Sequence[Cell | None], scale: int = 1
) -> list[Point]:
    found = []
    for period, cell in zip(periods, cells, strict=True):
        said = entry(wording.language, cell)
        value = None if said.value is None else float(said.value) / scale
        text = said.text
        if scale > 1 and said.value is not None:
            text = wording.language.number(round(said.value / scale))
        found.append(Point(period, value, text, said.state))
    return found


def _scale_of(cells: Sequence[Cell | None]) -> int:
    greatest = max((cell.value for cell in cells if cell and cell.value is not None), default=0)
    return next((scale for scale in _SCALES if greatest >= scale * _FEWEST_UNITS), 1)


def _trend_alt(
    wording: Wording, title: str, periods: Sequence[str], series: Sequence[_Series]
) -> str:
    """The last figure of each panel; the table has them all."""
    return wording.language.text(
        "alt.trend",
        title=title,
        first=wording.language.period(periods[0]),
        last=wording.language.period(periods[-1]),
        panels=wording.listed([(one.name, wording.said(one.cells[-1])) for one in series]),
    )
