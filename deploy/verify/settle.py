"""Waiting until everything handed over has come to its end: nothing unread anywhere on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, TopicPartition

from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.topics import (
    BLOCK_PARTITIONS,
    FACT_BLOCKS,
    FACTS,
    LANES,
    SOURCE_PARTITIONS,
    SOURCE_REGIONS,
    source_topic,
)
from sinks.clickhouse.statements import marks_sql
from sinks.desk.places import topic_ids
from stream_apps.cutter import CUTTER_GROUP
from stream_apps.engine import Partition, read_from
from stream_apps.router.worker import router_group

__all__ = ["unsettled"]


def unsettled(
    kafka: KafkaConnection, client: Client, clock: Clock, *, timeout_s: float, poll_s: float = 0.5
) -> str | None:
    """Wait until nothing is under way; None then, else what still was when the time was up."""
    deadline = Deadline.after(clock, timeout_s)
    while True:
        waiting = next(_under_way(kafka, client, clock), None)
        if waiting is None or deadline.expired():
            return waiting
        clock.sleep(poll_s)


def _under_way(kafka: KafkaConnection, client: Client, clock: Clock) -> Iterator[str]:
    for lane in LANES:
        topics = [
            Partition(source_topic(region, lane), number)
            for region in SOURCE_REGIONS
            for number in range(SOURCE_PARTITIONS)
        ]
        if _has_unread(kafka, router_group(lane), topics, clock):
            yield f"the {lane} router has not read all source records"
    facts = [Partition(FACTS, number) for number in range(len(SOURCE_REGIONS))]
    if _has_unread(kafka, CUTTER_GROUP, facts, clock):
        yield "the cutter has not cut all mini-blocks"
    topic_id = topic_ids(kafka, [FACT_BLOCKS])[FACT_BLOCKS]
    rows = client.query(marks_sql(topic_id)).result_rows
    marks = {int(partition): int(offset) for partition, offset in rows}
    starts = {Partition(FACT_BLOCKS, n): marks.get(n, -1) + 1 for n in range(BLOCK_PARTITIONS)}
    if _any(read_from(kafka, starts, clock, timeout_s=30)):
        yield "the loader has not loaded all blocks"


def _has_unread(
    kafka: KafkaConnection, group: str, partitions: list[Partition], clock: Clock
) -> bool:
    consumer = Consumer(kafka.consumer_config(group))
    try:
        committed = consumer.committed([TopicPartition(*p) for p in partitions], timeout=30)
    finally:
        consumer.close()
    starts = {
        Partition(str(found.topic), found.partition): max(0, found.offset) for found in committed
    }
    return _any(read_from(kafka, starts, clock, timeout_s=30))


def _any(records: Iterable[object]) -> bool:
    return bool(list(islice(records, 1)))
