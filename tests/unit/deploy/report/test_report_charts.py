"""Charts: what is hidden leaves a gap, time runs as the language does, colours differ enough."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from deploy.report import drawing
from deploy.report.charts import Bar, Point, ranking_chart, trend_chart
from deploy.report.drawing import draw_png, draw_svg
from deploy.report.figure import Figure, Panel, Table
from deploy.report.language import Language
from deploy.report.palette import PALETTE
from schemas.errors import ConfigurationError

MONTHS = [f"{2025 + month // 12}-{month % 12 + 1:02}" for month in range(18)]


def trend(hidden: frozenset[int], language: str = "en", periods: list[str] = MONTHS) -> str:
    points = [
        Point(period, None, "×", "hidden")
        if place in hidden
        else Point(period, 10.0 + place, str(10 + place), "final")
        for place, period in enumerate(periods)
    ]
    chart = trend_chart(points, Language.of(language), width=400, height=120)
    return str(draw_svg(chart, Language.of(language), "a trend"))


def line_pieces(svg: str) -> int:
    """Of the thick path without a filling."""
    paths = [path for path in re.findall(r"<path[^>]*>", svg) if 'stroke-width="2"' in path]
    return sum(path.count("M") for path in paths)


def test_no_line_runs_through_a_hidden_figure() -> None:
    assert line_pieces(trend(frozenset())) == 1
    assert line_pieces(trend(frozenset({8}))) == 2
    assert trend(frozenset({8})).count("×") == 1


def test_a_hidden_column_is_a_mark_and_no_bar() -> None:
    quarters = ["2025-Q1", "2025-Q2", "2025-Q3"]
    shown, gap = trend(frozenset(), periods=quarters), trend(frozenset({1}), periods=quarters)
    bars = re.compile(r'fill="var\(--mark\)"')
    assert len(bars.findall(shown)) == 3
    assert len(bars.findall(gap)) == 2
    assert gap.count("×") == 1


def test_time_and_bars_run_from_right_to_left_in_arabic() -> None:
    svg = trend(frozenset(), "ar")
    places = [
        float(re.findall(r"translate\(([\d.]+),", svg[: svg.index(year)])[-1])
        for year in ("٢٠٢٥", "٢٠٢٦")
    ]
    assert places == sorted(places, reverse=True)
    bars = [Bar("اسم", 3.0, "٣", "final"), Bar("اسم", None, "محجوب", "hidden")]
    ranking = str(
        draw_svg(ranking_chart(bars, Language.of("ar"), width=300), Language.of("ar"), "")
    )
    assert 'text-anchor="end"' in ranking


def test_a_drawing_has_the_page_s_colours_and_its_words_for_those_who_cannot_see_it() -> None:
    svg = trend(frozenset({3}))
    assert svg.startswith('<svg role="img" aria-label="a trend"')
    assert not re.search(r"#[0-9a-f]{6}", svg), "a colour that does not follow light and dark"


def test_letters_that_no_font_has_are_refused_and_not_drawn_as_boxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing, "_LETTERS", {"ar": ("\U0010fff0", "\U0010fff1")})
    language = Language.of("ar")
    chart = trend_chart([Point("2025-Q1", 1.0, "١", "final")], language, width=100, height=50)
    figure = Figure("f", "", "", "", (), (Panel("", chart),), Table((), ()))
    with pytest.raises(ConfigurationError, match="no font on this machine"):
        draw_png(figure, language, [])


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("role", ["ink", "muted", "mark", "hidden"])
def test_text_has_the_contrast_that_wcag_asks_for(role: str, shade: str) -> None:
    pair = [luminance(getattr(PALETTE[name], shade)) for name in (role, "ground")]
    low, high = sorted(pair)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_no_two_roles_have_one_light_colour() -> None:
    """The page tells by the colour of the drawing which role is meant."""
    colours = sorted(shade.light for shade in PALETTE.values())
    assert all(one != other for one, other in pairwise(colours))
