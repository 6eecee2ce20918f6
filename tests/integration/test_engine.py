"""The exactly-once loop on a real broker, with its workers killed at random instants."""

import random
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from stream_apps.engine import read_topics
from tests.conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

PARTITIONS = 4
KEYS = 50
RECORDS = 20_000


@pytest.fixture
def topics(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Source, output and state topic, and the group's first positions."""
    prefix = f"engine-{uuid.uuid4().hex[:8]}"
    names = (f"{prefix}-in", f"{prefix}-out", f"{prefix}-state")
    admin = AdminClient(stack.kafka.client_config())
    made = admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    for future in made.values():
        future.result()
    consumer = Consumer(stack.kafka.consumer_config(f"{names[0]}-group"))
    consumer.commit(
        offsets=[TopicPartition(names[0], n, 0) for n in range(PARTITIONS)], asynchronous=False
    )
    consumer.close()
    yield names
    for future in admin.delete_topics(list(names)).values():
        future.result()


class Worker:
    """A worker process that is killed and started again."""

    def __init__(self, kafka: KafkaConnection, topics: tuple[str, str, str], slot: str) -> None:
        self._argv = [
            sys.executable, "-m", "tests.integration.engine_worker",
            kafka.bootstrap_servers, *topics, slot,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._argv,
            cwd=Path(__file__).parent.parent.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def feed(kafka: KafkaConnection, topic: str) -> None:
    producer = Producer(kafka.producer_config())
    for number in range(RECORDS):
        producer.produce(topic, str(number).encode(), f"k{number % KEYS}".encode())
        if number % 500 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0


def test_kill_9_of_two_workers_again_and_again_loses_and_doubles_nothing(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    rng = random.Random(7)
    workers = [Worker(stack.kafka, topics, slot) for slot in "ab"]
    seen: dict[bytes, list[int]] = defaultdict(list)
    values: set[int] = set()
    with ExitStack() as undo:
        for worker in workers:
            worker.start()
            undo.callback(worker.kill)
        feed(stack.kafka, topics[0])
        for _ in range(6):
            time.sleep(rng.uniform(0.5, 2.5))
            victim = rng.choice(workers)
            victim.kill()
            victim.start()
        deadline = time.monotonic() + 90
        while len(values) < RECORDS and time.monotonic() < deadline:
            time.sleep(1)
            seen.clear()
            values.clear()
            for record in read_topics(stack.kafka, [topics[1]], SystemClock()):
                key, number, value = (record.value or b"").split()
                seen[key].append(int(number))
                values.add(int(value))
    assert values == set(range(RECORDS))
    assert sum(map(len, seen.values())) == RECORDS
    for numbers in seen.values():
        assert numbers == list(range(1, len(numbers) + 1))


def test_a_group_without_positions_is_told_what_to_do(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    import threading

    from stream_apps.engine import LoopSettings, TransactionalLoop
    from tests.integration.engine_worker import Numbering

    settings = LoopSettings(
        group_id=f"none-{uuid.uuid4().hex[:8]}",
        transactional_id=f"none-{uuid.uuid4().hex[:8]}",
        topics=(topics[0],),
    )
    loop = TransactionalLoop(stack.kafka, Numbering(topics[1], topics[2]), settings)
    with pytest.raises(ConfigurationError, match="liaison provision"):
        loop.run(threading.Event())
