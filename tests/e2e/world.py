"""A bureau's and an operator's hands on the running product, for tests."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deploy.cli.session import Session
from deploy.handover import open_handover, outbox_file
from deploy.verify import Verdict
from deploy.verify.command import verify_session
from deploy.verify.settle import unsettled
from producers import Receipt
from schemas.clock import SystemClock
from schemas.models import Event
from sinks.desk import Delivered, Start, Struck, Subscriber
from tests.conftest import Stack

_PROJECT = Path(__file__).parent.parent.parent


class World:
    """What a test does to the product and asks of it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.session = Session(data_dir=stack.data_dir)

    def publish(self, bureau: str, *events: Event, system: str = "e2e") -> list[Receipt]:
        """Hand events over and wait for the broker."""
        path = outbox_file(self.session.outbox_folder, f"{bureau}.{system}")
        with open_handover(path, self.stack.kafka, self.stack.ids) as handover:
            receipts = handover.publisher(bureau, system).publish_many(events)
            handover.finish(60)
        return receipts

    def publish_one_each(self, events: Mapping[str, Event]) -> None:
        """One event a bureau, all through one outbox."""
        path = outbox_file(self.session.outbox_folder, "many")
        with open_handover(path, self.stack.kafka, self.stack.ids) as handover:
            for bureau, event in events.items():
                handover.publisher(bureau, "e2e-many").publish(event)
            handover.finish(60)

    def settle(self) -> None:
        client = self.stack.clickhouse.client()
        try:
            waiting = unsettled(self.stack.kafka, client, SystemClock(), timeout_s=90)
        finally:
            client.close()
        assert waiting is None

    def sql(self, statement: str) -> list[Any]:
        client = self.stack.clickhouse.client()
        try:
            return list(client.query(statement).result_rows)
        finally:
            client.close()

    def command(self, statement: str) -> None:
        client = self.stack.clickhouse.client()
        try:
            client.command(statement)
        finally:
            client.close()

    def events_that_count(self, *event_ids: object) -> int:
        listed = ", ".join(f"'{event_id}'" for event_id in event_ids)
        ((count,),) = self.sql(
            f"SELECT sum(sign * events) FROM raw.facts WHERE event_id IN ({listed})"
        )
        return int(count)

    def verify(self) -> Verdict:
        return verify_session(self.session, progress=lambda _stage: None)

    def assert_no_difference(self) -> None:
        verdict = self.verify()
        told = [difference.text() for difference in verdict.differences]
        assert not told, "\n".join(told)

    def faulty(self, step: str) -> "subprocess.Popen[str]":
        """Start a process of :mod:`tests.e2e.faulty`."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.faulty", step, str(self.stack.data_dir)],
            cwd=_PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def killed_at(self, step: str, timeout_s: float = 60.0) -> str:
        """Run a faulty process until it has killed itself; what it printed."""
        with self.faulty(step) as process:
            out, _ = process.communicate(timeout=timeout_s)
        assert process.returncode == -signal.SIGKILL
        return out.strip()

    def liaison(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line on this stack."""
        return subprocess.run(
            [
                sys.executable, "-m", "deploy.cli", "--data-dir", str(self.stack.data_dir),
                *arguments,
            ],
            cwd=_PROJECT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def read_desk(
        self, region: str, categories: Iterable[str], *, bureau: str | None = None
    ) -> tuple[list[Delivered], list[Struck]]:
        """Everything on a desk from its start."""
        delivered: list[Delivered] = []
        struck: list[Struck] = []
        with Subscriber(
            region, categories, kafka=self.stack.kafka, schema_ids=self.stack.ids,
            bureau=bureau, start=Start.earliest(),
        ) as desk:  # fmt: skip
            until = time.monotonic() + 60
            while not desk.caught_up and time.monotonic() < until:
                for item in desk.poll(0.5):
                    if isinstance(item, Delivered):
                        delivered.append(item)
                    elif isinstance(item, Struck):
                        struck.append(item)
        return delivered, struck
