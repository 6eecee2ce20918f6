"""The headline figures: of the newest year and period that a release has, each with its mark.

Changes and shares come from two published figures alone and name both; where one of them is hidden
there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from deploy.report.figure import Entry, entry
from deploy.report.published import Cell
from deploy.report.wording import MEASURE_TABLES, Wording
from sinks.statistics.dataset import TOTAL
from sinks.statistics.periods import Period

__all__ = ["Tile", "headline"]


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline figure."""

    name: str
    """The table and codes that it comes from."""
    title: str
    figure: Entry
    unit: str
    beside: str
    """A comparison; empty for none."""


def headline(wording: Wording) -> list[Tile]:
    """Those of what the release has."""
    found = [
        *_events(wording), _bureaus(wording), _searches(wording), *_measures(wording), _lag(wording)
    ]  # fmt: skip
    return [tile for tile in found if tile is not None]


def _tile(
    wording: Wording, table: str, codes: tuple[str, ...], title: str, beside: str = ""
) -> Tile | None:
    cell = wording.publication.cell(table, *codes)
    if cell is None or cell.state in ("unreported", "inapplicable"):
        return None
    unit = wording.label("unit", cell.unit) if cell.value is not None else ""
    figure = entry(wording.language, cell)
    return Tile("/".join((table, *codes)), title, figure, unit, beside)


def _events(wording: Wording) -> list[Tile | None]:
    """Of the year, and of the newest period with the same one a year before."""
    language, tiles = wording.language, []
    year = wording.newest_year()
    finer = wording.reported_periods("events_by_kind", TOTAL, TOTAL)
    for period in (*([year] if year else []), *finer[-1:]):
        now = Period.parse(period)
        before = Period(now.year - 1, now.month, now.months).code
        tiles.append(
            _tile(
                wording,
                "events_by_kind",
                (period, TOTAL, TOTAL),
                language.text("tile.events", period=language.period(period)),
                _change(wording, "events_by_kind", period, before),
            )
        )
    return tiles


def _change(wording: Wording, table: str, period: str, before: str) -> str:
    new = wording.publication.cell(table, period, TOTAL, TOTAL)
    old = wording.publication.cell(table, before, TOTAL, TOTAL)
    if not _is_told(new) or not _is_told(old) or new is None or old is None or not old.value:
        return ""
    return wording.language.text(
        "tile.change",
        change=wording.language.change(old.value, new.value or 0),
        period=wording.language.period(before),
        before=old.value,
    )


def _bureaus(wording: Wording) -> Tile | None:
    periods = wording.reported_periods("coverage", TOTAL, "reporting")
    if not periods:
        return None
    language, period = wording.language, periods[-1]
    members, whole = wording.publication.cell("coverage", period, TOTAL, "members"), ""
    if members is not None and _is_told(members):
        whole = language.text("tile.members", members=members.value)
    return _tile(
        wording, "coverage", (period, TOTAL, "reporting"),
        language.text("tile.bureaus", period=language.period(period)), whole,
    )  # fmt: skip


def _searches(wording: Wording) -> Tile | None:
    years = wording.reported_periods("searches", TOTAL, TOTAL, years=True)
    if not years:
        return None
    language, year, beside = wording.language, years[-1], ""
    whole, hits = (
        wording.publication.cell("searches", year, TOTAL, result) for result in (TOTAL, "hit")
    )
    if hits is not None and whole is not None and whole.value and hits.value is not None:
        share = language.percent(Decimal(100 * hits.value) / whole.value, 1)
        beside = language.text("tile.hits", hits=hits.value, share=share)
    return _tile(
        wording, "searches", (year, TOTAL, TOTAL),
        language.text("tile.searches", period=language.period(year)), beside,
    )  # fmt: skip


def _measures(wording: Wording) -> list[Tile | None]:
    """Of the newest year in which any is told."""
    tiles = []
    for code, table in MEASURE_TABLES.items():
        years = wording.reported_periods(table, TOTAL, years=True)
        if years:
            title = wording.language.text(
                "tile.measure",
                measure=wording.label("measure", code),
                period=wording.language.period(years[-1]),
            )
            tiles.append(_tile(wording, table, (years[-1], TOTAL), title))
    return tiles


def _lag(wording: Wording) -> Tile | None:
    periods = wording.reported_periods("reporting_lag", TOTAL, "median")
    if not periods:
        return None
    title = wording.language.text("tile.lag", period=wording.language.period(periods[-1]))
    return _tile(wording, "reporting_lag", (periods[-1], TOTAL, "median"), title)


def _is_told(cell: Cell | None) -> bool:
    return cell is not None and cell.value is not None
