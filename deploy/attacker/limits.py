"""What published tables that hold no counts say of counts.

- Coverage: so many bureaus reported, so there are at least so many events; what a region hides
  follows from the world's number, but for the bureaus that the regions have.
- Lags: a median is shown of 20 events or more from 3 bureaus, a ninetieth percentile of 100.
- Shares: rounded so that a step is 5 events or more.
- Persons, accounts, amounts: one that is shown above 0 is of 3 bureaus, so there are 3 events, one
  of each; where there is no event, there is none.
- Losses: what is hidden of a table is at most so many per cents of it, and more than the next step
  below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from deploy.attacker.published import Figure, FigureId, Limit, Structure

__all__ = [
    "MEASURED",
    "coverage_limits",
    "lag_limits",
    "loss_limits",
    "measure_limits",
    "quality_limits",
    "unseen_numbers",
]

Row = Mapping[str, object]
_MEASURE = "events"
MEASURED = frozenset(
    (
        "accounts_blocked", "amount_frozen", "amount_intercepted", "amount_seized",
        "persons_arrested", "victims_identified", "victims_rescued",
    )
)  # fmt: skip
"""What is measured of events."""
_WORLD = "total"
_LEAST_FOR = {"median": 20, "p90": 100}
_FEWEST_BUREAUS = 3
_STEPS = (100, 50, 25, 10, 5, 1)
"""Per cents to which losses are rounded up in small tables; shares have no step of 100."""
_FEWEST_IN_A_STEP = 5


def coverage_limits(rows: Iterable[Row]) -> Iterator[Limit]:
    """Rows have time_period, region, indicator, obs_value, cut_off and release."""
    periods: dict[tuple[str, str, str], dict[str, dict[str, int | None]]] = {}
    for row in rows:
        value = row["obs_value"]
        key = (str(row["release"]), str(row["time_period"]), str(row["cut_off"]))
        said = periods.setdefault(key, {}).setdefault(str(row["region"]), {})
        said[str(row["indicator"])] = None if value is None else int(str(value))
    for (_, period, cut_off), regions in sorted(periods.items()):
        source = f"coverage {period}"
        hidden: list[str] = []
        shown = 0
        for region, said in sorted(regions.items()):
            reporting = said.get("reporting")
            if reporting is None:
                hidden.append(region)
                continue
            if region != _WORLD:
                shown += reporting
            none = None if reporting else 0
            yield Limit((_events(period, region, cut_off),), reporting, none, True, source)
        world = regions.get(_WORLD, {}).get("reporting")
        if world is None:
            continue
        for size in range(1, len(hidden) + 1):
            for some in combinations(hidden, size):
                others = sum(
                    regions[other].get("members") or 0 for other in hidden if other not in some
                )
                least = world - shown - others
                if least > 0:
                    places = tuple(_events(period, region, cut_off) for region in some)
                    yield Limit(places, least, None, True, source)


def lag_limits(rows: Iterable[Row]) -> Iterator[Limit]:
    """Rows have time_period, region, statistic, obs_value and cut_off."""
    for row in rows:
        if row["obs_value"] is not None:
            period, region = str(row["time_period"]), str(row["region"])
            place = (_events(period, region, str(row["cut_off"])),)
            source = f"lag {period}"
            yield Limit(place, _LEAST_FOR[str(row["statistic"])], source=source)
            yield Limit(place, _FEWEST_BUREAUS, None, True, source)


def measure_limits(figures: Iterable[Figure], structure: Structure) -> Iterator[Limit]:
    """What measures say of the events of their places, and the other way about."""
    figures = list(figures)
    none = frozenset(
        (one.release, one.id.at) for one in figures if one.id.measure == _MEASURE and one.high == 0
    )
    for figure in figures:
        if figure.id.measure not in MEASURED:
            continue
        if figure.low > 0:
            place = (figure.id._replace(measure=_MEASURE),)
            yield Limit(place, _FEWEST_BUREAUS, None, True, figure.table, figure.id)
        elif figure.is_hidden and _is_none(figure, none, structure):
            yield Limit((figure.id,), 0, 0, source="no events")


def unseen_numbers(figures: Iterable[Figure]) -> Iterator[Figure]:
    """The numbers of events that measures say something of; they may stand in no table."""
    for one in figures:
        if one.id.measure in MEASURED and one.low > 0:
            yield Figure(one.id._replace(measure=_MEASURE), one.release, "measures", 0, None)


def _is_none(figure: Figure, none: frozenset[tuple[str, object]], structure: Structure) -> bool:
    """No event there, or none in any of the periods that it consists of."""
    at = dict(figure.id.at)
    ways = structure.parts.get("time_period", {}).get(at.get("time_period", ""), ())
    whole: list[tuple[str, ...]] = [(at.get("time_period", ""),), *ways]
    return any(
        all(
            (figure.release, tuple(sorted((at | {"time_period": one}).items()))) in none
            for one in way
        )
        for way in whole
    )


def quality_limits(rows: Iterable[Row], shares: Iterable[str]) -> Iterator[Limit]:
    """Rows have time_period, indicator, obs_value and cut_off; `shares` are those of events."""
    names = frozenset(shares)
    for row in rows:
        if row["obs_value"] is not None and str(row["indicator"]) in names:
            percent = int(str(row["obs_value"]))
            step = next(step for step in _STEPS[1:] if percent % step == 0)
            least = -(-100 * _FEWEST_IN_A_STEP // step)
            place = _events(str(row["time_period"]), _WORLD, str(row["cut_off"]))
            yield Limit((place,), least, source=f"shares {row['time_period']}")


def loss_limits(
    figures: Iterable[Figure], structure: Structure, percents: Mapping[tuple[str, str], int]
) -> Iterator[Limit]:
    """`percents` are what is hidden of the value, by release and table."""
    tables: dict[tuple[str, str], dict[FigureId, Figure]] = {}
    for figure in figures:  # a candidate may be read twice: staged, and half published
        tables.setdefault((figure.release, figure.table), {})[figure.id] = figure
    for (release, table), by_id in sorted(tables.items()):
        percent, found = percents.get((release, table)), list(by_id.values())
        hidden = [figure for figure in found if figure.is_hidden]
        if percent is None or not hidden:
            continue
        finest = _finest(found, structure)
        unknown = tuple(sorted(figure.id for figure in finest if figure.is_hidden))
        seen = [figure for figure in finest if figure.high is not None]
        above = percent - next(step for step in _STEPS if percent % step == 0)
        least = above * sum(figure.low for figure in seen) // (100 - above) + 1 if above > 0 else 0
        most = None
        if percent < 100:
            most = percent * sum(figure.high or 0 for figure in seen) // (100 - percent)
        if unknown:
            yield Limit(unknown, least, most, source=f"loss {release} {table}")


def _finest(figures: list[Figure], structure: Structure) -> list[Figure]:
    """Those without parts in their table."""
    places = {figure.id.at for figure in figures}
    found = []
    for figure in figures:
        at = dict(figure.id.at)
        parts = (
            tuple(sorted((at | {name: code}).items()))
            for name, splits in structure.parts.items()
            if name in structure.tables[figure.table].dimensions
            for way in splits.get(at.get(name, structure.totals[name]), ())
            for code in way
        )
        if not any(part in places for part in parts):
            found.append(figure)
    return found


def _events(period: str, region: str, cut_off: str) -> FigureId:
    at = [("time_period", period)] + [("region", region)] * (region != _WORLD)
    return FigureId(_MEASURE, tuple(sorted(at)), cut_off)
