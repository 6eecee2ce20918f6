"""The embedded stack: broker, registry, ClickHouse service and whatever workers the caller adds.

Invariants: what can be known to be wrong (directory in use, no disk, no Java, a taken port, a
broken download) is said in one line before anything is started; the servers come up side by side;
addresses are published only once all of them answer; leaving the context manager, also by an
exception while starting, stops workers first and servers after them, and gives the directory up.
The caller owns signals: `interruptible` turns the polite ones into KeyboardInterrupt.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType

from deploy.embedded.child import Child, SupervisorEvent, always_ready, nothing
from deploy.embedded.data_directory import Addresses, DataDirectory
from deploy.embedded.disk import require_free_bytes
from deploy.embedded.jars import FetchProgress, JarCache, default_cache_dir
from deploy.embedded.java import find_java
from deploy.embedded.kafka import KafkaPlace, format_storage, kafka_child
from deploy.embedded.ports import LOOPBACK, answers_ok, choose_port, who_took
from deploy.embedded.registry import RegistryPlace, registry_child
from deploy.embedded.supervisor import RestartPolicy, Supervisor
from schemas.errors import ConfigurationError

__all__ = ["ClickHouseCommand", "EmbeddedStack", "StackOptions", "interruptible"]

ClickHouseCommand = Callable[[Path, int], Sequence[str]]
"""From a data folder and a port to the argument list of the ClickHouse service."""

_CLICKHOUSE_STOP_S = 20.0
_WORKER_READY_S = 180.0  # taking over may mean reading a whole ledger
_UNBUFFERED = {"PYTHONUNBUFFERED": "1"}  # or a killed child's last words stay in its memory


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What a person may choose. Port 0 means: the last run's if it is free, else any."""

    java: Path | None = None
    cache_dir: Path | None = None
    maven_mirror: str | None = None
    kafka_port: int = 0
    registry_port: int = 0
    clickhouse_port: int = 0
    min_free_bytes: int = 1024 * 1024 * 1024


class EmbeddedStack:
    """A context manager; inside, `addresses` tells where the servers are."""

    def __init__(
        self,
        data_dir: Path,
        *,
        clickhouse: ClickHouseCommand | None = None,
        options: StackOptions | None = None,
        policy: RestartPolicy | None = None,
        on_event: Callable[[SupervisorEvent], None] | None = None,
        on_fetch: Callable[[FetchProgress], None] | None = None,
    ) -> None:
        self.directory = DataDirectory(data_dir)
        self._clickhouse = clickhouse
        self._options = options or StackOptions()
        self._on_fetch = on_fetch
        self._supervisor = Supervisor(on_event=on_event, policy=policy)
        self._addresses: Addresses | None = None

    @property
    def addresses(self) -> Addresses:
        if self._addresses is None:
            raise ConfigurationError("the embedded stack has not been started", code="not-running")
        return self._addresses

    def __enter__(self) -> EmbeddedStack:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Addresses:
        """Bring the servers up and return where they are."""
        self.directory.acquire()
        try:
            self._addresses = self._start_servers()
            self.directory.publish(self._addresses)
        except BaseException:
            self.stop()
            raise
        return self._addresses

    def start_workers(self, *workers: Child) -> None:
        """Start these side by side and return once all are ready."""
        self._supervisor.add(*workers)
        self._supervisor.wait_ready()

    def worker(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        ready_file: Path | None = None,
    ) -> Child:
        """A child whose log lies with the stack's. `env` is added to this process's environment.

        It is ready as soon as it has made its `ready_file`; without one, as soon as it runs.
        """
        return Child(
            name=name,
            argv=tuple(argv),
            log_path=self.directory.logs / f"{name}.log",
            env={**os.environ, **_UNBUFFERED, **(env or {})},
            prepare=nothing if ready_file is None else partial(_remove, ready_file),
            ready=always_ready if ready_file is None else ready_file.exists,
            ready_timeout_s=_WORKER_READY_S,
        )

    def wait(self, timeout_s: float | None = None) -> None:
        """Block while everything is kept running."""
        self._supervisor.wait(timeout_s)

    def pids(self) -> dict[str, int]:
        """The running children's process ids by name."""
        return self._supervisor.pids()

    def stop(self) -> None:
        """End all children, then give the directory up. Harmless when nothing runs."""
        self._supervisor.stop()
        self.directory.release()

    def _start_servers(self) -> Addresses:
        require_free_bytes(
            self.directory.path, self._options.min_free_bytes, purpose="the stack's data"
        )
        java = find_java(self._options.java, os.environ)
        jars = JarCache(
            self._options.cache_dir or default_cache_dir(os.environ),
            repository=self._options.maven_mirror,
            on_progress=self._on_fetch,
        ).ensure()
        classpath = os.pathsep.join(str(jar) for jar in jars.kafka_classpath)
        ports = self._choose_ports()
        logs = self.directory.logs
        kafka = KafkaPlace(self.directory.folder("kafka"), ports["kafka"], ports["controller"])
        registry = RegistryPlace(self.directory.folder("registry"), ports["registry"])

        # The registry takes the longest: it starts while the broker's storage is being formatted.
        servers = [registry_child(registry, java, jars.registry_home, logs / "registry.log")]
        clickhouse_url = ""
        if self._clickhouse is not None:
            clickhouse_url = f"http://{LOOPBACK}:{ports['clickhouse']}"
            servers.append(self._clickhouse_child(self._clickhouse, ports["clickhouse"]))
        self._supervisor.add(*servers)
        format_storage(kafka, java, classpath)
        self._supervisor.add(kafka_child(kafka, java, classpath, logs / "kafka.log"))
        self._supervisor.wait_ready()
        return Addresses(kafka.bootstrap, registry.url, clickhouse_url)

    def _clickhouse_child(self, command: ClickHouseCommand, port: int) -> Child:
        return Child(
            name="clickhouse",
            argv=tuple(command(self.directory.folder("clickhouse"), port)),
            log_path=self.directory.logs / "clickhouse.log",
            env={**os.environ, **_UNBUFFERED},
            ready=lambda: answers_ok(port, "/ping"),
            explain=lambda: who_took(port),
            start_attempts=2,
            stop_timeout_s=_CLICKHOUSE_STOP_S,
        )

    def _choose_ports(self) -> dict[str, int]:
        wanted = {
            "kafka": self._options.kafka_port,
            "registry": self._options.registry_port,
            "clickhouse": self._options.clickhouse_port,
            "controller": 0,
        }
        previous = self.directory.previous_ports()
        ports: dict[str, int] = {}
        for name, port in wanted.items():
            ports[name] = choose_port(
                name, wanted=port, previous=previous.get(name, 0), taken=ports.values()
            )
        self.directory.remember_ports(ports)
        return ports


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP act as Ctrl-C does. For the main thread of a command.

    A SIGHUP that is ignored (`nohup`) stays so: it was meant to outlive its terminal.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
