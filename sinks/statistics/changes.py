"""What came into each cell and what left it between releases, regardless of sign.

Events and measures by chain of corrections: a chain that is where it was is no change. What has no
chains (searches, withdrawals, operations) by what each bureau's part grew or shrank.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from clickhouse_connect.driver.client import Client

from sinks.statistics.counting import Counter
from sinks.statistics.dataset import TIME, TOTAL, Dataset
from sinks.statistics.disclosure import CellId, Change, Merge, Release, Table
from sinks.statistics.earlier import Earlier
from sinks.statistics.manifest import Manifest
from sinks.statistics.periods import Period

__all__ = ["changes_since", "told_as"]

_WITH_CHAINS = frozenset({"events", "counts", "money", "bureaus"})
Codes = tuple[str, ...]


def changes_since(
    client: Client,
    manifest: Manifest,
    earlier: Iterable[Earlier],
    release: Release,
    merges: Iterable[Merge],
) -> tuple[Change, ...]:
    """The changes of the release's cells since each earlier release."""
    declared = manifest.published_datasets()
    counter = Counter(client, manifest)
    found: dict[tuple[CellId, str], Change] = {}
    for before in earlier:
        since = str(before.manifest.number)
        old = {period.code: cut_off for period, cut_off in before.manifest.blocks.items()}
        now = {period.code: cut_off for period, cut_off in manifest.blocks.items()}
        moved = {block: old[block] for block in now.keys() & old.keys() if now[block] != old[block]}
        tables = [t for t in release.tables if declared[t.name].source in _WITH_CHAINS]
        if moved:
            for change in _by_chain(counter, moved, tables, declared, release, merges, since):
                found[change.cell, since] = change
        others = [t for t in release.tables if declared[t.name].source not in _WITH_CHAINS]
        for change in _by_part(others, before, release, since):
            found[change.cell, since] = change
    return tuple(found[key] for key in sorted(found))


def _by_chain(
    counter: Counter,
    moved: Mapping[str, str],
    tables: list[Table],
    declared: Mapping[str, Dataset],
    release: Release,
    merges: Iterable[Merge],
    since: str,
) -> Iterator[Change]:
    coarser = {(done.dimension, code): done.into for done in merges for code in done.codes}
    by_measure: dict[str, list[Table]] = {}
    for table in tables:
        by_measure.setdefault(declared[table.name].of, []).append(table)
    cells = {
        table.name: {cell.codes: table.id_of(cell, release.dimensions) for cell in table.cells}
        for table in tables
    }
    # cell, chain and bureau to what is left of the chain's comings and goings in that cell
    net: dict[tuple[CellId, str, str], int] = {}
    for chain, measure, value, part in counter.chains(moved):
        for table in by_measure.get(measure, ()):
            seen = set()
            for codes in _places(table, part.block, part.codes, part.bureau, coarser):
                cell = cells[table.name].get(codes)
                if cell is not None and cell not in seen:
                    seen.add(cell)
                    key = (cell, f"{table.name} {chain}", part.bureau)
                    net[key] = net.get(key, 0) + value
    gross: dict[CellId, dict[str, dict[str, int]]] = {}
    for (cell, chain, bureau), left in net.items():
        if left:
            parts = gross.setdefault(cell, {}).setdefault(chain.partition(" ")[0], {})
            parts[bureau] = parts.get(bureau, 0) + abs(left)
    for cell, by_table in gross.items():
        # a margin stands in several tables, and changes alike in each
        parts = max(by_table.values(), key=lambda found: sum(found.values()))
        yield Change(cell, since, sum(parts.values()), parts)


def _places(
    table: Table,
    block: str,
    codes: Mapping[str, str],
    bureau: str,
    coarser: Mapping[tuple[str, str], str],
) -> Iterator[Codes]:
    """Every cell of the table that a part of this block counts in."""
    choices: list[set[str]] = []
    for name in table.dimensions:
        if name == TIME:
            period = Period.parse(block)
            choices.append({block, period.within("quarter").code, period.within("year").code})
        elif table.name == "events_by_bureau":
            choices.append({bureau})
        else:
            choices.append({*told_as(name, codes[name], coarser), TOTAL})
    yield from product(*choices)


def told_as(name: str, code: str, coarser: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """The code and what it was merged into, step by step."""
    told: str | None = code
    while told is not None:
        yield told
        told = coarser.get((name, told))


def _by_part(
    tables: list[Table], before: Earlier, release: Release, since: str
) -> Iterator[Change]:
    old = {
        table.id_of(cell, release.dimensions)[:2]: cell
        for table in before.vintage.tables
        for cell in table.cells
    }
    for table in tables:
        for cell in table.cells:
            cell_id = table.id_of(cell, release.dimensions)
            then = old.get(cell_id[:2])
            if then is None or then.state == cell.state:
                continue
            parts = {
                bureau: abs(part)
                for bureau in sorted(cell.contributions.keys() | then.contributions.keys())
                if (part := cell.contributions.get(bureau, 0) - then.contributions.get(bureau, 0))
            }
            if parts:
                yield Change(cell_id, since, sum(parts.values()), parts)
