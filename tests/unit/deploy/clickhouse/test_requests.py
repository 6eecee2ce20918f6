"""Requests that wait, leave, fail or are refused: bounded, and each with its line in the log."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from deploy.clickhouse.accounts import read_accounts, write_accounts
from deploy.clickhouse.audit import AuditLog
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.engine import Engine, Job, Result
from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.http import make_app
from deploy.clickhouse.quota import Quotas
from schemas.clock import SystemClock

LIMITS = ServiceLimits(
    max_query_bytes=1000, account_requests=2, reader_requests=1, max_unsent_bytes=1_000_000
)
ANSWER = b"x" * 600_000


class WaitingEngine:
    """Answers once it is let, unless it is broken off."""

    version = "1.2.3"
    formats = frozenset({"csv"})

    def __init__(self, incoming: Path) -> None:
        self.incoming = incoming
        self.let = threading.Event()
        self.running = threading.Event()
        self.cancelled = threading.Event()
        self.ran: list[str] = []
        self.answer = ANSWER

    def run(self, job: Job) -> Result:
        self.running.set()
        assert self.let.wait(60)
        job.check()
        self.ran.append(job.statement.sql)
        return Result(self.answer, 1, 0, 0, 0, 0, 0.0)

    def cancel(self, ticket: str) -> None:
        assert ticket
        self.cancelled.set()


@dataclass
class Request:
    """A client of the application: it sends, may leave, and takes its answer when it likes."""

    app: Any
    body: bytes
    role: str = "statistician"
    password: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    received: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    _sent: bool = False

    async def run(self) -> str:
        """ClickHouse's error code; 0 for an answer."""
        login = base64.b64encode(f"{self.role}:{self.password or self.role}".encode())
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": [(b"authorization", b"Basic " + login)],
            "client": ("127.0.0.1", 1),
        }
        await self.app(scope, self._receive, self._send)
        return self.headers.get("x-clickhouse-exception-code", "0")

    async def _receive(self) -> Mapping[str, object]:
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.received += len(message["body"])
        if message.get("more_body"):
            await self.takes.wait()


@pytest.fixture
def engine(tmp_path: Path) -> WaitingEngine:
    (tmp_path / "incoming").mkdir()
    return WaitingEngine(tmp_path / "incoming")


@pytest.fixture
def app(engine: WaitingEngine, tmp_path: Path) -> Any:
    clock = SystemClock()
    roles = ("statistician", "auditor", "operator")
    accounts = read_accounts(write_accounts(tmp_path, {role: role for role in roles}))
    audit = AuditLog(tmp_path / "audit", clock)
    return make_app(cast(Engine, engine), accounts, LIMITS, audit, Quotas(clock))


def audited(tmp_path: Path) -> list[tuple[str, str, int]]:
    (file,) = (tmp_path / "audit").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [(line["user"], line["query"], line["code"]) for line in lines]


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 60)


def test_a_reader_sends_no_data_and_fills_no_disk(
    engine: WaitingEngine, app: Any, tmp_path: Path
) -> None:
    async def ask() -> list[str]:
        rows = b"INSERT INTO pub.t FORMAT CSV\n" + b"1\n" * 400
        return [
            await Request(app, rows).run(),
            await Request(app, rows * 2).run(),
            await Request(app, b"SELECT " + b" " * 1000 + b"1").run(),
        ]

    engine.let.set()
    assert asyncio.run(ask()) == ["164", "290", "290"]
    assert engine.ran == []
    assert list(engine.incoming.iterdir()) == []
    assert audited(tmp_path)[0] == ("statistician", "INSERT INTO pub.t", 164)


def test_an_account_has_a_bounded_number_of_requests_and_leaves_room_for_others(
    engine: WaitingEngine, app: Any
) -> None:
    async def ask() -> tuple[str, list[str]]:
        requests = [
            Request(app, b"SELECT 1"),
            Request(app, b"SELECT 2"),
            Request(app, b"SELECT 3", role="auditor"),
        ]
        for request in requests:
            request.takes.set()
        tasks = [asyncio.create_task(request.run()) for request in requests]
        await until(engine.running)
        refused = await Request(app, b"SELECT 4").run()
        engine.answer = b"1"
        engine.let.set()
        return refused, [await task for task in tasks]

    assert asyncio.run(ask()) == ("202", ["0", "0", "0"])
    assert sorted(engine.ran) == ["SELECT 1", "SELECT 2", "SELECT 3"]


