"""What stands in a topic, for tests of the bureau's side: origins, keys and values in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from typing import Any, NamedTuple
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.connections import KafkaConnection
from schemas.headers import ORIGIN_HEADER, Origin, header, headers_of
from schemas.topics import SOURCE_PARTITIONS, partition_of

__all__ = ["SourceRecord", "in_order", "make_topic", "read_topic"]


class SourceRecord(NamedTuple):
    origin: Origin
    partition: int
    key: bytes
    value: bytes


def make_topic(kafka: KafkaConnection, **config: str) -> str:
    """A new topic with a source topic's partitions."""
    topic = f"test.publisher.{uuid4().hex[:8]}"
    admin: Any = AdminClient(kafka.client_config())
    created = admin.create_topics([NewTopic(topic, SOURCE_PARTITIONS, config=config)])
    created[topic].result()
    return topic


def read_topic(kafka: KafkaConnection, topic: str) -> list[SourceRecord]:
    """All records that a topic holds now, each partition in its order."""
    records: list[SourceRecord] = []
    consumer = Consumer(kafka.consumer_config("test-publisher", enable_partition_eof=True))
    with closing(consumer):
        partitions = range(SOURCE_PARTITIONS)
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        unread = set(partitions)
        while unread:
            for found in consumer.consume(5000, 1.0):
                error = found.error()
                if error is None:
                    records.append(_record(found))
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    unread.discard(found.partition())
    return records


def _record(found: Any) -> SourceRecord:
    origin = Origin.unpack(header(headers_of(found), ORIGIN_HEADER) or b"")
    return SourceRecord(origin, found.partition(), found.key(), found.value())


def in_order(records: Sequence[SourceRecord]) -> dict[tuple[str, str, str, int], int]:
    """Check each account, repeats set aside: 1, 2, 3 … in order, the same number always the same
    bytes, key and partition by the bureau. Returns how many numbers each account has.
    """
    accounts: dict[tuple[str, str, str, int], dict[int, SourceRecord]] = defaultdict(dict)
    for record in records:
        origin = record.origin
        account = accounts[origin.bureau, origin.system, origin.lane, origin.epoch]
        first = account.setdefault(origin.sequence, record)
        assert first == record
        assert record.key == origin.bureau.encode()
        assert record.partition == partition_of(origin.bureau)
    for name, numbers in accounts.items():
        assert list(numbers) == list(range(1, len(numbers) + 1)), name
    return {name: len(numbers) for name, numbers in accounts.items()}
