"""The exactly-once loop: consume → pure function → produce, offsets, commit, in one transaction.

- No transaction is open while polling: a hung one would stop every reader of what it touched.
- After an abort the processor's state and the consumer's position return to the last commit.
- A commit of unknown outcome is retried until the deadline; then the loop raises and the process
  ends, since only a restart can learn the outcome.
- A fenced producer never writes again: the loop raises :class:`FencedError`.
- On revocation whatever was collected is forgotten before the partition belongs to somebody else.
- Every commit, a tick's too, carries offsets under the group's generation: a worker that slept
  past its session can't write what its successor has overtaken.
- A transaction is bounded in what it reads and in what it writes: of a batch whose outputs are more
  than that, half is tried, and so on. One record's outputs are always one transaction.
- After an abort less is tried at once; a single record whose outputs the broker will never take is
  handed to the processor's `refuse`, so that it can't hold up the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import (
    ConfigurationError,
    FencedError,
    LiaisonError,
    PermanentError,
    RetryableError,
)
from stream_apps.engine.errors import classify, is_unwritable, must_abort
from stream_apps.engine.reading import read_state
from stream_apps.engine.records import (
    Consumed,
    Partition,
    Processor,
    Produced,
    bytes_of,
    consumed,
)

__all__ = ["LoopSettings", "TransactionalLoop"]

log = structlog.get_logger(__name__)

_NO_OFFSET = -1001
_TRANSACTION_TIMEOUT_MS = 10_000
_POLL_S = 0.1
_ABORT_STEP_S = 1.0
_MAX_QUEUED_KIB = 64 * 1024
"""Of a record for everyone the outputs are more: they are produced as fast as they are sent."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How one worker reads and commits."""

    group_id: str
    transactional_id: str
    topics: tuple[str, ...]
    max_batch_records: int = 5000
    max_batch_bytes: int = 8 * 1024 * 1024
    max_output_bytes: int = 32 * 1024 * 1024
    linger_s: float = 0.02
    tick_interval_s: float = 1.0
    commit_timeout_s: float = 30.0
    restore_timeout_s: float = 60.0
    """How long reading state back may stand still."""
    session_timeout_ms: int = 10_000


