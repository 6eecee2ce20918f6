"""What a desk wants to see, decided on the enrichment alone, before the event is decoded.

A filter narrows what a topic holds; what a desk *may* see is decided by the router and by the
rights on the topics, never here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import ConfigurationError
from schemas.reference import Reference
from schemas.topics import REGIONS

__all__ = ["Filters", "Subscription"]


@dataclass(frozen=True, slots=True)
class Filters:
    """All conditions must hold; an empty one always does."""

    categories: frozenset[str] = frozenset()
    """Any of the event's categories."""
    urgencies: frozenset[str] = frozenset()
    bureaus: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    tlp: frozenset[str] = frozenset()
    handling_codes: frozenset[str] = frozenset()
    """Any of the event's handling codes."""
    min_score: int = 0
    iccs_prefix: str = ""
    recorded_since_ms: int | None = None

    def match(self, enrichment: Mapping[str, Any]) -> bool:
        """Whether this (plain) enrichment is wanted."""
        return (
            _has(self.kinds, enrichment["kind"])
            and _has(self.urgencies, enrichment["urgency"])
            and _has(self.bureaus, enrichment["bureau"])
            and _has(self.tlp, enrichment["tlp"])
            and _any(self.categories, enrichment["categories"])
            and _any(self.handling_codes, enrichment["handling_codes"])
            and enrichment["score"] >= self.min_score
            and (enrichment["offence"] or "").startswith(self.iccs_prefix)
            and enrichment["recorded_at"] >= (self.recorded_since_ms or 0)
        )


@dataclass(frozen=True, slots=True)
class Subscription:
    """Which topics are read, and from which of them an event is taken.

    An event stands in the topic of each of its categories. It is taken from the topic of the first
    one that is subscribed, so that it is given out once, without remembering any event. It may
    stand in the bureau's own topic too; there it is taken only if no subscribed desk topic has it.
    """

    region: str
    categories: frozenset[str]
    bureau: str | None = None

    def check(self) -> None:
        """Refuse names that nothing would ever come under.

        Raises:
            ConfigurationError: an unknown region, category or bureau.
        """
        reference = Reference.load()
        unknown = sorted(self.categories - reference.categories.keys())
        if self.region not in REGIONS:
            raise ConfigurationError(
                f"{self.region!r} is no region with a desk; there are {', '.join(REGIONS)}"
            )
        if unknown or not (self.categories or self.bureau):
            raise ConfigurationError(
                f"categories {unknown or 'none'}: name one or more of "
                f"{', '.join(reference.categories)}"
            )
        if self.bureau is not None and self.bureau not in reference.publishers:
            raise ConfigurationError(
                f"{self.bureau!r} is no bureau: give its ISO 3166 alpha-2 code in capitals"
            )

    @property
    def identity(self) -> str:
        """What a store of positions is bound to."""
        return json.dumps([self.region, sorted(self.categories), self.bureau])

    def takes(self, enrichment: Mapping[str, Any], category: str | None) -> bool:
        """Whether an event found in this category's topic (None: the bureau's) is taken there."""
        if self.bureau is not None and enrichment["bureau"] == self.bureau:
            return False
        first = next((c for c in enrichment["categories"] if c in self.categories), None)
        if category is None:
            return first is None or self.region not in enrichment["audience_regions"]
        return category == first


def _has(wanted: frozenset[str], value: str) -> bool:
    return not wanted or value in wanted


def _any(wanted: frozenset[str], values: list[str]) -> bool:
    return not wanted or not wanted.isdisjoint(values)
