"""Amounts in many currencies and quantities of things seized, as measures."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random

from producers.simulator.choice import Choice
from schemas.models import Measure

__all__ = ["amount", "count", "seized"]

# Share of reports, and units for a dollar: the order of magnitude only, for believable sums.
_CURRENCIES = {
    "USD": (24, 1), "EUR": (26, 1), "GBP": (8, 1), "JPY": (4, 150), "CHF": (2, 1), "CNY": (4, 7),
    "INR": (4, 85), "BRL": (3, 5), "MXN": (3, 18), "ZAR": (2, 18), "KRW": (3, 1350),
    "SGD": (2, 1.3), "THB": (2, 35), "PHP": (2, 57), "IDR": (1, 16_000), "MYR": (1, 4.5),
    "AUD": (2, 1.5), "CAD": (2, 1.4), "TRY": (1, 35), "PLN": (1, 4), "SEK": (1, 10),
    "AED": (1, 3.7), "NGN": (0.5, 1500), "SAR": (0.3, 3.75), "KES": (0.2, 130),
}  # fmt: skip
_CURRENCY = Choice({code: share for code, (share, _) in _CURRENCIES.items()})
_CENT = Decimal("0.01")
_THINGS: dict[str, tuple[tuple[str, str, float, float], ...]] = {
    "drug-trafficking": (
        ("cocaine", "kg", 2.5, 1.5),
        ("heroin", "kg", 1.0, 1.2),
        ("methamphetamine", "kg", 1.5, 1.5),
        ("synthetic tablets", "tablet", 7.0, 1.5),
        ("cannabis plants", "plant", 4.5, 1.0),
        ("precursors", "l", 4.0, 1.2),
    ),
    "firearms-trafficking": (
        ("firearms", "firearm", 1.5, 0.9),
        ("ammunition", "round", 5.5, 1.3),
    ),
    "vehicle-crime": (("vehicles", "vehicle", 0.7, 0.7),),
    "illicit-goods": (("counterfeit goods", "piece", 6.0, 1.5), ("medicines", "tablet", 7.0, 1.3)),
    "environmental-crime": (("ivory", "kg", 3.0, 1.0), ("timber", "t", 2.5, 1.0)),
    "cultural-property": (("antiquities", "piece", 1.5, 1.0),),
    "migrant-smuggling": (("forged travel documents", "document", 2.0, 1.0),),
    "human-trafficking": (("travel documents", "document", 1.5, 0.8),),
}
_WHOLE = frozenset({"tablet", "plant", "firearm", "round", "vehicle", "piece", "document"})


def amount(rng: Random, measure: str, median_usd: float = 15_000) -> Measure:
    """A sum of money in one of many currencies."""
    currency = _CURRENCY.pick(rng)
    usd = math.exp(rng.gauss(math.log(median_usd), 1.4))
    value = Decimal(round(usd * _CURRENCIES[currency][1] * 100)) * _CENT
    return Measure(measure=measure, value=max(value, _CENT), unit=currency)


def count(measure: str, value: int) -> Measure:
    return Measure(measure=measure, value=Decimal(value))


def seized(rng: Random, category: str) -> tuple[str, tuple[Measure, ...]]:
    """What was seized in such a case, and its figures; cash where nothing is typical."""
    things = _THINGS.get(category)
    if things is None or rng.random() < 0.2:
        return "cash", (amount(rng, "amount-seized"),)
    chosen = [rng.choice(things)]
    if len(things) > 1 and rng.random() < 0.15:  # a second drug beside the first
        chosen.append(rng.choice([thing for thing in things if thing != chosen[0]]))
    measures = []
    for _, unit, centre, spread in chosen:
        value = math.exp(rng.gauss(centre, spread))
        quantity = Decimal(max(1, round(value))) if unit in _WHOLE else _thousandths(value)
        measures.append(Measure(measure="quantity-seized", value=quantity, unit=unit))
    return " and ".join(name for name, *_ in chosen), tuple(measures)


def _thousandths(value: float) -> Decimal:
    return Decimal(max(1, round(value * 1000))).scaleb(-3)
