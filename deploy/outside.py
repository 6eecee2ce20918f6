"""The servers outside, as settings name them: broker, registry, ClickHouse, and who we are to them.

Invariants: an address holds no login, since it is printed and logged; secrets are `SecretStr`; what
would not be used (a CA over http, a login without a server) is refused, never ignored.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from schemas.connections import ClickHouseConnection, RegistryConnection

__all__ = [
    "ClickHouseSettings",
    "KafkaSettings",
    "RegistrySettings",
    "Section",
    "SecuritySettings",
]

_CLEAR_PORT, _TLS_PORT = 8123, 8443
_SASL = ("SASL_SSL", "SASL_PLAINTEXT")


class Section(BaseModel):
    """A part of the settings: frozen, and nothing in it that is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _http_address(url: str, *forms: str) -> SplitResult:
    """The parts of an HTTP address that can be used whole; else ValueError, without secrets."""
    remedy = f"write {' or '.join(forms)}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its words may hold a part of a password
        raise ValueError(f"url is no HTTP address, or its port is none: {remedy}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"url is no HTTP address, or its port is none: {remedy}")
    if parts.query or parts.fragment:
        raise ValueError(f"url goes on after a ? or #, which would not be used: {remedy}")
    return parts


def _without_login(parts: SplitResult, section: str) -> None:
    """An address is printed and logged; a login in it would be, too."""
    if parts.username or parts.password:
        raise ValueError(
            f"url holds a user name or password: give {section}.username and "
            f"{section}.password instead"
        )


def _ca_file(path: Path) -> None:
    if not os.path.isfile(path):  # of a name that is too long, too
        raise ValueError(f"ca_file {path} is not there: name the CA's PEM file")
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # an ssl.SSLError is one, too
        raise ValueError(
            f"ca_file {path} holds no certificate that can be read: name the CA's PEM file"
        ) from None


class KafkaSettings(Section):
    """The broker. Without `bootstrap_servers` it is the embedded one."""

    bootstrap_servers: str | None = None
    """`host:port`, several with commas between."""
    options: Mapping[str, str] = Field(default_factory=dict, repr=False)
    """librdkafka's own options, by its names; one of them may be a password."""
    replication_factor: int | None = Field(default=None, ge=1)
    """Of new topics; 1 on the embedded broker and 3 outside unless given."""
    min_insync_replicas: int | None = Field(default=None, ge=1)
    """Of new topics; one less than the replication factor unless given."""

    @property
    def is_embedded(self) -> bool:
        return self.bootstrap_servers is None

    @property
    def topic_replicas(self) -> int:
        return self.replication_factor or (1 if self.is_embedded else 3)

    @property
    def topic_min_insync(self) -> int:
        return self.min_insync_replicas or max(1, self.topic_replicas - 1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        servers = self.bootstrap_servers
        if servers is not None and not all(server.strip() for server in servers.split(",")):
            raise ValueError(
                f"bootstrap_servers {servers!r} has an empty server: write host:9092, several with "
                "commas between, or leave it out for the embedded broker"
            )
        if self.is_embedded and self.topic_replicas > 1:
            raise ValueError(
                f"replication_factor {self.topic_replicas} needs as many brokers, and the embedded "
                "one is alone: name kafka.bootstrap_servers, or leave replication_factor out"
            )
        if self.topic_min_insync > self.topic_replicas:
            raise ValueError(
                f"min_insync_replicas {self.topic_min_insync} is more than the "
                f"{self.topic_replicas} replicas there are, so nothing could ever be written: "
                "lower it or raise replication_factor"
            )
        return self


class RegistrySettings(Section):
    """The schema registry (Confluent's HTTP interface). Without `url` it is the embedded one."""

    url: str | None = None
    """`http://host:8081`; several registries that share their schemas with commas between."""
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.url is None:
            if self.username is not None or self.password is not None or self.ca_file is not None:
                raise ValueError(
                    "username, password and ca_file are for a registry outside, and no url is "
                    "given: name registry.url, or leave them out"
                )
            return self
        parts = [
            _http_address(url.strip(), "http://host:8081", "https://host:8081")
            for url in self.url.split(",")
        ]
        for address in parts:
            _without_login(address, "registry")
        if (self.username is None) != (self.password is None):
            raise ValueError(
                "a login is username and password, and one of them is missing: set "
                "LIAISON_REGISTRY__USERNAME and LIAISON_REGISTRY__PASSWORD, or leave both out"
            )
        if self.username is not None and ":" in self.username:
            raise ValueError("username holds a colon, which HTTP's basic login can't carry")
        if self.ca_file is not None:
            if all(address.scheme == "http" for address in parts):
                raise ValueError(
                    "ca_file would not be used over http: write https://host:8081, or leave it out"
                )
            _ca_file(self.ca_file)
        return self

    @property
    def connection(self) -> RegistryConnection:
        """The registry outside; ask only where one is named."""
        return RegistryConnection(
            self.url or "",
            username=self.username,
            password="" if self.password is None else self.password.get_secret_value(),
            ca_file=self.ca_file,
        )


class ClickHouseSettings(Section):
    """ClickHouse's HTTP interface. Without `url` it is the embedded one."""

    url: str | None = None
    """`http://host:8123` or `https://host:8443`."""
    username: str = "default"
    password: SecretStr = SecretStr("")
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.url is not None:
            forms = f"http://host:{_CLEAR_PORT}", f"https://host:{_TLS_PORT}"
            parts = _http_address(self.url, *forms)
            _without_login(parts, "clickhouse")
            if parts.path.strip("/"):
                raise ValueError(
                    f"url has a path ({parts.path}), which would not be used: write {forms[0]} "
                    f"or {forms[1]}"
                )
            if self.ca_file is not None:
                if parts.scheme == "http":
                    raise ValueError(
                        f"ca_file would not be used over http: write {forms[1]}, or leave it out"
                    )
                _ca_file(self.ca_file)
        elif (
            self.username != "default"
            or self.password.get_secret_value()
            or self.ca_file is not None
        ):
            raise ValueError(
                "username, password and ca_file are for a ClickHouse outside, and no url is given: "
                "name clickhouse.url, or leave them out"
            )
        return self

    @property
    def connection(self) -> ClickHouseConnection | None:
        if self.url is None:
            return None
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        return ClickHouseConnection(
            host=parts.hostname or "",
            port=parts.port or (_TLS_PORT if secure else _CLEAR_PORT),
            username=self.username,
            password=self.password.get_secret_value(),
            secure=secure,
            ca_file=self.ca_file,
        )


class SecuritySettings(Section):
    """Who we are to the broker, and whether `provision` writes access rights."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT"] = "PLAINTEXT"
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    acls: bool = False
    """Whether `provision` grants the declared readers and writers their topics."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        named = self.username is not None and self.password is not None
        if self.protocol in _SASL and not named:
            raise ValueError(
                f"protocol {self.protocol} needs username and password: "
                "set LIAISON_SECURITY__USERNAME and LIAISON_SECURITY__PASSWORD"
            )
        if self.protocol not in _SASL and (self.username or self.password):
            raise ValueError(
                f"username and password would not be used under protocol {self.protocol}: "
                "set protocol to SASL_SSL, or leave them out"
            )
        if self.ca_file is not None and self.protocol not in ("SSL", "SASL_SSL"):
            raise ValueError(
                f"ca_file would not be used under protocol {self.protocol}: "
                "set protocol to SSL or SASL_SSL, or leave it out"
            )
        if self.ca_file is not None:
            _ca_file(self.ca_file)
        return self

    @property
    def options(self) -> dict[str, str]:
        """As librdkafka's options."""
        if self.protocol == "PLAINTEXT":
            return {}
        options: dict[str, str] = {"security.protocol": self.protocol}
        if self.username is not None and self.password is not None:
            options["sasl.mechanisms"] = self.mechanism
            options["sasl.username"] = self.username
            options["sasl.password"] = self.password.get_secret_value()
        if self.ca_file is not None:
            options["ssl.ca.location"] = str(self.ca_file)
        return options
