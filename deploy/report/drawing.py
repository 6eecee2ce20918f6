"""Charts as SVG for the page and as PNG, without a browser and without a network.

The page's SVG has the palette's roles instead of colours, so that it follows the reader's light or
dark; the reader's own fonts write its words. A PNG is written with this machine's fonts: where none
has Arabic letters it would show boxes, so none is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import altair as alt
import vl_convert
from markupsafe import Markup, escape

from deploy.report.charts import FONT, LOOK
from deploy.report.figure import Chart, Figure
from deploy.report.language import Language
from deploy.report.palette import PALETTE
from schemas.errors import ConfigurationError

__all__ = ["add_fonts", "draw_png", "draw_svg"]

_SCALE = 2
_HEAD = re.compile(r"<svg [^>]*?width=\"(\d+)\" height=\"(\d+)\" viewBox=\"([^\"]*)\">")
_PROBE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
    '<text x="5" y="30" font-size="20" font-family="{font}">{letter}</text></svg>'
)
_FONTS = {"ar": "Noto Sans Arabic, DejaVu Sans, sans-serif"}
"""Named, since a font that only steps in for missing letters may come in another weight."""
_LETTERS = {"ar": ("\u0628", "\u0639")}
"""Two letters that look alike only where neither can be drawn."""


def draw_svg(chart: Chart, language: Language, alt_text: str) -> Markup:
    """An `svg` element to stand in a page; `alt_text` is what it says in words."""
    drawn = vl_convert.vegalite_to_svg(
        _spec(chart), allowed_base_urls=[], format_locale=dict(language.format_locale)
    )
    for role, shade in PALETTE.items():
        drawn = drawn.replace(shade.light, f"var(--{role})")
    head = _HEAD.match(drawn)
    assert head is not None, drawn[:200]
    width, height, box = head.groups()
    return Markup(  # noqa: S704 - drawn from numbers and labels, which Vega escapes
        f'<svg role="img" aria-label="{escape(alt_text)}" width="{width}" height="{height}" '
        f'viewBox="{box}">{drawn[head.end() :]}'
    )


def draw_png(figure: Figure, language: Language, footnotes: Sequence[str]) -> bytes:
    """The figure with all its panels, title and note, on white.

    Raises:
        ConfigurationError: no font here has the language's letters.
    """
    _check_fonts(language)
    titled = [
        panel.wide.properties(
            title=alt.Title(
                language.drawn(panel.title),
                subtitle=language.drawn(panel.unit),
                anchor=_begin(language),
                fontSize=12,
            )
        )
        if len(figure.panels) > 1
        else panel.wide
        for panel in figure.panels
    ]
    whole = alt.concat(
        *_in_reading_order(titled, figure.columns, language),
        columns=figure.columns,
        spacing=20,
        align="each",
    ).properties(
        title=alt.Title(
            language.drawn(figure.title),
            subtitle=[language.drawn(line) for line in (figure.note, *footnotes)],
            anchor=_begin(language),
            fontSize=16,
            offset=14,
        ),
    )
    drawn: bytes = vl_convert.vegalite_to_png(
        _spec(whole, background=PALETTE["ground"].light, padding=16, font=_font(language)),
        scale=_SCALE, allowed_base_urls=[], format_locale=dict(language.format_locale),
    )  # fmt: skip
    return drawn


def add_fonts(folder: Path) -> None:
    """Draw with the fonts of a folder, too.

    Raises:
        ConfigurationError: it is none.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"--fonts {folder} is no folder: name one with TTF or OTF files", code="no-fonts"
        )
    vl_convert.register_font_directory(str(folder))


def _in_reading_order(charts: list[Chart], columns: int, language: Language) -> list[Chart]:
    """Rows of panels; from right to left their order is turned round, and the last row filled."""
    if not language.is_right_to_left:
        return charts
    blank = alt.Chart(alt.InlineData(values=[{}])).mark_point(opacity=0)
    ordered: list[Chart] = []
    for begin in range(0, len(charts), columns):
        row = charts[begin : begin + columns]
        ordered += [*[blank] * (columns - len(row)), *reversed(row)]
    return ordered


def _font(language: Language) -> str:
    return _FONTS.get(language.code, FONT)


def _begin(language: Language) -> Literal["start", "end"]:
    return "end" if language.is_right_to_left else "start"


def _spec(chart: Chart, **changed: Any) -> dict[str, Any]:
    spec: dict[str, Any] = chart.to_dict(validate=False)
    spec["config"] = {**LOOK, **changed}
    return spec


def _check_fonts(language: Language) -> None:
    letters = _LETTERS.get(language.code)
    if letters is None:
        return
    one, other = (
        vl_convert.svg_to_png(_PROBE.format(letter=letter, font=_font(language)))
        for letter in letters
    )
    if one == other:
        raise ConfigurationError(
            f"no font on this machine has the letters of language {language.code!r}, so pictures "
            "would show boxes: install one (Noto Sans Arabic, DejaVu Sans), name a folder that "
            "has it with --fonts, or leave --figures out: the page needs none",
            code="no-fonts",
        )
