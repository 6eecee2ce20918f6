"""A ClickHouse service that a module's tests share, started for that module alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from schemas.clock import ManualClock
from sinks.clickhouse import migrate
from sinks.clickhouse.landing import BlockLander
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.landing_world import Topic


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """The embedded service without a table."""
    with ClickHouseProcess(tmp_path_factory.mktemp("clickhouse")) as process:
        yield process


@pytest.fixture(scope="module")
def client(service: ClickHouseProcess) -> Iterator[Client]:
    """The service with the project's tables; times come aware of UTC."""
    client = service.connection.client(tz_mode="aware")
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def topic(client: Client) -> Topic:
    """A topic of the test's own, whose blocks land in the service."""
    return Topic(BlockLander(client, ManualClock()))
