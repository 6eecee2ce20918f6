"""A dataset as of any moment, for those who may read the facts: exact, and never published.

Counted as a release is, by a manifest in which every period has that one cut-off. Nothing is
hidden, merged, rounded or given noise, and bureaus that waived nothing are in it, so every row has
the `conf_status` N: not for publication, as SDMX has it. What is no count stays as releases have
it: lags take as many events, shares come in the same steps, and what the ledger said is not known.
Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from clickhouse_connect.driver.client import Client

from schemas.reference import Reference
from sinks.statistics.counting import Counter
from sinks.statistics.cube import Grid
from sinks.statistics.dataset import Dataset
from sinks.statistics.disclosure import Protection, Release
from sinks.statistics.event_numbers import EventNumbers
from sinks.statistics.making import counted, dimensions_of
from sinks.statistics.manifest import Manifest
from sinks.statistics.offences import counted_offences
from sinks.statistics.periods import state_of
from sinks.statistics.plain import plain_rows
from sinks.statistics.planning import Wanted, plan
from sinks.statistics.rows import PublishedRow, Status, published_state, unit_of

__all__ = ["NOT_FOR_PUBLICATION", "recomputed"]

NOT_FOR_PUBLICATION = "N"
_EVENTS = "events_by_kind"
"""Says where nobody reported anything."""
_NOTHING_HIDDEN = Protection({}, frozenset(), (), {}, frozenset(), 0, 0)


def recomputed(
    client: Client, wanted: Wanted, reference: Reference, name: str
) -> tuple[PublishedRow, ...]:
    """Its rows as of the wanted cut-off, in the order of their codes.

    Raises:
        PermanentError: no period is over by then.
    """
    every_bureau = replace(wanted, waivers=tuple(sorted(reference.members)))
    manifest = plan(client, every_bureau, (), reference)
    needed = {name, _EVENTS}
    manifest = replace(
        manifest, datasets={one: sha for one, sha in manifest.datasets.items() if one in needed}
    )
    dataset = manifest.published_datasets()[name]
    release = Release(dimensions_of(manifest, ()), counted(client, manifest), manifest.rules)
    status = Status.of(manifest, release.tables, ())
    if dataset.is_suppressed:
        rows = _exact(dataset, release, manifest, status)
    elif dataset.source == "offences":
        rows = _offences(dataset, Counter(client, manifest), status)
    else:
        numbers = EventNumbers.of(manifest, release, _NOTHING_HIDDEN)
        rows = plain_rows(client, manifest, {}, numbers, status)[name]
    return tuple(sorted(row._replace(conf_status=NOT_FOR_PUBLICATION) for row in rows))


def _exact(
    dataset: Dataset, release: Release, manifest: Manifest, status: Status
) -> Iterable[PublishedRow]:
    (table,) = (table for table in release.tables if table.name == dataset.name)
    unrounded = replace(dataset, rounding=1)
    for cell in table.cells:
        unit = unit_of(dataset, cell.codes, manifest.codes.measures)
        yield status.row(unrounded, cell, unit, is_hidden=False)


def _offences(dataset: Dataset, counter: Counter, status: Status) -> Iterable[PublishedRow]:
    manifest, grid = counter.manifest, Grid.of(counter.manifest)
    years = [year for year in grid.periods("year") if year.end <= manifest.newest.date()]
    states = {year.code: published_state(state_of(year, manifest.blocks)) for year in years}
    for codes, found in counted_offences(counter, years, "", {}).items():
        letter = status.letter(codes[0], codes[1], is_hidden=False)
        yield PublishedRow(codes, found.events, dataset.unit, letter, "F", states[codes[0]])
