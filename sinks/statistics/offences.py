"""Offences by year and region, with noise; told beside a hidden number of events where it holds.

A year is told once, by the first release that has the whole of it: only cells whose records changed
would change, which gives those records away. Rows are hidden in a declared order: all codes of a
region's year where its number of events would become known better than was proved, and with them
those of the world's, from which they would follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sinks.statistics.counting import Counter
from sinks.statistics.cube import Grid
from sinks.statistics.dataset import TIME, TOTAL, Dataset
from sinks.statistics.disclosure import Cell, Table, make_noise_table
from sinks.statistics.earlier import Earlier
from sinks.statistics.implied import Implied, offences_least
from sinks.statistics.periods import Period, state_of
from sinks.statistics.rows import PublishedRow, Status, published_state

__all__ = ["ToldOffences", "counted_offences", "rows_to_hide", "tell_offences"]

Codes = tuple[str, str, str]
"""Year, region, offence."""


@dataclass(slots=True)
class _Sum:
    events: int = 0
    keys: int = 0
    read: int = 0
    parts: dict[str, int] = field(default_factory=dict)


class ToldOffences(NamedTuple):
    """As a release has them."""

    rows: tuple[PublishedRow, ...]
    totals: Table
    """True ones by year and region, of the years that are told for the first time."""


def tell_offences(
    dataset: Dataset,
    counter: Counter,
    earlier: Iterable[Earlier],
    secret: str,
    coarser: Mapping[str, str],
    implied: Implied,
    status: Status,
) -> ToldOffences:
    """Those of closed years; `coarser` are regions that were merged, and into what."""
    manifest, grid = counter.manifest, Grid.of(counter.manifest)
    told: dict[str, list[PublishedRow]] = {}
    for before in earlier:
        by_year: dict[str, list[PublishedRow]] = {}
        for row in before.noise.get(dataset.name, ()):
            by_year.setdefault(row.codes[0], []).append(row)
        for code, rows in by_year.items():
            told.setdefault(code, rows)
    years = [year for year in grid.periods("year") if year.end <= manifest.newest.date()]
    if all(year.code in told for year in years):
        known = tuple(row for year in years for row in told[year.code])
        return ToldOffences(known, _totals(dataset, ()))
    sums = counted_offences(counter, years, secret, coarser)
    table = make_noise_table(manifest.noise.most, manifest.noise.variance, manifest.noise.seed)
    states = {year.code: state_of(year, manifest.blocks) for year in years}
    totals = {
        (year, region): Cell(
            (year, region), found.events, found.parts, read=found.read, state=states[year]
        )
        for (year, region, code), found in sums.items()
        if code == TOTAL and year not in told
    }
    hidden = rows_to_hide(totals, implied)
    fresh = []
    for codes, found in sums.items():
        year, region, _ = codes
        if year in told:
            continue
        shut = (year, region) in hidden
        value = None if shut else table.perturb(found.events, found.keys)
        letter = status.letter(year, region, is_hidden=True) if shut else "A"
        conf = "C" if shut else "F"
        state = published_state(states[year])
        fresh.append(PublishedRow(codes, value, dataset.unit, letter, conf, state))
    fresh += [row for year in years for row in told.get(year.code, ())]
    return ToldOffences(tuple(sorted(fresh, key=_codes)), _totals(dataset, totals.values()))


def _totals(dataset: Dataset, cells: Iterable[Cell]) -> Table:
    return Table(dataset.name, dataset.measure, (TIME, "region"), tuple(cells))


def _codes(row: PublishedRow) -> tuple[str, ...]:
    return row.codes


def counted_offences(
    counter: Counter, years: Iterable[Period], secret: str, coarser: Mapping[str, str]
) -> dict[Codes, _Sum]:
    """The true numbers of those years, each with the sum of its records' keys."""
    codes = counter.manifest.codes
    regions = tuple(dict.fromkeys(coarser.get(region, region) for region in codes.regions))
    sums = {
        (year.code, region, code): _Sum()
        for year in years
        for region in (*regions, TOTAL)
        for code in (*codes.offences, TOTAL)
    }
    for one in counter.offences(secret):
        if one.code[:2] not in codes.offences:
            continue
        year_code = Period.parse(one.block).within("year").code
        for place in (coarser.get(one.region, one.region), TOTAL):
            for code in dict.fromkeys((one.code, one.code[:2], TOTAL)):
                cell = sums.get((year_code, place, code))
                if cell is not None:
                    cell.events += one.events
                    cell.keys += one.keys
                    cell.read += one.read
                    cell.parts[one.bureau] = cell.parts.get(one.bureau, 0) + one.events
    return sums


def rows_to_hide(
    totals: Mapping[tuple[str, str], Cell], implied: Implied
) -> frozenset[tuple[str, str]]:
    """Year and region of the rows that may not be told; `totals` are the true offences of each."""
    hidden = set()
    for (year, region), offences in totals.items():
        if not implied.bears({TIME: year, "region": region}, offences_least(offences)):
            hidden |= {(year, region), (year, TOTAL)}
    return frozenset(hidden)
