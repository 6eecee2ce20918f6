"""Reading topics from their start to where they end now, committed records only.

For commands that answer a question and end; nothing is committed and no group is joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, PermanentError, RetryableError

__all__ = ["read_one", "read_to_end"]

_TIMEOUT_S = 30.0
_BATCH = 1000
_MISSING = frozenset({"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"})


def read_to_end(
    kafka: KafkaConnection, topics: Sequence[str], clock: Clock | None = None
) -> Iterator[Message]:
    """Every committed record that is there when this begins, partition by partition in order.

    Raises:
        ConfigurationError: a topic is not there.
        RetryableError: the broker says nothing for 30 s.
    """
    clock = clock or SystemClock()
    consumer = _consumer(kafka)
    try:
        left = dict(_ends(consumer, topics))
        left = {place: end for place, end in left.items() if end[0] < end[1]}
        consumer.assign([TopicPartition(*place, low) for place, (low, _end) in left.items()])
        patience = Deadline.after(clock, _TIMEOUT_S)
        while left:
            for message in consumer.consume(_BATCH, 0.5):
                patience = Deadline.after(clock, _TIMEOUT_S)
                place = (str(message.topic()), int(message.partition() or 0))
                error = message.error()
                if error is not None:
                    if error.name() != "_PARTITION_EOF":
                        raise KafkaException(error)
                    # A last offset may be a transaction's mark: the end says that it is reached.
                    left.pop(place, None)
                    continue
                if place not in left:
                    continue
                offset = int(message.offset() or 0)
                if offset < left[place][1]:
                    yield message
                if offset + 1 >= left[place][1]:
                    left.pop(place)
            if patience.expired():
                raise RetryableError(
                    f"the broker {kafka.bootstrap_servers} sent nothing of "
                    f"{', '.join(sorted({topic for topic, _ in left}))} for {_TIMEOUT_S:g} s: "
                    "an open transaction may hold readers up; try again"
                )
    finally:
        consumer.close()


def read_one(kafka: KafkaConnection, topic: str, partition: int, offset: int) -> Message:
    """The record at one place.

    Raises:
        PermanentError: there is none.
    """
    consumer = _consumer(kafka)
    try:
        ends = dict(_ends(consumer, [topic]))
        low, end = ends.get((topic, partition), (0, 0))
        if low <= offset < end:
            consumer.assign([TopicPartition(topic, partition, offset)])
            for message in consumer.consume(1, _TIMEOUT_S):
                if message.error() is None and message.offset() == offset:
                    return message
    finally:
        consumer.close()
    raise PermanentError(
        f"there is no record at {topic}/{partition}/{offset}: list those there are",
        code="no-record",
    )


def _consumer(kafka: KafkaConnection) -> Consumer:
    return Consumer(
        kafka.consumer_config(
            "liaison-operator", enable_partition_eof=True, fetch_message_max_bytes=9_000_000
        )
    )


def _ends(
    consumer: Consumer, topics: Sequence[str]
) -> Iterator[tuple[tuple[str, int], tuple[int, int]]]:
    for topic in topics:
        metadata = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        if metadata.error is not None:
            if metadata.error.name() in _MISSING:
                raise ConfigurationError(
                    f"there is no topic {topic}: run `liaison provision`", code="no-topic"
                )
            raise KafkaException(metadata.error)
        for partition in metadata.partitions:
            at = TopicPartition(topic, partition)
            low, end = consumer.get_watermark_offsets(at, timeout=_TIMEOUT_S)
            yield (topic, partition), (low, end)
