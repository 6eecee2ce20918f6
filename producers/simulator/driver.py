"""Plays a simulation: events into the outbox, a faulty client's records past it into Kafka.

Batches share one fsync. A batch's repeats and unreadable records are sent when its originals were
acknowledged, so a repeat is one; meanwhile the next batch is made. The account that `play` returns
says what was done: a verifier compares it with what came out at the other end.

The outbox is the simulation's own: waiting for its originals means waiting until it is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from confluent_kafka import KafkaError, Message, Producer

from producers.account import Draft, Receipt
from producers.outbox import Outbox
from producers.publisher import Publisher
from producers.sender import Sender
from producers.simulator.items import Handover, Item, Repeat, Unparsable
from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.errors import RetryableError
from schemas.headers import ORIGIN_HEADER, Origin
from schemas.models import Event
from schemas.reference import Reference
from schemas.topics import source_topic
from schemas.wire import FRAME_BYTES

__all__ = ["Played", "play"]

_BATCH_EVENTS = 2000
_DELIVERED_WITHIN_S = 120.0
_GARBLED_ORIGIN = b"1;??;not an origin;;"
_LONGEST_PAUSE_S = 1.0


@dataclass(slots=True)
class Played:
    """What a run did. Lanes are (bureau, system, lane); faults are by (bureau, lane)."""

    handed_over: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    repeats: Counter[tuple[str, str]] = field(default_factory=Counter)
    unparsable: Counter[tuple[str, str]] = field(default_factory=Counter)
    recalls: int = 0
    corrections: int = 0

    @property
    def events(self) -> int:
        return self.handed_over.total()

    @property
    def records(self) -> int:
        """Everything that came to lie in source topics."""
        return self.events + self.repeats.total() + self.unparsable.total()

    def _count(self, handover: Handover, receipt: Receipt) -> None:
        event = handover.event
        self.handed_over[receipt.bureau, receipt.system, receipt.lane] += 1
        self.kinds[event.kind] += 1
        if event.supersedes is not None:
            if event.kind == "recall":
                self.recalls += 1
            else:
                self.corrections += 1


def play(
    items: Iterable[Item],
    outbox: Outbox,
    sender: Sender,
    kafka: KafkaConnection,
    *,
    publisher: Callable[[str, str], Publisher],
    reference: Reference,
    clock: Clock,
    speed: float | None = None,
    batch_events: int = _BATCH_EVENTS,
    delivered_within_s: float = _DELIVERED_WITHIN_S,
    progress: Callable[[Played], None] = lambda played: None,
) -> Played:
    """Hand over a simulation, as fast as it goes or `speed` times faster than its own clock.

    `publisher` makes the publisher of a bureau's system; it is asked once for each.

    Raises:
        RetryableError: `not-delivered`: the broker takes nothing in time; what was handed over
            stays in the outbox.
    """
    return _Player(outbox, sender, kafka, publisher, reference, clock, delivered_within_s).play(
        _paced(_batches(items, batch_events), clock, speed), progress
    )


@dataclass(slots=True)
class _Batch:
    handovers: list[Handover] = field(default_factory=list)
    faults: list[Repeat | Unparsable] = field(default_factory=list)


def _batches(items: Iterable[Item], most: int) -> Iterator[_Batch]:
    """Batches that a fault never leaves without its original."""
    batch = _Batch()
    for item in items:
        if not isinstance(item, Handover):
            batch.faults.append(item)
            continue
        if len(batch.handovers) >= most:
            yield batch
            batch = _Batch()
        batch.handovers.append(item)
    if batch.handovers or batch.faults:
        yield batch


def _paced(batches: Iterator[_Batch], clock: Clock, speed: float | None) -> Iterator[_Batch]:
    """Hold a batch back until its last event is due."""
    began_s, first_ms = clock.monotonic_s(), None
    for batch in batches:
        if speed is not None and batch.handovers:
            if first_ms is None:
                first_ms = _made_ms(batch.handovers[0].event)
            due_s = began_s + (_made_ms(batch.handovers[-1].event) - first_ms) / 1000 / speed
            while (left := due_s - clock.monotonic_s()) > 0:
                clock.sleep(min(left, _LONGEST_PAUSE_S))
        yield batch


def _made_ms(event: Event) -> int:
    """The millisecond in a UUIDv7."""
    return event.event_id.int >> 80


class _Player:
    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        kafka: KafkaConnection,
        publisher: Callable[[str, str], Publisher],
        reference: Reference,
        clock: Clock,
        delivered_within_s: float,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._faulty = _FaultyClient(kafka)
        self._make_publisher = publisher
        self._publishers: dict[tuple[str, str], Publisher] = {}
        self._reference = reference
        self._clock = clock
        self._delivered_within_s = delivered_within_s

    def play(self, batches: Iterator[_Batch], progress: Callable[[Played], None]) -> Played:
        played = Played()
        due: list[_Record] = []
        for batch in batches:
            self._send_faulty(due, played)
            due = self._hand_over(batch, played)
            progress(played)
        self._send_faulty(due, played)
        self._delivered()
        progress(played)
        return played

    def _hand_over(self, batch: _Batch, played: Played) -> list[_Record]:
        """Into the outbox; returns the batch's faulty records, made but not sent."""
        now_ms = self._clock.now_ms()
        drafts = [
            self._publisher(item.bureau, item.system).draft(item.event, now_ms)
            for item in batch.handovers
        ]
        receipts = self._outbox.accept(drafts)
        for handover, receipt in zip(batch.handovers, receipts, strict=True):
            played._count(handover, receipt)  # noqa: SLF001 - the one who may count
        wanted = {fault.of for fault in batch.faults}
        originals = {
            draft.event_id: (draft, receipt)
            for draft, receipt in zip(drafts, receipts, strict=True)
            if draft.event_id in wanted
        }
        return [self._faulty_record(fault, originals, now_ms) for fault in batch.faults]

    def _publisher(self, bureau: str, system: str) -> Publisher:
        found = self._publishers.get((bureau, system))
        if found is None:
            found = self._publishers[bureau, system] = self._make_publisher(bureau, system)
        return found

    def _faulty_record(
        self,
        fault: Repeat | Unparsable,
        originals: dict[UUID, tuple[Draft, Receipt]],
        now_ms: int,
    ) -> _Record:
        region = self._reference.region_of(fault.bureau, now_ms)
        record = _Record(fault.bureau, fault.lane, source_topic(region, fault.lane))
        if isinstance(fault, Unparsable) and fault.of is None:
            record.value = fault.noise
            if fault.way == "garbled-origin":
                record.headers.append((ORIGIN_HEADER, _GARBLED_ORIGIN))
            return record
        assert fault.of is not None
        draft, receipt = originals[fault.of]
        record.value = draft.encode(receipt.epoch, receipt.sequence)
        if isinstance(fault, Unparsable):
            record.value = record.value[: FRAME_BYTES + fault.keep_bytes]
            return record
        record.repeats = True
        origin = Origin(
            receipt.bureau,
            receipt.system,
            receipt.lane,
            receipt.epoch,
            receipt.sequence,
            str(receipt.event_id),
        )
        record.headers.append((ORIGIN_HEADER, origin.pack()))
        return record

    def _send_faulty(self, records: list[_Record], played: Played) -> None:
        if not records:
            return
        self._delivered()
        self._faulty.send(records, self._delivered_within_s)
        for record in records:
            counted = played.repeats if record.repeats else played.unparsable
            counted[record.bureau, record.lane] += 1

    def _delivered(self) -> None:
        """Wait until the broker has everything that was handed over."""
        left = self._sender.drain(Deadline.after(self._clock, self._delivered_within_s))
        if left:
            problems = "; ".join(str(problem) for problem in self._sender.problems())
            raise RetryableError(
                f"{left} records wait in {self._outbox.path} after {self._delivered_within_s:.0f} "
                f"s ({problems or 'the broker does not answer'}); they stay there",
                code="not-delivered",
            )


@dataclass(slots=True)
class _Record:
    """A record that goes past the outbox."""

    bureau: str
    lane: str
    topic: str
    value: bytes = b""
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    repeats: bool = False


class _FaultyClient:
    """Sends what a bureau's broken software would, each record exactly once."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._producer = Producer(kafka.producer_config(linger_ms=1))
        self._failed: list[str] = []

    def send(self, records: list[_Record], within_s: float) -> None:
        for record in records:
            self._producer.produce(
                record.topic,
                key=record.bureau.encode(),
                value=record.value,
                headers=[*record.headers],
                on_delivery=partial(self._told, record.bureau),
            )
            self._producer.poll(0)
        left = self._producer.flush(within_s)
        if left or self._failed:
            raise RetryableError(
                f"{left} faulty records of the simulation were not delivered, "
                f"{len(self._failed)} failed ({'; '.join(self._failed[:3])})",
                code="not-delivered",
            )

    def _told(self, bureau: str, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(f"{bureau}: {error.str()}")
