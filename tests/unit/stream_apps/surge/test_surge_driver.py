"""The consumer's own calls, on aiokafka's real bookkeeping of partitions, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import IllegalStateError
from faust.types import TP

from schemas.connections import KafkaConnection
from stream_apps.surge.driver import CommittedConsumer
from stream_apps.surge.run import build_app

KEPT, LOST = TP("facts", 0), TP("facts", 1)


@asynccontextmanager
async def consuming(data_dir: Path, *partitions: TP) -> AsyncIterator[CommittedConsumer]:
    """A consumer to which these partitions are assigned; nothing is fetched."""
    app = build_app(KafkaConnection("127.0.0.1:1"), data_dir, "app", 4.0)
    consumer: Any = app.consumer
    assert isinstance(consumer, CommittedConsumer)
    thread: Any = consumer._thread
    worker = thread._create_worker_consumer(app.transport)
    fetcher = Fetcher(worker._client, worker._subscription)
    worker._fetcher = fetcher
    thread._consumer = worker
    if partitions:
        worker._subscription.assign_from_user(set(partitions))
    try:
        yield consumer
    finally:
        await fetcher.close()
        await worker._client.close()
        worker._closed = True
        thread.thread_loop.close()


def run(data_dir: Path, check: Callable[[Any], Awaitable[None]], *partitions: TP) -> None:
    async def checked() -> None:
        async with consuming(data_dir, *partitions) as consumer:
            await check(consumer)

    asyncio.run(checked())


@pytest.mark.parametrize("left", [(KEPT,), ()], ids=["one is left", "none is left"])
def test_a_partition_that_was_just_lost_is_neither_sought_nor_asked_for_its_end(
    tmp_path: Path, left: tuple[TP, ...]
) -> None:
    async def check(consumer: Any) -> None:
        await consumer._thread.seek_here(LOST, 5)
        assert consumer.highwater(LOST) is None

    run(tmp_path, check, *left)


def test_one_that_is_assigned_is_sought_and_a_bad_place_is_an_error(tmp_path: Path) -> None:
    async def check(consumer: Any) -> None:
        await consumer._thread.seek_here(KEPT, 5)
        worker = consumer._thread._consumer
        assert await worker.position(KEPT) == 5
        state = worker._subscription.subscription.assignment.state_value(KEPT)
        state.highwater = 7
        assert consumer.highwater(KEPT) == 7
        with pytest.raises(ValueError, match="positive"):
            await consumer._thread.seek_here(KEPT, -1)

    run(tmp_path, check, KEPT)


def test_an_illegal_state_of_a_partition_that_is_assigned_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(consumer: Any) -> None:
        def refuse(_tp: TP, _offset: int) -> None:
            raise IllegalStateError("not now")

        monkeypatch.setattr(consumer._thread._consumer, "seek", refuse)
        with pytest.raises(IllegalStateError):
            await consumer._thread.seek_here(KEPT, 5)

    run(tmp_path, check, KEPT)
