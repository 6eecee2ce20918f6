"""Forms of charts: a trend of one series, and a ranking.

Bars and trends begin at zero. Where a figure is hidden or was not reported there is a mark instead,
and no line runs through it. In a language that runs from right to left time and bars do so, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from deploy.report.figure import Chart
from deploy.report.language import Language
from deploy.report.palette import PALETTE

__all__ = ["FONT", "LOOK", "Bar", "Point", "change_chart", "ranking_chart", "trend_chart"]

_MOST_COLUMNS = 13
_MOST_TICKS = 3
_TEXT_PX = 11
_ROOM_ABOVE = 1.18
_RANK_STEP_PX = 38
_LIGHT = {role: shade.light for role, shade in PALETTE.items()}
_LINE_PX = 2
FONT = "sans-serif"

LOOK: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "aria": False,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _LIGHT["muted"], "labelFontSize": _TEXT_PX, "domainColor": _LIGHT["muted"],
        "gridColor": _LIGHT["rule"], "tickColor": _LIGHT["muted"], "labelPadding": 4,
    },
    "title": {"color": _LIGHT["ink"], "fontSize": 13, "subtitleColor": _LIGHT["muted"],
              "subtitleFontSize": 11, "anchor": "start"},
}  # fmt: skip
"""Vega-Lite's configuration of every figure."""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of a period."""

    period: str
    value: float | None
    text: str
    """As it is written beside its mark."""
    state: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a ranking."""

    name: str
    value: float | None
    text: str
    state: str


def trend_chart(
    points: Sequence[Point],
    language: Language,
    *,
    width: int,
    height: int,
    top: float | None = None,
    label_all: bool = False,
) -> Chart:
    """Columns; a line where they would be too many. `top` is the scale's end, for a common one."""
    greatest = max((point.value for point in points if point.value is not None), default=0)
    end = (top or greatest or 1) * _ROOM_ABOVE
    rows = _rows(points, language, label_all=label_all)
    x = _periods_axis(points, language, width)
    axis = alt.Axis(
        orient="right" if language.is_right_to_left else "left",
        format=",d", values=_ticks(end), tickCount=2 * _MOST_TICKS, domain=False, ticks=False,
    )  # fmt: skip
    y = alt.Y(
        "value:Q",
        title=None,
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=None if label_all else axis,
    )
    base = alt.Chart(alt.InlineData(values=rows))
    shown = base.transform_filter("datum.value !== null")
    fill = alt.condition(
        "datum.state === 'provisional'", alt.value(_LIGHT["pale"]), alt.value(_LIGHT["mark"])
    )
    if len(points) <= _MOST_COLUMNS:
        size = max(3, min(56, int(0.66 * width / max(len(points), 1))))
        drawn = [
            shown.mark_bar(size=size, stroke=_LIGHT["mark"], strokeWidth=1).encode(x, y, color=fill)
        ]
    else:
        drawn = [
            base.mark_line(
                color=_LIGHT["mark"], strokeWidth=_LINE_PX, invalid="break-paths-filter-domains"
            ).encode(x, y),
            shown.mark_circle(
                size=18, opacity=1, stroke=_LIGHT["mark"], strokeWidth=1
            ).encode(x, y, color=fill),
        ]  # fmt: skip
    return alt.layer(
        *drawn,
        *_label(shown, x, y),
        *(
            _text(base.transform_filter(f"datum.state === '{state}'"), "text", colour, dy=-3)
            .encode(x, alt.YDatum(0))
            for state, colour in (("hidden", _LIGHT["hidden"]), ("unreported", _LIGHT["muted"]))
        ),
    ).properties(width=width, height=height)  # fmt: skip


def change_chart(points: Sequence[Point], language: Language, *, width: int, height: int) -> Chart:
    """Columns up and down from a line at zero."""
    greatest = max((abs(point.value) for point in points if point.value is not None), default=1)
    x = _periods_axis(points, language, width, at_zero=False)
    scale = alt.Scale(domain=[-greatest * 1.3, greatest * 1.3], nice=False)
    y = alt.Y("value:Q", title=None, scale=scale, axis=None)
    rows = _rows(points, language, label_all=True)
    shown = alt.Chart(alt.InlineData(values=rows)).transform_filter("datum.value !== null")
    return alt.layer(
        shown.mark_bar(size=max(3, min(56, int(0.6 * width / len(points)))),
                       color=_LIGHT["mark"]).encode(x, y),
        alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=_LIGHT["muted"]).encode(
            alt.YDatum(0, axis=None, scale=scale)
        ),
        *_label(shown.transform_filter("datum.value >= 0"), x, y),
        *_label(shown.transform_filter("datum.value < 0"), x, y, dy=15),
    ).properties(width=width, height=height)  # fmt: skip


