"""A ClickHouse with roles and facts, and whoever makes releases in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.releases.manifests import ManifestFolder
from deploy.releases.releases import Releases
from schemas.clock import ManualClock
from schemas.reference import Reference
from schemas.rights import ROLES
from sinks.clickhouse import migrate
from sinks.clickhouse.reference import load_reference
from sinks.statistics.dataset import load_datasets
from sinks.statistics.periods import Frequency, Period
from sinks.statistics.planning import Wanted
from sinks.statistics.store import csv_sql
from tests.engine_facts import insert_facts, insert_searches
from tests.integration.clickhouse_process import ClickHouseProcess

__all__ = ["ReleaseWorld", "release_world", "small_reference", "wanted"]

KINDS = {"message": 50, "notice": 20, "arrest": 10, "seizure": 5}
CATEGORIES = {"financial-fraud": 50, "drug-trafficking": 30, "terrorism": 3}


def small_reference() -> Reference:
    """The reference data with few codes, so that a release takes little time."""
    whole = Reference.load()
    return replace(
        whole,
        kinds={kind: whole.kinds[kind] for kind in (*KINDS, "search", "recall")},
        categories={slug: whole.categories[slug] for slug in (*CATEGORIES, "uncategorised")},
        databases={slug: whole.databases[slug] for slug in ("sltd", "nominal")},
        iccs={code: term for code, term in whole.iccs.items() if code[:2] in ("06", "07")},
    )


@dataclass(frozen=True)
class ReleaseWorld:
    """One service, its clients, and a folder for manifests."""

    service: ClickHouseProcess
    operator: Client
    publisher: Client
    statistician: Client
    folder: ManifestFolder

    def releases(self) -> Releases:
        """On new clients: as another process would have it."""
        return Releases(
            self.service.connection_as("publisher").client(),
            self.service.connection_as("statistician").client(),
            self.folder,
            small_reference(),
            ManualClock(1_775_000_000_000),
        )

    def settings_as(self, role: str) -> dict[str, str]:
        """The environment with which the command finds this ClickHouse, and nothing else."""
        at = self.service.connection_as(role)
        return {
            "LIAISON_CLICKHOUSE__URL": f"http://{at.host}:{at.port}",
            "LIAISON_CLICKHOUSE__USERNAME": at.username,
            "LIAISON_CLICKHOUSE__PASSWORD": at.password,
        }

    def csv(self, number: int) -> dict[str, bytes]:
        """Every table of a release as a statistician gets it, without the number."""
        return {
            name: self.statistician.raw_query(csv_sql(dataset, number))
            for name, dataset in load_datasets().items()
        }

    def current(self) -> set[int]:
        """The release that each table shows."""
        tables = " UNION ALL ".join(
            f"SELECT DISTINCT release FROM pub.{name}" for name in load_datasets()
        )
        rows = self.statistician.query(f"SELECT DISTINCT release FROM ({tables})").result_rows
        return {number for (number,) in rows}


@contextmanager
def release_world(folder: Path, events: int = 4000, bureaus: int = 196) -> Iterator[ReleaseWorld]:
    """Events of two years, the second one thinner, and searches; of so many bureaus."""
    passwords = {role: f"secret-{role}" for role in ROLES}
    with ClickHouseProcess(folder / "clickhouse", passwords=passwords) as service:
        operator = service.connection.client()
        migrate(operator)
        load_reference(operator, small_reference())
        for year, seed in ((2025, 1), (2026, 2)):
            start = datetime(year, 1, 1, tzinfo=UTC)
            insert_facts(
                operator, events // seed, start=start, days=365, seed=seed,
                kinds=KINDS, categories=CATEGORIES, bureaus=bureaus,
            )  # fmt: skip
        insert_searches(operator, 5_000, start=datetime(2025, 1, 1, tzinfo=UTC), days=365)
        publisher = service.connection_as("publisher").client()
        statistician = service.connection_as("statistician").client()
        manifests = ManifestFolder(folder / "releases")
        yield ReleaseWorld(service, operator, publisher, statistician, manifests)
        for client in (operator, publisher, statistician):
            client.close()


def wanted(cut_off: str, *, first: str = "2025-Q1", with_open: bool = False) -> Wanted:
    """By quarter."""
    moment = datetime.fromisoformat(cut_off).replace(tzinfo=UTC)
    return Wanted(moment, Frequency.QUARTER, Period.parse(first), with_open)
