"""Reading a processor's state back on assignment, and whole topics up to where they end.

Order matters: committed input offsets first (they wait for open transactions), then the state
topic's end offset *uncommitted*, then its records *committed* until past that end. Else the open
transaction of a zombie could hide a later state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.errors import PermanentError, RetryableError
from stream_apps.engine.errors import classify
from stream_apps.engine.records import Consumed, Partition, StateSource, consumed

__all__ = ["read_from", "read_state"]

_BATCH = 1000


def read_state(
    kafka: KafkaConnection, sources: Sequence[StateSource], clock: Clock, *, timeout_s: float
) -> Iterator[Consumed]:
    """Committed records of state partitions, past their present end.

    Raises:
        RetryableError: not done within `timeout_s`.
    """
    marks = _marks(kafka, [source.partition for source in sources])
    ranges: dict[Partition, tuple[int, int]] = {}
    for source in sources:
        begin, end = marks[source.partition]
        if source.last_offsets is not None:
            begin = max(begin, end - source.last_offsets)
        ranges[source.partition] = begin, end
    return _read(kafka, ranges, clock, timeout_s)


def read_from(
    kafka: KafkaConnection, starts: Mapping[Partition, int], clock: Clock, *, timeout_s: float
) -> Iterator[Consumed]:
    """Committed records from these offsets on, past the partitions' present end.

    Raises:
        RetryableError: not done within `timeout_s`.
    """
    marks = _marks(kafka, starts)
    ranges = {p: (max(start, marks[p][0]), marks[p][1]) for p, start in starts.items()}
    return _read(kafka, ranges, clock, timeout_s)


def _read(
    kafka: KafkaConnection,
    ranges: Mapping[Partition, tuple[int, int]],
    clock: Clock,
    timeout_s: float,
) -> Iterator[Consumed]:
    deadline = Deadline.after(clock, timeout_s)
    open_ends = {p: end for p, (begin, end) in ranges.items() if end > begin}
    if not open_ends:
        return
    consumer = Consumer(
        kafka.consumer_config("liaison-restore", enable_partition_eof=True, fetch_wait_max_ms=10)
    )
    try:
        consumer.assign([TopicPartition(*p, ranges[p][0]) for p in open_ends])
        while open_ends:
            if deadline.expired():
                raise RetryableError(
                    f"{sorted(open_ends)} could not be read to the end within {timeout_s:g} s: "
                    "is a transaction hanging?"
                )
            for message in consumer.consume(_BATCH, 0.2):
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                    raise classify(KafkaException(error), f"reading {message.topic()}")
                where = Partition(str(message.topic()), message.partition() or 0)
                reached = message.offset() or 0
                if error is None:
                    yield consumed(message)
                    reached += 1
                if reached >= open_ends.get(where, 0):
                    open_ends.pop(where, None)
    finally:
        consumer.close()


def _marks(
    kafka: KafkaConnection, partitions: Iterable[Partition]
) -> dict[Partition, tuple[int, int]]:
    """First and uncommitted end offset of each."""
    config = kafka.consumer_config("liaison-restore")
    config["isolation.level"] = "read_uncommitted"
    consumer = Consumer(config)
    try:
        found: dict[Partition, tuple[int, int]] = {}
        for partition in partitions:
            try:
                marks = consumer.get_watermark_offsets(TopicPartition(*partition), timeout=15)
            except KafkaException as error:
                raise classify(error, f"asking for the end of {partition}") from error
            if marks is None:
                raise PermanentError(f"{partition.topic} does not exist: run `liaison provision`")
            found[partition] = marks
        return found
    finally:
        consumer.close()
