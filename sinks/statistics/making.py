"""A release from its manifest: counted, merged where it must be, protected, and ready to publish.

A function of the manifest, the facts recorded before its cut-offs and the releases before it; no
clock, no random number. Nothing is written here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client

from sinks.statistics.changes import changes_since
from sinks.statistics.codes import kind_groups, near_kinds
from sinks.statistics.counting import Counter, Part
from sinks.statistics.cube import Grid, table_of
from sinks.statistics.dataset import TIME, TOTAL, Dataset
from sinks.statistics.disclosure import (
    Cell,
    CellId,
    Dimension,
    Loss,
    Merge,
    MergedRelease,
    MergeStep,
    Protection,
    PublicTotal,
    Release,
    Table,
    losses,
    merge,
    merge_small,
    protect_merging,
    thin_codes,
)
from sinks.statistics.earlier import Earlier
from sinks.statistics.event_numbers import EventNumbers
from sinks.statistics.implied import MEASURED, Implied, Numbers
from sinks.statistics.manifest import Manifest
from sinks.statistics.offences import tell_offences
from sinks.statistics.periods import Frequency, Period, state_of
from sinks.statistics.plain import plain_rows
from sinks.statistics.rows import PublishedRow, Status, suppressed_rows

__all__ = ["OTHER_REGIONS", "Made", "counted", "dimensions_of", "make", "merge_thin_kinds"]

OTHER_REGIONS = "other-regions"


@dataclass(frozen=True, slots=True)
class Made:
    """What is staged, and what the auditor keeps."""

    manifest: Manifest
    rows: Mapping[str, tuple[PublishedRow, ...]]
    """Dataset to its published rows."""
    release: Release
    protection: Protection
    merges: tuple[Merge, ...]
    losses: tuple[Loss, ...]
    perturbed: tuple[Table, ...]
    """True totals of what is told with noise, and for the first time."""
    unused: tuple[str, ...]
    """Public totals that are of no use: our figure is another."""


def counted(client: Client, manifest: Manifest) -> tuple[Table, ...]:
    """The true tables of all datasets that are protected by hiding."""
    counter, grid = Counter(client, manifest), Grid.of(manifest)
    datasets = manifest.published_datasets()

    # what several datasets share is asked once, and only if one of them is there
    @functools.cache
    def events() -> list[Part]:
        return list(counter.events())

    @functools.cache
    def withdrawals() -> list[Part]:
        return list(counter.withdrawals())

    @functools.cache
    def by_measure() -> dict[str, list[Part]]:
        found: dict[str, list[Part]] = {}
        for measure, part in counter.measures():
            found.setdefault(measure, []).append(part)
        return found

    given: dict[str, Callable[[Dataset], Iterable[Part]]] = {
        "events": lambda _: events(),
        "counts": lambda dataset: by_measure().get(dataset.of, ()),
        "money": lambda dataset: by_measure().get(dataset.of, ()),
        "operations": lambda _: counter.operations(),
        "withdrawals": lambda _: withdrawals(),
        "searches": lambda _: counter.searches(),
    }
    tables = [
        table_of(dataset, given[dataset.source](dataset), grid)
        for dataset in datasets.values()
        if dataset.is_suppressed and dataset.source in given
    ]
    tables += [
        _by_bureau(dataset, events(), manifest)
        for dataset in datasets.values()
        if dataset.source == "bureaus"
    ]
    return tuple(tables)


def _by_bureau(dataset: Dataset, events: list[Part], manifest: Manifest) -> Table:
    """Year totals of the bureaus that waived."""
    years = Grid.of(manifest).periods("year")
    values: dict[tuple[str, str], int] = {}
    for part in events:
        place = (Period.parse(part.block).within("year").code, part.bureau)
        values[place] = values.get(place, 0) + part.value
    cells = []
    for year in years:
        for bureau in manifest.waivers:
            value = values.get((year.code, bureau), 0)
            cells.append(
                Cell(
                    (year.code, bureau),
                    value,
                    {bureau: value} if value else {},
                    state=state_of(year, manifest.blocks),
                )
            )
    return Table(dataset.name, dataset.measure, dataset.dimensions, tuple(cells))


def dimensions_of(manifest: Manifest, earlier: Iterable[Earlier]) -> dict[str, Dimension]:
    """How codes add up, by this release's lists and those of all before."""
    found = Grid.of(manifest).dimensions()
    waived = set(manifest.waivers)
    members: dict[str, list[str]] = {}
    moved = [code for code, *_ in manifest.codes.periods]
    for code, region, _, _ in manifest.codes.periods:
        if moved.count(code) == 1:
            members.setdefault(region, []).append(code)
    ways = {region: (tuple(codes),) for region, codes in members.items() if waived & set(codes)}
    by_region = found["region"]
    found["region"] = replace(by_region, parts={**by_region.parts, **ways})
    for before in earlier:
        for name, parts in before.parts.items():
            dimension = found.setdefault(name, Dimension(name, {}))
            merged = dict(dimension.parts)
            for code, more in parts.items():
                merged[code] = tuple(sorted({*merged.get(code, ()), *more}))
            found[name] = replace(dimension, parts=merged)
    return found


