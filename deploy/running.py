"""The embedded stack as the settings say, provisioned, with the workers that production runs.

`liaison up`, the demo and the tests start the same thing from here. Invariants: a worker is a
process of its own, started by the very command that production uses; it is ready when it says so
itself, in a file; whatever ends, in whatever way, is told and (by the supervisor) started again.

Why a file: asking Kafka whether a group has members ends the asking process (an assertion of
librdkafka 2.16, where the broker is slow or just back), and here that is the whole stack.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import deploy
from deploy.connections import Connections
from deploy.embedded import (
    Child,
    EmbeddedStack,
    EventKind,
    FetchProgress,
    StackOptions,
    SupervisorEvent,
)
from deploy.provision import Progress, ProvisionReport, provision
from deploy.settings import Settings
from schemas.errors import ConfigurationError
from schemas.reference import Reference
from schemas.topics import LANES

__all__ = ["WORKERS", "RunningStack", "worker_arguments"]

WORKERS: Mapping[str, tuple[str, ...]] = {
    **{f"router-{lane}": ("run", "router", "--lane", lane) for lane in LANES},
    "cutter": ("run", "cutter"),
    "loader": ("run", "loader"),
    "surge": ("run", "surge"),
}
"""Every worker's name and command."""
_TOLD = frozenset({EventKind.READY, EventKind.DIED, EventKind.GAVE_UP, EventKind.KILLED})
_FETCH_STEP = 10


class RunningStack:
    """A context manager; inside, the servers are up. `tell` gets lines for a person.

    Workers are processes of their own: `config` and `log_level` are handed on to them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        config: Path | None = None,
        log_level: str = "info",
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        if not settings.kafka.is_embedded:
            raise ConfigurationError(
                f"the settings name a broker outside ({settings.kafka.bootstrap_servers}), and "
                "this starts the embedded one: run each worker with `liaison run …`, or leave "
                "kafka.bootstrap_servers out",
                code="not-embedded",
            )
        self.settings = settings
        self._config = config
        self._log_level = log_level
        self._tell = tell
        self._stack = EmbeddedStack(
            settings.data_dir,
            clickhouse=None if settings.clickhouse.url else self._clickhouse_command,
            options=StackOptions(
                java=settings.java,
                cache_dir=settings.embedded.cache_dir,
                maven_mirror=settings.embedded.maven_mirror,
                kafka_port=settings.embedded.kafka_port,
                registry_port=settings.embedded.registry_port,
                clickhouse_port=settings.embedded.clickhouse_port,
                min_free_bytes=settings.embedded.min_free_bytes,
            ),
            on_event=self._on_event,
            on_fetch=self._on_fetch,
        )

    def __enter__(self) -> RunningStack:
        self._stack.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.stop()

    @property
    def connections(self) -> Connections:
        at = self._stack.addresses
        named = self.settings.clickhouse.connection
        return Connections.embedded(at, self._stack.directory, named)

    def provision(self, progress: Progress = lambda stage, done, total: None) -> ProvisionReport:
        """Provision what runs here; what differs is told."""
        at = self.connections
        clickhouse = None if at.clickhouse_at is None else at.clickhouse_as("operator")
        report = provision(at.kafka, at.registry, Reference.load(), clickhouse, progress=progress)
        for difference in report.differences:
            self._tell(f"differs: {difference}")
        return report

    def start_workers(self, names: Iterable[str] = tuple(WORKERS)) -> None:
        """Start these side by side; returns when each is ready."""
        self._stack.start_workers(*(self.worker(name) for name in names))

    def worker(self, name: str) -> Child:
        """A worker as the supervisor takes it."""
        ready_file = self._stack.directory.folder("ready") / name
        arguments = worker_arguments(
            name,
            data_dir=self.settings.data_dir,
            config=self._config,
            log_level=self._log_level,
        )
        return self._stack.worker(
            name,
            [*arguments, "--ready-file", str(ready_file)],
            env=_same_code(),
            ready_file=ready_file,
        )

    def places(self) -> dict[str, str]:
        """What is where, for a person."""
        at = self._stack.addresses
        clickhouse = self.settings.clickhouse.url or at.clickhouse_url
        return {
            "kafka": at.kafka_bootstrap,
            "registry": at.registry_url,
            "clickhouse": clickhouse,
            "data": str(self._stack.directory.path),
            "logs": str(self._stack.directory.logs),
        }

    def pids(self) -> dict[str, int]:
        """The running children's process ids by name."""
        return self._stack.pids()

    def wait(self, timeout_s: float | None = None) -> None:
        """Block while everything is kept running."""
        self._stack.wait(timeout_s)

    def _clickhouse_command(self, folder: Path, port: int) -> list[str]:
        from deploy.clickhouse import write_accounts

        accounts = write_accounts(folder, self._stack.directory.make_clickhouse_passwords())
        return [
            sys.executable, "-m", "deploy.clickhouse", "--data-dir", str(folder),
            "--port", str(port), "--accounts", str(accounts),
        ]  # fmt: skip

    def _on_event(self, event: SupervisorEvent) -> None:
        if event.kind in _TOLD:
            self._tell(event.message)

    def _on_fetch(self, fetched: FetchProgress) -> None:
        if fetched.files_done % _FETCH_STEP == 0 or fetched.files_done == fetched.files_total:
            self._tell(f"fetched {fetched.files_done} of {fetched.files_total} files (once only)")


def worker_arguments(
    name: str, *, data_dir: Path, config: Path | None = None, log_level: str = "info"
) -> list[str]:
    """The command line of a worker over the stack of this data directory."""
    chosen = ["--data-dir", str(data_dir.absolute()), "--log-level", log_level]
    if config is not None:
        chosen += ["--config", str(config.absolute())]
    return [sys.executable, "-m", "deploy.cli", *chosen, *WORKERS[name]]


def _same_code() -> dict[str, str]:
    """A child imports the packages that its parent runs, installed or not."""
    root = str(Path(deploy.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": f"{root}{os.pathsep}{path}" if path else root}
