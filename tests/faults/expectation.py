"""What must become of an event, said a second time: from the design's table of who gets what.

Nothing here is imported from the router. Regions come from the members' file itself; an undeclared
category is taken from the delivered record, since which words mean what is no question of routing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

from schemas.models import Event

__all__ = ["Account", "EventKey", "Expected", "Geography"]

_FILE = Path(__file__).parents[2] / "schemas" / "reference" / "data" / "member_regions.csv"
_DESKS = ("africa", "americas", "asia-pacific", "europe", "mena")
_TO_NAMED_BUREAUS = ("message", "freeze", "hit")


class EventKey(NamedTuple):
    """An id alone names no event: ids are the bureaus' own."""

    bureau: str
    event_id: str


@dataclass(frozen=True)
class Expected:
    """Where one event goes; `refused` is the dead letter's code instead."""

    kind: str
    regions: frozenset[str] = frozenset()
    bureaus: frozenset[str] = frozenset()
    categories: frozenset[str] | None = None
    """None: undeclared."""
    refused: str | None = None

    def topics(self, categories: Iterable[str]) -> set[str]:
        """Its topics, given the categories it is filed under."""
        desks = {f"desk.{region}.{category}" for region in self.regions for category in categories}
        return desks | {f"bureau.{bureau}" for bureau in self.bureaus}


class Geography:
    """Which region a bureau belongs to on a day."""

    def __init__(self, day: date) -> None:
        self._region: dict[str, str] = {"XP": "global"}
        with _FILE.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                until = row["valid_until"]
                if row["valid_from"] <= day.isoformat() and (not until or day.isoformat() < until):
                    self._region[row["iso2"]] = row["region"]

    def region(self, bureau: str) -> str | None:
        return self._region.get(bureau)

    def members(self, region: str) -> frozenset[str]:
        return frozenset(bureau for bureau, of in self._region.items() if of == region)


@dataclass
class Account:
    """Everything that was handed over, and what must come of it."""

    geography: Geography
    events: dict[EventKey, Expected] = field(default_factory=dict)
    sent: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Events by bureau, system and lane."""
    searches: dict[str, int] = field(default_factory=dict)
    accepted: set[EventKey] = field(default_factory=set)
    """Events that count, searches aside."""
    links: list[set[EventKey]] = field(default_factory=list)
    """Each with the events of its chain that it names, a recall aside."""
    strikes: list[tuple[EventKey, EventKey, EventKey | None]] = field(default_factory=list)
    """The event that strikes, its target, and the root that it names."""

    def add(self, bureau: str, system: str, event: Event) -> None:
        """Book one event that its bureau's outbox accepted."""
        key = EventKey(bureau, str(event.event_id))
        lane = "search" if event.kind == "search" else "message"
        self.sent[bureau, system, lane] = self.sent.get((bureau, system, lane), 0) + 1
        expected = self.events[key] = self._expected(bureau, event)
        if expected.refused is not None:
            return
        if event.kind == "search":
            self.searches[bureau] = self.searches.get(bureau, 0) + 1
            return
        root = None
        if event.root is not None:
            owner = event.root_bureau or (
                event.supersedes.bureau if event.supersedes is not None else bureau
            )
            root = EventKey(owner, str(event.root))
        self.accepted.add(key)
        target = None
        if event.supersedes is not None:
            target = EventKey(event.supersedes.bureau, str(event.supersedes.event_id))
            self.strikes.append((key, target, root))
        if event.kind != "recall":
            self.links.append({name for name in (key, target, root) if name is not None})

    def struck(self) -> set[EventKey]:
        """Events that count no more: named by a recall or correction, or in a recalled chain.

        A chain is all that hang together by what they name, in any number of steps.
        """
        near: dict[EventKey, set[EventKey]] = {}
        for names in self.links:
            for name in names:
                near.setdefault(name, set()).update(names)
        gone: set[EventKey] = set()
        recalled: list[EventKey] = []
        for striker, target, root in self.strikes:
            gone |= {target} - {striker}
            if self.events[striker].kind == "recall":
                recalled += [target] if root is None else [target, root]
        fallen = set(recalled)
        while recalled:
            found = near.get(recalled.pop(), set()) - fallen
            fallen |= found
            recalled += found
        gone |= {key for key in fallen & self.accepted if self.events[key].kind != "recall"}
        return gone & self.accepted

    def _expected(self, bureau: str, event: Event) -> Expected:
        kind = event.kind
        if kind in ("search", "recall"):
            return Expected(kind)
        categories = None
        if event.category is not None:
            categories = frozenset((event.category, *event.further_categories))
        withheld = set(event.withheld_from)
        lists = [set(names) for names in (event.addressees,) if names]
        if event.restricted_to is not None:
            lists.append(set(event.restricted_to))
        closed = event.tlp == "RED" or "H2" in event.handling_codes
        if closed and not event.addressees:
            return Expected(kind, refused="no-reader")
        if lists or kind in _TO_NAMED_BUREAUS:
            named = set.intersection(*lists) - withheld if lists else set()
            if not named:
                return Expected(kind, refused="no-reader")
            return Expected(kind, bureaus=frozenset(named), categories=categories)
        regions = {self.geography.region(country) for country in event.concerned_countries}
        regions.add(self.geography.region(bureau))
        if kind == "notice":
            regions = set(_DESKS)
        open_regions: set[str] = set()
        direct: set[str] = set()
        for region in regions.intersection(_DESKS):
            assert region is not None
            members = self.geography.members(region)
            if withheld & members:
                direct |= members - withheld
            else:
                open_regions.add(region)
        if not open_regions and not direct:
            return Expected(kind, refused="no-reader")
        return Expected(kind, frozenset(open_regions), frozenset(direct), categories)
