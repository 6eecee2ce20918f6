"""A year of messages by region, category, kind, month and bureau: heavy-tailed, seeded.

Only for measuring disclosure control at size; counts, no events. A few bureaus of a region send
most (Zipf), categories and kinds are as unequal, and each bureau has its own mix.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from sinks.statistics.disclosure import Cell, Dimension, Table

__all__ = ["DIMENSIONS", "set_r"]

REGIONS = {"africa": 54, "americas": 35, "asia-pacific": 37, "europe": 50, "mena": 20}
CATEGORIES = tuple(f"c{number:02}" for number in range(20))
KINDS = tuple(f"k{number:02}" for number in range(11))
MONTHS = tuple(f"2025-{month:02}" for month in range(1, 13))
YEAR = "2025"
DIMENSIONS = {
    "time": Dimension("time", {YEAR: (MONTHS,)}),
    "region": Dimension("region", {"total": (tuple(REGIONS),)}),
    "category": Dimension("category", {"total": (CATEGORIES,)}),
    "kind": Dimension("kind", {"total": (KINDS,)}),
}
_AXES = {"time": MONTHS, "region": tuple(REGIONS), "category": CATEGORIES, "kind": KINDS}
_TOTAL = {"time": YEAR, "region": "total", "category": "total", "kind": "total"}


def messages(
    count: int, seed: int, bureaus: dict[str, int] | None = None
) -> tuple[np.ndarray, list[str]]:
    """Counts by bureau, category, kind, month; and each bureau's region."""
    draw = np.random.default_rng(seed)
    of_region = [region for region, n in (bureaus or REGIONS).items() for _ in range(n)]
    zipf = np.concatenate([1 / np.arange(1, n + 1) ** 1.3 for n in (bureaus or REGIONS).values()])
    weights = np.repeat(draw.lognormal(0, 0.4, len(REGIONS)), list((bureaus or REGIONS).values()))
    categories = 1 / np.arange(1, len(CATEGORIES) + 1) ** 2.0
    kinds = 1 / np.arange(1, len(KINDS) + 1) ** 2.8
    rate = np.einsum("b,c,k,m->bckm", zipf * weights, categories, kinds, np.ones(len(MONTHS)))
    rate *= draw.lognormal(0, 1.0, (1, len(CATEGORIES), len(KINDS), 1))
    rate *= draw.lognormal(0, 0.8, (len(of_region), len(CATEGORIES), 1, 1))
    rate *= draw.lognormal(0, 0.1, (1, len(CATEGORIES), 1, len(MONTHS)))
    return draw.poisson(rate * (count / rate.sum())), of_region


def set_r(
    count: int,
    seed: int = 1,
    bureaus: dict[str, int] | None = None,
    restricted: float = 0.0,
) -> tuple[Table, ...]:
    """The three tables of set R with all margins; `restricted` is that share of the events."""
    counts, of_region = messages(count, seed, bureaus)
    few = np.random.default_rng(seed + 1).binomial(counts, restricted)
    faces = (
        ("events-by-kind", ("time", "region", "kind")),
        ("events-by-category", ("time", "region", "category")),
        ("events-by-category-and-kind", ("time", "region", "category", "kind")),
    )
    return tuple(
        _table(name, dimensions, counts, few, of_region, months="by-category-and" not in name)
        for name, dimensions in faces
    )


def _table(
    name: str,
    dimensions: tuple[str, ...],
    counts: np.ndarray,
    few: np.ndarray,
    of_region: list[str],
    *,
    months: bool,
) -> Table:
    axes = []
    for dimension in dimensions:
        codes = _AXES[dimension] if months or dimension != "time" else ()
        axes.append((*codes, _TOTAL[dimension]))
    totals, secrets = _with_totals(counts), _with_totals(few)
    members = {
        region: np.array([index for index, r in enumerate(of_region) if region in (r, "total")])
        for region in (*REGIONS, "total")
    }
    cells = []
    for codes in product(*axes):
        at = dict(zip(dimensions, codes, strict=True))
        chosen = members[at["region"]]
        places = [
            _AXES[axis].index(code) if (code := at.get(axis, _TOTAL[axis])) in _AXES[axis] else -1
            for axis in ("category", "kind", "time")
        ]
        category, kind, month = places
        parts = totals[:, category, kind, month][chosen]
        hushed = secrets[:, category, kind, month][chosen]
        value, secret = int(parts.sum()), int(hushed.sum())
        cells.append(
            Cell(
                codes=codes,
                value=value,
                contributions=_by_bureau(parts, chosen),
                restricted=_by_bureau(hushed, chosen),
                read=value - secret if few.any() else 0,
            )
        )
    return Table(name, "events", dimensions, tuple(cells))


def _with_totals(counts: np.ndarray) -> np.ndarray:
    """One more place on every axis but the first: the sum over it."""
    for axis in range(1, counts.ndim):
        counts = np.concatenate([counts, counts.sum(axis=axis, keepdims=True)], axis=axis)
    return counts


def _by_bureau(parts: np.ndarray, chosen: np.ndarray) -> dict[str, int]:
    return {
        f"B{chosen[index]:03}": int(parts[index]) for index in np.flatnonzero(parts > 0).tolist()
    }
