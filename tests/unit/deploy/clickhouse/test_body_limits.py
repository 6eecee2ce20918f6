"""A body in blocks inside an HTTP encoding is bounded in each of its layers."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from deploy.clickhouse.accounts import Account, open_account
from deploy.clickhouse.audit import AuditLog
from deploy.clickhouse.blocks import pack_blocks
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.engine import Engine, Job, Result
from deploy.clickhouse.http import make_app
from deploy.clickhouse.quota import Quotas
from schemas.clock import SystemClock

LIMITS = ServiceLimits(max_decoded_bytes=100_000, max_block_bytes=50_000, max_query_bytes=1000)


class RecordingEngine:
    """Takes what would be inserted; an engine runs only if the whole body was read."""

    version = "1.2.3"
    formats = frozenset({"csv"})

    def __init__(self, incoming: Path) -> None:
        self.incoming = incoming
        self.inserted: list[bytes] = []

    def run(self, job: Job) -> Result:
        assert job.data_file is not None
        self.inserted.append(job.data_file.read_bytes())
        return Result(b"", 0, 0, 0, 0, 0, 0.0)


@pytest.fixture
def engine(tmp_path: Path) -> RecordingEngine:
    return RecordingEngine(tmp_path)


def make(engine: RecordingEngine, account: Account) -> Any:
    clock = SystemClock()
    audit = AuditLog(engine.incoming / "audit", clock)
    return make_app(cast(Engine, engine), (account,), LIMITS, audit, Quotas(clock))


def insert(engine: RecordingEngine, body: bytes, **headers: str) -> httpx.Response:
    return insert_into(make(engine, open_account()), body, **headers)


def insert_into(app: Any, body: bytes, **headers: str) -> httpx.Response:

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post(
                "/",
                params={"query": "INSERT INTO t FORMAT CSV", "decompress": "1"},
                content=body,
                headers=headers,
            )

    return asyncio.run(send())


def test_what_fits_arrives(engine: RecordingEngine) -> None:
    parts = [b"a" * 50_000, b"b" * 49_000]
    body = gzip.compress(b"".join(pack_blocks(part) for part in parts))
    assert insert(engine, body, **{"Content-Encoding": "gzip"}).is_success
    assert engine.inserted == [b"".join(parts)]


def test_blocks_that_unpack_to_too_much_are_refused(engine: RecordingEngine) -> None:
    answer = insert(engine, pack_blocks(b"a" * 40_000) * 3)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "290")
    assert engine.inserted == []


def test_a_block_over_its_own_bound_is_refused(engine: RecordingEngine) -> None:
    answer = insert(engine, pack_blocks(b"a" * 50_001))
    assert answer.headers["X-ClickHouse-Exception-Code"] == "39"
    assert engine.inserted == []


def test_an_encoding_that_grows_into_endless_blocks_is_refused(engine: RecordingEngine) -> None:
    tiny = pack_blocks(b"a")
    body = gzip.compress(tiny * (100_000 // len(tiny) + 1))
    assert len(body) < 1000
    answer = insert(engine, body, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "290")
    assert engine.inserted == []


def test_an_encoding_that_is_cut_within_the_blocks_is_named(engine: RecordingEngine) -> None:
    body = gzip.compress(pack_blocks(b"a" * 40_000))
    answer = insert(engine, body[:-4], **{"Content-Encoding": "gzip"})
    assert answer.headers["X-ClickHouse-Exception-Code"] == "117"
    assert "gzip" in answer.text


def test_what_is_over_the_quota_is_not_even_received(engine: RecordingEngine) -> None:
    account = open_account()
    limited = replace(account, role=replace(account.role, queries_per_hour=1))
    app = make(engine, limited)
    assert insert_into(app, pack_blocks(b"a")).is_success
    answer = insert_into(app, pack_blocks(b"b"))
    assert answer.headers["X-ClickHouse-Exception-Code"] == "201"
    assert "Quota for user default for 1h has been exceeded" in answer.text
    assert engine.inserted == [b"a"]
