"""Datasets that are not protected by hiding: noise, thresholds, and what says nothing of cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from sinks.statistics.counting import Counter
from sinks.statistics.cube import STATISTICS, Grid
from sinks.statistics.dataset import TOTAL, Dataset
from sinks.statistics.disclosure import Merge, Table, make_noise_table
from sinks.statistics.earlier import Earlier
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import Period, state_of
from sinks.statistics.rows import PublishedRow, published_state

__all__ = ["plain_rows"]

_FEWEST_FOR = {"median": 20, "p90": 100}
_FEWEST_BUREAUS = 3
_SOURCES = ("declared", "keywords", "none")
_HOUR_S = 3600

Rows = tuple[PublishedRow, ...]


def plain_rows(
    client: Client,
    manifest: Manifest,
    earlier: Iterable[Earlier],
    secret: str,
    merges: Iterable[Merge],
    tables: Iterable[Table],
    shut: frozenset[tuple[str, str]],
) -> dict[str, Rows]:
    """Rows of those datasets; `tables` are the true ones, before any merge.

    `shut` are periods and regions whose number of events is hidden.
    """
    counter, grid = Counter(client, manifest), Grid.of(manifest)
    coarser = {
        code: done.into for done in merges if done.dimension == "region" for code in done.codes
    }
    found: dict[str, Rows] = {}
    for name, dataset in manifest.published_datasets().items():
        if dataset.source == "offences":
            found[name] = _offences(dataset, counter, earlier, secret, coarser)
        elif dataset.source == "lag":
            found[name] = _lags(dataset, counter, grid, shut)
        elif dataset.source == "coverage":
            found[name] = _coverage(dataset, manifest, grid, tables)
        elif dataset.source == "quality":
            found[name] = _quality(dataset, counter, grid)
    return found


def _offences(
    dataset: Dataset,
    counter: Counter,
    earlier: Iterable[Earlier],
    secret: str,
    coarser: Mapping[str, str],
) -> Rows:
    """Closed years; a year that an earlier release told keeps its figures: see the noise's limits.

    Only cells whose records changed would change, which gives those records away.
    """
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
        return tuple(row for year in years for row in told[year.code])
    table = make_noise_table(manifest.noise.most, manifest.noise.variance, manifest.noise.seed)
    sums: dict[tuple[str, str, str], list[int]] = {}
    regions = tuple(dict.fromkeys(coarser.get(region, region) for region in manifest.codes.regions))
    for year in years:
        for region in (*regions, TOTAL):
            for code in (*manifest.codes.offences, TOTAL):
                sums[year.code, region, code] = [0, 0]
    for block, region, code, events, key in counter.offences(secret):
        if code[:2] not in manifest.codes.offences:
            continue
        year_code = Period.parse(block).within("year").code
        for place in (coarser.get(region, region), TOTAL):
            for one in dict.fromkeys((code, code[:2], TOTAL)):
                cell = sums.get((year_code, place, one))
                if cell is not None:
                    cell[0] += events
                    cell[1] += key
    states = {year.code: published_state(state_of(year, manifest.blocks)) for year in years}
    fresh = [
        PublishedRow(codes, table.perturb(events, key), dataset.unit, "A", "F", states[codes[0]])
        for codes, (events, key) in sums.items()
        if codes[0] not in told
    ]
    return tuple(sorted([*fresh, *(row for y in years for row in told.get(y.code, ()))]))


def _lags(dataset: Dataset, counter: Counter, grid: Grid, shut: frozenset[tuple[str, str]]) -> Rows:
    """A lag that is shown tells how many events there are at least: none where that is hidden."""
    states = {
        period.code: published_state(state_of(period, grid.blocks))
        for period in grid.periods("quarter")
    }
    found = {
        (quarter, region or TOTAL): (events, bureaus, {"median": median, "p90": p90})
        for quarter, region, events, bureaus, median, p90 in counter.lags()
    }
    rows = []
    for quarter, state in states.items():
        for region in (*counter.manifest.codes.regions, TOTAL):
            events, bureaus, lags = found.get((quarter, region), (0, 0, {}))
            for statistic in STATISTICS:
                value = None
                enough = events >= _FEWEST_FOR[statistic] and bureaus >= _FEWEST_BUREAUS
                if enough and (quarter, region) not in shut:
                    value = (Decimal(lags[statistic]) / _HOUR_S).quantize(Decimal("0.1"))
                status = ("A", "F") if value is not None else ("Q", "C")
                rows.append(
                    PublishedRow((quarter, region, statistic), value, dataset.unit, *status, state)
                )
    return tuple(rows)


def _coverage(dataset: Dataset, manifest: Manifest, grid: Grid, tables: Iterable[Table]) -> Rows:
    """Bureaus with an event, by the true table of events by kind; a bureau is no case."""
    (events,) = (table for table in tables if table.name == "events_by_kind")
    reporting = {
        cell.codes[:2]: len(cell.contributions) for cell in events.cells if cell.codes[2] == TOTAL
    }
    rows = []
    for period in grid.periods("base"):
        day, state = str(period.first_day), published_state(grid.blocks[period])
        for region in (*manifest.codes.regions, TOTAL):
            members = sum(
                region in (home, TOTAL) and since <= day < until
                for _, home, since, until in manifest.codes.periods
            )
            if period.first_day > manifest.newest.date():
                counts: dict[str, int | None] = {"reporting": None, "members": members}
            else:
                counts = {"reporting": reporting[period.code, region], "members": members}
            rows += [
                PublishedRow(
                    (period.code, region, indicator),
                    value,
                    dataset.unit,
                    "M" if value is None else "A",
                    "F",
                    state,
                )
                for indicator, value in counts.items()
            ]
    return tuple(rows)


def _quality(dataset: Dataset, counter: Counter, grid: Grid) -> Rows:
    """Whole per cents; what the ledger says is of all years, and stands in the newest."""
    events: dict[tuple[str, str], int] = {}
    for block, source, value in counter.category_sources():
        key = (Period.parse(block).within("year").code, source)
        events[key] = events.get(key, 0) + value
    years = grid.periods("year")
    rows = []
    for year in years:
        state = published_state(state_of(year, grid.blocks))
        shares = {source: events.get((year.code, source), 0) for source in _SOURCES}
        total = sum(shares.values())
        percents = {name: _percent(value, total) for name, value in shares.items()}
        ledger = counter.manifest.ledger
        if year == years[-1] and ledger is not None:
            percents["refused"] = _percent(ledger.refused, ledger.handed_over)
            percents["missing"] = _percent(ledger.missing, ledger.handed_over)
        rows += [
            PublishedRow(
                (year.code, name),
                percents.get(name),
                dataset.unit,
                "A" if percents.get(name) is not None else "O",
                "F",
                state,
            )
            for name in (*_SOURCES, "refused", "missing")
        ]
    return tuple(rows)


def _percent(part: int, whole: int) -> int | None:
    return None if not whole else (200 * part + whole) // (2 * whole)
