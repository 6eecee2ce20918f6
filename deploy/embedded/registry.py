"""Apicurio Registry as one process, with its schemas in an H2 file that survives kill -9.

Invariants: ids are given once (WRITE_DELAY=0: a registration that was answered is on disk); it
listens on loopback only, on one port for its API and a second for its own health checks, which the
kernel gives. Clients use Confluent's API under `/apis/ccompat/v7`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.child import Child
from deploy.embedded.jars import registry_main
from deploy.embedded.java import JavaRuntime
from deploy.embedded.jvm import jvm_environment, jvm_options
from deploy.embedded.ports import LOOPBACK, answers_ok, who_took

__all__ = ["RegistryPlace", "registry_child"]

_API = "/apis/ccompat/v7"
_HEAP_MIB = 192


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    """Where a registry keeps its schemas and listens."""

    home: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}{_API}"


def registry_child(
    place: RegistryPlace, java: JavaRuntime, registry_home: Path, log_path: Path
) -> Child:
    """The registry, with the files that `registry_home` was unpacked to."""
    place.home.mkdir(parents=True, exist_ok=True)
    return Child(
        name="registry",
        argv=(
            str(java.program),
            *jvm_options(place.home, java, heap_mib=_HEAP_MIB),
            "-jar",
            str(registry_main(registry_home)),
        ),
        log_path=log_path,
        env=jvm_environment(
            os.environ,
            QUARKUS_BANNER_ENABLED="false",
            QUARKUS_HTTP_HOST=LOOPBACK,
            QUARKUS_HTTP_PORT=str(place.port),
            QUARKUS_HTTP_ACCESS_LOG_ENABLED="false",
            QUARKUS_MANAGEMENT_HOST=LOOPBACK,
            QUARKUS_MANAGEMENT_PORT="0",
            QUARKUS_LOG_CONSOLE_FORMAT="%d{yyyy-MM-dd HH:mm:ss,SSS} %p %m (%c{1})%n%e",
            APICURIO_STORAGE_KIND="sql",
            APICURIO_STORAGE_SQL_KIND="h2",
            APICURIO_DATASOURCE_URL=f"jdbc:h2:file:{place.home / 'registry'};WRITE_DELAY=0",
            APICURIO_DATASOURCE_JDBC_INITIAL_SIZE="2",
            APICURIO_DATASOURCE_JDBC_MIN_SIZE="2",
            APICURIO_DATASOURCE_JDBC_MAX_SIZE="10",
            APICURIO_STORAGE_SNAPSHOT_LOCATION=str(place.home / "tmp"),
        ),
        ready=lambda: answers_ok(place.port, f"{_API}/subjects"),
        cwd=place.home,
        explain=lambda: who_took(place.port),
        start_attempts=2,
    )
