"""Releases that were made before, read back from the auditor's account and what was published.

How their datasets were built is read with them: it may be declared otherwise today, or no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from schemas.errors import ConfigurationError
from sinks.statistics.dataset import MONEY, Protected
from sinks.statistics.disclosure import Cell, CellId, Dimension, Merge, Table, Vintage
from sinks.statistics.earlier import CodeParts, Earlier
from sinks.statistics.manifest import Manifest
from sinks.statistics.rows import PublishedRow

__all__ = ["Described", "described", "merges_of", "published_numbers", "read_earlier", "read_rows"]


class Described(NamedTuple):
    """A dataset as a release has it."""

    measure: str
    dimensions: tuple[str, ...]
    unit: str
    protection: str
    rounding: int

    @property
    def is_count(self) -> bool:
        """As the declaration has it."""
        return self.unit != MONEY


def published_numbers(client: Client) -> list[int]:
    """Releases that are or were current, in order."""
    rows = client.query("SELECT DISTINCT release FROM pub.releases ORDER BY release").result_rows
    return [int(number) for (number,) in rows]


def read_earlier(client: Client, manifests: Iterable[Manifest]) -> tuple[Earlier, ...]:
    """These releases with their true tables.

    Raises:
        ConfigurationError: ClickHouse has none of a release's account.
    """
    return tuple(_earlier(client, manifest) for manifest in manifests)


def merges_of(client: Client, number: int) -> list[Merge]:
    """What a release merged, in order."""
    rows = client.query(
        f"SELECT dimension, codes, into FROM audit.merges WHERE release = {number} ORDER BY number"
    ).result_rows
    return [Merge(dimension, tuple(codes), into) for dimension, codes, into in rows]


def described(client: Client, number: int) -> dict[str, Described]:
    """The datasets of a release."""
    rows = client.query(
        "SELECT dataset, measure, dimensions, unit, protection, rounding FROM pub.datasets "
        f"WHERE release = {number} ORDER BY dataset"
    ).result_rows
    return {
        name: Described(measure, tuple(dimensions), unit, protection, rounding)
        for name, measure, dimensions, unit, protection, rounding in rows
    }


def read_rows(
    client: Client, name: str, dimensions: tuple[str, ...], number: int
) -> tuple[PublishedRow, ...]:
    """What a release published in a table."""
    columns = ", ".join(dimensions)
    rows = client.query(
        f"SELECT {columns}, obs_value, unit_measure, obs_status, conf_status, cut_off "
        f"FROM pub.{name}_vintages WHERE release = {number} ORDER BY {columns}"
    ).result_rows
    own = len(dimensions)
    return tuple(PublishedRow(tuple(row[:own]), *row[own:]) for row in rows)


def _earlier(client: Client, manifest: Manifest) -> Earlier:
    number, datasets = manifest.number, described(client, manifest.number)
    parts = _parts(client, number)
    totals = {name: Dimension(name, ways) for name, ways in parts.items()}
    rows = client.query(
        "SELECT dataset, measure, codes, state, value, parts, restricted, read, shows, is_hidden, "
        f"reasons FROM audit.cells WHERE release = {number} ORDER BY dataset, codes"
    ).result_rows
    if not rows:
        raise ConfigurationError(
            f"ClickHouse has a release {number}, and no account of it in audit.cells: make it "
            "again with `liaison release replay`",
            code="no-account",
        )
    cells: dict[str, list[Cell]] = {}
    hidden, sensitive = set[CellId](), set[CellId]()
    for (
        name,
        measure,
        codes,
        state,
        value,
        bureaus,
        restricted,
        read,
        shows,
        is_hidden,
        why,
    ) in rows:
        cell = Cell(
            tuple(codes), value, bureaus, restricted, read, state, tuple(shows) if shows else None
        )
        cells.setdefault(name, []).append(cell)
        if is_hidden:
            own = Table(name, measure, datasets[name].dimensions, ())
            for dimension in own.dimensions:
                totals.setdefault(dimension, Dimension(dimension, {}))
            cell_id = own.id_of(cell, totals)
            hidden.add(cell_id)
            if why:
                sensitive.add(cell_id)
    tables = tuple(
        Table(
            name,
            datasets[name].measure,
            datasets[name].dimensions,
            tuple(found),
            datasets[name].is_count,
            datasets[name].rounding,
        )
        for name, found in cells.items()
    )
    vintage = Vintage(str(number), tables, frozenset(hidden), frozenset(sensitive))
    return Earlier(manifest, vintage, parts, _noise(client, number, datasets))


def _parts(client: Client, number: int) -> CodeParts:
    rows = client.query(
        "SELECT dimension, code, way, groupArray(part) FROM (SELECT * FROM pub.code_parts "
        f"WHERE release = {number} ORDER BY dimension, code, way, part) "
        "GROUP BY dimension, code, way ORDER BY dimension, code, way"
    ).result_rows
    found: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {}
    for dimension, code, _, parts in rows:
        ways = found.setdefault(dimension, {})
        ways[code] = (*ways.get(code, ()), tuple(parts))
    return found


def _noise(
    client: Client, number: int, datasets: Mapping[str, Described]
) -> dict[str, tuple[PublishedRow, ...]]:
    return {
        name: read_rows(client, name, dataset.dimensions, number)
        for name, dataset in datasets.items()
        if dataset.protection == Protected.NOISE
    }
