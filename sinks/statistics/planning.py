"""What the next release is to be: which periods, each as of which cut-off.

A closed block is counted when the first release after its end is made, and again by the first one
3 and 12 months after that end; in between its cut-off stays. Where what changed since an earlier
release could not be told in more than a tenth of a block's cells, the block keeps its cut-off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from clickhouse_connect.driver.client import Client

from schemas.errors import PermanentError
from schemas.reference import Reference
from sinks.statistics.changes import changes_since
from sinks.statistics.dataset import TIME, load_datasets
from sinks.statistics.disclosure import (
    CellId,
    Release,
    Rules,
    blocks_to_keep,
    sensitive_changes,
)
from sinks.statistics.disclosure.tables import cells_by_id
from sinks.statistics.earlier import Earlier
from sinks.statistics.making import counted, dimensions_of
from sinks.statistics.manifest import Codes, KnownTotal, LedgerCounts, Manifest, Noise
from sinks.statistics.periods import (
    Frequency,
    Period,
    cut_off_text,
    parse_cut_off,
    periods_between,
    stage_of,
)

__all__ = ["HIGHER_MINIMUM_FOR", "Wanted", "due_cut_offs", "plan", "without"]

HIGHER_MINIMUM_FOR = ("online-child-sexual-exploitation", "terrorism")
"""Categories with the higher minimum count."""
_PRESS_MEASURE = "operation_results"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What whoever makes a release decides."""

    cut_off: datetime
    frequency: Frequency
    first: Period
    with_open: bool = False
    """Publish the year that isn't over, too: a preview."""
    reason: str = "calendar"
    waivers: tuple[str, ...] = ()
    public: tuple[KnownTotal, ...] = ()
    ledger: LedgerCounts | None = None
    secret_digest: str = ""
    made_at: str = ""
    rules: Rules | None = None
    number: int = 1
    """Of the release: one that nobody has, not even a release that was given up."""


def plan(
    client: Client, wanted: Wanted, earlier: tuple[Earlier, ...], reference: Reference
) -> Manifest:
    """The manifest of the next release.

    Raises:
        PermanentError: it would be no later than an earlier one, or empty.
    """
    last = earlier[-1].manifest if earlier else None
    if last is not None and wanted.cut_off < last.newest:
        raise PermanentError(
            f"release {last.number} has the cut-off {last.cut_off}, the new one would have an "
            f"earlier one, {cut_off_text(wanted.cut_off)}: choose a later one",
            code="cut-off-passed",
        )
    if last is not None and wanted.frequency is not last.frequency:
        raise PermanentError(
            f"releases are by {last.frequency} so far: go on with --by {last.frequency}",
            code="other-frequency",
        )
    codes = Codes.of(reference)
    ends = {period.code: period.end for period in periods_between(wanted.first, _until(wanted))}
    if not ends:
        raise PermanentError(
            f"no {wanted.frequency} from {wanted.first.code} on is over by "
            f"{cut_off_text(wanted.cut_off)}: choose an earlier --from, or publish the running "
            "year with --open",
            code="nothing-to-publish",
        )
    ends |= {
        operation: _day_after(last_day)
        for operation, last_day in codes.operations.items()
        if stage_of(_day_after(last_day), wanted.cut_off)
    }
    manifest = Manifest(
        number=wanted.number,
        cut_off=cut_off_text(wanted.cut_off),
        frequency=wanted.frequency,
        first=wanted.first.code,
        with_open=wanted.with_open,
        made_at=wanted.made_at,
        reason=wanted.reason,
        cut_offs=due_cut_offs(ends, wanted.cut_off, last.cut_offs if last else {}),
        codes=codes,
        rules=wanted.rules or default_rules(),
        noise=Noise(secret_digest=wanted.secret_digest),
        datasets={name: dataset.structure_digest for name, dataset in load_datasets().items()},
        earlier=tuple(before.manifest.number for before in earlier),
        public=(*wanted.public, *_press_figures(reference)),
        waivers=tuple(sorted(wanted.waivers)),
        ledger=wanted.ledger,
    )
    return _keep_blocks(client, manifest, earlier) if earlier else manifest


