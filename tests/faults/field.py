"""The whole product under faults: its own supervisor, two routers, two loaders, bureaus that die.

Servers and one worker of each kind are the children of the product's own supervisor, so what
stays down after a fault stays down here too. The second router and loader, and the bureaus, are
processes of the field, started again at once when they end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.cli.session import Session
from deploy.handover import Handover, open_handover, outbox_file
from deploy.running import WORKERS, RunningStack, worker_arguments
from deploy.settings import Settings
from deploy.verify.settle import unsettled
from schemas.clock import SystemClock
from schemas.models import Arrest
from schemas.registry import SchemaIds
from tests.faults import bureaus
from tests.faults.expectation import Account, Geography
from tests.faults.faults import Fault
from tests.faults.found import Found, find
from tests.faults.verifier import Verdict, compare

__all__ = ["Field", "Recovery", "open_field"]

_PROJECT = Path(__file__).parents[2]
_RECOVERS_WITHIN_S = 180.0
_SETTLES_WITHIN_S = 300.0
_PROBE = ("AD", "faults-probe")


@dataclass(frozen=True)
class Recovery:
    """A fault, and how long until an event handed over after it stood in SQL (seconds)."""

    fault: Fault
    seconds: float


class _Again:
    """A process that is started again whenever it ends."""

    def __init__(self, name: str, argv: list[str], log: Path) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def stop(self) -> None:
        self._stopping.set()
        process = self._process
        if process is not None:
            process.terminate()
        self._thread.join(60)

    def _keep(self) -> None:
        with self._log.open("ab") as log:
            while not self._stopping.is_set():
                self._process = subprocess.Popen(
                    self._argv, cwd=_PROJECT, stdout=log, stderr=subprocess.STDOUT
                )
                while self._process.poll() is None:
                    if self._stopping.wait(0.1):
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            self._process.wait(30)
                        self._process.kill()
                self._stopping.wait(0.2)


class Field:
    """What a run does to the product and asks of it."""

    def __init__(
        self,
        running: RunningStack,
        folder: Path,
        *,
        seed: int,
        events_per_s: float,
    ) -> None:
        self.running = running
        self._folder = folder
        self._seed = seed
        self._began = bureaus.now()
        self._session = Session(data_dir=folder)
        self._probes: list[Arrest] = []
        self._bureaus = self._again(
            "bureaus",
            [
                sys.executable, "-m", "tests.faults.bureaus", str(folder), str(seed),
                self._began.isoformat(), str(events_per_s),
            ],
        )  # fmt: skip
        seconds = {"router-message": ["--worker", "second"], "loader": []}
        self._seconds = [
            self._again(f"{name} 1", [*worker_arguments(name, data_dir=folder), *slot])
            for name, slot in seconds.items()
        ]

    def targets(self) -> list[str]:
        """Names of everything that runs now and may be hit."""
        return [*self.running.pids(), self._bureaus.name, *(again.name for again in self._seconds)]

    def strike(self, fault: Fault) -> None:
        """Do it to whoever runs under that name now; returns when nobody lies still any more."""
        time.sleep(fault.after_s)
        hit = [pid for pid in map(self.pid, (fault.target, fault.together_with)) if pid]
        for number in fault.kind.signals[:1]:
            self._send(hit, number)
        time.sleep(fault.still_s)
        for number in fault.kind.signals[1:]:
            self._send(hit, number)

    def recover(self, fault: Fault) -> Recovery:
        """Hand a probe over and wait until SQL has it.

        Raises:
            AssertionError: not within three minutes: something stays down.
        """
        began = time.monotonic()
        probe = Arrest(category="fugitives", case_ref=f"after fault {fault.number}")
        path = outbox_file(self._session.outbox_folder, "probe")
        with open_handover(path, self._session.connections.kafka, self._ids()) as handover:
            self._probe(handover, probe)
            while not self._is_in_sql(probe):
                spent = time.monotonic() - began
                assert spent < _RECOVERS_WITHIN_S, (
                    f"{fault.text()}: nothing comes through after {spent:.0f} s; "
                    f"running: {self.running.pids()}"
                )
                time.sleep(0.1)
        return Recovery(fault, time.monotonic() - began)

    def finish(self) -> tuple[Account, Found, Verdict]:
        """End the traffic, wait until nothing is under way, and compare everything."""
        bureaus.ask_to_stop(self._folder)
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while not bureaus.is_done(self._folder):
            assert time.monotonic() < deadline, "the bureaus could not hand everything over"
            time.sleep(0.2)
        account = self._account()
        at = self._session.connections
        client = at.clickhouse_as("operator").client()
        try:
            waiting = unsettled(at.kafka, client, SystemClock(), timeout_s=_SETTLES_WITHIN_S)
        finally:
            client.close()
        assert waiting is None, waiting
        while True:  # receipts come within ten seconds
            found = find(at.kafka, at.registry, at.clickhouse_as("operator"))
            verdict = compare(account, found)
            wrong = verdict.all()
            under_way = bool(wrong) and all("receipt" in text for text in wrong)
            if not under_way or time.monotonic() > deadline:
                return account, found, verdict
            time.sleep(2)

    def stop(self) -> None:
        for again in (*self._seconds, self._bureaus):
            again.stop()

    def _account(self) -> Account:
        account = Account(Geography(self._began.date()))
        for _, item in zip(
            range(bureaus.progress(self._folder)),
            bureaus.events(self._seed, self._began),
            strict=False,
        ):
            account.add(item.bureau, item.system, item.event)
        for probe in self._probes:
            account.add(*_PROBE, probe)
        return account

    def _probe(self, handover: Handover, probe: Arrest) -> None:
        handover.publisher(*_PROBE).publish(probe)
        self._probes.append(probe)

    def _is_in_sql(self, probe: Arrest) -> bool:
        try:
            client = self._session.connections.clickhouse_as("operator").client()
        except Exception:  # the service is being started again
            return False
        try:
            rows = client.query(
                "SELECT count() FROM raw.facts WHERE event_id = {id:UUID}",
                parameters={"id": str(probe.event_id)},
            ).result_rows
        except Exception:
            return False
        finally:
            client.close()
        return bool(rows[0][0])

    def _ids(self) -> SchemaIds:
        deadline = time.monotonic() + _RECOVERS_WITHIN_S
        while True:
            try:
                return self._session.schema_ids()
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def pid(self, name: str) -> int | None:
        """The process that runs under one of the names that may be hit; None if it is down."""
        for again in (*self._seconds, self._bureaus):
            if again.name == name:
                return again.pid
        return self.running.pids().get(name)

    def _send(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _again(self, name: str, argv: list[str]) -> _Again:
        log = self._folder / "logs" / f"field-{name.replace(' ', '-')}.log"
        log.parent.mkdir(exist_ok=True)
        return _Again(name, argv, log)


@contextmanager
def open_field(folder: Path, *, seed: int = 1, events_per_s: float = 100.0) -> Iterator[Field]:
    """The stack, every worker, and traffic that has begun."""
    settings = Settings(data_dir=folder)
    with RunningStack(settings, tell=lambda line: print(line, file=sys.stderr)) as running:
        running.provision()
        running.start_workers(tuple(WORKERS))
        field = Field(running, folder, seed=seed, events_per_s=events_per_s)
        try:
            yield field
        finally:
            field.stop()
