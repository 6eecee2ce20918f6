"""Which cells are sensitive, each by its own contributors.

A zero is shown: it is nobody's case. What a bureau knows of itself is its own part only; a group
of bureaus that pool their parts is not provided for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sinks.statistics.disclosure.tables import Cell, CellId

__all__ = ["Reason", "Rules", "sensitive_change", "why_sensitive"]


class Reason(Enum):
    """Why a cell may not be shown."""

    FEW_BUREAUS = "few-bureaus"
    BELOW_MINIMUM = "below-minimum"
    DOMINANCE = "dominance"
    RESTRICTED = "restricted"
    CHANGE = "change"
    EARLIER = "earlier"
    """An earlier release hid it as sensitive, with the same cut-off."""
    IMPLIED = "implied"
    """Shown, it would say of another, hidden figure what may not be known."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The declared thresholds of a release; part of its manifest."""

    fewest_bureaus: int = 3
    minimum: int = 5
    higher_minimum: int = 10
    higher_for: frozenset[tuple[str, str]] = frozenset()
    """Dimension and code whose cells have the higher minimum."""
    dominance_percent: int = 10
    restricted_minimum: int = 5
    margin: int = 3
    """Least distance of either bound from the true value of a protected cell."""
    margin_percent: int = 10
    insider_percent: int = 10
    change_exempt: frozenset[str] = frozenset({"time"})
    """A change is never sensitive in a cell that is broken down by nothing but these."""

    def minimum_of(self, cell_id: CellId) -> int:
        """Least count that may be shown."""
        higher = any(coordinate in self.higher_for for coordinate in cell_id.at)
        return self.higher_minimum if higher else self.minimum

    def lower_bar(self, value: int) -> int:
        """What a reader may at most know as the least value."""
        return max(min(1, value), value - max(self.margin, _percent(value, self.margin_percent)))

    def upper_bar(self, value: int) -> int:
        """What a reader must at least hold possible."""
        return value + max(self.margin, _percent(value, self.margin_percent))

    def insider_lower_bar(self, others: int) -> int:
        """The same for who subtracted its own part, of what the others have together."""
        return max(min(1, others), others - _percent(others, self.insider_percent))

    def insider_upper_bar(self, others: int) -> int:
        """See :meth:`insider_lower_bar`."""
        return others + _percent(others, self.insider_percent)


def _percent(value: int, percent: int) -> int:
    """That share, rounded up."""
    return -(-value * percent // 100)


def _is_dominated(value: int, contributions: Mapping[str, int], percent: int) -> bool:
    """The second largest contributor can tell the largest one's part to within `percent`."""
    largest = sorted(contributions.values(), reverse=True)[:2]
    return bool(largest) and (value - sum(largest)) * 100 < percent * largest[0]


def why_sensitive(cell_id: CellId, cell: Cell, is_count: bool, rules: Rules) -> frozenset[Reason]:
    """Every reason for which this cell alone may not be shown."""
    if cell.value == 0:
        return frozenset()
    reasons = set()
    if len(cell.contributions) < rules.fewest_bureaus:
        reasons.add(Reason.FEW_BUREAUS)
    if is_count and cell.value < rules.minimum_of(cell_id):
        reasons.add(Reason.BELOW_MINIMUM)
    if _is_dominated(cell.value, cell.contributions, rules.dominance_percent):
        reasons.add(Reason.DOMINANCE)
    restricted = sum(cell.restricted.values())
    if restricted and (
        restricted < rules.restricted_minimum or len(cell.restricted) < rules.fewest_bureaus
    ):
        reasons.add(Reason.RESTRICTED)
    return frozenset(reasons)


def sensitive_change(
    cell_id: CellId, gross: int, contributions: Mapping[str, int], is_count: bool, rules: Rules
) -> bool:
    """What came and went between two vintages, added up regardless of sign, may not be told."""
    if gross == 0 or {dimension for dimension, _ in cell_id.at} <= rules.change_exempt:
        return False
    return (
        len(contributions) < rules.fewest_bureaus
        or (is_count and gross < rules.minimum_of(cell_id))
        or _is_dominated(gross, contributions, rules.dominance_percent)
    )