def make(
    client: Client,
    manifest: Manifest,
    earlier: tuple[Earlier, ...],
    secret: str,
    tables: tuple[Table, ...] | None = None,
) -> Made:
    """Count (unless `tables` are given) and protect.

    Raises:
        CannotProtectError: something can neither be hidden nor merged.
        TableError: what is known already contradicts the facts.
    """
    tables = counted(client, manifest) if tables is None else tables
    dimensions = dimensions_of(manifest, earlier)
    public, unused = _public(manifest, tables, dimensions)
    release = Release(
        dimensions,
        tables,
        manifest.rules,
        tuple(before.vintage for before in earlier),
        (),
        public,
    )
    release, small = _merge_small_regions(release)
    release, thin = merge_thin_kinds(release, manifest)
    beforehand = (*small, *thin)
    known = (*release.public, *_nothing_reported(manifest, release))
    release = replace(release, public=known, least=_at_least_one(manifest, release))
    changes = changes_since(client, manifest, earlier, release, beforehand)
    protected = protect_merging(replace(release, changes=changes), _steps(manifest))
    merges = (*beforehand, *protected.merges)
    if protected.merges and changes:
        # changes of merged cells: count them for the codes that are left
        changes = changes_since(client, manifest, earlier, protected.release, merges)
        protected = protect_merging(replace(protected.release, changes=changes), _steps(manifest))
        merges = (*merges, *protected.merges)
    protected, implied, more = _without_implied(protected, manifest)
    merges = (*merges, *more)
    status = Status.of(manifest, protected.release.tables, merges)
    rows = suppressed_rows(protected.release, protected.protection, manifest, status)
    numbers = EventNumbers.of(manifest, protected.release, protected.protection)
    coarser = {
        code: done.into for done in merges if done.dimension == "region" for code in done.codes
    }
    rows |= plain_rows(client, manifest, coarser, numbers, status)
    counter, perturbed = Counter(client, manifest), list[Table]()
    for name, dataset in manifest.published_datasets().items():
        if dataset.source == "offences":
            rows[name], totals = tell_offences(
                dataset, counter, earlier, secret, coarser, implied, status
            )
            perturbed.append(totals)
    return Made(
        manifest,
        rows,
        protected.release,
        protected.protection,
        merges,
        losses(protected.release.tables, protected.release.dimensions, protected.protection),
        tuple(perturbed),
        unused,
    )


def _at_least_one(manifest: Manifest, release: Release) -> dict[CellId, int]:
    """Numbers of events of which something is measured, whether that is shown or not."""
    numbers = Numbers.of(release, Grid.of(manifest).periods("base"))
    datasets = manifest.published_datasets()
    return {
        cell_id: least
        for table in release.tables
        if datasets[table.name].source in MEASURED
        for cell_id, least in numbers.at_least_one(table).items()
    }


def _without_implied(
    protected: MergedRelease, manifest: Manifest
) -> tuple[MergedRelease, Implied, tuple[Merge, ...]]:
    """Hide, too, what says more of hidden numbers of events than the proofs bear.

    With it comes what offences are judged by.
    """
    datasets, merges = manifest.published_datasets(), list[Merge]()
    blocks = tuple(Grid.of(manifest).periods("base"))
    while True:
        release = protected.release
        implied = Implied.of(release, protected.protection, blocks)
        too_much = frozenset[CellId]().union(
            *(
                implied.too_much(table, release.dimensions)
                for table in release.tables
                if datasets[table.name].source in MEASURED
            )
        )
        shown = too_much - protected.protection.hidden - release.untold
        if not shown:
            return protected, implied, tuple(merges)
        release = replace(release, untold=release.untold | shown)
        protected = protect_merging(release, _steps(manifest))
        merges += protected.merges