class TransactionalLoop:
    """Runs one processor until told to stop."""

    def __init__(
        self,
        kafka: KafkaConnection,
        processor: Processor,
        settings: LoopSettings,
        clock: Clock | None = None,
    ) -> None:
        self._kafka = kafka
        self._processor = processor
        self._settings = settings
        self._clock = clock or SystemClock()
        self._collected: list[Consumed] = []
        self._collected_bytes = 0
        self._positions: dict[Partition, int] = {}
        self._limit = settings.max_batch_records
        self._unwritable: KafkaError | None = None
        self._failure: LiaisonError | None = None
        self.commits = 0
        self.aborts = 0
        self.records = 0

    def run(self, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is set; a batch begun is committed or aborted before this returns.

        `ready` is called whenever partitions have been taken over.

        Raises:
            FencedError: a successor took over.
            RetryableError: a commit's outcome is unknown; a restart finds out.
            LiaisonError: anything else that a restart of the process may or may not mend.
        """
        settings = self._settings
        self._ready = ready
        self._open_producer()
        self._consumer = Consumer(
            self._kafka.consumer_config(
                settings.group_id,
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=max(500, settings.session_timeout_ms // 5),
                max_poll_interval_ms=300_000,
                queued_min_messages=20_000,
                queued_max_messages_kbytes=32 * 1024,
            )
        )
        try:
            self._consumer.subscribe(
                list(settings.topics), on_assign=self._on_assign, on_revoke=self._on_revoke,
                on_lost=self._on_revoke,
            )  # fmt: skip
            self._loop(stop)
        finally:
            self._consumer.close()

    def _open_producer(self) -> None:
        """A new producer, which fences the one before it; its transactions are initialised."""
        settings = self._settings
        self._producer = Producer(
            self._kafka.producer_config(
                transactional_id=settings.transactional_id,
                transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
                linger_ms=5,
                queue_buffering_max_messages=1_000_000,
                queue_buffering_max_kbytes=_MAX_QUEUED_KIB,
                batch_num_messages=10_000,
                delivery_report_only_error=True,
            )
            | {"on_delivery": self._on_failed_delivery}
        )
        deadline = Deadline.after(self._clock, settings.commit_timeout_s * 2)
        while True:
            try:
                self._producer.init_transactions(settings.commit_timeout_s)
            except KafkaException as error:
                failure = classify(error, "initialising transactions")
                if not isinstance(failure, RetryableError) or deadline.expired():
                    raise failure from error
                self._clock.sleep(0.2)
            else:
                return

    def _loop(self, stop: threading.Event) -> None:
        settings, clock = self._settings, self._clock
        next_tick = clock.monotonic_s() + settings.tick_interval_s
        while not stop.is_set():
            self._collect(stop)
            if self._failure is not None:
                raise self._failure
            batch = self._take_batch()
            if batch:
                self._transact(batch)
            if clock.monotonic_s() >= next_tick:
                if self._positions:
                    self._transact(())
                next_tick = clock.monotonic_s() + settings.tick_interval_s

    def _collect(self, stop: threading.Event) -> None:
        """Read until the batch is full, or its time, from its first record on, is up.

        Asks the consumer at least once, since rebalances come with the answers.
        """
        settings = self._settings
        patience = Deadline.after(self._clock, min(_POLL_S, settings.tick_interval_s))
        while True:
            full = self._is_full()
            room = 1 if full else self._limit - len(self._collected)
            wait_s = 0.0 if full else min(_POLL_S, patience.remaining())
            messages = self._consumer.consume(room, wait_s)
            if self._failure is not None:
                return
            had = len(self._collected)
            for message in messages:
                self._keep(message)
            self._collected_bytes += bytes_of(self._collected[had:])
            if self._collected and not had:
                patience = Deadline.after(self._clock, settings.linger_s)
            if self._is_full() or patience.expired() or stop.is_set():
                return

    def _is_full(self) -> bool:
        return (
            len(self._collected) >= self._limit
            or self._collected_bytes >= self._settings.max_batch_bytes
        )

    def _keep(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.retriable() or not error.fatal():
                failure = classify(KafkaException(error), "consuming")
                if isinstance(failure, RetryableError):
                    log.warning("engine.consume", error=str(error))
                    return
            raise classify(KafkaException(error), f"consuming {message.topic()}")
        record = consumed(message)
        if Partition(record.topic, record.partition) in self._positions:
            self._collected.append(record)

    def _take_batch(self) -> list[Consumed]:
        """What one batch may hold of the records collected; the rest is for the next ones."""
        if not self._is_full():
            batch = self._collected
            self._forget()
            return batch
        taken = taken_bytes = 0
        for record in self._collected[: self._limit]:
            size = bytes_of((record,))
            if taken and taken_bytes + size > self._settings.max_batch_bytes:
                break
            taken += 1
            taken_bytes += size
        batch, self._collected = self._collected[:taken], self._collected[taken:]
        self._collected_bytes -= taken_bytes
        return batch

    def _transact(self, batch: Sequence[Consumed]) -> None:
        processor = self._processor
        outputs = processor.process(batch) if batch else processor.tick(self._clock.now_ms())
        fill = bytes_of(outputs) / self._settings.max_output_bytes
        if not batch and not outputs:
            processor.committed()
        elif len(batch) > 1 and fill > 1:
            processor.aborted()
            self._rewind(batch)
        elif self._commits(batch, outputs):
            if batch and fill <= 0.5:  # a tick says nothing of what a batch may hold
                self._limit = min(self._limit * 2, self._settings.max_batch_records)
        elif self._unwritable is not None:
            self._open_producer()  # librdkafka skips sequence numbers after such an abort
            if len(batch) == 1:
                self._refuse(batch[0], self._unwritable)
            else:
                self._rewind(batch)
        else:
            self._rewind(batch)

    def _refuse(self, record: Consumed, cause: KafkaError) -> None:
        where = f"{record.topic} [{record.partition}] offset {record.offset}"
        log.error("engine.unwritable", record=where, cause=str(cause))
        reason = f"the broker does not take what follows from this record: {cause}"
        if not self._commits((record,), self._processor.refuse(record, reason)):
            if self._unwritable is not None:
                raise PermanentError(f"{where}: neither routed nor refused: {self._unwritable}")
            self._rewind((record,))

    def _commits(self, batch: Sequence[Consumed], outputs: Sequence[Produced]) -> bool:
        """Write one transaction; False after an abort, with the processor's state as before."""
        processor = self._processor
        try:
            self._write(batch, outputs)
        except KafkaException as error:
            processor.aborted()
            self._abort(error)
            return False
        except LiaisonError:
            processor.aborted()
            raise
        processor.committed()
        self.commits += 1
        self.records += len(batch)
        return True

    def _write(self, batch: Sequence[Consumed], outputs: Sequence[Produced]) -> None:
        producer = self._producer
        self._unwritable = None
        producer.begin_transaction()
        for output in outputs:
            self._produce(output)
        ends = {Partition(r.topic, r.partition): r.offset + 1 for r in batch}
        producer.send_offsets_to_transaction(
            [TopicPartition(*p, offset) for p, offset in (ends or self._positions).items()],
            self._consumer.consumer_group_metadata(),
            self._settings.commit_timeout_s,
        )
        while producer.flush(_POLL_S):
            if self._unwritable is not None:  # a commit would wait for what is behind it
                raise KafkaException(self._unwritable)
        self._commit()
        self._positions.update(ends)

    def _on_failed_delivery(self, error: KafkaError | None, _message: Message | None) -> None:
        if error is not None and is_unwritable(error):
            self._unwritable = error

    def _produce(self, record: Produced) -> None:
        producer = self._producer
        while True:
            try:
                producer.produce(
                    record.topic, record.value, record.key, record.partition,
                    headers=list(record.headers) or None,
                )  # fmt: skip
            except BufferError:
                producer.poll(0.05)
            except KafkaException as error:
                self._on_failed_delivery(error.args[0], None)
                raise
            else:
                return

    def _commit(self) -> None:
        deadline = Deadline.after(self._clock, self._settings.commit_timeout_s)
        while True:
            try:
                self._producer.commit_transaction(max(1.0, deadline.remaining()))
            except KafkaException as error:
                if must_abort(error):
                    raise
                failure = classify(error, "committing")
                if not isinstance(failure, RetryableError):
                    raise failure from error
                if deadline.expired():
                    raise RetryableError(
                        f"the outcome of a commit is unknown after "
                        f"{self._settings.commit_timeout_s:g} s ({error}): restart the worker"
                    ) from error
            else:
                return

    def _abort(self, cause: KafkaException) -> None:
        """Abort, in steps: librdkafka purges its queues once for each call and then waits for them.

        A batch in flight behind one that the broker refuses comes back as out of order and is
        queued anew. If that happens after the purge, nothing sends it and nothing fails it before
        it is as old as the transaction may be, and by then the broker has fenced this producer.
        Why the transaction failed may be known only now: the error of whatever call came next says
        no more than that the state is wrong, and delivery reports come with the abort.
        """
        failure = classify(cause, "writing a transaction")
        if isinstance(failure, FencedError):
            raise failure from cause
        log.warning("engine.abort", cause=str(cause))
        deadline = Deadline.after(self._clock, self._settings.commit_timeout_s)
        while True:
            try:
                self._producer.abort_transaction(_ABORT_STEP_S)
            except KafkaException as error:
                again = classify(error, "aborting")
                if not isinstance(again, RetryableError) or deadline.expired():
                    raise again from error
            else:
                break
        mendable = must_abort(cause) or isinstance(failure, RetryableError)
        if not (mendable or self._unwritable is not None):
            raise failure from cause
        self.aborts += 1

    def _rewind(self, batch: Sequence[Consumed]) -> None:
        """Read a batch and what was collected behind it again, less of it at once."""
        if not batch:
            return
        self._limit = max(1, len(batch) // 2)
        first: dict[Partition, int] = {}
        for record in (*batch, *self._collected):
            first.setdefault(Partition(record.topic, record.partition), record.offset)
        self._forget()
        for partition, offset in first.items():
            if partition in self._positions:
                self._consumer.seek(TopicPartition(partition.topic, partition.partition, offset))

    # --- rebalances: called by librdkafka from within consume() ---------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            self._take_over(consumer, partitions)
        except LiaisonError as failure:
            self._failure = failure
        except KafkaException as error:
            self._failure = classify(error, "taking over partitions")

    def _take_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        settings = self._settings
        committed = consumer.committed(partitions, timeout=settings.restore_timeout_s)
        for found in committed:
            if found.error is not None or found.offset == _NO_OFFSET:
                raise ConfigurationError(
                    f"group {settings.group_id} has no committed offset for {found.topic} "
                    f"[{found.partition}]: run `liaison provision`, which sets first positions"
                )
        positions = {Partition(p.topic, p.partition): p.offset for p in committed}
        assigned = list(positions)
        self._processor.restore(
            assigned,
            read_state(
                self._kafka,
                self._processor.state_of(assigned),
                self._clock,
                timeout_s=settings.restore_timeout_s,
            ),
        )
        self._positions = positions
        self._forget()
        consumer.assign(committed)
        log.info("engine.assigned", group=settings.group_id, partitions=len(assigned))
        self._ready()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        lost = [Partition(p.topic, p.partition) for p in partitions]
        self._forget()
        for partition in lost:
            self._positions.pop(partition, None)
        self._processor.revoke(lost)
        consumer.unassign()
        log.info("engine.revoked", group=self._settings.group_id, partitions=len(lost))

    def _forget(self) -> None:
        self._collected = []
        self._collected_bytes = 0
