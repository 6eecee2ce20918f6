"""`liaison verify --statistics`: what is published, beside the facts and the manifests.

1. Every release that ClickHouse has is the one of its manifest, row by row of its visible figures:
   counted anew from the facts as of its cut-offs, by whoever asks.
2. What every reader can see of all releases together gives nothing away that the auditor's account
   of the newest one says is secret: attacked over HTTP, as a statistician.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clickhouse_connect.driver.client import Client

from deploy.attacker import judge
from deploy.attacker.reading import read_publication, read_secrets
from deploy.verify.difference import Difference
from sinks.statistics.disclosure import Table, merge, rounded
from sinks.statistics.disclosure.protection import Release
from sinks.statistics.history import merges_of, published_numbers, read_earlier
from sinks.statistics.making import counted, dimensions_of
from sinks.statistics.manifest import Manifest

__all__ = ["statistics_differences"]

_SHOWN = 100


def statistics_differences(
    auditor: Client, statistician: Client, manifests: Iterable[Manifest]
) -> Iterator[Difference]:
    """What of the releases is not as it must be, the first hundred of each table."""
    by_number = {manifest.number: manifest for manifest in manifests}
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
    earlier = read_earlier(auditor, [by_number[number] for number in manifest.earlier])
    release = Release(dimensions_of(manifest, earlier), counted(auditor, manifest))
    for done in merges_of(auditor, manifest.number):
        release = merge(release, done.dimension, done.codes, done.into)
    for table in release.tables:
        yield from _table_differences(statistician, manifest, table)


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
