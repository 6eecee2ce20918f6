"""A service with facts that were made in its engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from schemas.reference import Reference
from sinks.clickhouse import load_reference, migrate
from tests.engine_facts import insert_facts
from tests.integration.clickhouse_process import ClickHouseProcess

__all__ = ["FIRST_YEAR", "open_facts"]

FIRST_YEAR = 2025
_AT_ONCE = 1_000_000


@contextmanager
def open_facts(
    count: int, *, days: int = 365, passwords: Mapping[str, str] | None = None
) -> Iterator[tuple[ClickHouseProcess, Client]]:
    """So many messages of so many days, with the labels; and the operator's client."""
    with (
        tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder,
        ClickHouseProcess(Path(folder), passwords=passwords) as service,
    ):
        client = service.connection.client()
        migrate(client)
        load_reference(client, Reference.load())
        start = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
        for seed, done in enumerate(range(0, count, _AT_ONCE), 1):
            some = min(_AT_ONCE, count - done)
            insert_facts(client, some, start=start, days=days, seed=seed)
        yield service, client
        client.close()
