"""Colours of page and figures, by role: a light and a dark one each.

Blue for what is counted, orange for what is hidden: a pair that colour-blind eyes tell apart, and
no role is told by colour alone. Text has a contrast of 4.5:1 or more on its ground, marks 3:1.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PALETTE", "Shade"]


class Shade(NamedTuple):
    """A colour on light and on dark ground."""

    light: str
    dark: str


PALETTE = {
    "ground": Shade("#ffffff", "#11171d"),
    "ink": Shade("#1a2530", "#e4eaf0"),
    "muted": Shade("#56636f", "#a3b1bd"),
    "rule": Shade("#d3dae1", "#36434f"),
    "mark": Shade("#1f5f99", "#74b3ea"),
    "pale": Shade("#c3d9ee", "#24486a"),
    "hidden": Shade("#a84a00", "#f2a35e"),
}
"""By role; the figures are drawn with the light ones, which the page replaces by its own."""