def test_answers_that_nobody_takes_are_bounded(engine: WaitingEngine, app: Any) -> None:
    async def ask() -> tuple[str, str, str, int]:
        engine.let.set()
        slow = Request(app, b"SELECT 1")
        task = asyncio.create_task(slow.run())
        while not slow.received:
            await asyncio.sleep(0.01)
        refused = await Request(app, b"SELECT 2").run()
        other = Request(app, b"SELECT 3", role="auditor")
        other.takes.set()
        others = await other.run()
        slow.takes.set()
        assert await task == "0"
        again = Request(app, b"SELECT 4")
        again.takes.set()
        return refused, others, await again.run(), slow.received

    assert asyncio.run(ask()) == ("241", "0", "0", len(ANSWER))


def test_who_leaves_the_queue_is_logged_as_that(
    engine: WaitingEngine, app: Any, tmp_path: Path
) -> None:
    async def ask() -> int:
        first = Request(app, b"SELECT 1")
        first.takes.set()
        running = asyncio.create_task(first.run())
        await until(engine.running)
        leaving = Request(app, b"SELECT held FROM raw.t", role="auditor")
        waiting = asyncio.create_task(leaving.run())
        leaving.left.set()
        assert await waiting == "735"
        engine.let.set()
        await running
        return leaving.status

    assert asyncio.run(ask()) == 499
    assert audited(tmp_path)[0] == ("auditor", "SELECT held FROM raw.t", 735)
    assert engine.ran == ["SELECT 1"]


def test_a_statement_whose_client_left_is_not_run(
    engine: WaitingEngine, app: Any, tmp_path: Path
) -> None:
    async def ask() -> str:
        leaving = Request(app, b"SELECT 1")
        running = asyncio.create_task(leaving.run())
        await until(engine.running)
        leaving.left.set()
        await until(engine.cancelled)
        engine.let.set()
        return await running

    assert asyncio.run(ask()) == "735"
    assert audited(tmp_path) == [("statistician", "SELECT 1", 735)]
    assert engine.ran == []


def test_what_is_refused_before_it_runs_is_in_the_log(
    engine: WaitingEngine, app: Any, tmp_path: Path
) -> None:
    asked = [
        ("auditor", "SELECT file('/etc/passwd')", 497),
        ("auditor", "KILL QUERY WHERE 1", 497),
        ("auditor", "SELECT held FROM raw.t WHERE a = 'open", 62),
        ("operator", "INSERT INTO raw.t FORMAT CSV", 62),
    ]

    async def ask() -> None:
        for role, text, code in asked:
            body = f"{text} ;a-row-of-data" if text.startswith("INSERT") else text
            assert await Request(app, body.encode(), role=role).run() == str(code)

    asyncio.run(ask())
    assert audited(tmp_path) == asked
    assert engine.ran == []


def test_a_failed_login_leaves_a_short_line(app: Any, tmp_path: Path) -> None:
    request = Request(app, b"SELECT 1", role="n" * 40_000, password="guessed")
    assert asyncio.run(request.run()) == "516"
    assert audited(tmp_path) == [("n" * 128, "", 516)]


def test_a_disk_that_takes_no_body_is_told_and_logged(
    engine: WaitingEngine, app: Any, tmp_path: Path
) -> None:
    engine.incoming.rmdir()
    request = Request(app, b"INSERT INTO t FORMAT CSV\n" + b"1\n" * 3_000_000, role="operator")
    assert asyncio.run(request.run()) == "1001"
    assert audited(tmp_path) == [("operator", "", 1001)]


def test_a_full_disk_has_clickhouse_s_code() -> None:
    refusal = ClickHouseError.from_failure(OSError(errno.ENOSPC, "No space left on device"))
    assert refusal.code == 243
    assert "disk can't take the request (No space left on device)" in refusal.text
