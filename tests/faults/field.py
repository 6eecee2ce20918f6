"""The whole product under faults: its own supervisor, two routers, two loaders, bureaus, a desk.

Servers and one worker of each kind are the children of the product's own supervisor, so what stays
down after a fault stays down here too. The second router and loader, the bureaus and the desk are
processes of the field, started again at once when they end. Each of them all reaches its servers by
gates of its own, with the settings that name servers outside: as production does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from deploy.connections import Connections
from deploy.embedded import Child
from deploy.running import WORKERS, RunningStack, worker_arguments
from deploy.settings import Settings
from deploy.verify.settle import unsettled
from schemas.clock import SystemClock
from tests.faults import bureaus, desk
from tests.faults.expectation import Account, Geography
from tests.faults.faults import KINDS
from tests.faults.found import Found, find
from tests.faults.gates import Gate, Gates, open_gates
from tests.faults.processes import Again
from tests.faults.progress import Lookout
from tests.faults.rows import rows_of
from tests.faults.verifier import Verdict, compare

__all__ = ["DESK_REGION", "Field", "open_field"]

DESK_REGION = "europe"
_SETTLES_WITHIN_S = 900.0
_STARTS_WITHIN_S = 90.0
_SERVERS = ("kafka", "registry", "clickhouse")
_SECOND = {"router-message 1": ("--worker", "1"), "loader 1": ()}


class _GatedStack(RunningStack):
    """The stack, with a way of its own to each server for each worker."""

    def __init__(self, settings: Settings, gates: Gates, tell: Callable[[str], None]) -> None:
        super().__init__(settings, tell=tell)
        self._gates = gates
        self._gate_of: dict[tuple[str, str], Gate] = {}

    def gate(self, name: str, server: str) -> Gate:
        """The way of one worker to one server."""
        if (name, server) not in self._gate_of:
            self._gate_of[name, server] = self._gates.before(
                _ports(self.connections)[server], kafka=server == "kafka"
            )
        return self._gate_of[name, server]

    def environment(self, name: str) -> dict[str, str]:
        """Settings of servers outside, which are these gates."""
        at = self.connections
        ports = {server: self.gate(name, server).port for server in _SERVERS}
        registry = urlsplit(at.registry.url)._replace(netloc=f"127.0.0.1:{ports['registry']}")
        found = {
            "LIAISON_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{ports['kafka']}",
            "LIAISON_KAFKA__REPLICATION_FACTOR": "1",
            "LIAISON_REGISTRY__URL": registry.geturl(),
        }
        if name.startswith("loader"):
            login = at.clickhouse_as("loader")
            found |= {
                "LIAISON_CLICKHOUSE__URL": f"http://127.0.0.1:{ports['clickhouse']}",
                "LIAISON_CLICKHOUSE__USERNAME": login.username,
                "LIAISON_CLICKHOUSE__PASSWORD": login.password,
            }
        return found

    def worker(self, name: str) -> Child:
        child = super().worker(name)
        return replace(child, env={**(child.env or {}), **self.environment(name)})


class Field:
    """What a run does to the product and asks of it."""

    def __init__(
        self, running: _GatedStack, folder: Path, *, seed: int, events_per_s: float
    ) -> None:
        self._running = running
        self._folder = folder
        self._seed = seed
        self._began = bureaus.now()
        self._again: dict[str, Again] = {}
        for name, slot in _SECOND.items():
            argv = worker_arguments(name.partition(" ")[0], data_dir=folder)[2:]
            ready = ("--ready-file", str(self.ready_file(name)))
            self._start(name, *argv, *slot, *ready, forever=True)
        self._start(
            "bureaus", "tests.faults.bureaus", str(folder), str(seed), self._began.isoformat(),
            str(events_per_s),
        )  # fmt: skip
        self._start("desk", "tests.faults.desk", str(folder), DESK_REGION)

    @property
    def connections(self) -> Connections:
        """The servers themselves, past all gates."""
        return self._running.connections

    def pid(self, name: str) -> int | None:
        """The process that runs under one of the names that may be hit; None if it is down."""
        if name in self._again:
            return self._again[name].pid
        return self._running.pids().get(name)

    def gates(self, name: str) -> list[Gate]:
        """Its ways to servers that it goes through all the time."""
        servers = ("kafka", "clickhouse") if name.startswith("loader") else ("kafka",)
        return [self._running.gate(name, server) for server in servers]

    def registry_gate(self, name: str) -> Gate:
        """Its way to the registry, which it asks when it starts."""
        return self._running.gate(name, "registry")

    def clock_file(self, name: str) -> Path:
        """What it holds is by how many seconds that process's clock is wrong."""
        return self._folder / f"clock-{_file(name)}"

    def ready_file(self, name: str) -> Path:
        return self._folder / "ready" / _file(name)

    def is_up(self, name: str, since: float) -> bool:
        """Whether it runs, and if it is a worker, has taken up its work after that wall time."""
        if self.pid(name) is None:
            return False
        if name not in WORKERS and name not in _SECOND:
            return True
        try:
            return self.ready_file(name).stat().st_mtime >= since
        except FileNotFoundError:
            return False

    def lookout(self) -> Lookout:
        at = self.connections
        return Lookout(self._folder, at.kafka, at.registry, at.clickhouse_as("operator"))

    def down(self) -> list[str]:
        """Who does not run or has not taken up its work; those who ended in order aside."""
        ended = {"bureaus": bureaus.is_done(self._folder), "desk": desk.is_done(self._folder)}
        return [name for name in KINDS if not ended.get(name) and not self.is_up(name, 0.0)]

    def stays_down(self) -> list[str]:
        """Who is still down after the time that a start takes."""
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while (down := self.down()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return down

    def finish(
        self, tell: Callable[[str], None] = lambda line: None
    ) -> tuple[Account, Found, Verdict]:
        """End the traffic, wait until nothing is under way, and compare everything."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        tell("the traffic ends")
        bureaus.ask_to_stop(self._folder)
        _until(lambda: bureaus.is_done(self._folder), deadline, "the bureaus hand over everything")
        at = self.connections
        client = at.clickhouse_as("operator").client()
        try:
            waiting = unsettled(at.kafka, client, SystemClock(), timeout_s=_SETTLES_WITHIN_S)
        finally:
            client.close()
        assert waiting is None, waiting
        desk.ask_to_stop(self._folder)
        _until(lambda: desk.is_done(self._folder), deadline, "the desk reads to the end")
        tell("everything is settled and is compared now")
        account = self._account()
        while True:  # receipts come within ten seconds, and the surge detection is not waited for
            found = find(
                at.kafka, at.registry, at.clickhouse_as("operator"), desk.given(self._folder)
            )
            verdict = compare(account, found, DESK_REGION)
            wrong = verdict.all()
            under_way = all("receipt" in text or "surge" in text for text in wrong)
            if not wrong or not under_way or time.monotonic() > deadline:
                return account, found, verdict
            time.sleep(2)

    def rows(self, verdict: Verdict) -> list[str]:
        """What ClickHouse has of the events that it counts wrongly."""
        return rows_of(self.connections.clickhouse_as("operator"), verdict.facts)

    def stop(self) -> None:
        for again in self._again.values():
            again.stop()

    def _account(self) -> Account:
        account = Account(Geography(self._began.date()))
        for item in bureaus.accepted(self._folder, self._seed, self._began):
            account.add(item.bureau, item.system, item.event)
        return account

    def _start(self, name: str, module: str, *arguments: str, forever: bool = False) -> None:
        self._again[name] = Again(
            name,
            [
                sys.executable, "-m", "tests.faults.shifted", str(self.clock_file(name)), module,
                *arguments,
            ],
            self._folder / "logs" / f"{_file(name)}.log",
            self._running.environment(name),
            forever=forever,
        )  # fmt: skip


@contextmanager
def open_field(
    folder: Path,
    *,
    seed: int = 1,
    events_per_s: float = 30.0,
    tell: Callable[[str], None] = lambda line: None,
) -> Iterator[Field]:
    """The stack, every worker, and traffic that has begun."""
    with ExitStack() as undo:
        gates = undo.enter_context(open_gates())
        running = _GatedStack(Settings(data_dir=folder), gates, tell)
        undo.enter_context(running)
        running.provision()
        running.start_workers(tuple(WORKERS))
        field = Field(running, folder, seed=seed, events_per_s=events_per_s)
        undo.callback(field.stop)
        yield field


def _ports(at: Connections) -> Mapping[str, int]:
    return {
        "kafka": int(at.kafka.bootstrap_servers.rpartition(":")[2]),
        "registry": urlsplit(at.registry.url).port or 0,
        "clickhouse": at.clickhouse_as("operator").port,
    }


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _until(condition: Callable[[], bool], deadline: float, what: str) -> None:
    while not condition():
        assert time.monotonic() < deadline, f"it does not come to pass that {what}"
        time.sleep(0.2)
