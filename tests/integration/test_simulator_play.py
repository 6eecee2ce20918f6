"""A simulation played into a real broker: what lies there is what `play` says it did.

The router's pure part then reads those records: nothing but what is faulty on purpose is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.embedded import EmbeddedStack
from producers import Outbox, Publisher, Sender
from producers.simulator import Mix, Played, Simulator, operation_reports, play
from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from schemas.headers import ORIGIN_HEADER, header, read_refusal
from schemas.reference import Reference
from schemas.topics import SOURCE_PARTITIONS, SOURCE_REGIONS, source_topic
from stream_apps.engine.records import Consumed
from stream_apps.router.driver import RouterDriver
from tests.unit.producers.bureau_side import publisher

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

REFERENCE = Reference.load()
START = datetime(2026, 3, 2, tzinfo=UTC)
LANES = ("message", "search")
TOPICS = {source_topic(region, lane): lane for region in SOURCE_REGIONS for lane in LANES}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaConnection]:
    with EmbeddedStack(tmp_path_factory.mktemp("play")) as stack:
        connection = stack.addresses.kafka
        admin = AdminClient(connection.client_config())
        made = admin.create_topics(
            [
                NewTopic(
                    topic,
                    num_partitions=SOURCE_PARTITIONS,
                    config={"message.timestamp.type": "LogAppendTime"},
                )
                for topic in TOPICS
            ]
        )
        for future in made.values():
            future.result()
        yield connection


@pytest.fixture(scope="module")
def played(kafka: KafkaConnection, tmp_path_factory: pytest.TempPathFactory) -> Played:
    clock = SystemClock()
    path: Path = tmp_path_factory.mktemp("outbox") / "simulator.outbox"
    simulator = Simulator(REFERENCE, 5, START, Mix.of("messages", 2500, searches=5000))
    told: list[int] = []
    with Outbox(path, clock) as outbox, Sender(outbox, kafka, clock) as sender:

        def publisher_of(bureau: str, system: str) -> Publisher:
            return publisher(outbox, bureau=bureau, system=system, clock=clock)

        done = play(
            chain(operation_reports(REFERENCE), simulator),
            outbox,
            sender,
            kafka,
            publisher=publisher_of,
            reference=REFERENCE,
            clock=clock,
            batch_events=700,
            progress=lambda so_far: told.append(so_far.events),
        )
        counts = {(c.bureau, c.system, c.lane): c.last_sequence for c in outbox.sent_counts()}
        assert counts == dict(done.handed_over)
        assert outbox.pending() == 0
    assert told == sorted(told)
    assert told[-1] == done.events == 2500 + 5000 + 27 + 34
    return done


def _consumed(message: Message) -> Consumed:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    key, value = message.key(), message.value()
    return Consumed(topic, partition, offset, message.timestamp()[1], key, value, headers)


@pytest.fixture(scope="module")
def records(kafka: KafkaConnection, played: Played) -> list[Consumed]:
    consumer = Consumer(kafka.consumer_config("test-simulator-play", enable_partition_eof=True))
    places = [TopicPartition(topic, p, 0) for topic in TOPICS for p in range(SOURCE_PARTITIONS)]
    consumer.assign(places)
    found: list[Consumed] = []
    ended = 0
    while ended < len(places):
        for message in consumer.consume(1000, 1.0):
            if message.error():
                ended += 1
                continue
            found.append(_consumed(message))
    consumer.close()
    return found


def test_every_record_that_was_played_lies_in_its_topic_once(
    played: Played, records: list[Consumed]
) -> None:
    assert len(records) == played.records
    lanes = Counter(TOPICS[record.topic] for record in records)
    for lane in LANES:
        events = sum(n for (*_, found), n in played.handed_over.items() if found == lane)
        faults = played.repeats + played.unparsable
        assert lanes[lane] == events + sum(n for (_, found), n in faults.items() if found == lane)


def test_a_repeat_is_the_same_record_and_comes_after_its_original(
    played: Played, records: list[Consumed]
) -> None:
    seen: dict[bytes, Consumed] = {}
    repeats = 0
    for record in records:
        origin = header(record.headers, ORIGIN_HEADER)
        if origin is None or not origin.startswith(b"1;" + (record.key or b"") + b";"):
            continue
        earlier = seen.setdefault(origin, record)
        if earlier is not record:
            repeats += 1
            assert earlier.value == record.value
            assert (earlier.topic, earlier.partition) == (record.topic, record.partition)
            assert earlier.offset < record.offset
    assert repeats == played.repeats.total() > 200


def test_the_router_refuses_what_is_faulty_on_purpose_and_nothing_else(
    played: Played, records: list[Consumed]
) -> None:
    codes: Counter[str] = Counter()
    for lane in LANES:
        driver = RouterDriver(lane)
        by_place: dict[tuple[str, int], list[Consumed]] = {}
        for record in records:
            if TOPICS[record.topic] == lane:
                by_place.setdefault((record.topic, record.partition), []).append(record)
        for found in by_place.values():
            for topic, produced in driver.feed(*found).items():
                if topic.startswith("dlq."):
                    codes.update(read_refusal(record.headers).code for record in produced)
    assert codes["undecodable"] == played.unparsable.total()
    assert 5 < codes["no-reader"] < 60
    assert set(codes) == {"undecodable", "no-reader"}
