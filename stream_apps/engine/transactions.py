"""The producing side of the loop: one transaction after the other, each whole or not at all.

- A commit of unknown outcome is retried until the deadline; then the process must end, since only a
  restart can learn the outcome.
- A transaction that is not flushed well within its time-out is aborted here: the broker's own abort
  fences this producer, and nobody could tell it from a successor's.
- Whoever aborts learns what to do about it: `unwritable` where the broker will never take a record,
  `out_of_time` where the time was up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.errors import FencedError, RetryableError
from stream_apps.engine.errors import classify, is_unwritable, must_abort
from stream_apps.engine.offsets import send_offsets
from stream_apps.engine.records import Produced

__all__ = ["Transactions"]

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_STEP_S = 1.0
"""While librdkafka is in a call, no handler of a signal runs: long calls are made in steps."""
_FLUSHED_WITHIN = 0.8
"""Of the time-out; the rest is for the commit, or the abort."""
_MAX_QUEUED_KIB = 64 * 1024
"""Of a record for everyone the outputs are more: they are produced as fast as they are sent."""


class Transactions:
    """One transactional producer, which fences those of the same id that came before it."""

    def __init__(
        self,
        kafka: KafkaConnection,
        transactional_id: str,
        clock: Clock,
        *,
        timeout_s: float,
        commit_timeout_s: float,
    ) -> None:
        self._kafka = kafka
        self._id = transactional_id
        self._clock = clock
        self._timeout_s = timeout_s
        self._commit_timeout_s = commit_timeout_s
        self.unwritable: KafkaError | None = None
        """Why the broker, or the client, will never take a record of the last transaction."""
        self.out_of_time = False
        """Whether the last transaction was given up because it took too long."""

    def open(self) -> None:
        """Begin anew with another producer.

        Raises:
            LiaisonError: its transactions could not be initialised in time.
        """
        self._producer = Producer(
            self._kafka.producer_config(
                transactional_id=self._id,
                transaction_timeout_ms=int(self._timeout_s * 1000),
                linger_ms=5,
                queue_buffering_max_messages=1_000_000,
                queue_buffering_max_kbytes=_MAX_QUEUED_KIB,
                batch_num_messages=10_000,
                delivery_report_only_error=True,
            )
            | {"on_delivery": self._on_failed_delivery}
        )
        deadline = Deadline.after(self._clock, self._commit_timeout_s * 2)
        while True:
            try:
                self._producer.init_transactions(_STEP_S)
            except KafkaException as error:
                failure = classify(error, "initialising transactions")
                if not isinstance(failure, RetryableError) or deadline.expired():
                    raise failure from error
                self._clock.sleep(0.2)
            else:
                return

    def write(
        self, outputs: Sequence[Produced], offsets: Sequence[TopicPartition], group: Any
    ) -> None:
        """Outputs and a group's offsets in one transaction, committed.

        Raises:
            KafkaException: it failed; `abort` says whether work can go on.
            LiaisonError: the commit's outcome is unknown, or nothing can go on.
        """
        producer = self._producer
        self.unwritable, self.out_of_time = None, False
        until = Deadline.after(self._clock, self._timeout_s * _FLUSHED_WITHIN)
        producer.begin_transaction()
        for output in outputs:
            self._produce(output, until)
        send_offsets(producer, offsets, group, max(_STEP_S, round(until.remaining(), 1)))
        while producer.flush(_POLL_S):
            if self.unwritable is not None:  # a commit would wait for what is behind it
                raise KafkaException(self.unwritable)
            self._check_time(until)
        self._check_time(until)
        self._commit()

    def _produce(self, record: Produced, until: Deadline) -> None:
        producer = self._producer
        while True:
            try:
                producer.produce(
                    record.topic, record.value, record.key, record.partition,
                    headers=list(record.headers) or None,
                )  # fmt: skip
            except BufferError:
                producer.poll(0.05)
                self._check_time(until)
            except KafkaException as error:
                self._on_failed_delivery(error.args[0], None)
                raise
            else:
                return

    def _check_time(self, until: Deadline) -> None:
        if until.expired():
            self.out_of_time = True
            raise KafkaException(
                KafkaError(
                    KafkaError._TIMED_OUT,  # noqa: SLF001 - librdkafka's local codes are named so
                    f"not written {_FLUSHED_WITHIN * self._timeout_s:g} s after its begin",
                )
            )

    def _on_failed_delivery(self, error: KafkaError | None, _message: Message | None) -> None:
        if error is not None and is_unwritable(error):
            self.unwritable = error

    def _commit(self) -> None:
        deadline = Deadline.after(self._clock, self._commit_timeout_s)
        while True:
            try:
                self._producer.commit_transaction(_STEP_S)
            except KafkaException as error:
                if must_abort(error):
                    raise
                failure = classify(error, "committing")
                if not isinstance(failure, RetryableError):
                    raise failure from error
                if deadline.expired():
                    raise RetryableError(
                        f"the outcome of a commit is unknown after "
                        f"{self._commit_timeout_s:g} s ({error}): restart the worker"
                    ) from error
            else:
                return

    def abort(self, cause: KafkaException) -> None:
        """Abort, in steps: librdkafka purges its queues once for each call and then waits for them.

        A batch in flight behind one that the broker refuses comes back as out of order and is
        queued anew. If that happens after the purge, nothing sends it and nothing fails it before
        it is as old as the transaction may be, and by then the broker has fenced this producer.
        Why the transaction failed may be known only now: the error of whatever call came next says
        no more than that the state is wrong, and delivery reports come with the abort.

        Raises:
            LiaisonError: after this failure the process can't go on.
        """
        failure = classify(cause, "writing a transaction")
        if isinstance(failure, FencedError):
            raise failure from cause
        log.warning("engine.abort", cause=str(cause))
        deadline = Deadline.after(self._clock, self._commit_timeout_s)
        while True:
            try:
                self._producer.abort_transaction(_STEP_S)
            except KafkaException as error:
                again = classify(error, "aborting")
                if not isinstance(again, RetryableError) or deadline.expired():
                    raise again from error
            else:
                break
        mendable = must_abort(cause) or isinstance(failure, RetryableError)
        if not (mendable or self.unwritable is not None):
            raise failure from cause
        if self.unwritable is not None:
            self.open()  # librdkafka skips sequence numbers after such an abort
