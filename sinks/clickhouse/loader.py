"""fact-blocks into ClickHouse: each block exactly once, in order, whatever dies in between.

ClickHouse's own mark says where to go on; Kafka's committed offset is only for lag monitors. Two
loaders on one partition do no harm (tokens and marks), so partitions are assigned, not balanced.
A block that ClickHouse refuses for good goes to `dlq.blocks` with its original bytes, an alarm is
logged, and the next one follows; anything else is retried with the same block until it is in or
the loader is told to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.errors import ConfigurationError, PermanentError, RetryableError
from schemas.headers import Disposition, Headers, Refusal, headers_of, refusal_headers
from schemas.rights import ROLES, RoleName
from schemas.topics import BLOCK_PARTITIONS, DLQ_BLOCKS, FACT_BLOCKS
from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.metrics import LoaderMetrics
from sinks.clickhouse.roles import check_own_rights
from sinks.clickhouse.statements import BlockPosition

__all__ = ["Loader", "LoaderSettings"]

_LOG = structlog.get_logger("liaison.loader")


@dataclass(frozen=True, slots=True)
class LoaderSettings:
    """Names and paces; the defaults are what production runs."""

    group_id: str = "loader"
    blocks_topic: str = FACT_BLOCKS
    refused_topic: str = DLQ_BLOCKS
    partitions: tuple[int, ...] = tuple(range(BLOCK_PARTITIONS))
    poll_timeout_s: float = 0.2
    first_backoff_s: float = 0.2
    longest_backoff_s: float = 10.0
    kafka_timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A record of fact-blocks."""

    position: BlockPosition
    key: bytes | None
    value: bytes
    headers: Headers
    timestamp_ms: int


