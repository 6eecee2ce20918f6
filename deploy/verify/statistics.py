"""`liaison verify --statistics`: what is published, beside the facts and the manifests.

1. Every release that ClickHouse has is the one of its manifest: each of its tables has the rows
   whose digest the manifest holds.
2. Every figure that is visible in a table protected by hiding is what the facts say, counted anew
   as of its cut-off, by whoever asks. A table that is declared otherwise today is left out, since
   only the Liaison that made it can count it.
3. What every reader can see of all releases together gives nothing away that the auditor's account
   of the newest one says is secret: attacked over HTTP, as a statistician.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from clickhouse_connect.driver.client import Client

from deploy.attacker import judge
from deploy.attacker.reading import read_publication, read_secrets
from deploy.verify.difference import Difference
from sinks.statistics.dataset import load_datasets
from sinks.statistics.disclosure import Table, merge, rounded
from sinks.statistics.disclosure.protection import Release
from sinks.statistics.history import (
    described,
    merges_of,
    published_numbers,
    read_earlier,
    read_rows,
)
from sinks.statistics.making import counted, dimensions_of
from sinks.statistics.manifest import Manifest, given_up
from sinks.statistics.store import digest_of

__all__ = ["statistics_differences"]

_SHOWN = 100


def statistics_differences(
    auditor: Client, statistician: Client, manifests: Iterable[Manifest]
) -> Iterator[Difference]:
    """What of the releases is not as it must be, the first hundred of each table."""
    manifests = list(manifests)
    gone = given_up(manifests)
    by_number = {one.number: one for one in manifests if one.number not in gone}
    published = published_numbers(auditor)
    for number in sorted({*by_number, *published}):
        if number not in published:
            yield Difference("release", f"release {number}", "published", "only its manifest")
        elif number not in by_number:
            yield Difference("release", f"release {number}", "its manifest", "only in ClickHouse")
        else:
            yield from _release_differences(auditor, statistician, by_number[number], by_number)
    if published:
        yield from _leaks(auditor, statistician, published[-1])


def _release_differences(
    auditor: Client,
    statistician: Client,
    manifest: Manifest,
    by_number: dict[int, Manifest],
) -> Iterator[Difference]:
    yield from _digest_differences(statistician, manifest)
    earlier = read_earlier(auditor, [by_number[number] for number in manifest.earlier])
    today = {name: dataset.structure_digest for name, dataset in load_datasets().items()}
    same = {name: sha for name, sha in manifest.datasets.items() if today.get(name) == sha}
    manifest = replace(manifest, datasets=same)
    release = Release(dimensions_of(manifest, earlier), counted(auditor, manifest))
    for done in merges_of(auditor, manifest.number):
        release = merge(release, done.dimension, done.codes, done.into)
    for table in release.tables:
        yield from _table_differences(statistician, manifest, table)


def _digest_differences(statistician: Client, manifest: Manifest) -> Iterator[Difference]:
    """Tables whose rows are not those that were published, whatever protects them."""
    where = f"release {manifest.number}"
    tables = described(statistician, manifest.number)
    for name in sorted({*tables, *manifest.digests}):
        digest = "no table"
        if name in tables:
            made_of = tables[name].dimensions
            digest = digest_of(read_rows(statistician, name, made_of, manifest.number))
        if digest != manifest.digests.get(name):
            yield Difference(
                f"pub.{name}", f"{where} digest", manifest.digests.get(name, "no table"), digest
            )


def _table_differences(
    statistician: Client, manifest: Manifest, table: Table
) -> Iterator[Difference]:
    expected = {cell.codes: rounded(cell.value, table.rounding)[0] for cell in table.cells}
    codes = ", ".join(table.dimensions)
    rows = statistician.query(
        f"SELECT [{codes}], obs_value, obs_status, conf_status FROM pub.{table.name}_vintages "
        f"WHERE release = {manifest.number}"
    ).result_rows
    found = {tuple(row[0]): row[1:] for row in rows}
    shown = 0
    for cell in sorted(expected.keys() | found.keys()):
        value, status, confidential = found.get(cell, ("no row", "", ""))
        told = 0 if status in ("O", "M") else value
        if told != expected.get(cell, "no cell") and confidential != "C":
            yield Difference(
                f"pub.{table.name}",
                f"release {manifest.number} {' '.join(cell)}",
                expected.get(cell, "no cell"),
                told,
            )
            shown += 1
            if shown == _SHOWN:
                return


def _leaks(auditor: Client, statistician: Client, number: int) -> Iterator[Difference]:
    seen = read_publication(statistician)
    for leak in judge(seen.figures, seen.structure, read_secrets(auditor, number))[:_SHOWN]:
        yield Difference("disclosure", f"releases up to {number}", "a secret", leak.message)
    for row in seen.faulty_noise:
        yield Difference("noise", f"row {row}", "depends on the key", "gives counts away")
