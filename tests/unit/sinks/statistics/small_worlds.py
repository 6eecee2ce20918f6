"""Small releases from seeded events: four months, three regions, three categories, four kinds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import NamedTuple

from sinks.statistics.disclosure import Cell, CellId, Change, Dimension, Release, Table

__all__ = ["DIMENSIONS", "Event", "changes_between", "events", "release_of", "tables_of"]

YEAR = "2025"
MONTHS = ("2025-01", "2025-02", "2025-03", "2025-04")
REGIONS = ("africa", "europe", "mena")
CATEGORIES = ("drugs", "fraud", "terrorism")
KINDS = ("arrest", "message", "notice", "seizure")
DIMENSIONS = {
    "time": Dimension("time", {YEAR: (MONTHS,)}),
    "region": Dimension("region", {"total": (REGIONS,)}),
    "category": Dimension("category", {"total": (CATEGORIES,)}),
    "kind": Dimension("kind", {"total": (KINDS,)}),
}
FACES = {
    "by-kind": ("time", "region", "kind"),
    "by-category": ("time", "region", "category"),
    "by-both": ("time", "region", "category", "kind"),
}


class Event(NamedTuple):
    """One event of a bureau."""

    bureau: str
    region: str
    time: str
    category: str
    kind: str


def events(seed: int, count: int = 500, bureaus: Mapping[str, int] | None = None) -> list[Event]:
    """Heavy-tailed: few bureaus, categories and kinds have most."""
    draw = random.Random(seed)
    sizes = bureaus or {"africa": 6, "europe": 8, "mena": 5}
    names = [(f"{region[:2]}{n}", region, n) for region in sizes for n in range(sizes[region])]
    found = []
    for bureau, region, _ in draw.choices(names, [1 / (n + 1) for *_, n in names], k=count):
        found.append(
            Event(
                bureau,
                region,
                draw.choice(MONTHS),
                draw.choices(CATEGORIES, (6, 3, 1))[0],
                draw.choices(KINDS, (2, 8, 4, 1))[0],
            )
        )
    return found


def _places(event: Event, dimensions: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every cell of a face that the event counts in."""
    for codes in product(*((getattr(event, name), _total(name)) for name in dimensions)):
        if "category" in dimensions and "kind" in dimensions and codes[0] != YEAR:
            continue
        yield codes


def _total(dimension: str) -> str:
    return YEAR if dimension == "time" else "total"


def tables_of(found: Iterable[Event], states: Mapping[str, str] | None = None) -> tuple[Table, ...]:
    """The three faces with all margins; `states` are cut-offs by month."""
    found = list(found)
    states = states or {}
    of_year = "+".join(sorted({states.get(month, "") for month in MONTHS}))
    axes = {"region": REGIONS, "category": CATEGORIES, "kind": KINDS}
    tables = []
    for name, dimensions in FACES.items():
        times = (YEAR,) if name == "by-both" else (*MONTHS, YEAR)
        parts: dict[tuple[str, ...], Counter[str]] = {
            codes: Counter()
            for codes in product(times, *((*axes[d], "total") for d in dimensions[1:]))
        }
        for event in found:
            for codes in _places(event, dimensions):
                parts[codes][event.bureau] += 1
        cells = tuple(
            Cell(
                codes,
                sum(counted.values()),
                dict(counted),
                state=of_year if codes[0] == YEAR else states.get(codes[0], ""),
            )
            for codes, counted in parts.items()
        )
        tables.append(Table(name, "events", dimensions, cells))
    return tuple(tables)


def release_of(seed: int, count: int = 500) -> Release:
    return Release(DIMENSIONS, tables_of(events(seed, count)))


def changes_between(
    before: Iterable[Event], after: Iterable[Event], tables: tuple[Table, ...], since: str
) -> tuple[Change, ...]:
    """Gross of sign, for every cell that changed."""
    old, new = Counter(before), Counter(after)
    moved = (old - new) + (new - old)
    gross: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    for event, count in moved.items():
        for name, dimensions in FACES.items():
            for codes in _places(event, dimensions):
                gross.setdefault((name, codes), Counter())[event.bureau] += count
    found: dict[CellId, Change] = {}
    for table in tables:
        for cell in table.cells:
            counted = gross.get((table.name, cell.codes))
            if counted:
                cell_id = table.id_of(cell, DIMENSIONS)
                found[cell_id] = Change(cell_id, since, counted.total(), dict(counted))
    return tuple(found.values())
