"""The reference data's records: frozen, plain, made only by the loader.

A label exists in each of the four languages. Order matters where a sequence is kept: categories
break ties by it, TLP, PAP and confidentiality stand from the strictest down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

__all__ = [
    "Category",
    "CuedKeyword",
    "Database",
    "GradingScheme",
    "IccsCode",
    "Labels",
    "Language",
    "MeasureCode",
    "Member",
    "Operation",
    "RegionPeriod",
    "Term",
    "TrafficRow",
    "Urgency",
]

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Term:
    """A code and what it is called."""

    code: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class RegionPeriod:
    """In `region` from 00:00 UTC of `valid_from` until just before `valid_until`."""

    region: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class Member:
    """A member country. Names are labels: join on `iso2`, never on a name."""

    iso2: str
    iso3: str
    names: Labels
    un_m49: str
    capital_utc_offset_h: Decimal
    periods: tuple[RegionPeriod, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A threat category. `order` is its place in the file: the lower wins a tie."""

    slug: str
    labels: Labels
    order: int
    priority: int
    priority_overrides: Mapping[str, int]
    flags: frozenset[str]
    iccs: tuple[str, ...]
    identifier_types: tuple[str, ...]
    keywords: Mapping[str, tuple[str, ...]]

    def priority_for(self, subtype: str) -> int:
        """1 = page a human now ... 4 = batch is fine."""
        return self.priority_overrides.get(subtype, self.priority)


@dataclass(frozen=True, slots=True)
class CuedKeyword:
    """A word that counts for `category` only beside a second cue."""

    word: str
    category: str
    cues: tuple[str, ...]
    unless_language: frozenset[str]


@dataclass(frozen=True, slots=True)
class IccsCode:
    """A code of the classification of crime; `verified` is false for general knowledge."""

    code: str
    labels: Labels
    src: str
    verified: bool


@dataclass(frozen=True, slots=True)
class MeasureCode:
    """What may be counted; `dimension` is count, money or quantity."""

    code: str
    dimension: str
    default_unit: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class Database:
    """A database that can be searched."""

    slug: str
    labels: Labels
    query_by: tuple[str, ...]
    src: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation and the figures published of it, by measure code; money in USD."""

    slug: str
    labels: Labels
    categories: tuple[str, ...]
    starts_on: date
    ends_on: date
    countries: int
    figures: Mapping[str, Decimal]
    src: str


@dataclass(frozen=True, slots=True)
class GradingScheme:
    """A scale of source and information codes. Score 0 to 100; None is UNKNOWN, not the middle."""

    slug: str
    labels: Labels
    source: Mapping[str, Term]
    information: Mapping[str, Term]
    source_scores: Mapping[str, int | None]
    information_scores: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Urgency:
    """How soon a desk must have it; `rank` 0 is the most urgent."""

    slug: str
    labels: Labels
    rank: int
    machine_budget_s: int


@dataclass(frozen=True, slots=True)
class Language:
    """An official language; `direction` is ltr or rtl."""

    code: str
    labels: Labels
    direction: str


@dataclass(frozen=True, slots=True)
class TrafficRow:
    """A row of the year's model of messages. Kind and subtype may be `any` or `same`."""

    row: str
    kind: str
    subtype: str
    supersedes: bool
    messages_per_year: int
