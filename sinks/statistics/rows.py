"""Published rows: what a statistician sees of each cell, and nothing else.

`obs_status` is one letter: B (break in the series) goes before Q (hidden), Q before P
(provisional), else A; O is not reported, M not applicable. A hidden figure has `conf_status` C and
no value; whether it was sensitive itself is not told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from sinks.statistics.dataset import TIME, TOTAL, Dataset
from sinks.statistics.disclosure import Cell, Merge, Protection, Release, Table, rounded
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import parse_cut_off, revisions, stage_of

__all__ = ["PublishedRow", "Status", "published_state", "suppressed_rows"]

_FINAL = len(revisions(date(2000, 1, 1)))
_UNITS = {
    "person": "PER", "account": "ACC", "USD": "USD", "check": "CHK", "hit": "HIT",
    "investigation": "INV",
}  # fmt: skip
_DIGEST_DIGITS = 8


class PublishedRow(NamedTuple):
    """One row; `codes` in the order of the dataset's dimensions."""

    codes: tuple[str, ...]
    value: int | Decimal | None
    unit: str
    obs_status: str
    conf_status: str
    cut_off: str

    def as_columns(self, release: int) -> list[object]:
        """In the order of the table's columns."""
        return [*self.codes, *self[1:], release]


def published_state(state: str) -> str:
    """A state as it is published: the cut-off, or the newest of several and a sum of all."""
    cut_offs = state.split("+")
    if len(cut_offs) == 1:
        return state
    digest = hashlib.sha256(state.encode()).hexdigest()[:_DIGEST_DIGITS]
    return f"{max(cut_offs)}/{digest}"


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a period and region, besides the figure."""

    provisional: frozenset[str]
    """Periods with a block that is not final."""
    unreported: frozenset[tuple[str, str]]
    """Period and region (total: the world; or a bureau) of which nobody reported an event."""
    unsearched: frozenset[str]
    """Periods of which nobody reported a search."""
    future: frozenset[str]
    """Periods that begin after the cut-off."""
    breaks: frozenset[tuple[str, str]]
    """Period and region in which a bureau came or went."""

    @classmethod
    def of(cls, manifest: Manifest, tables: Iterable[Table], merges: Iterable[Merge]) -> Status:
        """By the manifest, and by the tables of events and searches."""
        newest, by_name = manifest.newest, {table.name: table for table in tables}
        periods = {
            period
            for block in manifest.blocks
            for period in (block, block.within("quarter"), block.within("year"))
        }
        final = {
            block: stage_of(block.end, newest) == _FINAL
            and stage_of(block.end, parse_cut_off(cut_off)) == _FINAL
            for block, cut_off in manifest.blocks.items()
        }
        coarser = {code: done.into for done in merges for code in done.codes}
        return cls(
            provisional=frozenset(
                period.code
                for period in periods
                if not all(ok for block, ok in final.items() if period.holds(block))
            ),
            unreported=frozenset(
                (cell.codes[0], cell.codes[1])
                for name in ("events_by_kind", "events_by_bureau")
                if name in by_name
                for cell in by_name[name].cells
                if not cell.value and set(cell.codes[2:]) <= {TOTAL}
            ),
            unsearched=frozenset(
                cell.codes[0]
                for cell in (by_name["searches"].cells if "searches" in by_name else ())
                if not cell.value and set(cell.codes[1:]) == {TOTAL}
            ),
            future=frozenset(p.code for p in periods if p.first_day > newest.date()),
            breaks=frozenset(
                (period.code, region)
                for day, home in _moves(manifest)
                for period in periods
                if period.first_day <= day < period.end
                for region in (home, coarser.get(home, home))
            ),
        )

    def row(self, dataset: Dataset, cell: Cell, unit: str, *, is_hidden: bool) -> PublishedRow:
        """The published row of a cell."""
        at = dict(zip(dataset.dimensions, cell.codes, strict=True))
        period, region = at.get(TIME, ""), at.get("region", TOTAL)
        nothing = self.nothing(dataset.source, at)
        shown = rounded(cell.value, dataset.rounding)[0]
        state = published_state(cell.state)
        if nothing and not cell.value:
            return PublishedRow(cell.codes, None, unit, nothing, "F", state)
        status = self.letter(period, region, is_hidden=is_hidden)
        value = None if is_hidden else shown
        return PublishedRow(cell.codes, value, unit, status, "C" if is_hidden else "F", state)

    def nothing(self, source: str, at: Mapping[str, str]) -> str:
        """M or O where everybody knows that there is nothing; else empty.

        A zero is a figure where somebody reported something of that period and region: an event,
        or a search where searches are counted.
        """
        period = at.get(TIME, "")
        if period in self.future:
            return "M"
        if source == "searches":
            return "O" if period in self.unsearched else ""
        return "O" if (period, at.get("region", TOTAL)) in self.unreported else ""

    def letter(self, period: str, region: str, *, is_hidden: bool) -> str:
        """B before Q before P, else A."""
        if (period, region) in self.breaks:
            return "B"
        if is_hidden:
            return "Q"
        return "P" if period in self.provisional else "A"


def suppressed_rows(
    release: Release, protection: Protection, manifest: Manifest, status: Status
) -> dict[str, tuple[PublishedRow, ...]]:
    """The rows of every dataset that is protected by hiding."""
    datasets, hidden = manifest.published_datasets(), protection.hidden
    found: dict[str, tuple[PublishedRow, ...]] = {}
    for table in release.tables:
        dataset = datasets[table.name]
        found[table.name] = tuple(
            status.row(
                dataset,
                cell,
                unit_of(dataset, cell.codes, manifest.codes.measures),
                is_hidden=table.id_of(cell, release.dimensions) in hidden,
            )
            for cell in table.cells
        )
    return found


def unit_of(dataset: Dataset, codes: tuple[str, ...], measures: Mapping[str, str]) -> str:
    """The dataset's unit; that of the measure where each has its own."""
    if "measure" not in dataset.dimensions:
        return dataset.unit
    unit = measures[codes[dataset.dimensions.index("measure")]]
    return _UNITS.get(unit, unit)


def _moves(manifest: Manifest) -> list[tuple[date, str]]:
    """Days on which a member changed its region, with the region it left and the one it joined."""
    periods: dict[str, list[tuple[str, str]]] = {}
    for code, region, since, _ in manifest.codes.periods:
        periods.setdefault(code, []).append((since, region))
    moves = []
    for found in periods.values():
        for (_, left), (day, joined) in zip(sorted(found), sorted(found)[1:], strict=False):
            moves += [(date.fromisoformat(day), left), (date.fromisoformat(day), joined)]
    return moves
