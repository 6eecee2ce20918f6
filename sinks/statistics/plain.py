"""Datasets whose figures are no counts of cases.

Whatever they say of a number of events is told only where that number is, so it says nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from sinks.statistics.counting import Counter
from sinks.statistics.cube import STATISTICS, Grid
from sinks.statistics.dataset import TIME, TOTAL, Dataset
from sinks.statistics.event_numbers import EventNumbers
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import Period, state_of
from sinks.statistics.rows import PublishedRow, Status, published_state

__all__ = ["plain_rows"]

_FEWEST_FOR = {"median": 20, "p90": 100}
_FEWEST_BUREAUS = 3
_SOURCES = ("declared", "keywords", "none")
_HOUR_S = 3600
_STEPS = (1, 5, 10, 25, 50)
"""Per cents to which a share is rounded: a whole one would tell the count in a small table."""
_FEWEST_IN_A_STEP = 5

Rows = tuple[PublishedRow, ...]


def plain_rows(
    client: Client,
    manifest: Manifest,
    coarser: Mapping[str, str],
    numbers: EventNumbers,
    status: Status,
) -> dict[str, Rows]:
    """Rows of those datasets; `coarser` are regions that were merged, and into what."""
    counter, grid = Counter(client, manifest), Grid.of(manifest)
    found: dict[str, Rows] = {}
    for name, dataset in manifest.published_datasets().items():
        if dataset.source == "lag":
            found[name] = _lags(dataset, counter, grid, coarser, numbers, status)
        elif dataset.source == "coverage":
            found[name] = _coverage(dataset, manifest, grid, coarser, numbers, status)
        elif dataset.source == "quality":
            found[name] = _quality(dataset, counter, grid, numbers, status)
    return found


def _lags(
    dataset: Dataset,
    counter: Counter,
    grid: Grid,
    coarser: Mapping[str, str],
    numbers: EventNumbers,
    status: Status,
) -> Rows:
    """A lag that is shown tells how many events there are at least: none where that is hidden."""
    found = {
        (quarter, region or TOTAL): (events, bureaus, {"median": median, "p90": p90})
        for quarter, region, events, bureaus, median, p90 in counter.lags(coarser)
    }
    rows = []
    for quarter in grid.periods("quarter"):
        state = published_state(state_of(quarter, grid.blocks))
        for region in (*numbers.regions, TOTAL):
            events, bureaus, lags = found.get((quarter.code, region), (0, 0, {}))
            nothing = status.nothing(dataset.source, {TIME: quarter.code, "region": region})
            for statistic in STATISTICS:
                value = None
                enough = events >= _FEWEST_FOR[statistic] and bureaus >= _FEWEST_BUREAUS
                if enough and numbers.is_known(quarter, region):
                    value = (Decimal(lags[statistic]) / _HOUR_S).quantize(Decimal("0.1"))
                codes = (quarter.code, region, statistic)
                rows.append(_row(dataset, status, codes, region, value, nothing, state))
    return tuple(rows)


def _coverage(
    dataset: Dataset,
    manifest: Manifest,
    grid: Grid,
    coarser: Mapping[str, str],
    numbers: EventNumbers,
    status: Status,
) -> Rows:
    """Bureaus with an event: at least so many events are there, so only where their number is."""
    rows = []
    for period in grid.periods("base"):
        day, state = str(period.first_day), published_state(grid.blocks[period])
        nothing = "M" if period.code in status.future else ""
        for region in (*numbers.regions, TOTAL):
            members = sum(
                region in (coarser.get(home, home), TOTAL) and since <= day < until
                for _, home, since, until in manifest.codes.periods
            )
            reporting = None if nothing else numbers.reporting(period, region)
            for indicator, value, why in (
                ("reporting", reporting, nothing),
                ("members", members, ""),
            ):
                codes = (period.code, region, indicator)
                rows.append(_row(dataset, status, codes, region, value, why, state))
    return tuple(rows)


def _quality(
    dataset: Dataset, counter: Counter, grid: Grid, numbers: EventNumbers, status: Status
) -> Rows:
    """Per cents; what the ledger says is of all years, and stands in the newest."""
    events: dict[tuple[str, str], int] = {}
    for block, source, value in counter.category_sources():
        key = (Period.parse(block).within("year").code, source)
        events[key] = events.get(key, 0) + value
    years, ledger = grid.periods("year"), counter.manifest.ledger
    rows = []
    for year in years:
        state = published_state(state_of(year, grid.blocks))
        shares = {source: events.get((year.code, source), 0) for source in _SOURCES}
        total = sum(shares.values())
        nothing = status.nothing(dataset.source, {TIME: year.code})
        for source, value in shares.items():
            share = _percent(value, total) if numbers.is_known(year, TOTAL) else None
            codes = (year.code, source)
            rows.append(_row(dataset, status, codes, TOTAL, share, nothing, state))
        handed_over = ledger.handed_over if ledger is not None else 0
        for name, value in (
            ("refused", ledger.refused if ledger is not None else 0),
            ("missing", ledger.missing if ledger is not None else 0),
        ):
            share = _percent(value, handed_over) if year == years[-1] else None
            why = "M" if year != years[-1] else "" if handed_over else "O"
            rows.append(_row(dataset, status, (year.code, name), TOTAL, share, why, state))
    return tuple(rows)


def _row(
    dataset: Dataset,
    status: Status,
    codes: tuple[str, ...],
    region: str,
    value: int | Decimal | None,
    nothing: str,
    state: str,
) -> PublishedRow:
    """Without a value it is hidden, unless there is `nothing` to tell."""
    if value is None and nothing:
        return PublishedRow(codes, None, dataset.unit, nothing, "F", state)
    is_hidden = value is None
    letter = status.letter(codes[0], region, is_hidden=is_hidden)
    return PublishedRow(codes, value, dataset.unit, letter, "C" if is_hidden else "F", state)


def _percent(part: int, whole: int) -> int | None:
    """Rounded to as many per cents as make five of the whole or more; None: it has no ten."""
    for step in _STEPS:
        if step * whole >= 100 * _FEWEST_IN_A_STEP:
            return (200 * part + step * whole) // (2 * step * whole) * step
    return None
