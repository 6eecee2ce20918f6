"""Facts added up: those that the recount makes of source records, and those that lie in blocks.

An event's fact is compared by the place of its source record, with what of it counts. Searches are
folded as they happen to share a transaction and a block, so they are compared in sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from sys import intern
from typing import Any, NamedTuple

from sinks.clickhouse.strikes import (
    CountedFact,
    EventKey,
    FactKey,
    KnownRecall,
    Link,
    Strike,
    find_strikes,
)

__all__ = ["BlockCounts", "Cell", "Chained", "Fact", "FactCounts", "Folded", "Lane", "strikes_of"]

_DAY_MS = 86_400_000

Cell = tuple[str, str, str]
"""Kind, bureau, month of recording."""
Folded = tuple[str, int, str, str]
"""Source topic and partition, bureau, month of recording."""
Lane = tuple[str, str, str]
"""Bureau, system, lane."""


class Fact(NamedTuple):
    """An event's fact, as far as it is compared."""

    topic: str
    partition: int
    offset: int
    kind: str
    bureau: str
    event_id: str
    recorded_at: int
    events: int
    amounts: int
    """Thousandths: its amount and all that it measures, as a sum that must come again."""

    @property
    def key(self) -> EventKey:
        return self.bureau, self.event_id

    @property
    def cell(self) -> Cell:
        return self.kind, self.bureau, month_of(self.recorded_at)


class Chained(NamedTuple):
    """A fact that a strike may concern, and what it names."""

    fact: Fact
    subtype: str
    target: EventKey | None
    root: EventKey | None


@dataclass(slots=True)
class FactCounts:
    """Facts of whatever source records are there."""

    facts: Counter[Fact] = field(default_factory=Counter)
    folded: Counter[Folded] = field(default_factory=Counter)
    total: int = 0

    def add(self, fact: Mapping[str, Any]) -> None:
        """Count a fact, plain."""
        self.total += fact["events"]
        if fact["event_id"] is None:
            self.folded[folded_of(fact)] += fact["events"]
        else:
            self.facts[fact_of(fact)] += 1


@dataclass(slots=True)
class BlockCounts:
    """What the blocks hold, of all time.

    What counts after recalls and corrections is known when :meth:`strike` was told of the events
    that :meth:`unseen` names: they may lie in any block, and most events never matter for it.
    """

    cells: Counter[Cell] = field(default_factory=Counter)
    amounts: Counter[Cell] = field(default_factory=Counter)
    lanes: Counter[Lane] = field(default_factory=Counter)
    oldest: dict[str, int] = field(default_factory=dict)
    """Of each category when the first event, no search, was recorded."""
    chained: list[Chained] = field(default_factory=list)
    total: int = 0
    struck: int = 0

    def add(self, fact: Mapping[str, Any]) -> Fact | None:
        """Count a fact, plain; None is a folded search."""
        events = fact["events"]
        self.total += events
        self.lanes[fact["bureau"], fact["system"], fact["lane"]] += events
        if fact["event_id"] is None:
            self.cells[fact["kind"], fact["bureau"], month_of(fact["recorded_at"])] += events
            return None
        row = fact_of(fact)
        self.cells[row.cell] += events
        self.amounts[row.cell] += row.amounts
        for category in fact["categories"]:
            self.oldest[category] = min(row.recorded_at, self.oldest.get(category, row.recorded_at))
        target, root = _target(fact), _root(fact)
        if target is not None or root is not None:
            self.chained.append(Chained(row, fact["subtype"], target, root))
        return row

    def unseen(self) -> set[EventKey]:
        """Events that something names; those of a chain themselves are known already."""
        names = {name for item in self.chained for name in (item.target, item.root)}
        return {name for name in names if name is not None}

    def strike(self, named: Iterable[Fact]) -> None:
        """Take out what recalls and corrections strike: of the chained facts, and of `named`."""
        chained = {item.fact for item in self.chained}
        facts = [item.fact for item in self.chained]
        facts += [fact for fact in named if fact not in chained]
        by_row = {_row(fact): fact for fact in facts}
        for strike in strikes_of(self.chained, facts):
            fact = by_row[strike.row]
            cell = fact.kind, fact.bureau, month_of(strike.recorded_at_ms)
            self.cells[cell] -= fact.events
            self.amounts[cell] -= fact.amounts
            self.struck += 1


def strikes_of(chained: Iterable[Chained], facts: Iterable[Fact]) -> tuple[Strike, ...]:
    """What must be struck: by the very function that the loader asks, of all events at once."""
    recalls: list[KnownRecall] = []
    links: list[Link] = []
    for fact, subtype, target, root in chained:
        if target is not None:
            recalls.append(
                KnownRecall(
                    *target, root, fact.kind, subtype, fact.event_id, fact.bureau, fact.recorded_at
                )
            )  # fmt: skip
        if fact.kind != "recall":
            links += [
                Link(fact.key, named, fact.recorded_at)
                for named in (target, root)
                if named is not None
            ]
    counted = [CountedFact(_row(fact), fact.kind, fact.recorded_at) for fact in facts]
    return find_strikes(recalls, links, counted)


def fact_of(fact: Mapping[str, Any]) -> Fact:
    """What is compared of a fact with an event id."""
    values, amount = fact["measure_values"], fact["amount"]
    return Fact(
        intern(fact["source_topic"]), fact["source_partition"], fact["source_offset"],
        intern(fact["kind"]), intern(fact["bureau"]), fact["event_id"], fact["recorded_at"],
        fact["events"],
        sum(map(_thousandths, values if amount is None else (amount, *values))),
    )  # fmt: skip


def folded_of(fact: Mapping[str, Any]) -> Folded:
    """What folded searches are compared by."""
    return (
        fact["source_topic"], fact["source_partition"], fact["bureau"],
        month_of(fact["recorded_at"]),
    )  # fmt: skip


def month_of(at_ms: int) -> str:
    """As 2026-01, in UTC."""
    return _month_of_day(at_ms // _DAY_MS)


@cache
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_MS / 1000, UTC).strftime("%Y-%m")


def _row(fact: Fact) -> FactKey:
    return FactKey(fact.bureau, fact.event_id, fact.topic, fact.partition, fact.offset)


def _target(fact: Mapping[str, Any]) -> EventKey | None:
    if fact["supersedes_event_id"] is None:
        return None
    return fact["supersedes_bureau"], fact["supersedes_event_id"]


def _root(fact: Mapping[str, Any]) -> EventKey | None:
    return None if fact["root"] is None else (fact["root_bureau"], fact["root"])


def _thousandths(unscaled: bytes) -> int:
    return int.from_bytes(unscaled, "big", signed=True)