def _public(
    manifest: Manifest, tables: tuple[Table, ...], dimensions: Mapping[str, Dimension]
) -> tuple[tuple[PublicTotal, ...], tuple[str, ...]]:
    """What is public of these cells. A press figure that isn't ours tells nothing of ours."""
    values = {table.id_of(cell, dimensions): cell.value for table in tables for cell in table.cells}
    by_place = {(cell.measure, cell.at): cell for cell in values}
    found, unused = [], []
    for known in manifest.public:
        cell = by_place.get((known.measure, tuple(sorted(known.at.items()))))
        if cell is None or not known.low <= values[cell] <= known.high:
            unused.append(f"{known.source}: {known.measure} {dict(known.at)}")
        else:
            found.append(PublicTotal((cell,), known.low, known.high, known.source, values[cell]))
    found += [
        PublicTotal((cell,), value, value, "waiver", value)
        for cell, value in values.items()
        if dict(cell.at).get("region") in manifest.waivers
    ]
    return tuple(found), tuple(unused)


def _nothing_reported(manifest: Manifest, release: Release) -> tuple[PublicTotal, ...]:
    """Zeros that everybody knows: rows that will say that nobody reported anything, and what is
    measured of events where there is none."""
    status, datasets = Status.of(manifest, release.tables, ()), manifest.published_datasets()
    numbers = Numbers.of(release, Grid.of(manifest).periods("base"))
    known = {
        table.id_of(cell, release.dimensions)
        for table in release.tables
        for cell in table.cells
        if not cell.value
        and (
            status.nothing(
                source := datasets[table.name].source,
                at := table.place(cell),
            )
            or (source in MEASURED and numbers.is_none(at))
        )
    }
    return tuple(PublicTotal((cell,), 0, 0, "nothing reported", 0) for cell in sorted(known))


def _merge_small_regions(release: Release) -> tuple[Release, tuple[Merge, ...]]:
    """Regions with few active bureaus in some year, together."""
    small: set[str] = set()
    tables = [table for table in release.tables if table.name != "events_by_bureau"]
    years = {
        cell.codes[0][:4]
        for table in tables
        if table.dimensions[:1] == (TIME,)
        for cell in table.cells
    }
    for year in sorted(years):
        of_year = tuple(
            replace(table, cells=tuple(c for c in table.cells if c.codes[0][:4] == year))
            for table in tables
            if table.dimensions[:1] == (TIME,) and "region" in table.dimensions
        )
        if any(cell.value for table in of_year for cell in table.cells):
            _, merges = merge_small(replace(release, tables=of_year), "region", OTHER_REGIONS)
            small.update(code for done in merges for code in done.codes)
    if not small:
        return release, ()
    done = Merge("region", tuple(sorted(small)), OTHER_REGIONS)
    return merge(release, "region", done.codes, done.into), (done,)


def merge_thin_kinds(release: Release, manifest: Manifest) -> tuple[Release, tuple[Merge, ...]]:
    """By month: kinds of which two thirds of the figures by month and region are sensitive.

    Each with the kind that is near it; for good, so that a series keeps its codes. By quarter every
    kind is told singly, as far as it can be.
    """
    if manifest.frequency is not Frequency.MONTH:
        return release, ()
    told = _kinds(table for vintage in release.vintages for table in vintage.tables)
    there = _kinds(release.tables)
    thin = thin_codes(replace(release, tables=_by_month_and_region(release, manifest)), "kind")
    done = []
    for into, kinds in near_kinds().items():
        codes = tuple(kind for kind in kinds if kind in there)
        if len(codes) > 1 and (into in told or not thin.isdisjoint(codes)):
            release = merge(release, "kind", codes, into)
            done.append(Merge("kind", codes, into))
    return release, tuple(done)


def _by_month_and_region(release: Release, manifest: Manifest) -> tuple[Table, ...]:
    """Numbers of events, without totals."""
    months = {block.code for block in manifest.blocks}
    return tuple(
        replace(
            table,
            cells=tuple(
                cell for cell in table.cells if cell.codes[0] in months and TOTAL not in cell.codes
            ),
        )
        for table in release.tables
        if table.name == "events_by_kind"
    )


def _kinds(tables: Iterable[Table]) -> set[str]:
    return {
        cell.codes[table.dimensions.index("kind")]
        for table in tables
        if "kind" in table.dimensions
        for cell in table.cells
    }


def _steps(manifest: Manifest) -> tuple[MergeStep, ...]:
    """The declared order: kind into its group, month into its quarter."""
    steps = [MergeStep("kind", kind_groups())]
    if manifest.frequency is Frequency.MONTH:
        whole = {period.code for period in Grid.of(manifest).periods("quarter")}
        into = {
            block.code: quarter
            for block in manifest.blocks
            if (quarter := block.within("quarter").code) in whole
        }
        steps.append(MergeStep(TIME, into))
    return tuple(steps)
