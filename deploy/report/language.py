"""A language of the report: its words, and its forms of numbers, periods and dates.

Digits, separators and months are d3's, which the figures are drawn with, so page and figures agree.
Every word of the report's own stands in `texts.yaml`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Any

import vl_convert
import yaml

from sinks.statistics.periods import Period

__all__ = ["Language", "report_texts"]

_LOCALES: Mapping[str, tuple[Any, Any]] = {
    "en": ("en-GB", "en-GB"),
    "fr": ("fr-FR", "fr-FR"),
    "es": ("es-ES", "es-ES"),
    "ar": ("ar-001", "ar-EG"),
}
"""Of numbers and of months."""
_RIGHT_TO_LEFT = frozenset(("ar",))
_NARROW_SPACE = "\u202f"
_UNGROUPED_DIGITS = {"es": 4}
_LETTER_MARK = "\u061c"
_MINUS = "\u2212"
_ISOLATE, _END = "\u2067", "\u2069"


@functools.cache
def report_texts() -> Mapping[str, Any]:
    """`texts` by key and language, and `same`, the keys that may read as in English."""
    said: Mapping[str, Any] = yaml.safe_load(
        (files("deploy.report") / "texts.yaml").read_text(encoding="utf-8")
    )
    return said


@dataclass(frozen=True, slots=True)
class Language:
    """One of the four."""

    code: str
    format_locale: Mapping[str, Any]
    months: tuple[str, ...]
    short_months: tuple[str, ...]

    @classmethod
    @functools.cache
    def of(cls, code: str) -> Language:
        """Raises :class:`KeyError` for a language that the reference data is not in."""
        numbers, times = _LOCALES[code]
        said = dict(vl_convert.get_format_locale(numbers))
        if said["thousands"] == "\xa0":  # French has the narrow one since Unicode 4
            said["thousands"] = _NARROW_SPACE
        dates = vl_convert.get_time_format_locale(times)
        return cls(code, said, tuple(dates["months"]), tuple(dates["shortMonths"]))

    @property
    def is_right_to_left(self) -> bool:
        return self.code in _RIGHT_TO_LEFT

    @property
    def direction(self) -> str:
        return "rtl" if self.is_right_to_left else "ltr"

    def text(self, key: str, **values: object) -> str:
        """The words of a key; numbers among the values are written as this language does."""
        words: str = report_texts()["texts"][key][self.code]
        written = {
            name: self.number(value) if isinstance(value, int | Decimal) else str(value)
            for name, value in values.items()
        }
        return self.digits(words.format(**written))

    def digits(self, text: str) -> str:
        """The text with this language's digits."""
        numerals = self.format_locale.get("numerals")
        if not numerals:
            return text
        return text.translate({ord("0") + value: digit for value, digit in enumerate(numerals)})

    def drawn(self, text: str) -> str:
        """For a figure, whose lines all run from left to right unless they are told otherwise."""
        return f"{_ISOLATE}{text}{_END}" if self.is_right_to_left else text

    def number(self, value: int | Decimal, decimals: int | None = None) -> str:
        """With so many decimals; those that it has unless given."""
        if decimals is not None:
            value = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        whole, _, part = str(abs(value)).partition(".")
        if len(whole) > _UNGROUPED_DIGITS.get(self.code, 3):
            whole = re.sub(r"(?<=\d)(?=(\d{3})+$)", self.format_locale["thousands"], whole)
        text = whole + (self.format_locale["decimal"] + part if part else "")
        return self.digits(self._sign(value, plus=False) + text)

    def percent(self, value: int | Decimal, decimals: int = 0) -> str:
        return self.text("form.percent", number=self.number(value, decimals))

    def change(self, before: int | Decimal, after: int | Decimal) -> str:
        """What became of a figure, in per cent of what it was (not 0), with its sign."""
        percent = (100 * (Decimal(after) - Decimal(before)) / Decimal(before)).quantize(
            Decimal("0.1"), ROUND_HALF_UP
        )
        size = self.text("form.percent", number=self.number(abs(percent)))
        return self._sign(percent, plus=True) + size

    def _sign(self, value: int | Decimal, *, plus: bool) -> str:
        sign = _MINUS if value < 0 else "+" if plus and value > 0 else ""
        return f"{_LETTER_MARK}{sign}" if sign and self.is_right_to_left else sign

    def date(self, moment: datetime) -> str:
        day = self.text("form.first_day") if moment.day == 1 else str(moment.day)
        month = self.months[moment.month - 1]
        return self.text("form.date", day=day, month=month, year=str(moment.year))

    def moment(self, moment: datetime) -> str:
        """To the minute."""
        return self.text("form.moment", date=self.date(moment), time=moment.strftime("%H:%M"))

    def period(self, code: str) -> str:
        """A reference period in full."""
        period = Period.parse(code)
        year = str(period.year)
        if period.months == 12:
            return self.digits(year)
        if period.months == 3:
            return self.text("form.quarter", quarter=(period.month + 2) // 3, year=year)
        return self.text("form.month", month=self.months[period.month - 1], year=year)

    def short_period(self, code: str) -> str:
        """Without its year."""
        period = Period.parse(code)
        if period.months == 12:
            return self.digits(str(period.year))
        if period.months == 3:
            return self.text("form.quarter_short", quarter=(period.month + 2) // 3)
        return self.short_months[period.month - 1]
