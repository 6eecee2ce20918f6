"""`liaison demo`: set-up, traffic of 196 bureaus, recalls, a surge, tables, and the verdict.

The same processes as in production, on the embedded stack. Without a terminal it ends with the
verdict as its exit code; on one it stays up until Ctrl-C. Stdout holds the tables, or one JSON
document.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client

from deploy.cli.printing import note, told_progress
from deploy.cli.session import Session, command_line
from deploy.demo.queries import EXAMPLES, OPERATIONS, REGIONS_AND_CATEGORIES, Question
from deploy.demo.receipts import alerts, receipt_rows, refusal_rows
from deploy.demo.shown import Shown
from deploy.demo.statistics import make_release, show_release, write_reports
from deploy.demo.surge import burst
from deploy.embedded import interruptible
from deploy.handover import open_handover
from deploy.running import RunningStack
from deploy.traffic import import_un_list, play_traffic, played_rows, simulator_outbox
from deploy.verify.command import verify_session
from deploy.verify.settle import unsettled
from producers.simulator import Item, Mix, Simulator, operation_reports
from schemas.clock import Clock, SystemClock
from schemas.reference import Reference

__all__ = ["demo_command"]

_WINDOW_S = 5
_SPAN = timedelta(days=30)
_BATCH_EVENTS = 10_000
_SETTLE_S = 180.0
_SEND_S = 300.0
_SURGE_SETTINGS = {
    "LIAISON_SURGE__WINDOW_S": str(_WINDOW_S),
    "LIAISON_SURGE__GRACE_S": "2",
    "LIAISON_SURGE__MIN_BASELINE_WINDOWS": "4",
}
_TO_TRY = (
    ("desk", "tail", "--region", "europe", "--category", "terrorism", "--since", "1h"),
    (
        "sql", "--as", "auditor",
        "SELECT kind, sum(sign * events) AS n FROM raw.facts GROUP BY kind ORDER BY n DESC",
    ),
    ("dlq", "list"),
    ("ledger", "--bureau", "FR"),
    ("verify",),
)  # fmt: skip


@dataclass(slots=True)
class _Stages:
    """Tells each stage's time."""

    clock: Clock

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        note(f"… {title}")
        begin_s = self.clock.monotonic_s()
        yield
        note(f"✓ {title} ({self.clock.monotonic_s() - begin_s:.1f} s)")


def demo_command(
    session: Session,
    *,
    messages: int,
    searches: int,
    seed: int,
    un_list: Path | None,
    stay: bool | None,
    as_json: bool,
) -> int:
    """Run the demo: 0 if the verifier finds no difference, else 1."""
    clock = SystemClock()
    stages = _Stages(clock)
    shown = Shown(as_json)
    for name, value in _SURGE_SETTINGS.items():
        os.environ.setdefault(name, value)
    with (
        interruptible(),
        RunningStack(
            session.settings, config=session.config, log_level=session.log_level, tell=note
        ) as stack,
    ):
        with stages.stage("provisioning topics, schemas and tables"), told_progress() as told:
            stack.provision(told)
        with stages.stage("starting routers, cutter, loader and surge detection"):
            stack.start_workers()
        shown.table("places", ("what", "where"), list(stack.places().items()))
        with stages.stage("196 bureaus hand over their traffic"):
            _publish(session, stages, shown, messages, searches, seed)
        if un_list is not None:
            with stages.stage("the General Secretariat imports the UN list"):
                _import_un_list(session, un_list)
        client = session.connections.clickhouse_as("auditor").client()
        try:
            with stages.stage("waiting until ClickHouse has all of it"):
                waiting = unsettled(session.connections.kafka, client, clock, timeout_s=_SETTLE_S)
                if waiting is not None:
                    note(f"still under way: {waiting}")
            _show(session, client, shown)
        finally:
            client.close()
        with stages.stage("verifying: recounting everything from the topics"):
            verdict = verify_session(session, progress=lambda stage: note(f"  {stage}"))
        shown.verdict(verdict)
        with stages.stage("a statistical release: counted, protected, attacked, published"):
            manifest = make_release(session, clock, _SPAN)
        show_release(session, manifest, shown)
        with stages.stage("the report of the release, in English and Arabic"):
            write_reports(session, manifest, shown)
        _show_processes(stack, shown)
        shown.end()
        if stay if stay is not None else sys.stdout.isatty():
            _stay(stack)
    return 0 if verdict.clean else 1


