"""What a release says, read from `pub.*` and the labels in `ref.*`, as a statistician.

Always of a stored vintage, never of the newest: the same release is read the same for ever, but for
error notices, which may come later and belong on every page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from deploy.releases.asking import release_number
from schemas.errors import PermanentError
from sinks.statistics.dataset import TIME, TOTAL
from sinks.statistics.periods import Period

__all__ = ["Cell", "Changes", "Described", "Notice", "Publication", "read_publication"]

_SHOWN_VINTAGES = 6
_CHANGES = """SELECT countIf(NOT (before <=> after) AND before IS NOT NULL AND after IS NOT NULL),
    countIf(had AND has AND conf_after = 'C' AND conf_before = 'F'),
    countIf(had AND has AND conf_before = 'C' AND conf_after = 'F'), countIf(has AND NOT had)
FROM (
    SELECT anyIf(obs_value, release = {earlier}) AS before,
        anyIf(obs_value, release = {number}) AS after,
        anyIf(conf_status, release = {earlier}) AS conf_before,
        anyIf(conf_status, release = {number}) AS conf_after,
        countIf(release = {earlier}) > 0 AS had, countIf(release = {number}) > 0 AS has
    FROM pub.{name}_vintages WHERE release IN ({earlier}, {number}) GROUP BY {codes}
)"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A published figure, or why there is none."""

    value: int | Decimal | None
    unit: str
    obs_status: str
    conf_status: str

    @property
    def state(self) -> str:
        """hidden, unreported, inapplicable, break, provisional or final."""
        if self.conf_status == "C":
            return "hidden"
        states = {"O": "unreported", "M": "inapplicable", "B": "break", "P": "provisional"}
        return states.get(self.obs_status, "final")


@dataclass(frozen=True, slots=True)
class Described:
    """A table of the release, as the catalogue has it."""

    name: str
    dimensions: tuple[str, ...]
    protection: str
    title: str
    description: str
    cells: int
    hidden_percent: int
    hidden_value_percent: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A release that was withdrawn."""

    release: int
    withdrawn_at: datetime
    notice: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of a table's figures since the earlier release."""

    changed: int
    now_hidden: int
    now_shown: int
    new: int


@dataclass(frozen=True, slots=True)
class Publication:
    """One release, with labels in one language."""

    number: int
    published_at: datetime
    cut_off: datetime
    frequency: str
    reason: str
    reference_version: str
    manifest_sha256: str
    notices: tuple[Notice, ...]
    datasets: Mapping[str, Described]
    cells: Mapping[str, Mapping[tuple[str, ...], Cell]]
    """By table and codes."""
    labels: Mapping[tuple[str, str], tuple[str, bool]]
    """By dimension and code: the label, and whether the code was verified in a source."""
    vintages: Mapping[int, Mapping[str, Cell]]
    """The world's events by period, in the releases up to this one, withdrawn ones too."""
    earlier: int | None
    """The release before this one that was not withdrawn."""
    changes: Mapping[str, Changes]
    """By table, since the earlier release; only tables that both have."""

    def cell(self, table: str, *codes: str) -> Cell | None:
        """None where the release has no such figure."""
        return self.cells.get(table, {}).get(codes)

    def codes(self, table: str, dimension: str) -> list[str]:
        """Codes that the table has, the total first, then by the code."""
        if table not in self.datasets:
            return []
        place = self.datasets[table].dimensions.index(dimension)
        found = {codes[place] for codes in self.cells[table]}
        return sorted(found, key=lambda code: (code != TOTAL, code))

    def periods(self, table: str, *, years: bool) -> list[str]:
        """The years, or the finer periods, of a table in their order."""
        codes = (code for code in self.codes(table, TIME) if (len(code) == 4) == years)
        return sorted(codes, key=lambda code: Period.parse(code).first_day)

    @property
    def withdrawn(self) -> frozenset[int]:
        return frozenset(notice.release for notice in self.notices)


