"""Where the broker, the registry and ClickHouse are: plain values that settings fill and parts use.

Nothing here knows whether a server is embedded. Every Kafka client of the project is configured
through :meth:`KafkaConnection.client_config`, so security options are given once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseConnection", "KafkaConnection", "RegistryConnection"]


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """A Kafka cluster. `options` are librdkafka's own (security.protocol, sasl.*, ssl.*)."""

    bootstrap_servers: str
    options: Mapping[str, str] = field(default_factory=dict)

    def client_config(self, **extra: Any) -> dict[str, Any]:
        """A configuration for a confluent-kafka client.

        Keyword names are librdkafka's with `_` for `.`: `client_config(group_id="router")`.
        """
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "log_level": 3,
            "broker.address.family": "v4",
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
        }
        config.update(self.options)
        config.update({name.replace("_", "."): value for name, value in extra.items()})
        return config

    def consumer_config(self, group_id: str, **extra: Any) -> dict[str, Any]:
        """A consumer that reads committed records and commits nothing by itself."""
        return self.client_config(
            **{
                "group_id": group_id,
                "isolation_level": "read_committed",
                "enable_auto_commit": False,
                "auto_offset_reset": "error",
                "partition_assignment_strategy": "range",
                **extra,
            }
        )

    def producer_config(self, **extra: Any) -> dict[str, Any]:
        """An idempotent producer that partitions as Java clients do."""
        return self.client_config(
            **{
                "enable_idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "message_max_bytes": 9_000_000,
                "allow_auto_create_topics": False,  # to ask for a topic must not make it
                **extra,
            }
        )


@dataclass(frozen=True, slots=True)
class RegistryConnection:
    """A schema registry with Confluent's HTTP interface."""

    url: str


@dataclass(frozen=True, slots=True)
class ClickHouseConnection:
    """A ClickHouse HTTP interface."""

    host: str
    port: int
    username: str = "default"
    password: str = ""
    secure: bool = False

    def client(self, **options: Any) -> Client:
        """A new client; the caller closes it."""
        return clickhouse_connect.get_client(
            host=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            secure=self.secure,
            autogenerate_session_id=False,
            **options,
        )