def due_cut_offs(
    ends: Mapping[str, date], cut_off: datetime, before: Mapping[str, str]
) -> dict[str, str]:
    """Block and cut-off: the new one where a revision is due, else the one it had."""
    found = {}
    for block, end in ends.items():
        had = before.get(block)
        is_due = had is None or stage_of(end, parse_cut_off(had)) in (
            *range(stage_of(end, cut_off)),
            0,
        )
        found[block] = cut_off_text(cut_off) if is_due or had is None else had
    return found


def default_rules() -> Rules:
    """The thresholds of the product."""
    return Rules(
        higher_for=frozenset(("category", code) for code in HIGHER_MINIMUM_FOR),
        change_exempt=frozenset({TIME}),
    )


def without(manifest: Manifest, earlier: Iterable[Earlier], cells: Iterable[CellId]) -> Manifest:
    """The manifest for cells that can't be protected: their revision waits, or their tables go.

    Raises:
        PermanentError: they are events, without which there is no release.
    """
    cells = list(cells)
    had = {
        block: cut_off for before in earlier for block, cut_off in before.manifest.cut_offs.items()
    }
    within = {at for cell in cells if (at := _block_of(cell)) is not None}
    kept = {
        block: had[block]
        for block, cut_off in manifest.cut_offs.items()
        if had.get(block, cut_off) != cut_off
        and any(block == one or _is_within(block, one) for one in within)
    }
    if kept:
        return replace(manifest, cut_offs={**manifest.cut_offs, **kept})
    measures = {cell.measure for cell in cells}
    declared = load_datasets()
    left = {
        name: digest
        for name, digest in manifest.datasets.items()
        if declared[name].measure not in measures
    }
    if "events" in measures:
        raise PermanentError(
            f"{len(cells)} figures can't be protected, among them {cells[0].text()}: publish by "
            "quarter instead of by month, or wait for more",
            code="cannot-protect",
        )
    return replace(manifest, datasets=left)


def _is_within(block: str, period: str) -> bool:
    try:
        inner, outer = Period.parse(block), Period.parse(period)
    except ValueError:  # an operation
        return False
    return outer.holds(inner)


def _until(wanted: Wanted) -> datetime:
    if not wanted.with_open:
        return wanted.cut_off
    return datetime(wanted.cut_off.year + 1, 1, 1, tzinfo=wanted.cut_off.tzinfo)


def _day_after(day: str) -> date:
    return date.fromordinal(date.fromisoformat(day).toordinal() + 1)


def _press_figures(reference: Reference) -> Iterable[KnownTotal]:
    """What was printed of operations."""
    for operation in reference.operations.values():
        for measure, figure in operation.figures.items():
            yield KnownTotal(
                _PRESS_MEASURE,
                {"operation": operation.slug, "measure": measure},
                int(figure),
                int(figure),
                operation.src,
            )


def _keep_blocks(client: Client, manifest: Manifest, earlier: tuple[Earlier, ...]) -> Manifest:
    last = earlier[-1].manifest
    revised = {
        block
        for block, cut_off in manifest.cut_offs.items()
        if last.cut_offs.get(block, cut_off) != cut_off
    }
    if not revised:
        return manifest
    tables = counted(client, manifest)
    dimensions = dimensions_of(manifest, earlier)
    release = Release(dimensions, tables, manifest.rules)
    cells = cells_by_id(tables, dimensions)
    sensitive = sensitive_changes(
        changes_since(client, manifest, earlier, release, ()),
        [before.vintage for before in earlier],
        cells,
        dimensions,
        manifest.rules,
    )
    keep = blocks_to_keep(sensitive, cells, _block_of)
    kept = {block: last.cut_offs[block] for block in sorted(keep & revised)}
    return replace(manifest, cut_offs={**manifest.cut_offs, **kept})


def _block_of(cell: CellId) -> str | None:
    """The block of a cell: its period, or its operation."""
    at = dict(cell.at)
    return at.get("operation", at.get(TIME))
