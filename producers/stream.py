"""One idempotent Kafka producer, and what became of every record given to it.

Invariants: a record is in flight until the broker acknowledged it or it failed; none expires. In
a partition nothing overtakes: the gapless guarantee makes a failed record fail everything sent
behind it, so a stream with a failure is broken and its owner starts another one, from the outbox.
The owner polls; callbacks run in its thread.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producers.account import Pending
from schemas.connections import KafkaConnection

__all__ = ["BrokerAwayError", "Failure", "Stream", "quiet_logger"]

_BATCH_BYTES = 512 * 1024
"""Below a source topic's bound: a broker refuses a whole batch that passes it."""
_LINGER_MS = 1
_ABANDON_POLLS = 100
_ABANDON_POLL_S = 0.05
_COLLATERAL = frozenset(
    {"_FATAL", "_GAPLESS_GUARANTEE", "_PURGE_INFLIGHT", "_PURGE_QUEUE", "_DESTROY"}
)
"""Librdkafka's names for what befalls a record because of another one."""


class BrokerAwayError(Exception):
    """No broker answered in time; the question is open."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that did not get through; `blamed` if itself was refused, not one before it."""

    row: int
    account_row: int
    code: str
    reason: str
    blamed: bool


class Stream:
    """A producer and its records in flight."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self.acked: list[int] = []
        self.failed: list[Failure] = []
        self.last_error = ""
        self.broken = False
        self.in_flight_bytes = 0
        self._in_flight: dict[int, tuple[int, int]] = {}
        self._producer = Producer(
            {
                **kafka.producer_config(
                    enable_gapless_guarantee=True,
                    delivery_timeout_ms=0,
                    linger_ms=_LINGER_MS,
                    batch_size=_BATCH_BYTES,
                    compression_type="lz4",
                    retry_backoff_ms=50,
                ),
                "error_cb": self._on_error,
            },
            logger=quiet_logger(),
        )

    def __len__(self) -> int:
        return len(self._in_flight)

    def __contains__(self, row: int) -> bool:
        return row in self._in_flight

    def send(self, record: Pending) -> bool:
        """Give a record to the client; False where its queue is full or it broke."""
        try:
            self._producer.produce(
                record.topic,
                key=record.key,
                value=record.value,
                headers=[*record.headers],
                on_delivery=partial(self._on_delivery, record.row),
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._in_flight[record.row] = record.account.row, 0
            self._fail(record.row, error.args[0])
            return False
        if not self._in_flight:
            self.last_error = ""  # what went wrong while nothing waited kept nothing waiting
        size = len(record.value)
        self._in_flight[record.row] = record.account.row, size
        self.in_flight_bytes += size
        return True

    def poll(self, timeout_s: float = 0.0) -> None:
        """Learn what became of records."""
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # how the client tells of a fatal error
            self._on_error(error.args[0])

    def topic_error(self, topic: str, timeout_s: float) -> KafkaError | None:
        """Why a topic can't be written to, as far as metadata tell.

        Raises:
            BrokerAwayError: no broker answered.
        """
        try:
            found = self._producer.list_topics(topic, timeout_s)
        except KafkaException as error:
            raise BrokerAwayError(str(error.args[0])) from error
        refusal: KafkaError | None = found.topics[topic].error
        return refusal

    def abandon(self) -> None:
        """Give up what is in flight; afterwards every record is acked or failed."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=True)
        # Not flush(): it goes on calling back after a fatal error was raised.
        for _ in range(_ABANDON_POLLS):
            if not len(self._producer):
                break
            self.poll(_ABANDON_POLL_S)
        for row in list(self._in_flight):
            account_row, _ = self._in_flight.pop(row)
            self.failed.append(Failure(row, account_row, "_PURGE_INFLIGHT", "abandoned", False))
        self.in_flight_bytes = 0
        self.broken = True

    def _on_delivery(self, row: int, error: KafkaError | None, _message: Message) -> None:
        if row not in self._in_flight:
            return
        if error is not None:
            self._fail(row, error)
            return
        self.in_flight_bytes -= self._in_flight.pop(row)[1]
        self.acked.append(row)
        self.last_error = ""

    def _fail(self, row: int, error: KafkaError) -> None:
        account_row, size = self._in_flight.pop(row)
        self.in_flight_bytes -= size
        blamed = error.name() not in _COLLATERAL
        self.failed.append(Failure(row, account_row, error.name(), error.str(), blamed))
        self.broken = True

    def _on_error(self, error: Any) -> None:
        self.last_error = f"{error.name()}: {error.str()}"
        if error.fatal():
            self.broken = True


def quiet_logger() -> logging.Logger:
    """The client's own log, for whoever configures it; on stderr it would only alarm."""
    logger = logging.getLogger("liaison.kafka")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
