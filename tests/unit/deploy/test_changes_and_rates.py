"""Changes and rates from published rows alone: each case of a figure and its base."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from deploy.exports import Published
from deploy.exports.published import Row
from deploy.exports.rates import Change, Denominator, changes_of, rates_of
from schemas.errors import PermanentError
from sinks.statistics.dataset import find_dataset
from sinks.statistics.periods import Period

YEAR = 12
HIDDEN = (None, "Q", "C")
Told = tuple[int | Decimal | None, str, str]


def published(name: str) -> Published:
    return Published(find_dataset(name), 3, datetime(2026, 1, 1, tzinfo=UTC), "")


def shown(value: int, status: str = "A") -> Told:
    return value, status, "F"


def series(**told: Told) -> list[Row]:
    """Of events of one region and kind, by period: `q1` is 2025-Q1, `next_q1` 2026-Q1."""
    return [
        Row((period_of(name), "europe", "arrest"), value, "EV", obs_status, conf_status)
        for name, (value, obs_status, conf_status) in told.items()
    ]


def period_of(name: str) -> str:
    return f"{2026 if name.startswith('next_') else 2025}-Q{name[-1]}"


def changed(rows: list[Row], months: int | None = None) -> dict[str, Change]:
    found = changes_of(published("events_by_kind"), rows, months=months, decimals=1)
    return {change.codes[0]: change for change in found}


def said(change: Change) -> tuple[Decimal | None, str, str]:
    return change.obs_value, change.obs_status, change.conf_status


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (shown(200), shown(250), (Decimal("25.0"), "A", "F")),
        (shown(200), shown(199), (Decimal("-0.5"), "A", "F")),
        (shown(2000), shown(1999), (Decimal("-0.1"), "A", "F")),  # -0.05: halves away from zero
        (shown(200), shown(0), (Decimal("-100.0"), "A", "F")),
        (shown(200), shown(250, "P"), (Decimal("25.0"), "P", "F")),
        (shown(200, "P"), shown(250), (Decimal("25.0"), "P", "F")),
        (shown(200, "B"), shown(250, "P"), (Decimal("25.0"), "B", "F")),
        (shown(0), shown(250), (None, "M", "F")),
        (HIDDEN, shown(250), (None, "Q", "C")),
        (shown(200), HIDDEN, (None, "Q", "C")),
        (shown(0), HIDDEN, (None, "Q", "C")),
        (shown(200), (None, "B", "C"), (None, "B", "C")),
        ((None, "O", "F"), shown(250), (None, "O", "F")),
        (shown(200), (None, "M", "F"), (None, "M", "F")),
        ((None, "O", "F"), HIDDEN, (None, "Q", "C")),
    ],
)
def test_a_change_is_told_where_both_figures_are_and_the_base_is_not_zero(
    before: Told, now: Told, expected: tuple[Decimal | None, str, str]
) -> None:
    change = changed(series(q1=before, q2=now))["2025-Q2"]
    assert said(change) == expected
    assert (change.base_period, change.base_value) == ("2025-Q1", before[0])
    assert (change.published_value, change.unit_measure, change.release) == (now[0], "PT", 3)


def test_the_first_period_has_no_base_and_so_no_change() -> None:
    first = changed(series(q1=shown(5)))["2025-Q1"]
    assert said(first) == (None, "M", "F")
    assert (first.base_period, first.base_value) == ("2024-Q4", None)
    assert said(changed(series(q1=HIDDEN))["2025-Q1"]) == (None, "Q", "C")


def test_since_the_same_period_a_year_ago_a_break_anywhere_between_is_told() -> None:
    rows = series(q1=shown(100), q2=shown(9), q3=shown(7), q4=shown(8), next_q1=shown(150))
    assert said(changed(rows, YEAR)["2026-Q1"]) == (Decimal("50.0"), "A", "F")
    assert changed(rows, YEAR)["2026-Q1"].base_period == "2025-Q1"
    rows[2] = rows[2]._replace(obs_status="B")
    assert said(changed(rows, YEAR)["2026-Q1"]) == (Decimal("50.0"), "B", "F")


def test_a_rate_has_its_denominator_with_year_and_source_beside_it() -> None:
    rows = series(q1=shown(3, "P"), q2=HIDDEN, q3=(None, "O", "F"), next_q1=shown(4))

    def inhabitants(area: str, period: Period) -> Denominator | None:
        known = {2025: Denominator(Decimal("400000"), "census")}
        return known.get(period.year) if area == "europe" else None

    found = {
        rate.codes[0]: rate[1:]
        for rate in rates_of(
            published("events_by_kind"), rows, inhabitants, per=100_000, decimals=2
        )
    }
    by = (100_000, Decimal("400000"), "2025", "census", 3)
    assert found == {
        "2025-Q1": (Decimal("0.75"), "EV", "P", "F", 3, *by),
        "2025-Q2": (None, "EV", "Q", "C", None, *by),
        "2025-Q3": (None, "EV", "O", "F", None, *by),
        "2026-Q1": (None, "EV", "M", "F", 4, 100_000, None, "", "", 3),
    }


def test_a_denominator_that_is_hidden_hides_the_rate() -> None:
    (rate,) = rates_of(
        published("events_by_kind"), series(q1=shown(7)),
        lambda _area, _period: Denominator(None, "pub.coverage reporting 2025-Q1", "Q", "C"),
        per=1, decimals=2,
    )  # fmt: skip
    assert (rate.obs_value, rate.obs_status, rate.conf_status) == (None, "Q", "C")


@pytest.mark.parametrize("name", ["operations", "reporting_lag", "coverage", "reporting_quality"])
def test_what_is_no_count_has_no_rate(name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        rates_of(published(name), [], lambda _area, _period: None, per=1, decimals=2)
    assert caught.value.code == "no-rates"


@pytest.mark.parametrize("name", ["operations", "reporting_quality"])
def test_what_has_no_periods_or_is_a_share_has_no_change(name: str) -> None:
    with pytest.raises(PermanentError) as caught:
        list(changes_of(published(name), [], months=None, decimals=2))
    assert caught.value.code == "no-rates"


def test_denominators_of_other_areas_alone_are_told() -> None:
    with pytest.raises(PermanentError, match="2025-Q1 europe") as caught:
        rates_of(
            published("events_by_kind"), series(q1=shown(7)), lambda _area, _period: None,
            per=1, decimals=2,
        )  # fmt: skip
    assert caught.value.code == "no-denominators"
