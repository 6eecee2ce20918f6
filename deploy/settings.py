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
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from deploy.fields import fields_at
from deploy.outside import (
    ClickHouseSettings,
    KafkaSettings,
    RegistrySettings,
    Section,
    SecuritySettings,
)
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
# Read elsewhere, or no settings: never taken for a typing error.
_OTHER_NAMES = frozenset({"LIAISON_CONFIG", "LIAISON_REAL_DATA"})
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


class EmbeddedSettings(Section):
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


class SurgeSection(Section):
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


class ReleasesSection(Section):
    """Where statistical releases have what is kept outside ClickHouse."""

    folder: Path | None = None
    """Manifests, error notices and the noise's secret; `releases` in the data directory unless
    given."""


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
    releases: ReleasesSection = ReleasesSection()

    @property
    def releases_folder(self) -> Path:
        """Where the releases' manifests are."""
        return self.releases.folder or self.data_dir / "releases"

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
        if self.security.acls and self._broker_protocol == "PLAINTEXT":
            raise ValueError(
                "security.acls grants rights to users, and under PLAINTEXT the broker knows none: "
                "set security.protocol to SASL_SSL, or leave acls out"
            )
        twice = _WRITTEN_BY_SECURITY & set(self.kafka.options) if self.security.options else set()
        if twice:
            raise ValueError(
                f"{', '.join(sorted(twice))} stand in kafka.options and follow from security too: "
                "keep one of them"
            )
        return self

    @property
    def _broker_protocol(self) -> str:
        given = self.kafka.options.get("security.protocol", self.security.protocol)
        return given.upper()


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
    fields = fields_at(Settings, location)
    near = difflib.get_close_matches(str(location[-1]), fields, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(fields))}"
    return f"no such setting; {hint}"
