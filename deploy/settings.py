"""Settings: where the servers are, how topics are made, who we are to the broker.

Order: the command line, then the environment (`LIAISON_*`, nested names with `__`), then a TOML
file (`--config`, else the one named in LIAISON_CONFIG, else `./liaison.toml` if it is there), then
the defaults. Invariants: read once, frozen; what cannot work is refused here with the remedy,
before anything is opened; secrets are never printed.

A server that is not named is the embedded one, found by `data_dir` (see `deploy.connections`).
"""

from __future__ import annotations

import difflib
import os
import ssl
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from schemas.connections import ClickHouseConnection, RegistryConnection
from schemas.errors import ConfigurationError

__all__ = [
    "ClickHouseSettings",
    "EmbeddedSettings",
    "SurgeSection",
    "KafkaSettings",
    "RegistrySettings",
    "SecuritySettings",
    "Settings",
    "load_settings",
]

DEFAULT_FILE = "liaison.toml"
_PREFIX = "LIAISON_"
_CLEAR_PORT, _TLS_PORT = 8123, 8443
# Read elsewhere, or no settings: never taken for a typing error.
_OTHER_NAMES = frozenset(
    {
        "LIAISON_CONFIG",
        "LIAISON_REAL_DATA",
        "LIAISON_CLICKHOUSE_PASSWORD",
        "LIAISON_CLICKHOUSE_READER_PASSWORD",
    }
)
_SASL = ("SASL_SSL", "SASL_PLAINTEXT")
# What `security` writes; given in `kafka.options` too, one of them would silently lose.
_WRITTEN_BY_SECURITY = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
    }
)


class _Section(BaseModel):
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
    if not path.is_file():
        raise ValueError(f"ca_file {path} is not there: name the CA's PEM file")
    try:
        ssl.create_default_context(cafile=path)
    except OSError:  # an ssl.SSLError is one, too
        raise ValueError(
            f"ca_file {path} holds no certificate that can be read: name the CA's PEM file"
        ) from None


class KafkaSettings(_Section):
    """The broker. Without `bootstrap_servers` it is the embedded one."""

    bootstrap_servers: str | None = None
    """`host:port`, several with commas between."""
    options: Mapping[str, str] = Field(default_factory=dict)
    """librdkafka's own options, by its names."""
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


class RegistrySettings(_Section):
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


class ClickHouseSettings(_Section):
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


class SecuritySettings(_Section):
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


