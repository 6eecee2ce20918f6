"""The numbers of events by period and region, and which of them readers know.

What other tables say of those numbers (how many bureaus reported: at least so many events; a lag
that is shown: enough of them) may be told only where the number itself is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sinks.statistics.cube import Grid
from sinks.statistics.dataset import TOTAL
from sinks.statistics.disclosure import Cell, Protection, Release
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import Period

__all__ = ["EventNumbers"]

_TABLE = "events_by_kind"


@dataclass(frozen=True, slots=True)
class EventNumbers:
    """Of one release, after its merges."""

    shown: Mapping[tuple[str, str], Cell]
    """Period and region (total: the world) of the numbers that are published."""
    regions: tuple[str, ...]
    """As the release has them; the world is none."""
    blocks: tuple[Period, ...]

    @classmethod
    def of(cls, manifest: Manifest, release: Release, protection: Protection) -> EventNumbers:
        """By the table of events by kind."""
        (table,) = (table for table in release.tables if table.name == _TABLE)
        hidden = protection.hidden
        return cls(
            shown={
                (cell.codes[0], cell.codes[1]): cell
                for cell in table.cells
                if cell.codes[2] == TOTAL and table.id_of(cell, release.dimensions) not in hidden
            },
            regions=tuple(
                dict.fromkeys(cell.codes[1] for cell in table.cells if cell.codes[1] != TOTAL)
            ),
            blocks=tuple(Grid.of(manifest).periods("base")),
        )

    def is_known(self, period: Period, region: str) -> bool:
        """It is published, or adds up from what is."""
        if (period.code, region) in self.shown:
            return True
        within = [block for block in self.blocks if period.holds(block) and block != period]
        return bool(within) and all((block.code, region) in self.shown for block in within)

    def reporting(self, block: Period, region: str) -> int | None:
        """How many bureaus reported events; None where that would tell a number that is hidden.

        The world's follows its regions': what it leaves of those would tell the same.
        """
        places = [
            (block.code, one) for one in ((*self.regions, TOTAL) if region == TOTAL else (region,))
        ]
        if not all(place in self.shown for place in places):
            return None
        return len(self.shown[block.code, region].contributions)
