"""What counts in a history as of a cut-off, in plain Python; each copy of a fact counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import product

from sinks.statistics.periods import parse_cut_off
from tests.integration.fact_blocks import Fact

__all__ = [
    "Key",
    "as_of_their_quarters",
    "counting",
    "measured_in",
    "recounted",
    "recounted_offences",
    "searches_as_of_their_quarters",
    "times_of",
    "withdrawn",
]

Key = tuple[str, ...]
_NAMED = {"database": "subtype"}
"""Dimensions that facts name otherwise."""


def counting(facts: list[Fact], cut_off: datetime) -> Iterator[Fact]:
    """Facts that count as of a cut-off, each copy; struck ones are gone when we knew of both."""
    known = [fact for fact in facts if fact["recorded_at"] < cut_off and not fact["test"]]
    strikes = [fact for fact in known if fact["supersedes_event_id"] is not None]
    for fact in known:
        if fact["kind"] in ("recall", "search"):
            continue
        chain = fact["root"] or fact["event_id"]
        if not any(
            strike["supersedes_event_id"] == fact["event_id"]
            or (strike["kind"] == "recall" and strike["root"] == chain)
            for strike in strikes
        ):
            yield fact


def measured_in(fact: Fact) -> Counter[str]:
    """Of the reference period alone: persons, and whole dollars, a half up."""
    found: Counter[str] = Counter()
    names = ("measures", "measure_values", "measure_usd", "measure_bases")
    for measure, value, usd, basis in zip(*(fact[name] for name in names), strict=True):
        if basis == "period":
            found[measure] += int(value if usd is None else usd + Decimal("0.5"))
    return found


def recounted(dimensions: tuple[str, ...], facts: list[Fact], measure: str = "") -> Counter[Key]:
    """Every cell that is not zero, in plain Python."""
    cells: Counter[Key] = Counter()
    for fact in facts:
        value = measured_in(fact)[measure] if measure else fact["events"]
        own = [_NAMED.get(name, name) for name in dimensions if name != "time_period"]
        for time, *codes in product(times_of(fact), *((fact[name], "total") for name in own)):
            cells[time, *codes] += value
    return cells


def times_of(fact: Fact) -> tuple[str, str]:
    """Quarter and year."""
    at = fact["occurred_at"]
    return f"{at.year}-Q{(at.month + 2) // 3}", str(at.year)


def as_of_their_quarters(facts: list[Fact], cut_offs: dict[str, str]) -> Iterator[Fact]:
    """Facts that count, each as of its quarter's cut-off."""
    for code, cut_off in cut_offs.items():
        yield from (
            fact for fact in counting(facts, parse_cut_off(cut_off)) if times_of(fact)[0] == code
        )


def searches_as_of_their_quarters(
    facts: Iterable[Fact], cut_offs: Mapping[str, str]
) -> Iterator[Fact]:
    """Searches that count, each as of its quarter's cut-off."""
    for fact in facts:
        if fact["kind"] == "search" and not fact["test"]:
            quarter, _ = times_of(fact)
            if fact["recorded_at"] < parse_cut_off(cut_offs[quarter]):
                yield fact


def recounted_offences(facts: list[Fact]) -> dict[Key, int]:
    """By year, region and section or division; what is finer counts in its division."""
    cells: Counter[Key] = Counter()
    for fact in facts:
        section, division = fact["offence"][:2], fact["offence"][:4]
        if section in ("06", "07"):
            codes = {"total", section, division}
            for cell in product((times_of(fact)[1],), (fact["region"], "total"), codes):
                cells[cell] += 1
    return dict(cells)


def withdrawn(facts: list[Fact], what: str) -> Iterator[tuple[datetime, str]]:
    """When events were recalled that nothing had struck before, each copy, and its kind or why."""
    strikes = sorted(
        (fact for fact in facts if fact["supersedes_event_id"] is not None),
        key=lambda strike: (strike["recorded_at"], str(strike["event_id"])),
    )
    for fact in facts:
        chain = fact["root"] or fact["event_id"]
        first = next(
            (
                strike
                for strike in strikes
                if strike["supersedes_event_id"] == fact["event_id"]
                or (strike["kind"] == "recall" and strike["root"] == chain)
            ),
            None,
        )
        if fact["test"] or fact["kind"] == "recall" or first is None or first["kind"] != "recall":
            continue
        at = max(fact["recorded_at"], first["recorded_at"])
        yield at, (fact if what == "kind" else first)[what]
