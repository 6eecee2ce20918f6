"""Dollars at the rate of the day; None where there is no rate."""

from __future__ import annotations

import functools
from datetime import date, timedelta
from decimal import Decimal

import pytest
from currency_converter import CurrencyConverter
from hypothesis import given
from hypothesis import strategies as st

from stream_apps.router.money import MAX_RATE_AGE_DAYS, Usd, last_rate_date, usd

FRIDAY = date(2014, 3, 28)


@functools.cache
def library() -> CurrencyConverter:
    return CurrencyConverter(decimal=True)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "GBP", "CHF", "HRK", "ZAR", "INR"])
@pytest.mark.parametrize("on", [FRIDAY, date(2020, 3, 16), date(2022, 12, 30)])
def test_agrees_with_the_library(currency: str, on: date) -> None:
    expected = library().convert(Decimal("1234567.89"), currency, "USD", date=on)
    worth = usd(Decimal("1234567.89"), currency, on)
    assert worth is not None
    assert worth.rate_date == on
    assert abs(worth.amount - expected) <= Decimal("0.01")


def test_a_known_rate() -> None:
    assert usd(Decimal(100), "EUR", FRIDAY) == Usd(Decimal("137.59"), FRIDAY)


def test_a_weekend_takes_the_rate_of_friday() -> None:
    assert usd(Decimal(100), "EUR", FRIDAY + timedelta(days=2)) == Usd(Decimal("137.59"), FRIDAY)


def test_dollars_need_no_rate() -> None:
    assert usd(Decimal("5.005"), "USD", date(1975, 1, 1)) == Usd(Decimal("5.00"), date(1975, 1, 1))


def test_after_the_packaged_end_the_last_rate_counts_and_says_so() -> None:
    last = last_rate_date()
    now, later = usd(Decimal(7), "GBP", last), usd(Decimal(7), "GBP", last + timedelta(days=400))
    assert now is not None
    assert now.rate_date == last
    assert later == now


def test_a_currency_no_longer_quoted_has_a_value_for_ten_days_only() -> None:
    end = date(2022, 12, 31)  # Croatia took the euro; the last kuna rate is that of 30 December
    assert usd(Decimal(1), "HRK", end + timedelta(days=MAX_RATE_AGE_DAYS - 1)) is not None
    assert usd(Decimal(1), "HRK", end + timedelta(days=MAX_RATE_AGE_DAYS)) is None
    assert usd(Decimal(1), "RUB", date(2024, 1, 2)) is None


@pytest.mark.parametrize("currency", ["", "XXX", "usd", "eur", "IQD", "BTC", "Date"])
def test_an_unquoted_currency_has_no_value(currency: str) -> None:
    assert usd(Decimal(1), currency, FRIDAY) is None


def test_before_the_euro_there_is_no_rate() -> None:
    assert usd(Decimal(1), "EUR", date(1998, 12, 31)) is None
    assert usd(Decimal(1), "JPY", date(1998, 12, 31)) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e40"])
def test_no_number_is_no_amount(value: str) -> None:
    assert usd(Decimal(value), "EUR", FRIDAY) is None


@given(
    value=st.decimals(min_value=-(10**15), max_value=10**15, places=3),
    currency=st.sampled_from(["EUR", "USD", "IDR", "GBP", "JPY"]),
    on=st.dates(date(1970, 1, 1), date(2100, 1, 1)),
)
def test_any_measure_has_a_value_in_cents_or_none(value: Decimal, currency: str, on: date) -> None:
    worth = usd(value, currency, on)
    if worth is not None:
        assert worth.amount.as_tuple().exponent == -2
        assert worth.rate_date <= on
        assert worth.amount == 0 or (worth.amount > 0) == (value > 0)