def read_publication(
    client: Client, number: int | None, language: str, as_of: str | None = None
) -> Publication:
    """Release `number`, or the one that stood at a moment; else the current one.

    Raises:
        PermanentError: there is none, or it was withdrawn.
    """
    number = release_number(client, number, as_of)
    notices = tuple(
        Notice(release, _moment(at), notice)
        for release, at, notice in _rows(
            client,
            "SELECT release, toString(withdrawn_at), notice FROM pub.withdrawn_releases FINAL "
            "ORDER BY release",
        )
    )
    for said in notices:
        if said.release == number:
            raise PermanentError(
                f"release {number} was withdrawn ({said.notice}): report another one; "
                "`liaison release list` shows them",
                code="withdrawn-release",
            )
    made, cut_off, frequency, reason, reference, manifest = _rows(
        client,
        "SELECT toString(published_at), toString(cut_off), frequency, reason, reference_version, "
        f"toString(manifest_sha256) FROM pub.releases WHERE release = {number}",
    )[0]
    datasets = {
        row[0]: Described(row[0], tuple(row[1]), *row[2:])
        for row in _rows(
            client,
            f"SELECT dataset, dimensions, protection, title_{language}, description_{language}, "
            f"cells, hidden_percent, hidden_value_percent FROM pub.datasets "
            f"WHERE release = {number} ORDER BY dataset",
        )
    }
    numbers = [
        row[0]
        for row in _rows(
            client, f"SELECT release FROM pub.releases WHERE release <= {number} ORDER BY release"
        )
    ]
    gone = {said.release for said in notices}
    earlier = max((n for n in numbers if n < number and n not in gone), default=None)
    return Publication(
        number=number,
        published_at=_moment(made),
        cut_off=_moment(cut_off),
        frequency=frequency,
        reason=reason,
        reference_version=reference,
        manifest_sha256=manifest,
        notices=notices,
        datasets=datasets,
        cells={table.name: _cells(client, table, number) for table in datasets.values()},
        labels={
            (dimension, code): (label, bool(verified))
            for dimension, code, label, verified in _rows(
                client,
                f"SELECT dimension, code, {language}, verified FROM ref.statistical_codes FINAL",
            )
        },
        vintages={n: _world_events(client, n) for n in numbers[-_SHOWN_VINTAGES:]},
        earlier=earlier,
        changes={} if earlier is None else _changes(client, datasets.values(), earlier, number),
    )  # fmt: skip


def _rows(client: Client, sql: str) -> list[Any]:
    return list(client.query(sql).result_rows)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _cells(client: Client, table: Described, number: int) -> dict[tuple[str, ...], Cell]:
    codes = ", ".join(table.dimensions)
    width = len(table.dimensions)
    return {
        tuple(row[:width]): Cell(*row[width:])
        for row in _rows(
            client,
            f"SELECT {codes}, obs_value, unit_measure, obs_status, conf_status "
            f"FROM pub.{table.name}_vintages WHERE release = {number} ORDER BY {codes}",
        )
    }


def _world_events(client: Client, number: int) -> dict[str, Cell]:
    return {
        row[0]: Cell(*row[1:])
        for row in _rows(
            client,
            "SELECT time_period, obs_value, unit_measure, obs_status, conf_status "
            f"FROM pub.events_by_kind_vintages WHERE release = {number} "
            f"AND region = '{TOTAL}' AND kind = '{TOTAL}'",
        )
    }


def _changes(
    client: Client, tables: Iterable[Described], earlier: int, number: int
) -> dict[str, Changes]:
    before = {
        row[0]
        for row in _rows(client, f"SELECT dataset FROM pub.datasets WHERE release = {earlier}")
    }
    return {
        table.name: Changes(
            *_rows(
                client,
                _CHANGES.format(
                    earlier=earlier, number=number, name=table.name,
                    codes=", ".join(table.dimensions),
                ),
            )[0]
        )
        for table in tables
        if table.name in before
    }  # fmt: skip