def _publish(
    session: Session, stages: _Stages, shown: Shown, messages: int, searches: int, seed: int
) -> None:
    reference, clock = Reference.load(), stages.clock
    start = datetime.fromtimestamp(clock.now_ms() / 1000, UTC) - _SPAN - timedelta(hours=1)
    mix = Mix.of("year", messages, searches=searches, span=_SPAN)
    simulator = Simulator(reference, seed, start, mix, shape="working-day")
    kafka = session.connections.kafka
    with (
        open_handover(
            simulator_outbox(session), kafka, session.outbox_schema_ids(), clock
        ) as handover,
        told_progress() as told,
    ):
        begin_s = clock.monotonic_s()
        items: Iterator[Item] = chain(operation_reports(reference), simulator)
        played = play_traffic(
            items,
            handover,
            kafka,
            batch_events=_BATCH_EVENTS,
            progress=lambda done: told("events", done, messages + searches),
        )
        spent_s = clock.monotonic_s() - begin_s
        shown.table(
            "handed over",
            ("handed over", "events"),
            [
                *played_rows(played),
                ("events a second", int(played.events / max(spent_s, 0.001))),
            ],
        )
        with stages.stage("a wave of scam-centre reports in one region"):
            burst(handover, reference, clock, window_s=_WINDOW_S)
            handover.finish(_SEND_S, partial(told, "sending"))


def _import_un_list(session: Session, file: Path) -> None:
    with told_progress() as told:
        report = import_un_list(session, file, timeout_s=_SEND_S, progress=told)
    note(
        f"  {report.new} new, {report.corrections} corrected, {report.recalls} recalled, "
        f"{report.unchanged} unchanged, {len(report.unmapped)} not mapped"
    )


def _show(session: Session, client: Client, shown: Shown) -> None:
    kafka = session.connections.kafka
    shown.table(
        "receipts",
        (
            "region",
            "bureaus",
            "accounts",
            "accepted",
            "rejected",
            "quarantined",
            "missing",
            "repeats",
        ),
        receipt_rows(kafka, Reference.load()),
        title="Receipts: what became of it, by region",
    )
    shown.table(
        "refused",
        ("disposition", "code", "records"),
        refusal_rows(kafka),
        title="Refused, each kept in a dlq",
    )
    for question in (REGIONS_AND_CATEGORIES, OPERATIONS):
        _ask(client, question, shown)
    for question in EXAMPLES:
        _ask(client, question, shown, f"{question.title}\n{question.sql}")
    found = sorted(alerts(kafka), key=lambda alert: (alert["region"], alert["window_start"]))
    shown.table(
        "surges",
        ("region", "category", "window", "events", "expected", "chance"),
        [
            (
                alert["region"],
                alert["category"],
                datetime.fromtimestamp(alert["window_start"] / 1000, UTC).strftime("%H:%M:%S"),
                alert["observed"],
                round(alert["expected"], 1),
                f"{alert['p_value']:.1e}",
            )
            for alert in found
        ],
        title="Surges: windows far above their own past",
    )


def _ask(client: Client, question: Question, shown: Shown, title: str = "") -> None:
    answer = client.query(question.sql)
    shown.table(
        question.title, answer.column_names, answer.result_rows, title=title or question.title
    )


def _show_processes(stack: RunningStack, shown: Shown) -> None:
    """What each process has used, as the system counts it."""
    rows: list[tuple[str, int, int]] = []
    for name, pid in stack.pids().items():
        with suppress(psutil.NoSuchProcess):  # one that dies is started again under another id
            process = psutil.Process(pid)
            spent = process.cpu_times()
            resident = process.memory_info().rss
            rows.append((name, resident // 1024 // 1024, int(spent.user + spent.system)))
    shown.table("processes", ("process", "resident MiB", "CPU s"), rows, title="Processes")


def _stay(stack: RunningStack) -> None:
    note("The stack stays up; Ctrl-C ends it. In another terminal try:")
    for words in _TO_TRY:
        note(f"  {command_line(stack.settings.data_dir, *words)}")
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it is meant to end
        stack.wait()