class Loader:
    """Runs until told to stop. One instance a thread."""

    def __init__(
        self,
        kafka: KafkaConnection,
        clickhouse: ClickHouseConnection,
        clock: Clock | None = None,
        settings: LoaderSettings | None = None,
        metrics: LoaderMetrics | None = None,
    ) -> None:
        self._kafka = kafka
        self._clickhouse = clickhouse
        self._clock: Clock = clock or SystemClock()
        self._settings = settings or LoaderSettings()
        self._metrics = metrics or LoaderMetrics()

    def run(self, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Load until `stop` is set; `ready` is called once it knows where to go on.

        Raises:
            ConfigurationError: ClickHouse, the login or the topic is not as it must be; a person
                must act.
        """
        client = self._clickhouse.client()
        try:
            check_own_rights(client, ROLES[RoleName.LOADER])
            lander = BlockLander(client, self._clock)
            consumer = Consumer(
                self._kafka.consumer_config(
                    self._settings.group_id,
                    fetch_message_max_bytes=9_000_000,
                    queued_max_messages_kbytes=32_768,
                )
            )
            try:
                topic_id = self._topic_id()
                self._assign(consumer, lander, topic_id)
                ready()
                while not stop.is_set():
                    message = consumer.poll(self._settings.poll_timeout_s)
                    if message is not None and self._is_block(message):
                        block = _fetched(topic_id, message)
                        if self._load(lander, block, stop):
                            self._commit(consumer, block.position)
            finally:
                consumer.close()
        finally:
            client.close()

    def _topic_id(self) -> str:
        name = self._settings.blocks_topic
        admin = AdminClient(self._kafka.client_config())
        try:
            described = admin.describe_topics(
                TopicCollection([name]), request_timeout=self._settings.kafka_timeout_s
            )
            return str(described[name].result().topic_id)
        except KafkaException as error:
            raise ConfigurationError(
                f"The topic {name} can't be described: {error}. Run `liaison provision`, and see "
                "that this user may describe it."
            ) from error

    def _assign(self, consumer: Consumer, lander: BlockLander, topic_id: str) -> None:
        """Go on after ClickHouse's mark, and only if Kafka still has what follows it."""
        topic = self._settings.blocks_topic
        marks = lander.marks(topic_id)
        positions = []
        for partition in self._settings.partitions:
            wanted = marks.get(partition, -1) + 1
            low, high = consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=self._settings.kafka_timeout_s
            )
            if not low <= wanted <= high:
                raise ConfigurationError(
                    f"{topic}/{partition} holds offsets {low} to {high}, ClickHouse needs "
                    f"{wanted}: blocks are missing, or this is not the topic it was loaded from.",
                    code="blocks-missing",
                )
            positions.append(TopicPartition(topic, partition, wanted))
        consumer.assign(positions)
        _LOG.info("loading", topic=topic, topic_id=topic_id, after=marks)

    def _is_block(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise ConfigurationError(
                f"{message.topic()}/{message.partition()} no longer has the block that ClickHouse "
                f"needs next: {error.str()}",
                code="blocks-missing",
            )
        if error.fatal():
            raise KafkaException(error)
        _LOG.warning("kafka", error=error.str())
        return False

    def _load(self, lander: BlockLander, block: _Fetched, stop: threading.Event) -> bool:
        """Land one block or put it aside; False if told to stop before either."""
        backoff_s = self._settings.first_backoff_s
        while not stop.is_set():
            try:
                try:
                    landed = lander.land(block.position, block.value)
                    self._metrics.landed(block.position, landed)
                except PermanentError as refusal:
                    self._refuse(lander, block, refusal)
                return True
            except RetryableError as error:
                self._metrics.retries.labels(error.code).inc()
                _LOG.warning(
                    "block-retried", block=block.position.token, code=error.code, error=str(error)
                )
            self._wait(backoff_s, stop)
            backoff_s = min(backoff_s * 2, self._settings.longest_backoff_s)
        return False

    def _refuse(self, lander: BlockLander, block: _Fetched, refusal: PermanentError) -> None:
        """Into dlq.blocks first, acknowledged, and only then past it."""
        position = block.position
        _LOG.error(
            "block-refused",
            block=position.token,
            code=refusal.code,
            error=str(refusal),
            remedy=f"see {self._settings.refused_topic}; once its reason is gone, "
            "`liaison dlq replay` lands it; `liaison verify` fails until it is in",
        )
        headers: list[tuple[str, str | bytes | None]] = []
        headers += refusal_headers(
            block.headers,
            Refusal(
                code=refusal.code,
                disposition=Disposition.QUARANTINED,
                reason=str(refusal),
                stage="load",
                topic=self._settings.blocks_topic,
                partition=position.partition,
                offset=position.offset,
                timestamp_ms=block.timestamp_ms,
            ),
        )
        failures: list[str] = []
        producer = Producer(self._kafka.producer_config())
        producer.produce(
            self._settings.refused_topic,
            value=block.value,
            key=block.key,
            headers=headers,
            on_delivery=lambda error, _: failures.append(error.str()) if error else None,
        )
        if producer.flush(self._settings.kafka_timeout_s) or failures:
            reason = failures[0] if failures else "no acknowledgement in time"
            raise RetryableError(
                f"block {position.token} could not be put into {self._settings.refused_topic}: "
                f"{reason}",
                code="dlq-unavailable",
            )
        lander.put_aside(position, refusal)
        self._metrics.refused.labels(refusal.code).inc()

    def _commit(self, consumer: Consumer, position: BlockPosition) -> None:
        topic, offset = self._settings.blocks_topic, position.offset + 1
        consumer.commit(
            offsets=[TopicPartition(topic, position.partition, offset)], asynchronous=True
        )

    def _wait(self, seconds: float, stop: threading.Event) -> None:
        deadline = Deadline.after(self._clock, seconds)
        while not deadline.expired() and not stop.is_set():
            self._clock.sleep(min(0.1, deadline.remaining()))


def _fetched(topic_id: str, message: Message) -> _Fetched:
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise TypeError("a record without a position came from the consumer")
    return _Fetched(
        BlockPosition(topic_id, partition, offset),
        _bytes(message.key()),
        _bytes(message.value()) or b"",
        headers_of(message) or (),
        message.timestamp()[1],
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
