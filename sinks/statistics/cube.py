"""From parts to tables: full grids with every margin, zeros written, contributors kept.

What one bureau has in one finest cell is added to every cell that it counts in: each period that
the block lies in, and each dimension's total.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from sinks.statistics.counting import Part
from sinks.statistics.dataset import TIME, TOTAL, Dataset
from sinks.statistics.disclosure import Cell, Dimension, Table, rounded
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import Period, state_of

__all__ = ["Grid", "table_of"]

_RESULTS = ("hit", "no-hit")
STATISTICS = ("median", "p90")


@dataclass(frozen=True, slots=True)
class Grid:
    """The codes of a release, and how they add up."""

    axes: Mapping[str, tuple[str, ...]]
    """Dimension and its finest codes, without the total; periods aside."""
    blocks: Mapping[Period, str]
    """Finest periods and their cut-offs."""
    operations: Mapping[str, str]
    """Operations and their cut-offs."""

    @classmethod
    def of(cls, manifest: Manifest) -> Grid:
        """That of a manifest."""
        codes = manifest.codes
        axes = {
            "region": codes.regions,
            "kind": codes.kinds,
            "category": codes.categories,
            "offence": codes.offences,
            "database": codes.databases,
            "result": _RESULTS,
            "reason": codes.reasons,
            "operation": tuple(manifest.operations),
            "measure": tuple(codes.measures),
        }
        return cls(axes, manifest.blocks, manifest.operations)

    def periods(self, level: str) -> list[Period]:
        """Of a level (base, quarter, year), those of which every block is published."""
        months: dict[Period, int] = {}
        for block in sorted(self.blocks):
            period = block.within(level)
            months[period] = months.get(period, 0) + block.months
        return [period for period, published in months.items() if published == period.months]

    def dimensions(self) -> dict[str, Dimension]:
        """How codes add up, for all datasets."""
        found = {
            name: Dimension(name, {TOTAL: (codes,)})
            for name, codes in self.axes.items()
            if name not in ("measure", "operation", "offence")
        }
        # measures never add up, nor do operations
        found |= {name: Dimension(name, {}) for name in ("measure", "operation")}
        sections = [code for code in self.axes["offence"] if len(code) == 2]
        ways = {TOTAL: (tuple(sections),)}
        for section in sections:
            divisions = [
                code for code in self.axes["offence"] if code != section and code[:2] == section
            ]
            # some of a section has no division: a part that nobody publishes
            ways[section] = ((*divisions, f"{section}-other"),)
        found["offence"] = Dimension("offence", ways)
        return found | {TIME: self._time()}

    def _time(self) -> Dimension:
        parts: dict[str, tuple[tuple[str, ...], ...]] = {}
        for level in ("quarter", "year"):
            for period in self.periods(level):
                ways = []
                for finer in ("base", "quarter"):
                    within = [
                        one.code
                        for one in self.periods(finer)
                        if one.within(level) == period and one != period
                    ]
                    if within:
                        ways.append(tuple(within))
                parts[period.code] = tuple(dict.fromkeys(ways))
        return Dimension(TIME, parts)


@dataclass(slots=True)
class _Sum:
    value: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    read: int = 0
    restricted: int = 0


def table_of(dataset: Dataset, parts: Iterable[Part], grid: Grid) -> Table:
    """The dataset's table, with true values; each cell with the state of its period."""
    own = [name for name in dataset.dimensions if name != TIME]
    has_time = TIME in dataset.dimensions
    times = _times(dataset, grid) if has_time else {}
    sums: dict[tuple[str, ...], _Sum] = {}
    for codes in _full(dataset, grid, own, times):
        sums[codes] = _Sum()
    for (block, codes, bureau), part in _added(parts, own, grid).items():
        for time in times.get(block, ()) if has_time else ((),):
            for coarse in product(*((code, TOTAL) for code in codes)):
                cell = sums.get((*time, *coarse))
                if cell is None:  # a measure's or an operation's total: nobody adds those up
                    continue
                cell.value += part.value
                cell.read += part.read
                cell.parts[bureau] = cell.parts.get(bureau, 0) + part.value
                cell.restricted += part.restricted
                if part.unread:
                    cell.unread[bureau] = cell.unread.get(bureau, 0) + part.unread
    states = {period.code: state_of(period, grid.blocks) for period in _levels(dataset, grid)}
    return Table(
        dataset.name,
        dataset.measure,
        dataset.dimensions,
        tuple(
            _cell(dataset, codes, found, states.get(codes[0]) or _state(dataset, codes, grid))
            for codes, found in sums.items()
        ),
        is_count=dataset.is_count,
        rounding=dataset.rounding,
    )


def _cell(dataset: Dataset, codes: tuple[str, ...], found: _Sum, state: str) -> Cell:
    # What a desk has left after it subtracts what it read: secret if something restricted is in it,
    # and nothing of another kind that no desk reads.
    left = found.unread if found.value == found.read + sum(found.unread.values()) else {}
    return Cell(
        codes,
        found.value,
        {bureau: value for bureau, value in found.parts.items() if value > 0},
        restricted=left if dataset.is_count and found.restricted else {},
        read=found.read if dataset.is_count else 0,
        state=state,
        shows=rounded(found.value, dataset.rounding)[1] if dataset.rounding > 1 else None,
    )


def _state(dataset: Dataset, codes: tuple[str, ...], grid: Grid) -> str:
    return grid.operations[codes[dataset.dimensions.index("operation")]]


def _added(
    parts: Iterable[Part], own: list[str], grid: Grid
) -> dict[tuple[str, tuple[str, ...], str], Part]:
    """Parts by what the table is broken down by; those of unknown codes are in no table."""
    known = [frozenset(grid.axes[name]) for name in own]
    found: dict[tuple[str, tuple[str, ...], str], Part] = {}
    for part in parts:
        codes = tuple(part.codes[name] for name in own)
        if not all(code in axis for code, axis in zip(codes, known, strict=True)):
            continue
        key = (part.block, codes, part.bureau)
        before = found.get(key)
        if before is not None:
            part = part._replace(
                value=before.value + part.value,
                unread=before.unread + part.unread,
                read=before.read + part.read,
                restricted=before.restricted + part.restricted,
            )
        found[key] = part
    return found


def _levels(dataset: Dataset, grid: Grid) -> Iterator[Period]:
    for level in dataset.periods:
        yield from grid.periods(level)


def _times(dataset: Dataset, grid: Grid) -> dict[str, tuple[tuple[str], ...]]:
    """Block and the published periods that it lies in."""
    published = list(dict.fromkeys(_levels(dataset, grid)))
    return {
        block.code: tuple((period.code,) for period in published if period.holds(block))
        for block in grid.blocks
    }


def _full(
    dataset: Dataset, grid: Grid, own: list[str], times: Mapping[str, tuple[tuple[str], ...]]
) -> Iterator[tuple[str, ...]]:
    axes: list[tuple[str, ...]] = []
    if TIME in dataset.dimensions:
        axes.append(tuple(dict.fromkeys(period.code for period in _levels(dataset, grid))))
    for name in own:
        has_total = name not in ("measure", "operation", "statistic")
        axes.append((*grid.axes[name], TOTAL) if has_total else grid.axes[name])
    yield from product(*axes)
