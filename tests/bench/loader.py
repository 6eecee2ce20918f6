"""The loader, Kafka to ClickHouse over HTTP, against the engine inserting the same files itself."""

from __future__ import annotations

import re
import tempfile
import threading
import time
import uuid
from itertools import count
from pathlib import Path

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.topics import FACT_BLOCKS
from sinks.clickhouse import Loader, migrate
from sinks.clickhouse.checks import fact_columns
from sinks.clickhouse.statements import BlockPosition, insert_block_sql
from tests.bench.engine_statements import run_in_engine
from tests.bench.measure import Outcome, by_turns
from tests.bench.stack import BenchStack, open_stack
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.fact_blocks import make_block, make_fact

__all__ = ["loader"]

_BLOCKS = 10
_ROWS = 20_000
_BUREAUS = ("FR", "DE", "BR", "JP", "KE", "EG", "IN", "US")
_PLACE = BlockPosition("bench", 0, 1_000_000)
"""Above every mark."""
_INPUT = re.compile(r"FROM input\(('(?:[^'\\]|\\.)*')\)")
_KINDS = ("notice", "arrest", "seizure", "report")


def loader() -> Outcome:
    """Rows a second into raw.facts and every rollup behind it."""
    number = count()
    with open_stack() as stack, tempfile.TemporaryDirectory(prefix="liaison-engine-") as store:
        statement = _prepare(Path(store))
        blocks: list[bytes] = []

        def contender() -> float:
            blocks[:] = [_block(next(number)) for _ in range(_BLOCKS)]
            return _through_the_loader(stack, blocks)

        def baseline() -> float:
            return _in_the_engine(Path(store), statement, blocks)

        rate, plain = by_turns(contender, baseline)
    return Outcome(
        "loader", "rows/s", round(rate), "the engine inserting the same files", round(plain),
        round(rate / plain, 3), 0.5, {"blocks": _BLOCKS, "rows a block": _ROWS},
    )  # fmt: skip


def _block(number: int) -> bytes:
    return make_block(
        [
            make_fact(
                event_id=uuid.UUID(int=number << 64 | n),
                bureau=_BUREAUS[n % len(_BUREAUS)],
                kind=_KINDS[n % len(_KINDS)],
                source_offset=n,
            )
            for n in range(_ROWS)
        ]
    )


def _through_the_loader(stack: BenchStack, blocks: list[bytes]) -> float:
    client = stack.at.clickhouse_as("operator").client()
    before = _rows(client)
    producer = Producer(stack.at.kafka.producer_config())
    for block in blocks:
        producer.produce(FACT_BLOCKS, block, b"0", 0)
    producer.flush(60)
    stop = threading.Event()
    thread = threading.Thread(
        target=Loader(stack.at.kafka, stack.at.clickhouse_as("loader")).run, args=(stop,)
    )
    began = time.monotonic()
    thread.start()
    while _rows(client) < before + len(blocks) * _ROWS or not _is_marked(client, stack):
        time.sleep(0.01)
    seconds = time.monotonic() - began
    stop.set()
    thread.join()
    client.close()
    return len(blocks) * _ROWS / seconds


def _rows(client: Client) -> int:
    return int(client.query("SELECT count() FROM raw.facts").result_rows[0][0])


def _is_marked(client: Client, stack: BenchStack) -> bool:
    consumer = Consumer(stack.at.kafka.consumer_config("bench-end"))
    _, high = consumer.get_watermark_offsets(TopicPartition(FACT_BLOCKS, 0), timeout=30)
    consumer.close()
    ((mark,),) = client.query("SELECT max(block_offset) FROM raw.high_water").result_rows
    return int(mark) == high - 1


def _prepare(folder: Path) -> str:
    """A store with the same tables and views, and the statement that fills them."""
    service = ClickHouseProcess(folder).start()
    try:
        client = service.connection.client()
        migrate(client)
        columns = [pair for pair in fact_columns(client) if not pair[0].startswith("block_")]
        client.close()
    finally:
        service.stop()
    return insert_block_sql(_PLACE, columns).removesuffix("FORMAT Avro")


def _in_the_engine(folder: Path, statement: str, blocks: list[bytes]) -> float:
    """Each from a file, and under a token of its own."""
    found = _INPUT.search(statement)
    assert found is not None
    statements = []
    for number, block in enumerate(blocks):
        path = folder / f"{number}.avro"
        path.write_bytes(block)
        run = statement.replace(found[0], f"FROM file('{path}', 'Avro', {found[1]})")
        statements.append(run.replace(f"'{_PLACE.token}'", f"'{uuid.uuid4().hex}'"))
    return len(blocks) * _ROWS / sum(ran.seconds for ran in run_in_engine(folder, statements))