class EmbeddedSettings(_Section):
    """The embedded stack. Port 0: the last run's if it is free, else any."""

    kafka_port: int = Field(default=0, ge=0, le=65535)
    registry_port: int = Field(default=0, ge=0, le=65535)
    clickhouse_port: int = Field(default=0, ge=0, le=65535)
    cache_dir: Path | None = None
    """Where the fetched jars are kept; the user's cache unless given."""
    maven_mirror: str | None = None
    min_free_bytes: int = Field(default=1024**3, ge=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        fixed = list(self.ports.values())
        if len(fixed) != len(set(fixed)):
            raise ValueError(f"two servers cannot share a port ({fixed}): give each its own, or 0")
        return self

    @property
    def ports(self) -> dict[str, int]:
        """The ports that are given, by setting."""
        given = {
            "kafka_port": self.kafka_port,
            "registry_port": self.registry_port,
            "clickhouse_port": self.clickhouse_port,
        }
        return {name: port for name, port in given.items() if port}


class SurgeSection(_Section):
    """How counts are windowed, how long is learnt before the first alert, and when it is stuck."""

    window_s: int = Field(default=3600, ge=1)
    grace_s: int = Field(default=60, ge=0)
    baseline_windows: int = Field(default=168, ge=2)
    min_baseline_windows: int = Field(default=12, ge=2)
    standstill_s: int = Field(default=60, ge=30)
    """A worker that counts nothing for that long while facts wait ends, to be started again."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_baseline_windows > self.baseline_windows:
            raise ValueError(
                f"min_baseline_windows {self.min_baseline_windows} is over baseline_windows "
                f"{self.baseline_windows}: no alert could ever be raised; lower it"
            )
        return self


class Settings(BaseSettings):
    """All settings of a process; see `liaison.toml` in the README for the file's form."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
    )

    data_dir: Path = Path(".liaison")
    """State of the embedded stack, and the outboxes of `liaison publish`."""
    java: Path | None = None
    """A `java` program or home of at least version 17; found by itself unless given."""
    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    security: SecuritySettings = SecuritySettings()
    embedded: EmbeddedSettings = EmbeddedSettings()
    surge: SurgeSection = SurgeSection()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.kafka.is_embedded and self.registry.url is None:
            raise ValueError(
                "kafka.bootstrap_servers names a broker outside, but no registry is named: "
                "set registry.url too (LIAISON_REGISTRY__URL)"
            )
        if self.kafka.is_embedded and self.registry.url is not None:
            raise ValueError(
                "registry.url names a registry outside, but the broker is the embedded one: "
                "set kafka.bootstrap_servers too (LIAISON_KAFKA__BOOTSTRAP_SERVERS)"
            )
        unused = [
            name
            for name in self.embedded.ports
            if not self.kafka.is_embedded
            or (name == "clickhouse_port" and self.clickhouse.url is not None)
        ]
        if unused:
            raise ValueError(
                f"embedded.{', embedded.'.join(unused)} would not be used, since the settings name "
                "a server outside: leave the port or the server out"
            )
        if self.kafka.is_embedded and self.kafka.options:
            raise ValueError(
                "kafka.options are for a broker outside, and none is named: "
                "set kafka.bootstrap_servers, or leave them out"
            )
        if self.kafka.is_embedded and (self.security.protocol != "PLAINTEXT" or self.security.acls):
            raise ValueError(
                "security is for a broker outside (the embedded one listens on loopback, without "
                "access rights): set kafka.bootstrap_servers, or leave security out"
            )
        twice = _WRITTEN_BY_SECURITY & set(self.kafka.options) if self.security.options else set()
        if twice:
            raise ValueError(
                f"{', '.join(sorted(twice))} stand in kafka.options and follow from security too: "
                "keep one of them"
            )
        return self


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Settings of this process; `overrides` (from the command line) go before everything.

    Raises:
        ConfigurationError: the file can't be read, or what is set can't work together.
    """
    source, values = _file_values(config)
    _refuse_near_misses()

    class WithFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, values)

    try:
        return WithFile(**overrides)
    except (ValidationError, SettingsError) as error:
        raise ConfigurationError(_in_words(error, source), code="settings") from error
    except RecursionError as error:
        raise ConfigurationError(
            "a value of LIAISON_* is nested too deeply: correct it", code="settings"
        ) from error


def _file_values(config: Path | None) -> tuple[str, dict[str, Any]]:
    named = config or (Path(given) if (given := os.environ.get("LIAISON_CONFIG")) else None)
    path = named or Path(DEFAULT_FILE)
    try:
        with path.open("rb") as file:
            return str(path), tomllib.load(file)
    except FileNotFoundError:
        if named is None:
            return "the environment", {}
        raise ConfigurationError(
            f"the settings file {path} is not there: correct --config or LIAISON_CONFIG",
            code="settings",
        ) from None
    except (OSError, ValueError, RecursionError) as error:  # no TOML, no UTF-8, no path at all
        raise ConfigurationError(
            f"the settings file {str(path)!r} can't be read ({error}): correct it", code="settings"
        ) from error


def _refuse_near_misses() -> None:
    """A variable that almost has a setting's name was meant for it, and would do nothing."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields} | _OTHER_NAMES
    for name in os.environ:
        if not name.startswith(_PREFIX) or name in known or name.split("__")[0] in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if near:
            raise ConfigurationError(
                f"the variable {name} is no setting: did you mean {near[0]}?", code="settings"
            )


def _in_words(error: ValidationError | SettingsError, source: str) -> str:
    """All that is wrong, on one line, without the values (they may be secrets)."""
    if isinstance(error, SettingsError):
        return f"settings from LIAISON_* can't be used: {error}"
    told = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = _unknown_name(item["loc"])
        told.append(f"{place}: {message}" if place else message)
    return f"settings from {source} and LIAISON_* can't be used: " + "; ".join(told)


def _unknown_name(location: tuple[int | str, ...]) -> str:
    fields: Mapping[str, Any] = Settings.model_fields
    for part in location[:-1]:
        section = fields[str(part)].annotation if str(part) in fields else None
        fields = section.model_fields if isinstance(section, type(BaseModel)) else {}
    near = difflib.get_close_matches(str(location[-1]), fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(fields))}"
    return f"no such setting; {hint}"
