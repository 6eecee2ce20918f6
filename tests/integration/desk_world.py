"""The topics that a desk's tests read, under a prefix of their own, and what they ask of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.connections import KafkaConnection, RegistryConnection
from schemas.errors import ConfigurationError
from schemas.models import Report
from schemas.registry import SchemaIds
from schemas.topics import STRIKES, bureau_topic, desk_topic
from sinks.desk import Delivered, Item, Subscriber
from sinks.desk.places import topic_ids
from tests.conftest import Stack
from tests.desk_records import Record, delivered, strike_record

__all__ = ["CATEGORIES", "REGION", "World", "desk_world", "drain", "event_ids", "wait_for"]

PATIENCE_S = 40.0
REGION = "europe"
CATEGORIES = ("cybercrime", "terrorism")


@dataclass
class World:
    """Topics of one test under a prefix of their own."""

    kafka: KafkaConnection
    registry: RegistryConnection
    ids: SchemaIds
    prefix: str
    store: Path

    def __post_init__(self) -> None:
        self.admin = AdminClient(self.kafka.client_config())
        self.producer = Producer(self.kafka.producer_config(transactional_id=self.prefix))
        self.producer.init_transactions(20)

    def topic(self, category: str) -> str:
        return self.prefix + desk_topic(REGION, category)

    def create(self, *topics: str) -> None:
        wanted = [NewTopic(topic, 1, 1) for topic in topics]
        for answer in self.admin.create_topics(wanted).values():
            answer.result(20)
        # The broker that answers may not have heard of it yet.
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                topic_ids(self.kafka, topics)
                return
            except ConfigurationError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def delete(self, *topics: str) -> None:
        for answer in self.admin.delete_topics(list(topics)).values():
            answer.result(20)

    def write(self, *records: tuple[str, bytes | None, bytes | None], abort: bool = False) -> None:
        """Topic, key and value of records, in one transaction."""
        self.producer.begin_transaction()
        for topic, key, value in records:
            self.producer.produce(topic, value, key, headers=[("traceparent", b"00-1")])
        self.producer.flush(20)
        if abort:
            self.producer.abort_transaction(20)
        else:
            self.producer.commit_transaction(20)

    def send(self, *categories: str, bureau: str = "FR", **given: Any) -> Record:
        """One event to the desk topics of its categories."""
        record = delivered(
            self.ids,
            Report(subtype="analytical-report", title="Lagebild"),
            categories=list(categories),
            bureau=bureau,
            **given,
        )
        self.write(*((self.topic(c), record.key, record.value) for c in categories))
        return record

    def strike(self, bureau: str, event_id: str, *, chain: bool) -> None:
        self.write((self.prefix + STRIKES, *strike_record(self.ids, bureau, event_id, chain=chain)))

    def subscriber(self, *categories: str, store: Path | None = None, **options: Any) -> Subscriber:
        return Subscriber(
            REGION,
            categories or CATEGORIES,
            kafka=self.kafka,
            schema_ids=self.ids,
            registry=self.registry,
            prefix=self.prefix,
            store=store or self.store,
            **options,
        )

    def keep_from(self, category: str, offset: int) -> None:
        """What retention does."""
        self.cut(self.topic(category), offset)

    def cut(self, topic: str, offset: int) -> None:
        place = TopicPartition(topic, 0, offset)
        for answer in self.admin.delete_records([place]).values():
            answer.result(20)


@contextmanager
def desk_world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    """The topics are there until the end of the block."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    world = World(stack.kafka, stack.registry, stack.ids, prefix, tmp_path / "desk.sqlite")
    topics = [world.topic(c) for c in CATEGORIES]
    topics += [world.prefix + bureau_topic("DE"), world.prefix + STRIKES]
    world.create(*topics)
    yield world
    world.delete(*topics)


def drain(subscriber: Subscriber) -> list[Item]:
    """Everything up to the end of all topics."""
    items: list[Item] = []
    deadline = time.monotonic() + PATIENCE_S
    while True:
        new = subscriber.poll(0.3)
        items += new
        if not new and subscriber.caught_up:
            return items
        assert time.monotonic() < deadline, f"no end after {len(items)} items"


def wait_for(subscriber: Subscriber, wanted: Callable[[Item], bool]) -> list[Item]:
    """Poll until such an item comes."""
    items: list[Item] = []
    deadline = time.monotonic() + PATIENCE_S
    while not any(map(wanted, items)):
        assert time.monotonic() < deadline, f"did not come; came: {items}"
        items += subscriber.poll(0.3)
    return items


def event_ids(items: list[Item]) -> list[str]:
    return [item.event_id for item in items if isinstance(item, Delivered)]
