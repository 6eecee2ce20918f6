"""Which table of which release: what `pub.*` and `ref.*` say of it, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from deploy.releases.asking import release_number
from schemas.errors import ConfigurationError, PermanentError
from schemas.reference import LANGUAGES, Labels
from sinks.statistics.dataset import Dataset, find_dataset

__all__ = ["Published", "Row", "find_published"]

_HELD_BY = {"unit_measure": "unit"}
"""Columns whose codes the labels have under another name."""


class Row(NamedTuple):
    """`codes` in the order of the dataset's dimensions; no value where it is hidden or none is."""

    codes: tuple[str, ...]
    value: int | Decimal | None
    unit_measure: str
    obs_status: str
    conf_status: str


@dataclass(frozen=True, slots=True)
class Published:
    """One dataset of one release."""

    dataset: Dataset
    release: int
    published_at: datetime
    reference_version: str

    @property
    def table(self) -> str:
        """With every release in it."""
        return f"pub.{self.dataset.name}_vintages"

    @property
    def order(self) -> str:
        """The columns that make a row the only one of its kind."""
        return ", ".join(self.dataset.dimensions)

    def rows(self, client: Client) -> Iterator[Row]:
        """In the order of their codes."""
        answer = client.query(
            f"SELECT [{self.order}], obs_value, unit_measure, obs_status, conf_status "
            f"FROM {self.table} WHERE release = {self.release} ORDER BY {self.order}"
        )
        for codes, *rest in answer.result_rows:
            yield Row(tuple(codes), *rest)

    def labels(self, client: Client) -> dict[str, dict[str, Labels]]:
        """Of every code that a column of the dataset may hold, in four languages, by column.

        Raises:
            ConfigurationError: nobody loaded them.
        """
        columns = (*self.dataset.dimensions, "region", *Row._fields[2:])
        lists = {_HELD_BY.get(name, name): name for name in columns}
        answer = client.query(
            f"SELECT dimension, code, {', '.join(LANGUAGES)} FROM ref.statistical_codes FINAL "
            "WHERE dimension IN {lists:Array(String)} ORDER BY dimension, code",
            parameters={"lists": list(lists)},
        )
        found: dict[str, dict[str, Labels]] = {}
        for held_by, code, *names in answer.result_rows:
            labels = dict(zip(LANGUAGES, names, strict=True))
            found.setdefault(lists[held_by], {})[code] = labels
        if not found:
            raise ConfigurationError(
                "ref.statistical_codes has no codes, so nothing says what they mean: load them "
                "with `liaison provision`",
                code="no-labels",
            )
        return found


def find_published(
    client: Client, name: str, number: int | None, as_of: str | None = None
) -> Published:
    """That dataset in a release, or in the one that stood at a moment; else in that which stands.

    Raises:
        PermanentError: there is no such dataset, no such release, or not the one in the other.
    """
    dataset = find_dataset(name)
    release = release_number(client, number, as_of)
    rows = client.query(
        "SELECT published_at, reference_version FROM pub.releases AS r "
        f"WHERE release = {release} AND release IN (SELECT release FROM pub.datasets WHERE "
        "dataset = {name:String})",
        parameters={"name": name},
    ).result_rows
    if not rows:
        raise PermanentError(
            f"release {release} has no {name}: `liaison release show {release}` lists what it has",
            code="no-such-dataset",
        )
    published_at, version = rows[0]
    return Published(dataset, release, published_at.replace(tzinfo=UTC), version)
