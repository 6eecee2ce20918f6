"""Reading a processor's state back on assignment.

Order matters: committed input offsets first (they wait for open transactions), then the state
topic's end offset *uncommitted*, then its records *committed* until past that end. Else the open
transaction of a zombie could hide a later state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.errors import PermanentError, RetryableError
from stream_apps.engine.errors import classify
from stream_apps.engine.records import Consumed, Partition, StateSource, consumed

__all__ = ["read_state"]

_BATCH = 1000


def read_state(
    kafka: KafkaConnection, sources: Sequence[StateSource], clock: Clock, *, timeout_s: float
) -> Iterator[Consumed]:
    """Committed records of state partitions, past their present end.

    Raises:
        RetryableError: not done within `timeout_s`.
    """
    deadline = Deadline.after(clock, timeout_s)
    starts: list[TopicPartition] = []
    open_ends: dict[Partition, int] = {}
    for source, (begin, end) in _marks(kafka, sources):
        if source.last_offsets is not None:
            begin = max(begin, end - source.last_offsets)
        if end > begin:
            open_ends[source.partition] = end
            starts.append(TopicPartition(*source.partition, begin))
    if not starts:
        return
    consumer = Consumer(
        kafka.consumer_config("liaison-restore", enable_partition_eof=True, fetch_wait_max_ms=10)
    )
    try:
        consumer.assign(starts)
        while open_ends:
            if deadline.expired():
                raise RetryableError(
                    f"the state of {sorted(open_ends)} was not read within {timeout_s:g} s: "
                    "is a transaction hanging?"
                )
            for message in consumer.consume(_BATCH, 0.2):
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                    raise classify(KafkaException(error), f"reading state of {message.topic()}")
                record = consumed(message)
                reached = record.offset
                if error is None:
                    yield record
                    reached += 1
                where = Partition(record.topic, record.partition)
                if reached >= open_ends.get(where, 0):
                    open_ends.pop(where, None)
    finally:
        consumer.close()


def _marks(
    kafka: KafkaConnection, sources: Sequence[StateSource]
) -> list[tuple[StateSource, tuple[int, int]]]:
    """First and uncommitted end offset of each."""
    config = kafka.consumer_config("liaison-restore")
    config["isolation.level"] = "read_uncommitted"
    consumer = Consumer(config)
    try:
        found: list[tuple[StateSource, tuple[int, int]]] = []
        for source in sources:
            partition = source.partition
            try:
                marks = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=15)
            except KafkaException as error:
                raise classify(error, f"asking for the end of {partition}") from error
            if marks is None:
                raise PermanentError(f"{partition.topic} does not exist: run `liaison provision`")
            found.append((source, marks))
        return found
    finally:
        consumer.close()
