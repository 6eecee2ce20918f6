"""Where a worker's group begins: earliest offsets, given only where the group has none.

Invariants: a position that is there is never moved, so a running worker is never disturbed; a
server that is still starting (no coordinator, no leader yet) is asked again until a deadline.

Asked with a consumer of the group, not with AdminClient.list_consumer_group_offsets: when a
coordinator moves or is still loading, that ends the whole process (librdkafka looks for the
group's handle, which an admin client has none of; seen with 2.16.1 on a broker just started).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, RetryableError
from schemas.topics import Topic

__all__ = ["set_first_positions"]

_TIMEOUT_S = 60.0
_ATTEMPT_S = 5.0
_PAUSE_S = 0.1
_NO_POSITION = -1001
_IN_USE = frozenset(
    {"UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS", "FENCED_INSTANCE_ID"}
)
_FORBIDDEN = frozenset({"GROUP_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED"})
_Answer = TypeVar("_Answer")


def set_first_positions(
    kafka: KafkaConnection, group: str, topics: Sequence[Topic], clock: Clock | None = None
) -> int:
    """Give the group earliest offsets where it has no position; how many it was given.

    Raises:
        RetryableError: the broker does not answer in time, or the group is active (`group-active`).
        ConfigurationError: the group or a topic is forbidden to this user.
    """
    return _Positions(kafka, group, clock or SystemClock()).set_first(topics)


class _Positions:
    def __init__(self, kafka: KafkaConnection, group: str, clock: Clock) -> None:
        self._kafka = kafka
        self._group = group
        self._clock = clock

    def set_first(self, topics: Sequence[Topic]) -> int:
        wanted = [
            TopicPartition(topic.name, number)
            for topic in topics
            for number in range(topic.partitions)
        ]
        deadline = Deadline.after(self._clock, _TIMEOUT_S)
        consumer = Consumer(self._kafka.consumer_config(self._group))
        try:
            committed = self._asked(
                "reading its positions",
                deadline,
                lambda: _whole(consumer.committed(wanted, timeout=_ATTEMPT_S)),
            )
            missing = [at for at in committed if at.offset == _NO_POSITION]
            first = [self._start(consumer, at, deadline) for at in missing]
            if first:
                self._asked(
                    "setting its first positions",
                    deadline,
                    lambda: _whole(consumer.commit(offsets=first, asynchronous=False)),
                )
        finally:
            consumer.close()
        return len(first)

    def _start(self, consumer: Consumer, at: TopicPartition, deadline: Deadline) -> TopicPartition:
        low, _high = self._asked(
            f"reading the start of {at.topic}/{at.partition}",
            deadline,
            lambda: consumer.get_watermark_offsets(at, timeout=_ATTEMPT_S),
        )
        return TopicPartition(at.topic, at.partition, low)

    def _asked(self, doing: str, deadline: Deadline, ask: Callable[[], _Answer]) -> _Answer:
        while True:
            try:
                return ask()
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                told = (
                    f"group {self._group} at {self._kafka.bootstrap_servers}: {doing} failed "
                    f"({cause.str()})"
                )
                if cause.name() in _FORBIDDEN:
                    raise ConfigurationError(
                        f"{told}: grant this user the group and its topics", code="forbidden"
                    ) from error
                if cause.name() in _IN_USE:
                    raise RetryableError(
                        f"{told}: its workers are running; stop them, provision, start them again",
                        code="group-active",
                    ) from error
                if deadline.expired():
                    raise RetryableError(f"{told}: is the broker up? Try again") from error
                self._clock.sleep(_PAUSE_S)


def _whole(answer: list[TopicPartition] | None) -> list[TopicPartition]:
    """The answer, if no partition in it failed."""
    for at in answer or ():
        if at.error is not None:
            raise KafkaException(at.error)
    return answer or []
