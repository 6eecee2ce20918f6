"""Reference periods: months, quarters and years, when each is closed and when it is revised.

Everything in a block (a period of the release's own frequency, or an operation) is counted as of
one cut-off. A block is counted when it is closed, and again 3 and 12 months later; in between it
keeps the cut-off that it had, so its figures stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sinks.statistics.disclosure import joined_states

__all__ = [
    "REVISED_AFTER_MONTHS",
    "Frequency",
    "Period",
    "cut_off_text",
    "parse_cut_off",
    "periods_between",
    "release_calendar",
    "revisions",
    "stage_of",
    "state_of",
]

REVISED_AFTER_MONTHS = (3, 12)
"""How long after its end a block is counted anew; after the last time it is final."""
_PERIOD = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")


class Frequency(StrEnum):
    """How long a block of a release is."""

    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Some whole months: `2026-02`, `2026-Q1` or `2026`."""

    year: int
    month: int
    """Its first month, from 1."""
    months: int

    @classmethod
    def parse(cls, code: str) -> Period:
        """Raises :class:`ValueError` for what is no period's code."""
        match = _PERIOD.fullmatch(code)
        if match is None:
            raise ValueError(f"{code!r} is no period: 2026, 2026-Q1 or 2026-02")
        year, quarter, month = int(match[1]), match[2], match[3]
        if quarter:
            return cls(year, 3 * int(quarter) - 2, 3)
        return cls(year, int(month), 1) if month else cls(year, 1, 12)

    @classmethod
    def holding(cls, day: date, frequency: Frequency) -> Period:
        """The period of this length with that day in it."""
        if frequency is Frequency.MONTH:
            return cls(day.year, day.month, 1)
        return cls(day.year, (day.month - 1) // 3 * 3 + 1, 3)

    @property
    def code(self) -> str:
        """As it is published."""
        if self.months == 12:
            return f"{self.year}"
        if self.months == 3:
            return f"{self.year}-Q{(self.month + 2) // 3}"
        return f"{self.year}-{self.month:02}"

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def end(self) -> date:
        """The first day after it."""
        return _months_later(self.first_day, self.months)

    def holds(self, other: Period) -> bool:
        """Whether all of another one, which may be itself, lies in it."""
        return self.first_day <= other.first_day and other.end <= self.end

    def after(self) -> Period:
        """The next one of the same length."""
        return Period(self.end.year, self.end.month, self.months)

    def earlier(self, months: int) -> Period:
        """The one of the same length that begins so many months before."""
        first = _months_later(self.first_day, -months)
        return Period(first.year, first.month, self.months)

    def within(self, level: str) -> Period:
        """The `quarter` or `year` that it is in; itself for `base`."""
        if level == "year":
            return Period(self.year, 1, 12)
        if level == "quarter":
            return Period.holding(self.first_day, Frequency.QUARTER)
        return self


def periods_between(first: Period, until: datetime) -> list[Period]:
    """From the first on, as long as they are over by then."""
    found, period = [], first
    while _midnight(period.end) <= until:
        found.append(period)
        period = period.after()
    return found


def revisions(end: date) -> tuple[date, ...]:
    """Days from which on a block that ended then is counted, and counted anew."""
    return (end, *(_months_later(end, months) for months in REVISED_AFTER_MONTHS))


def stage_of(end: date, cut_off: datetime) -> int:
    """How often a block was counted or revised by a cut-off: 0 (not closed) to 3 (final)."""
    return sum(_midnight(day) <= cut_off for day in revisions(end))


def release_calendar(first: Period, today: date, months: int) -> list[tuple[date, Period, str]]:
    """Days from today on, so many months ahead, on which a period is counted or revised."""
    until = _months_later(today, months)
    found = []
    period = first
    while period.end <= until:
        days = revisions(period.end)
        for number, day in enumerate(days):
            if today <= day <= until:
                what = "first" if not number else "final" if day == days[-1] else "revised"
                found.append((day, period, what))
        period = period.after()
    return sorted(found)


def cut_off_text(cut_off: datetime) -> str:
    """Whole seconds, UTC."""
    return cut_off.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_cut_off(text: str) -> datetime:
    """Raises :class:`ValueError`."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).replace(microsecond=0)


def state_of(period: Period, cut_offs: Mapping[Period, str]) -> str:
    """The cut-offs of the blocks that a period is made of, in their order."""
    return joined_states([cut_offs[block] for block in sorted(cut_offs) if period.holds(block)])


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _months_later(day: date, months: int) -> date:
    """A day that the month lacks is one of the next."""
    count = day.year * 12 + day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1) + timedelta(days=day.day - 1)