def ranking_chart(bars: Sequence[Bar], language: Language, *, width: int) -> Chart:
    """Bars one below the other, each under its name, so that names take no room from them."""
    mirrored = language.is_right_to_left
    greatest = max((bar.value for bar in bars if bar.value is not None), default=0) or 1
    longest = max((len(bar.text) for bar in bars if bar.value is not None), default=0)
    room = max(0.3, 1 - (longest + 1) * _TEXT_PX * 0.7 / width)
    scale = alt.Scale(domain=[0, greatest / room], nice=False, reverse=mirrored)
    rows = [
        {
            "place": place,
            "value": bar.value,
            "zero": 0,
            "name": language.drawn(bar.name),
            "text": language.drawn(bar.text),
            "state": bar.state,
        }
        for place, bar in enumerate(bars)
    ]
    y = alt.Y("place:O", axis=None, scale=alt.Scale(paddingInner=0, paddingOuter=0))
    x = alt.X("value:Q", axis=None, scale=scale)
    at_zero = alt.X("zero:Q", axis=None, scale=scale)
    base = alt.Chart(alt.InlineData(values=rows))
    shown = base.transform_filter("datum.value !== null")
    align: Literal["left", "right"] = "right" if mirrored else "left"
    beside = -5 if mirrored else 5
    fill = alt.condition(
        "datum.state === 'provisional'", alt.value(_LIGHT["pale"]), alt.value(_LIGHT["mark"])
    )
    return alt.layer(
        shown.mark_bar(size=10, yOffset=7, stroke=_LIGHT["mark"], strokeWidth=1)
        .encode(x, y, color=fill),
        base.mark_text(align=align, dy=-9, fontSize=12, color=_LIGHT["ink"])
        .encode(at_zero, y, alt.Text("name:N")),
        shown.mark_text(align=align, dx=beside, dy=7, fontSize=_TEXT_PX, color=_LIGHT["muted"])
        .encode(x, y, alt.Text("text:N")),
        base.transform_filter("datum.value === null")
        .mark_text(align=align, dy=7, fontSize=_TEXT_PX, color=_LIGHT["hidden"])
        .encode(at_zero, y, alt.Text("text:N")),
    ).properties(width=width, height=_RANK_STEP_PX * max(len(bars), 1))  # fmt: skip


def _rows(
    points: Sequence[Point], language: Language, *, label_all: bool
) -> list[dict[str, object]]:
    last = max((i for i, point in enumerate(points) if point.value is not None), default=-1)
    return [
        {
            "period": point.period,
            "value": point.value,
            "state": point.state,
            "text": language.drawn(point.text),
            "label": language.drawn(point.text) if label_all or place == last else "",
        }
        for place, point in enumerate(points)
    ]


def _label(shown: Chart, x: alt.X, y: alt.Y, *, dy: int = -4) -> list[Chart]:
    """The figure beside its mark, over a strip of ground, so that no grid line strikes it out."""
    ground = {"stroke": _LIGHT["ground"], "strokeWidth": 4, "strokeJoin": "round"}
    return [
        _text(shown, "label", _LIGHT["ground"], dy=dy, **ground).encode(x, y),
        _text(shown, "label", _LIGHT["ink"], dy=dy).encode(x, y),
    ]


def _text(base: Chart, field: str, colour: str, *, dy: int, **options: object) -> Chart:
    return base.mark_text(
        fontSize=_TEXT_PX, color=colour, dy=dy, baseline="bottom", **options
    ).encode(alt.Text(f"{field}:N"))


def _ticks(end: float) -> list[float]:
    """Zero and at most three round numbers above it, none a fraction."""
    step = next(
        size * 10**power
        for power in range(18)
        for size in (1, 2, 5)
        if end / (size * 10**power) < _MOST_TICKS + 1
    )
    return [float(step * place) for place in range(int(end / step) + 1)]


def _periods_axis(
    points: Sequence[Point], language: Language, width: int, *, at_zero: bool = True
) -> alt.X:
    """Periods below, the year beneath the first of each; as many as there is room for."""
    labels: dict[str, list[str]] = {}
    step = max(1, -(-len(points) * 30 // width))
    year_before = ""
    for place, point in enumerate(points):
        year = point.period[:4]
        short = language.short_period(point.period) if place % step == 0 else ""
        labels[point.period] = [
            language.drawn(short),
            language.digits(year) if year != year_before else "",
        ]
        year_before = year
    return alt.X(
        "period:O",
        title=None,
        scale=alt.Scale(
            domain=[point.period for point in points], reverse=language.is_right_to_left
        ),
        axis=alt.Axis(
            labelAngle=0,
            labelExpr=f"({json.dumps(labels)})[datum.value]",
            labelOverlap=False,
            ticks=False,
            domain=at_zero,
        ),
    )
