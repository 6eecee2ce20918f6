"""The exactly-once loop: consume → pure function → produce, offsets, commit, in one transaction.

- No transaction is open while polling: a hung one would stop every reader of what it touched.
- After an abort the processor's state and the consumer's position return to the last commit.
- A fenced producer never writes again: the loop raises :class:`FencedError`.
- On revocation whatever was collected is forgotten before the partition belongs to somebody else.
- Every commit, a tick's too, carries offsets under the group's generation: a worker that slept
  past its session can't write what its successor has overtaken.
- A transaction is bounded in what it reads and in what it writes: of a batch whose outputs are more
  than that, half is tried, and so on. One record's outputs are always one transaction.
- After an abort less is tried at once; a single record whose outputs the broker will never take, or
  whose many outputs it does not take in a transaction's time, is handed to the processor's
  `refuse`, so that it can't hold up the others.
- A batch that the client can't decompress comes to the processor as one record, in its turn, also
  where the client says nothing and stands still.
- Memory is bounded, though a topic's bound is one of compressed bytes: what a broker hands out at
  once, :data:`FETCH_BYTES`, comes to 1 GiB at most. Of each broker that leads partitions two such
  are held, one that the client fetched ahead and one that is worked on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import (
    ConfigurationError,
    LiaisonError,
    PermanentError,
    RetryableError,
)
from stream_apps.engine.errors import classify
from stream_apps.engine.reading import FETCH_BYTES, read_state
from stream_apps.engine.records import (
    Consumed,
    Partition,
    Processor,
    Produced,
    bytes_of,
    consumed,
)
from stream_apps.engine.silence import Silence
from stream_apps.engine.transactions import Transactions
from stream_apps.engine.unread import is_unread, step_over

__all__ = ["LoopSettings", "TransactionalLoop"]

log = structlog.get_logger(__name__)

_NO_OFFSET = -1001
_POLL_S = 0.1
_LATE_TRIES = 3


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
    transaction_timeout_s: float = 10.0
    commit_timeout_s: float = 30.0
    restore_timeout_s: float = 60.0
    """How long reading state back may stand still."""
    standstill_s: float = 30.0
    """How long a partition may stand still, though it goes on, before somebody looks why."""
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
        self._transactions = Transactions(
            kafka, settings.transactional_id, self._clock,
            timeout_s=settings.transaction_timeout_s, commit_timeout_s=settings.commit_timeout_s,
        )  # fmt: skip
        self._silence = Silence(kafka, self._clock, settings.standstill_s)
        self._collected: list[Consumed] = []
        self._collected_bytes = 0
        self._positions: dict[Partition, int] = {}
        self._limit = settings.max_batch_records
        self._late: dict[Partition, tuple[int, int]] = {}
        """The record whose outputs took too long when it was tried alone: offset, how often."""
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
        self._transactions.open()
        self._consumer = Consumer(
            self._kafka.consumer_config(
                settings.group_id,
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=max(500, settings.session_timeout_ms // 5),
                max_poll_interval_ms=300_000,
                queued_min_messages=20_000,
                queued_max_messages_kbytes=32 * 1024,
                fetch_max_bytes=FETCH_BYTES,
                fetch_queue_backoff_ms=100,
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

    def _loop(self, stop: threading.Event) -> None:
        settings, clock = self._settings, self._clock
        next_tick = clock.monotonic_s() + settings.tick_interval_s
        while not stop.is_set():
            self._collect(stop)
            if self._failure is not None:
                raise self._failure
            if self._collected:  # no name here, or the batch would outlive its transaction
                self._transact(self._take_batch())
            if clock.monotonic_s() >= next_tick:
                if self._positions:
                    self._transact(())
                    self._step_over_silence()
                next_tick = clock.monotonic_s() + settings.tick_interval_s

    def _collect(self, stop: threading.Event) -> None:
        """Read until the batch is full, or its time, from its first record on, is up.

        Asks the consumer at least once, since rebalances come with the answers.
        """
        settings = self._settings
        patience = Deadline.after(self._clock, min(_POLL_S, settings.tick_interval_s))
        while True:
            full = self._is_full()
            # The first alone: asked for more, the client would wait for them, and not for linger_s.
            room = self._limit - len(self._collected) if self._collected and not full else 1
            wait_s = 0.0 if full else min(_POLL_S, patience.remaining())
            if self._keep(self._consumer.consume(room, wait_s)):
                patience = Deadline.after(self._clock, settings.linger_s)
            if self._failure is not None:
                return
            if self._is_full() or patience.expired() or stop.is_set():
                return

    def _is_full(self) -> bool:
        return (
            len(self._collected) >= self._limit
            or self._collected_bytes >= self._settings.max_batch_bytes
        )

    def _keep(self, messages: Sequence[Message]) -> bool:
        """Collect what came, if nothing failed; whether a batch begins with it."""
        if self._failure is not None:
            return False
        had = len(self._collected)
        outdated: set[Partition] = set()
        for message in messages:
            error = message.error()
            if error is None:
                record = consumed(message)
                where = Partition(record.topic, record.partition)
                if where in self._positions and where not in outdated:
                    self._collected.append(record)
            elif is_unread(error):
                where = Partition(str(message.topic()), message.partition() or 0)
                if where in self._positions and where not in outdated:
                    outdated.add(where)
                    self._step_over(where, message, error.str())
            else:
                failure = classify(KafkaException(error), f"consuming {message.topic()}")
                if error.fatal() or not isinstance(failure, RetryableError):
                    raise failure
                log.warning("engine.consume", error=str(error))
        self._collected_bytes += bytes_of(self._collected[had:])
        return not had and bool(self._collected)

    def _step_over(self, where: Partition, message: Message, told: str) -> None:
        try:
            record = step_over(self._kafka, self._consumer, where, message.offset() or 0, told)
        except (KafkaException, RetryableError) as failure:  # the client will tell it again
            log.warning("engine.unread", error=str(failure))
        else:
            self._collected.append(record)

    def _step_over_silence(self) -> None:
        found = self._silence.broken(self._consumer, self._positions)
        self._collected += found
        self._collected_bytes += bytes_of(found)

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
        elif len(batch) == 1 and (why := self._hopeless(batch[0], fill)):
            self._refuse(batch[0], why)
        else:
            self._rewind(batch)

    def _hopeless(self, record: Consumed, fill: float) -> str:
        """Why a record that was tried alone can't be written; empty if it may succeed later.

        That its time was up counts only against one whose outputs are over the bound: of any other
        it says that the broker is slow.
        """
        cause = self._transactions.unwritable
        if cause is not None:
            return f"the broker does not take what follows from this record: {cause}"
        if not self._transactions.out_of_time or fill <= 1:
            return ""
        where = Partition(record.topic, record.partition)
        offset, tries = self._late.get(where, (-1, 0))
        tries = tries + 1 if offset == record.offset else 1
        self._late[where] = (record.offset, tries)
        if tries < _LATE_TRIES:
            return ""
        size = int(fill * self._settings.max_output_bytes)
        return (
            f"what follows from this record, {size} bytes, was not written within a transaction's "
            f"{self._settings.transaction_timeout_s:g} s, {tries} times: publish anew, with less "
            "in it or for fewer readers"
        )

    def _refuse(self, record: Consumed, why: str) -> None:
        where = f"{record.topic} [{record.partition}] offset {record.offset}"
        log.error("engine.unwritable", record=where, cause=why)
        if not self._commits((record,), self._processor.refuse(record, why)):
            if (cause := self._transactions.unwritable) is not None:
                raise PermanentError(f"{where}: neither routed nor refused: {cause}")
            self._rewind((record,))

    def _commits(self, batch: Sequence[Consumed], outputs: Sequence[Produced]) -> bool:
        """Write one transaction; False after an abort, with the processor's state as before."""
        processor, transactions = self._processor, self._transactions
        ends = {Partition(r.topic, r.partition): r.offset + 1 for r in batch}
        offsets = [TopicPartition(*p, offset) for p, offset in (ends or self._positions).items()]
        try:
            transactions.write(outputs, offsets, self._consumer.consumer_group_metadata())
        except KafkaException as error:
            processor.aborted()
            transactions.abort(error)
            self.aborts += 1
            return False
        except LiaisonError:
            processor.aborted()
            raise
        self._positions.update(ends)
        processor.committed()
        self.commits += 1
        self.records += len(batch)
        return True

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
