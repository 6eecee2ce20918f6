"""A ClickHouse service for a module's tests alone, and one with a release for several modules.

`world` has the first release made. It is made once a test process, so modules that ask for it are
marked `release`, which puts them into one process; all but `test_release.py` only read.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from schemas.clock import ManualClock
from sinks.clickhouse import migrate
from sinks.clickhouse.landing import BlockLander
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.landing_world import Topic
from tests.integration.release_world import ReleaseWorld, release_world, wanted


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


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReleaseWorld]:
    """With the first release made."""
    with release_world(tmp_path_factory.mktemp("releases")) as world:
        world.releases().create(wanted("2026-01-01"))
        yield world


@pytest.fixture
def topic(client: Client) -> Topic:
    """A topic of the test's own, whose blocks land in the service."""
    return Topic(BlockLander(client, ManualClock()))
