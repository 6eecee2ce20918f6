"""From settings to addresses; nothing behind this knows which servers are embedded.

An embedded stack is found by its data directory, where it tells its addresses while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from deploy.embedded.data_directory import Addresses, DataDirectory
from deploy.settings import Settings
from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.errors import ConfigurationError

__all__ = ["Connections", "find_clickhouse", "find_connections"]


@dataclass(frozen=True, slots=True)
class Connections:
    """Where everything is; a login to ClickHouse is asked for only by those who need it."""

    kafka: KafkaConnection
    registry: RegistryConnection
    clickhouse_at: ClickHouseConnection | None = None
    logins: DataDirectory | None = None
    """Whose ClickHouse it is, and so whose passwords; outside, the settings log in."""

    @classmethod
    def embedded(
        cls, at: Addresses, directory: DataDirectory, named: ClickHouseConnection | None
    ) -> Connections:
        """Those of a running stack, with the ClickHouse that the settings name, if they do."""
        if named is not None or not at.clickhouse_url:
            return cls(at.kafka, at.registry, named)
        return cls(at.kafka, at.registry, at.clickhouse, directory)

    def clickhouse_as(self, role: str) -> ClickHouseConnection:
        """ClickHouse, logged in for a role; outside, as the settings say."""
        if self.clickhouse_at is None:
            raise ConfigurationError(
                "no ClickHouse is named, and the broker is one outside: "
                "set clickhouse.url (LIAISON_CLICKHOUSE__URL)",
                code="no-clickhouse",
            )
        if self.logins is None:
            return self.clickhouse_at
        password = self.logins.clickhouse_password(role)
        return replace(self.clickhouse_at, username=role, password=password)


def find_clickhouse(settings: Settings, role: str) -> ClickHouseConnection:
    """ClickHouse alone, for those who need nothing else: they need to name nothing else.

    Raises:
        ConfigurationError: none is named, and no embedded stack runs.
    """
    named = settings.clickhouse.connection
    return named if named is not None else find_connections(settings).clickhouse_as(role)


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
    directory = DataDirectory(settings.data_dir)
    return Connections.embedded(directory.find_running(), directory, named)
