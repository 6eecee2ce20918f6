"""Who gets an event: one pure function.

Deny beats allow, the strictest rule wins, an unknown code counts as the strictest. A desk topic is
readable by every bureau of its region, so an event withheld from one member of a region never goes
to that region's desk: the other members get it in their own topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.reference import Reference
from schemas.topics import GLOBAL, REGIONS

__all__ = ["Audience", "handling_class", "is_for_named_readers_only", "readers"]

_ALL_REGIONS = frozenset({"notice"})
_DIRECT = frozenset({"message", "freeze", "hit"})
_NOBODY = frozenset({"search", "recall"})
_OPEN_HANDLING_CODES = frozenset({"H0", "H1", "H3"})
_OPEN_TLP = frozenset({"AMBER_STRICT", "AMBER", "GREEN", "CLEAR"})


@dataclass(frozen=True, slots=True)
class Audience:
    """Regions whose desks read an event, and bureaus that get it directly."""

    regions: tuple[str, ...] = ()
    bureaus: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.regions or self.bureaus)


def is_for_named_readers_only(envelope: Mapping[str, Any]) -> bool:
    """TLP:RED, handling code H2, or a code that nobody knows: addressees only."""
    return envelope["tlp"] not in _OPEN_TLP or not _OPEN_HANDLING_CODES.issuperset(
        envelope["handling_codes"]
    )


def handling_class(envelope: Mapping[str, Any]) -> str:
    """`red`, `restricted`, `withheld` or `none`: what statistics protect."""
    if is_for_named_readers_only(envelope):
        return "red"
    if envelope["restricted_to"] is not None:
        return "restricted"
    return "withheld" if envelope["withheld_from"] else "none"


def readers(
    kind: str, envelope: Mapping[str, Any], own_region: str, at_ms: int, reference: Reference
) -> Audience | None:
    """The audience on the day `at_ms`, or None if an event for readers is left with nobody.

    Searches and recalls are for nobody's desk: an empty audience, not None.
    """
    if kind in _NOBODY:
        return Audience()
    withheld = frozenset(envelope["withheld_from"])
    lists = [frozenset(envelope["addressees"])] if envelope["addressees"] else []
    if is_for_named_readers_only(envelope) and not lists:
        return None
    if envelope["restricted_to"] is not None:
        lists.append(frozenset(envelope["restricted_to"]))
    if lists:
        named = frozenset.intersection(*lists) - withheld
        return Audience(bureaus=tuple(sorted(named))) if named else None
    if kind in _DIRECT:
        return None
    if kind in _ALL_REGIONS:
        regions = set(REGIONS)
    else:
        members = reference.members
        regions = {
            reference.region_of(country, at_ms)
            for country in envelope["concerned_countries"]
            if country in members
        }
        regions.add(own_region)
        regions.discard(GLOBAL)
    desks: list[str] = []
    direct: set[str] = set()
    for region in REGIONS:
        if region in regions:
            members_there = reference.members_of(region, at_ms)
            if withheld & members_there:
                direct |= members_there - withheld
            else:
                desks.append(region)
    audience = Audience(tuple(desks), tuple(sorted(direct)))
    return audience or None
