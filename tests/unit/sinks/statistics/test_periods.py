"""When a period is over, counted, revised and final."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sinks.statistics.periods import (
    Frequency,
    Period,
    parse_cut_off,
    periods_between,
    release_calendar,
    stage_of,
    state_of,
)
from sinks.statistics.planning import due_cut_offs


@pytest.mark.parametrize(
    ("code", "first_day", "end"),
    [
        ("2026-02", date(2026, 2, 1), date(2026, 3, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2026-Q4", date(2026, 10, 1), date(2027, 1, 1)),
        ("2026", date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_a_code_says_which_months(code: str, first_day: date, end: date) -> None:
    period = Period.parse(code)
    assert (period.code, period.first_day, period.end) == (code, first_day, end)


@pytest.mark.parametrize("code", ["2026-13", "2026-Q5", "26", "2026-1", ""])
def test_other_codes_are_none(code: str) -> None:
    with pytest.raises(ValueError, match="no period"):
        Period.parse(code)


def test_a_period_is_in_its_quarter_and_year() -> None:
    month = Period.holding(date(2026, 5, 31), Frequency.MONTH)
    assert [month.within(level).code for level in ("base", "quarter", "year")] == [
        "2026-05", "2026-Q2", "2026",
    ]  # fmt: skip


def test_only_closed_periods_are_published() -> None:
    codes = [p.code for p in periods_between(Period.parse("2025-11"), parse_cut_off("2026-01-31"))]
    assert codes == ["2025-11", "2025-12"]


@pytest.mark.parametrize(
    ("cut_off", "stage"),
    [("2026-03-31T23:59:59", 0), ("2026-04-01", 1), ("2026-07-01", 2), ("2027-04-01", 3)],
)
def test_a_block_is_counted_and_revised_twice(cut_off: str, stage: int) -> None:
    assert stage_of(Period.parse("2026-Q1").end, parse_cut_off(cut_off)) == stage


def test_between_revisions_a_block_keeps_its_cut_off() -> None:
    ends = {"2026-Q1": date(2026, 4, 1)}
    cut_offs: dict[str, str] = {}
    seen = []
    for month in range(4, 16):
        moment = datetime(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 2, tzinfo=UTC)
        cut_offs = due_cut_offs(ends, moment, cut_offs)
        seen.append(cut_offs["2026-Q1"][:7])
    assert seen == ["2026-04"] * 3 + ["2026-07"] * 9


def test_a_period_that_is_not_over_is_counted_anew_each_time() -> None:
    ends = {"2026-Q4": date(2027, 1, 1)}
    first = due_cut_offs(ends, parse_cut_off("2026-11-01"), {})
    second = due_cut_offs(ends, parse_cut_off("2026-11-02"), first)
    assert second["2026-Q4"] == "2026-11-02T00:00:00Z"


def test_a_year_s_state_tells_which_block_has_which_cut_off() -> None:
    blocks = [Period.parse(f"2026-Q{n}") for n in range(1, 5)]
    year = Period.parse("2026")
    one = state_of(year, dict.fromkeys(blocks, "a"))
    assert one == "a"
    mixed = {state_of(year, dict(zip(blocks, found, strict=True))) for found in ("aabb", "abab")}
    assert len(mixed) == 2


def test_the_calendar_says_first_revised_and_final() -> None:
    found = release_calendar(Period.parse("2025-Q4"), date(2026, 1, 1), 12)
    of_first = [(day.isoformat(), what) for day, p, what in found if p.code == "2025-Q4"]
    assert of_first == [("2026-01-01", "first"), ("2026-04-01", "revised"), ("2027-01-01", "final")]


@pytest.mark.parametrize(
    ("code", "months", "expected"),
    [
        ("2026-01", 1, "2025-12"), ("2026-Q1", 3, "2025-Q4"), ("2026", 12, "2025"),
        ("2026-03", 12, "2025-03"), ("2026-Q4", 12, "2025-Q4"), ("2026-Q4", 3, "2026-Q3"),
    ],
)  # fmt: skip
def test_an_earlier_period_has_the_same_length(code: str, months: int, expected: str) -> None:
    assert Period.parse(code).earlier(months).code == expected
