"""A protected release as its readers get it, and as the auditor keeps it.

Stands between `sinks.statistics.disclosure` and `deploy.attacker`, which know nothing of each
other: rows as `pub.*` shows them, code lists as the catalogue does, secrets as `audit.*` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deploy.attacker import (
    FigureId,
    Secret,
    Secrets,
    Structure,
    TableShape,
)
from sinks.statistics.disclosure import (
    CellId,
    Dimension,
    Protection,
    Release,
    Rules,
    System,
    Table,
)

__all__ = ["Row", "figure_id", "published", "secrets_of", "structure_of"]

Row = dict[str, object]


def published(
    tables: Iterable[Table],
    dimensions: Mapping[str, Dimension],
    hidden: frozenset[CellId],
    release: str = "1",
) -> list[Row]:
    """Rows of one release; what isn't exact is printed as the middle of what it shows."""
    rows = []
    for table in tables:
        for cell in table.cells:
            shut = table.id_of(cell, dimensions) in hidden
            low, high = cell.shows or (cell.value, cell.value)
            row: Row = dict(zip(table.dimensions, cell.codes, strict=True))
            row |= {
                "table": table.name,
                "obs_value": None if shut else (low + high) // 2,
                "obs_status": "Q" if shut else "A",
                "conf_status": "C" if shut else "F",
                "release": release,
                "cut_off": cell.state or "once",
            }
            rows.append(row)
    return rows


def structure_of(
    tables: Iterable[Table],
    dimensions: Mapping[str, Dimension],
    away: Mapping[str, tuple[int, int]] | None = None,
) -> Structure:
    """Tables and code lists; `away` is how far a table's printed values may be from the true."""
    return Structure(
        tables={
            table.name: TableShape(
                table.measure,
                table.dimensions,
                below=(away or {}).get(table.name, (0, 0))[0],
                above=(away or {}).get(table.name, (0, 0))[1],
            )
            for table in tables
        },
        totals={name: dimension.total for name, dimension in dimensions.items()},
        parts={name: dimension.parts for name, dimension in dimensions.items()},
    )


def figure_id(cell: CellId) -> FigureId:
    return FigureId(cell.measure, cell.at, cell.state or "once")


def secrets_of(release: Release, protection: Protection) -> Secrets:
    """Everything that the auditor knows of a release and its vintages."""
    system = System(release.tables, release.dimensions, release.vintages, release.public)
    hidden = protection.hidden.union(*(vintage.hidden for vintage in release.vintages))
    guarded = frozenset(protection.primary).union(
        *(vintage.sensitive for vintage in release.vintages)
    )
    values = {cell: system.values[system.index[cell]] for cell in system.index}
    kept = {figure_id(cell) for cell in hidden}
    return Secrets(
        figures={
            figure_id(cell): _secret(cell, values[cell], cell in guarded, release.rules)
            for cell in hidden
        },
        parts={
            reader: {
                name: part
                for number, part in parts.items()
                if (name := figure_id(system.ids[number])) in kept
            }
            for reader, parts in system.known_parts.items()
        },
        insider_percent=release.rules.insider_percent,
        tables=tuple(
            {figure_id(cell): value for cell, value in proof.table.items()}
            for proof in protection.proofs
        ),
    )


def _secret(cell: CellId, value: int, guarded: bool, rules: Rules) -> Secret:
    bars = (rules.lower_bar(value), rules.upper_bar(value)) if guarded else None
    return Secret(value, bars)
