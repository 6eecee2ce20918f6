"""From settings to addresses; nothing behind this knows which servers are embedded.

An embedded stack is found by its data directory, where it tells its addresses while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.embedded.data_directory import DataDirectory
from deploy.settings import Settings
from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.errors import ConfigurationError

__all__ = ["Connections", "find_connections"]


@dataclass(frozen=True, slots=True)
class Connections:
    """Where everything is. `clickhouse` is asked for only by those who need it."""

    kafka: KafkaConnection
    registry: RegistryConnection
    clickhouse_or_none: ClickHouseConnection | None = None

    @property
    def clickhouse(self) -> ClickHouseConnection:
        if self.clickhouse_or_none is None:
            raise ConfigurationError(
                "no ClickHouse is named, and the broker is one outside: "
                "set clickhouse.url (LIAISON_CLICKHOUSE__URL)",
                code="no-clickhouse",
            )
        return self.clickhouse_or_none


def find_connections(settings: Settings) -> Connections:
    """The servers that these settings mean; embedded ones are found by their data directory.

    Raises:
        ConfigurationError: the embedded stack is meant, and none runs there.
    """
    named = settings.clickhouse.connection
    if settings.kafka.bootstrap_servers is not None:
        options = {**settings.kafka.options, **settings.security.options}
        return Connections(
            KafkaConnection(settings.kafka.bootstrap_servers, options),
            settings.registry.connection,
            named,
        )
    addresses = DataDirectory(settings.data_dir).find_running()
    embedded = addresses.clickhouse if addresses.clickhouse_url else None
    return Connections(addresses.kafka, addresses.registry, named or embedded)
