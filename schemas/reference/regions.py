"""Which region a member belongs to on a day.

A member may change region without rewriting history: its periods are dated, follow one another
without gap or overlap, and the region used is stamped on the event. Members with one unbounded
period (today: all) are answered by a single look-up, since the router asks for every event.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from schemas.errors import PermanentError
from schemas.reference.files import fault
from schemas.reference.model import Member, RegionPeriod

__all__ = ["RegionLookup", "check_periods"]

_FILE = "member_regions.csv"
_EPOCH_DAY = date(1970, 1, 1)
_DAY_MS = 86_400_000


def _day(on_ms: int) -> int:
    return on_ms // _DAY_MS


def _days_since_epoch(day: date) -> int:
    return (day - _EPOCH_DAY).days


def check_periods(iso2: str, periods: tuple[RegionPeriod, ...]) -> None:
    """Refuse a member whose periods overlap, leave a gap or end."""
    if not periods:
        raise fault(_FILE, f"{iso2} has no region", "add a row for it")
    for period in periods:
        if period.valid_until is not None and period.valid_until <= period.valid_from:
            raise fault(
                _FILE,
                f"{iso2} in {period.region} ends on {period.valid_until}, not after its begin",
                "valid_until is the first day that no longer counts",
            )
    for earlier, later in zip(periods, periods[1:], strict=False):
        if earlier.valid_until != later.valid_from:
            raise fault(
                _FILE,
                f"{iso2} is in {earlier.region} until {earlier.valid_until or 'ever'} and in "
                f"{later.region} from {later.valid_from}",
                "let each period begin on the day on which the one before ends",
            )
    if periods[-1].valid_until is not None:
        raise fault(_FILE, f"{iso2} has no region today", "leave its last valid_until empty")


class RegionLookup:
    """Region of a publisher, and publishers of a region, at a time."""

    __slots__ = ("_always", "_changing", "_members", "_secretariat")

    def __init__(self, members: Mapping[str, Member], secretariat: str, secretariat_region: str):
        self._secretariat = secretariat
        self._always: dict[str, str] = {secretariat: secretariat_region}
        self._changing: dict[str, tuple[list[int], list[str]]] = {}
        self._members: dict[tuple[str, int], frozenset[str]] = {}
        for member in members.values():
            first = member.periods[0]
            if len(member.periods) == 1 and first.valid_from <= _EPOCH_DAY:
                self._always[member.iso2] = first.region
            else:
                self._changing[member.iso2] = (
                    [_days_since_epoch(period.valid_from) for period in member.periods],
                    [period.region for period in member.periods],
                )

    def region_of(self, bureau: str, on_ms: int) -> str:
        """Region of a publisher at a time; refused for anyone who may not publish."""
        region = self._always.get(bureau)
        if region is not None:
            return region
        return self._dated(bureau, on_ms)

    def has_belonged(self, bureau: str, region: str, until_ms: int) -> bool:
        """Whether a publisher is or was of a region in a period that began by then."""
        found = self._changing.get(bureau)
        if found is None:
            return self._always.get(bureau) == region
        day = _day(until_ms)
        return any(start <= day and was == region for start, was in zip(*found, strict=True))

    def _dated(self, bureau: str, on_ms: int) -> str:
        found = self._changing.get(bureau)
        if found is None:
            raise PermanentError(
                f"{bureau!r} is no member and not the General Secretariat: only they have a "
                "region and may publish; use the member's ISO 3166 alpha-2 code",
                code="unknown-publisher",
            )
        starts, regions = found
        place = bisect_right(starts, _day(on_ms)) - 1
        if place < 0:
            since = datetime.fromtimestamp(0, UTC).date() + timedelta(days=starts[0])
            raise PermanentError(
                f"{bureau} is a member since {since} only, the event is older",
                code="unknown-publisher",
            )
        return regions[place]

    def members_of(self, region: str, on_ms: int) -> frozenset[str]:
        """Members in a region at a time, without the General Secretariat."""
        day = _day(on_ms) if self._changing else 0
        members = self._members.get((region, day))
        if members is None:
            found = {bureau for bureau, always in self._always.items() if always == region}
            found.discard(self._secretariat)
            for bureau, (starts, regions) in self._changing.items():
                place = bisect_right(starts, day) - 1
                if place >= 0 and regions[place] == region:
                    found.add(bureau)
            members = frozenset(found)
            if len(self._members) > 10_000:  # days are few; a caller that walks years is bounded
                self._members.clear()
            self._members[region, day] = members
        return members
