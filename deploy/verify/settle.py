"""Waiting until what was handed over has come to its end: ClickHouse.

`unsettled` waits until nothing at all is under way; `not_landed` until everything that was recorded
before it was asked is in, whatever goes on coming meanwhile: first the routers have read what the
source topics held then, next the cutter has read what the facts hold by now, last the loader has
loaded what the blocks hold by now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

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
from stream_apps.engine import Partition, end_offsets, read_from
from stream_apps.router.worker import router_group

__all__ = ["not_landed", "unsettled"]

_TIMEOUT_S = 30


def unsettled(
    kafka: KafkaConnection, client: Client, clock: Clock, *, timeout_s: float, poll_s: float = 0.5
) -> str | None:
    """Wait until nothing is under way; None then, else what still was when the time was up."""
    deadline = Deadline.after(clock, timeout_s)
    steps = list(_steps(kafka, client))
    while True:
        waiting = next((step.waiting for step in steps if step.has_unread(kafka, clock)), None)
        if waiting is None or deadline.expired():
            return waiting
        clock.sleep(poll_s)


def not_landed(
    kafka: KafkaConnection, client: Client, clock: Clock, *, timeout_s: float, poll_s: float = 0.5
) -> str | None:
    """Wait until all that was recorded by now is in; None then, else what was behind at the end."""
    deadline = Deadline.after(clock, timeout_s)
    for step in _steps(kafka, client):
        ends = end_offsets(kafka, step.partitions, clock)
        while step.has_unread(kafka, clock, ends):
            if deadline.expired():
                return step.waiting
            clock.sleep(poll_s)
    return None


@dataclass(frozen=True, slots=True)
class _Step:
    """One stage of the way."""

    waiting: str
    """What is said while it isn't through."""
    partitions: list[Partition]
    positions: Callable[[], Mapping[Partition, int]]
    """How far it has read each."""

    def has_unread(
        self, kafka: KafkaConnection, clock: Clock, ends: Mapping[Partition, int] | None = None
    ) -> bool:
        """Whether records are there that it has not read, of those before `ends` if given."""
        starts = dict(self.positions())
        if ends is None:
            return any(True for _ in read_from(kafka, starts, clock, timeout_s=_TIMEOUT_S))
        starts = {p: start for p, start in starts.items() if start < ends[p]}
        return any(
            record.offset < ends[Partition(record.topic, record.partition)]
            for record in read_from(kafka, starts, clock, timeout_s=_TIMEOUT_S)
        )  # what is left may be marks of transactions only


def _steps(kafka: KafkaConnection, client: Client) -> Iterator[_Step]:
    for lane in LANES:
        sources = [
            Partition(source_topic(region, lane), number)
            for region in SOURCE_REGIONS
            for number in range(SOURCE_PARTITIONS)
        ]
        group = router_group(lane)
        told = f"the {lane} router has not read all source records"
        yield _Step(told, sources, _committed(kafka, group, sources))
    facts = [Partition(FACTS, number) for number in range(len(SOURCE_REGIONS))]
    told = "the cutter has not cut all mini-blocks"
    yield _Step(told, facts, _committed(kafka, CUTTER_GROUP, facts))
    blocks = [Partition(FACT_BLOCKS, number) for number in range(BLOCK_PARTITIONS)]

    def loaded() -> Mapping[Partition, int]:
        topic_id = topic_ids(kafka, [FACT_BLOCKS])[FACT_BLOCKS]
        rows = client.query(marks_sql(topic_id)).result_rows
        marks = {int(partition): int(offset) for partition, offset in rows}
        return {block: marks.get(block.partition, -1) + 1 for block in blocks}

    yield _Step("the loader has not loaded all blocks", blocks, loaded)


def _committed(
    kafka: KafkaConnection, group: str, partitions: list[Partition]
) -> Callable[[], Mapping[Partition, int]]:
    def positions() -> Mapping[Partition, int]:
        consumer = Consumer(kafka.consumer_config(group))
        try:
            found = consumer.committed([TopicPartition(*p) for p in partitions], timeout=_TIMEOUT_S)
        finally:
            consumer.close()
        return {Partition(str(at.topic), at.partition): max(0, at.offset) for at in found}

    return positions
