"""A release into ClickHouse: staged first, then published partition by partition, then current.

Every step may be repeated: partitions are replaced whole, and the row that makes a release current
has a token. `stage.*` has the very columns of `pub.*`, so that what is attacked is what is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from clickhouse_connect.driver.client import Client

from sinks.statistics.accounts import Account, audit_rows
from sinks.statistics.counting import Counter
from sinks.statistics.dataset import MONEY, Dataset
from sinks.statistics.disclosure import make_noise_table
from sinks.statistics.making import Made
from sinks.statistics.manifest import Manifest
from sinks.statistics.rows import PublishedRow
from sinks.statistics.schema import columns_of

__all__ = [
    "csv_sql",
    "digest_of",
    "digests",
    "make_current",
    "publish",
    "stage",
    "withdraw",
]

_CATALOGUE = ("datasets", "code_parts", "noise_rows")
"""Tables of `pub` with the release's own description."""


def stage(client: Client, made: Made) -> None:
    """Write the release into `stage`, and the auditor's account into `audit`."""
    manifest = made.manifest
    left = client.query("SELECT name FROM system.tables WHERE database = 'stage'").result_rows
    for (name,) in left:
        client.command(f"DROP TABLE stage.{name} SYNC")
    for name in sorted(manifest.datasets):
        rows: list[list[object]] = [row.as_columns(manifest.number) for row in made.rows[name]]
        _stage(client, f"{name}_vintages", rows)
    rates = Counter(client, manifest).rate_months()
    for name, described in _described(made, rates).items():
        _stage(client, name, described)
    for name, account in audit_rows(made).items():
        _replace(client, f"audit.{name}", manifest.number, account)


def publish(client: Client, manifest: Manifest) -> None:
    """Copy what is staged into `pub`; not current by that."""
    rows = client.query(
        "SELECT DISTINCT table FROM system.parts WHERE database = 'stage' AND active"
    ).result_rows
    filled = {table for (table,) in rows}
    for name in _tables(manifest):
        change = f"REPLACE PARTITION {manifest.number} FROM stage.{name}"
        if name not in filled:
            change = f"DROP PARTITION {manifest.number}"
        client.command(f"ALTER TABLE pub.{name} {change}")


def make_current(client: Client, manifest: Manifest) -> None:
    """One row, after which every table of `pub` shows this release."""
    client.command(
        "INSERT INTO pub.releases SELECT {n:UInt32}, parseDateTimeBestEffort({made:String}), "
        "parseDateTimeBestEffort({cut_off:String}), {frequency:String}, {first:String}, "
        "{reason:String}, {reference:String}, {sha:String} "
        "WHERE {n:UInt32} NOT IN (SELECT release FROM pub.releases)",
        parameters={
            "n": manifest.number,
            "made": manifest.made_at,
            "cut_off": manifest.cut_off,
            "frequency": manifest.frequency.value,
            "first": manifest.first,
            "reason": manifest.reason,
            "reference": manifest.codes.reference_version,
            "sha": hashlib.sha256(manifest.as_json()).hexdigest(),
        },
        settings={
            "async_insert": 0,
            "deduplicate_insert": "enable",
            "insert_deduplication_token": f"release/{manifest.number}",
        },
    )
    for name in _tables(manifest):
        client.command(f"DROP TABLE IF EXISTS stage.{name} SYNC")


def withdraw(client: Client, number: int, withdrawn_at: str, notice: str) -> None:
    """The release is current no more; its vintage stays, since it was read."""
    client.command(
        "INSERT INTO pub.withdrawn_releases SELECT {n:UInt32}, "
        "parseDateTimeBestEffort({at:String}), {notice:String} "
        "WHERE {n:UInt32} NOT IN (SELECT release FROM pub.withdrawn_releases)",
        parameters={"n": number, "at": withdrawn_at, "notice": notice},
    )


def digests(made: Made) -> dict[str, str]:
    """The digest of each table."""
    return {name: digest_of(rows) for name, rows in made.rows.items()}


def digest_of(rows: Iterable[PublishedRow]) -> str:
    """SHA-256 of a table's rows, without the release's number: equal rows are equal as CSV."""
    said = repr([tuple(row) for row in sorted(rows, key=_by_codes)])
    return hashlib.sha256(said.encode()).hexdigest()


def _by_codes(row: PublishedRow) -> tuple[str, ...]:
    return row.codes


def csv_sql(dataset: Dataset, number: int) -> str:
    """The table as statisticians get it, in the order of its codes."""
    names = [name for name, _, _ in columns_of(dataset) if name != "release"]
    return (
        f"SELECT {', '.join(names)} FROM pub.{dataset.name}_vintages "
        f"WHERE release = {number} ORDER BY {', '.join(dataset.dimensions)} FORMAT CSVWithNames"
    )


def _tables(manifest: Manifest) -> list[str]:
    return [*(f"{name}_vintages" for name in sorted(manifest.datasets)), *_CATALOGUE]


def _stage(client: Client, name: str, given: Account) -> None:
    client.command(f"CREATE TABLE stage.{name} AS pub.{name}")
    _insert(client, f"stage.{name}", given)


def _replace(client: Client, table: str, number: int, given: Account) -> None:
    client.command(f"ALTER TABLE {table} DROP PARTITION {number}")
    _insert(client, table, given)


def _insert(client: Client, table: str, given: Account) -> None:
    if given:
        client.insert(table, given, settings={"async_insert": 0})


def _described(made: Made, rates: str) -> dict[str, Account]:
    manifest = made.manifest
    lost = {loss.table: loss for loss in made.losses}
    datasets: list[list[object]] = []
    for name, dataset in manifest.published_datasets().items():
        loss = lost.get(name)
        datasets.append(
            [
                manifest.number, name, dataset.measure, list(dataset.dimensions), dataset.unit,
                dataset.respondent, dataset.protection.value, dataset.rounding,
                manifest.noise.most if dataset.protection == "noise" else 0, dataset.decimals,
                rates if dataset.unit == MONEY else "",
                *dataset.title.values(), *dataset.description.values(), len(made.rows[name]),
                loss.cells_percent if loss else 0, loss.value_percent if loss else 0,
            ]
        )  # fmt: skip
    parts: list[list[object]] = [
        [manifest.number, name, code, way, part]
        for name, dimension in sorted(made.release.dimensions.items())
        for code, ways in sorted(dimension.parts.items())
        for way, codes in enumerate(sorted(ways))
        for part in codes
    ]
    noise = make_noise_table(manifest.noise.most, manifest.noise.variance, manifest.noise.seed)
    return {
        "datasets": datasets,
        "code_parts": parts,
        "noise_rows": [
            [manifest.number, row, list(noises)] for row, noises in enumerate(noise.rows)
        ],
    }
