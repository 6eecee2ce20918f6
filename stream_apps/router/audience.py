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
from schemas.rules import READERLESS_KINDS, is_for_named_readers_only, named_readers
from schemas.topics import GLOBAL, REGIONS

__all__ = ["Audience", "handling_class", "readers"]

_ALL_REGIONS = frozenset({"notice"})


@dataclass(frozen=True, slots=True)
class Audience:
    """Regions whose desks read an event, and bureaus that get it directly."""

    regions: tuple[str, ...] = ()
    bureaus: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.regions or self.bureaus)


def handling_class(kind: str, envelope: Mapping[str, Any]) -> str:
    """`red`, `restricted`, `directed`, `withheld` or `none`: what statistics protect.

    Only of `none` may every bureau of a region know that the event is there.
    """
    if is_for_named_readers_only(envelope):
        return "red"
    if envelope["restricted_to"] is not None:
        return "restricted"
    if kind not in READERLESS_KINDS and named_readers(kind, envelope) is not None:
        return "directed"
    return "withheld" if envelope["withheld_from"] else "none"


def readers(
    kind: str, envelope: Mapping[str, Any], own_region: str, at_ms: int, reference: Reference
) -> Audience | None:
    """The audience on the day `at_ms`, or None if an event for readers is left with nobody.

    Searches and recalls are for nobody's desk: an empty audience, not None.
    """
    if kind in READERLESS_KINDS:
        return Audience()
    named = named_readers(kind, envelope)
    if named is not None:
        return Audience(bureaus=tuple(sorted(named))) if named else None
    withheld = frozenset(envelope["withheld_from"])
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
