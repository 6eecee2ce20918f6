"""The router against a copy that decides nothing.

The baseline consumes the same records through librdkafka and produces, in as many transactions,
the very records that the router wrote, ledger, facts and receipts included.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from confluent_kafka import Consumer, Producer, TopicPartition

from producers.simulator import Handover
from schemas.catalogue import Catalogue
from schemas.reference import Reference
from schemas.topics import SOURCE_PARTITIONS
from stream_apps.engine import (
    Consumed,
    LoopSettings,
    Partition,
    Processor,
    Produced,
    TransactionalLoop,
)
from stream_apps.router.router import Router
from stream_apps.router.worker import router_settings
from tests.bench.measure import Outcome, by_turns
from tests.bench.stack import BenchStack, open_stack
from tests.bench.traffic import produce, simulated

__all__ = ["router", "router_year"]

_REQUIRED = 0.5
_MESSAGES = 20_000
_SEARCHES = 60_000


def router() -> Outcome:
    """Messages only, with all of the simulator's variety."""
    return _bench("router", "message", simulated(_MESSAGES, 0))


def router_year() -> Outcome:
    """Searches as they come: the lane that carries 99.8 % of a year's events."""
    return _bench("router-year", "search", simulated(0, _SEARCHES))


def _bench(name: str, lane: str, events: list[Handover]) -> Outcome:
    with open_stack() as stack:
        runs = _Runs(stack, lane, events)
        rate, baseline = by_turns(runs.router, runs.copy)
    return Outcome(
        name, "events/s", round(rate), "a copy that decides nothing", round(baseline),
        round(rate / baseline, 3), _REQUIRED, runs.told,
    )  # fmt: skip


class _Runs:
    """Router and copy by turns: the copy replays what the router before it wrote."""

    def __init__(self, stack: BenchStack, lane: str, events: list[Handover]) -> None:
        self._stack = stack
        self._lane = lane
        self._events = events
        self._number = 0
        self._settings = router_settings(lane, "bench")
        self._written: list[list[Produced]] = []
        self.told: dict[str, object] = {}

    def router(self) -> float:
        """Events a second through a new router on the exactly-once loop."""
        self._number += 1
        stack, number = self._stack, self._number
        settings = replace(
            self._settings, group_id=f"bench-{number}", transactional_id=f"bench-{number}"
        )
        self._set_positions(settings.group_id)
        self._set_positions(f"copy-{number}")
        size = produce(self._events, number, stack.at.kafka, stack.ids)
        catalogue = Catalogue.load()
        processor = Router(
            lane=self._lane, reference=Reference.load(), catalogue=catalogue, ids=stack.ids
        )
        stop = threading.Event()
        recording = _Recording(processor, len(self._events), stop)
        TransactionalLoop(stack.at.kafka, recording, settings).run(stop)
        self._written = recording.written
        outputs = [record for records in recording.written for record in records]
        self.told = {
            "bytes an event": round(size / len(self._events)),
            "outputs an event": round(len(outputs) / len(self._events), 2),
            "transactions": len(recording.written),
            "memo hits": round(
                processor.reader.hits / max(1, processor.reader.hits + processor.reader.misses), 3
            ),
        }
        return len(self._events) / recording.seconds

    def copy(self) -> float:
        """Events a second through a loop that only replays."""
        number = self._number
        kafka, settings = self._stack.at.kafka, self._settings
        producer = Producer(
            kafka.producer_config(
                transactional_id=f"copy-{number}", linger_ms=5, batch_num_messages=10_000,
                queue_buffering_max_messages=1_000_000,
            )
        )  # fmt: skip
        producer.init_transactions(30)
        consumer = Consumer(
            kafka.consumer_config(
                f"copy-{number}", fetch_wait_max_ms=20, queued_min_messages=20_000,
                queued_max_messages_kbytes=32 * 1024,
            )
        )  # fmt: skip
        consumer.subscribe(list(settings.topics))
        left, began = len(self._events), 0.0
        batches = iter(self._written)
        while left:
            messages = _full(consumer, min(left, settings.max_batch_records), settings)
            began = began or time.monotonic()
            left -= len(messages)
            producer.begin_transaction()
            for written in islice(batches, 1 if left else None):
                for record in written:
                    _put(producer, record)
            ends = {(m.topic(), m.partition()): (m.offset() or 0) + 1 for m in messages}
            producer.send_offsets_to_transaction(
                [TopicPartition(str(t), p or 0, offset) for (t, p), offset in ends.items()],
                consumer.consumer_group_metadata(), 30,
            )  # fmt: skip
            producer.commit_transaction(30)
        seconds = time.monotonic() - began
        consumer.close()
        return len(self._events) / seconds

    def _set_positions(self, group: str) -> None:
        """Where the topics end now."""
        consumer = Consumer(self._stack.at.kafka.consumer_config(group))
        ends = []
        for topic in self._settings.topics:
            for number in range(SOURCE_PARTITIONS):
                _, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)
                ends.append(TopicPartition(topic, number, high))
        consumer.commit(offsets=ends, asynchronous=False)
        consumer.close()


class _Recording:
    """A processor that keeps what another writes, and stops the loop at the last record."""

    def __init__(self, inner: Processor, records: int, stop: threading.Event) -> None:
        self._inner = inner
        self._left = records
        self._stop = stop
        self._pending: list[Produced] = []
        self._began = 0.0
        self.seconds = 0.0
        self.written: list[list[Produced]] = []

    def state_of(self, assigned: Sequence[Partition]) -> Sequence[Partition]:
        return self._inner.state_of(assigned)

    def restore(self, assigned: Sequence[Partition], records: Iterable[Consumed]) -> None:
        self._inner.restore(assigned, records)

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        self._began = self._began or time.monotonic()
        self._left -= len(batch)
        self._pending = self._inner.process(batch)
        return self._pending

    def refuse(self, record: Consumed, reason: str) -> list[Produced]:
        return self._inner.refuse(record, reason)

    def tick(self, now_ms: int) -> list[Produced]:
        return []

    def committed(self) -> None:
        self._inner.committed()
        if self._pending:
            self.written.append(self._pending)
            self._pending = []
            self.seconds = time.monotonic() - self._began
        if self._left <= 0:
            self._stop.set()

    def aborted(self) -> None:
        raise RuntimeError("a transaction of the bench was aborted")

    def revoke(self, lost: Sequence[Partition]) -> None:
        self._inner.revoke(lost)


def _full(consumer: Consumer, wanted: int, settings: LoopSettings) -> list:  # type: ignore[type-arg]
    """So many messages, or what comes within the loop's own patience."""
    messages: list = []  # type: ignore[type-arg]
    until = float("inf")
    while len(messages) < wanted and time.monotonic() < until:
        messages += consumer.consume(wanted - len(messages), 0.1)
        if messages and until == float("inf"):
            until = time.monotonic() + settings.linger_s
    return messages


def _put(producer: Producer, record: Produced) -> None:
    while True:
        try:
            producer.produce(
                record.topic, record.value, record.key, record.partition,
                headers=list(record.headers) or None,
            )  # fmt: skip
        except BufferError:
            producer.poll(0.05)
        else:
            return
