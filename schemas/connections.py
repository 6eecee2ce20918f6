"""Where the broker, the registry and ClickHouse are: plain values that settings fill and parts use.

Nothing here knows whether a server is embedded. Every Kafka client of the project is configured
through :meth:`KafkaConnection.client_config`, so security options are given once.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client
    from confluent_kafka import Consumer, Message

__all__ = ["ClickHouseConnection", "KafkaConnection", "RegistryConnection", "consume"]

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """A Kafka cluster. `options` are librdkafka's own (security.protocol, sasl.*, ssl.*), and so
    may hold a password.
    """

    bootstrap_servers: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

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

    def login(self) -> dict[str, Any]:
        """The options of security as aiokafka names them.

        Raises:
            ConfigurationError: a protocol that is none of Kafka's.
        """
        options = self.options
        protocol = options.get("security.protocol", "PLAINTEXT").upper()
        if protocol not in _PROTOCOLS:
            raise ConfigurationError(
                f"security.protocol={protocol} is none of {', '.join(_PROTOCOLS)}"
            )
        login: dict[str, Any] = {"security_protocol": protocol}
        if protocol.endswith("SSL"):
            login["ssl_context"] = context = ssl.create_default_context(
                cafile=options.get("ssl.ca.location")
            )
            if certificate := options.get("ssl.certificate.location"):
                context.load_cert_chain(
                    certificate, options.get("ssl.key.location"), options.get("ssl.key.password")
                )
        if protocol.startswith("SASL"):
            login["sasl_mechanism"] = options.get(
                "sasl.mechanism", options.get("sasl.mechanisms", "PLAIN")
            )
            login["sasl_plain_username"] = options.get("sasl.username")
            login["sasl_plain_password"] = options.get("sasl.password")
        return login

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


def consume(consumer: Consumer, most: int, timeout_s: float) -> list[Message]:
    """What has come of up to `most` messages, as soon as there is one; none after `timeout_s`.

    The client's own call waits its whole time for more, where there are fewer than it may take.
    """
    messages = consumer.consume(1, timeout_s)
    if messages and most > 1:
        messages += consumer.consume(most - 1, 0.0)
    return messages


@dataclass(frozen=True, slots=True)
class RegistryConnection:
    """A schema registry with Confluent's HTTP interface.

    Several that share their schemas are written with commas between; the login is for all of them.
    """

    url: str
    username: str | None = None
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Whose certificates are trusted over https; those of the public authorities unless given."""

    def client_config(self, **extra: Any) -> dict[str, Any]:
        """A configuration for the registry's client; names as in `KafkaConnection`."""
        config: dict[str, Any] = {"url": self.url}
        if self.username is not None:
            config["basic.auth.user.info"] = f"{self.username}:{self.password}"
        if self.ca_file is not None:
            config["ssl.ca.location"] = str(self.ca_file)
        config.update({name.replace("_", "."): value for name, value in extra.items()})
        return config


@dataclass(frozen=True, slots=True)
class ClickHouseConnection:
    """A ClickHouse HTTP interface."""

    host: str
    port: int
    username: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    ca_file: Path | None = None
    """Whose certificates are trusted over https; those of the public authorities unless given."""

    def client(self, **options: Any) -> Client:
        """A new client; the caller closes it."""
        import clickhouse_connect  # a quarter of a worker's start, and most ask no ClickHouse

        return clickhouse_connect.get_client(
            host=self.host,
            port=self.port,
            username=self.username,
            password=self.password,
            secure=self.secure,
            ca_cert=None if self.ca_file is None else str(self.ca_file),
            autogenerate_session_id=False,
            **options,
        )
