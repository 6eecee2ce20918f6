"""A desk's way in: the topics of its region and categories, in order, each event once.

Invariants: `strikes` is read to its end before the first event, and followed after; positions are
stored only when the consumer acknowledged, so a crash repeats what was not acknowledged and nothing
else; what retention took before it was read raises `GapError`, it is never skipped; a record that
can't be read is reported in its place; one that only a newer Liaison can read is waited before, and
what comes from other topics is given out. The consumer calls `poll`, then `ack`, from one thread.

The topics have one partition each and are assigned by hand: no consumer group, no rebalance.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import KafkaConnection, RegistryConnection, consume
from schemas.errors import ConfigurationError, PermanentError
from schemas.headers import headers_of
from schemas.registry import SchemaIds
from schemas.topics import STRIKES, bureau_topic, desk_topic
from schemas.wire import WireError
from sinks.desk.filters import Filters, Subscription
from sinks.desk.newer import AskingReader, NewerSchemaError
from sinks.desk.places import (
    Start,
    TopicWatch,
    check_readable,
    check_still_there,
    failure_of,
    first_offset,
    topic_ids,
)
from sinks.desk.reading import chain_hashes
from sinks.desk.records import Delivered, GapError, Item, Position, Struck, Unreadable
from sinks.desk.store import GivenOut, PositionStore, Saved
from sinks.desk.strikes import StrikeFollower

__all__ = ["Subscriber"]

_GROUP = "liaison-desk"
_SAVE_EVERY_S = 5.0
_FORGET_EVERY_S = 86_400.0
_DAY_MS = 86_400_000
_REMEMBER_DAYS = 10 * 365
_TOPIC_DAYS = 90


class Subscriber:
    """Events of a region by category, with strikes, from where it left off.

    Use it as a context manager. With `bureau`, that bureau's own events are dropped and what is
    addressed to it alone is read too. Without `store`, nothing is remembered after the end. With
    a start that does not resume, a store begins anew: events may be given out again. `prefix` is
    set before the names of all topics.

    `registry` is asked about a schema id that is not among `schema_ids`: after an update of
    Liaison an event may be newer than the ids. If it is none of the registry's, the record is
    broken (`Unreadable`). Without a registry nobody can tell, and the subscriber stands before it.

    A recall finds what was given out up to `remember_days` before it: give as many as a copy may
    be kept in your files. Strikes have no end of their own.

    Raises:
        ConfigurationError: an unknown region, category or bureau; too few days.
    """

    def __init__(
        self,
        region: str,
        categories: Iterable[str],
        *,
        kafka: KafkaConnection,
        schema_ids: SchemaIds,
        registry: RegistryConnection | None = None,
        bureau: str | None = None,
        filters: Filters | None = None,
        start: Start | None = None,
        store: Path | None = None,
        prefix: str = "",
        max_records: int = 500,
        remember_days: int = _REMEMBER_DAYS,
        clock: Clock | None = None,
    ) -> None:
        self._subscription = Subscription(region, frozenset(categories), bureau)
        self._subscription.check()
        if remember_days < _TOPIC_DAYS:
            raise ConfigurationError(
                f"remember_days is {remember_days}: topics hold an event for {_TOPIC_DAYS} days, "
                "and its recall may come at any time after; give that many or more"
            )
        self._remember_ms = remember_days * _DAY_MS
        self._kafka = kafka
        self._reader = AskingReader(schema_ids, registry)
        self._filters = filters or Filters()
        self._start = start or Start.resume()
        self._store_path = store
        self._max_records = max_records
        self._clock = clock or SystemClock()
        self._category_of: dict[str, str | None] = {
            prefix + desk_topic(region, category): category
            for category in sorted(self._subscription.categories)
        }
        if bureau is not None:
            self._category_of[prefix + bureau_topic(bureau)] = None
        self._strikes = prefix + STRIKES
        self._not_before_ms = 0
        self._next: dict[str, Saved] = {}
        self._unacknowledged: list[GivenOut] = []
        self._outstanding = False
        self._announcements: list[Struck | Unreadable] = []
        self._at_end: set[str] = set()
        self._failure: PermanentError | None = None
        self._parts: _Parts | None = None

    def __enter__(self) -> Subscriber:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect, read the strikes, find the positions.

        Raises:
            GapError: a stored position is no longer in its topic.
            PermanentError: the topic of strikes went away while it was read.
            ConfigurationError: a topic is missing or forbidden; the store is another's.
            RetryableError: the broker can't be reached.
        """
        with ExitStack() as undo:
            store = PositionStore(self._store_path)
            undo.callback(store.close)
            ids = topic_ids(self._kafka, [*self._category_of, self._strikes])
            consumer = Consumer(
                self._kafka.consumer_config(
                    _GROUP,
                    enable_partition_eof=True,
                    fetch_wait_max_ms=100,
                    queued_max_messages_kbytes=32 * 1024,
                )
            )
            undo.callback(consumer.close)
            follower = StrikeFollower(store, self._reader, self._strikes, ids[self._strikes])
            self._announcements = [*follower.catch_up(consumer, self._clock), *store.due()]
            self._find_places(consumer, store, ids)
            self._assign(consumer, follower)
            self._save_due = Deadline.after(self._clock, _SAVE_EVERY_S)
            self._forget_due = Deadline.after(self._clock, 0.0)
            watch = TopicWatch(self._kafka, ids, self._clock)
            self._parts = _Parts(consumer, store, follower, watch)
            undo.pop_all()

    def close(self) -> None:
        """Give everything up; what was not acknowledged comes again."""
        if self._parts is None:
            return
        parts, self._parts = self._parts, None
        try:
            if not self._outstanding:
                self._save(parts.store)
        finally:
            parts.store.close()
            parts.consumer.close()

    @property
    def caught_up(self) -> bool:
        """Whether every topic was read to its end when it was last polled."""
        return self._at_end >= self._category_of.keys()

    @property
    def positions(self) -> dict[str, int]:
        """The next offset of each topic, acknowledged or not."""
        return {topic: saved.next_offset for topic, saved in self._next.items()}

    def poll(self, timeout_s: float, *, max_records: int | None = None) -> list[Item]:
        """What came within the time, at most so many records; strikes of earlier events first.

        Raises:
            GapError: records are gone that were never read, or recalls; so does every later call.
            PermanentError: a topic, that of strikes too, is gone or forbidden.
            RetryableError: the store can't be written, or (`newer-schema`) the next record is of a
                schema that only a newer Liaison knows; poll again, nothing is skipped.
        """
        if self._failure is not None:
            raise self._failure
        parts = self._opened()
        told, self._announcements = self._announcements, []
        items: list[Item] = []
        newer: NewerSchemaError | None = None
        next_before, given_out = dict(self._next), len(self._unacknowledged)
        try:
            most = min(max_records or self._max_records, self._max_records)
            messages = consume(parts.consumer, most, 0.0 if told else timeout_s)
            told += parts.follower.take([m for m in messages if m.topic() == self._strikes])
            newer = self._take_all(messages, parts, items)
            parts.watch.look()
            if _wait_for_ack(told, items):
                self._outstanding = True
            elif not self._outstanding and self._save_due.expired():
                self._save(parts.store)
        except PermanentError as failure:
            self._failure = failure
            # What was read before it is still good; the next call says what happened.
            if not (told or items):
                raise
            self._outstanding |= _wait_for_ack(told, items)
        except BaseException:
            # Cut off (Ctrl-C, a full disk): what nobody was handed comes again.
            self._next = next_before
            del self._unacknowledged[given_out:]
            self._announcements = [*told, *self._announcements]
            self._assign(parts.consumer, parts.follower)
            raise
        if newer is not None:
            self._assign(parts.consumer, parts.follower)
            if not (told or items):
                raise newer
        return [*told, *items]

    def ack(self) -> None:
        """Everything polled so far is in the consumer's hands; strikes are acknowledged apart.

        Raises:
            RetryableError: the store can't be written; acknowledge again.
        """
        store = self._opened().store
        self._save(store)
        if self._forget_due.expired():
            store.forget_before(self._clock.now_ms() - self._remember_ms)
            self._forget_due = Deadline.after(self._clock, _FORGET_EVERY_S)

    def ack_struck(self, struck: Iterable[Struck]) -> None:
        """The consumer knows that these are struck; they don't come again."""
        self._opened().store.told([item.hash for item in struck])

    def _assign(self, consumer: Consumer, follower: StrikeFollower) -> None:
        """Read on from the places that are held."""
        places = [TopicPartition(t, 0, saved.next_offset) for t, saved in self._next.items()]
        consumer.assign([follower.place, *places])
        self._at_end.clear()

    def _opened(self) -> _Parts:
        if self._parts is None:
            raise ConfigurationError("the subscriber is not open: use it in a `with` statement")
        return self._parts

    def _save(self, store: PositionStore) -> None:
        struck = store.save(self._next, self._unacknowledged, self._clock.now_ms())
        self._announcements += struck
        self._unacknowledged = []
        self._outstanding = False
        self._save_due = Deadline.after(self._clock, _SAVE_EVERY_S)

    def _find_places(self, consumer: Consumer, store: PositionStore, ids: dict[str, str]) -> None:
        identity = self._subscription.identity
        held = store.subscription
        if self._start.resumes and held is not None:
            if held != identity:
                raise ConfigurationError(
                    f"the store belongs to the subscription {held}, not {identity}: name another "
                    "store, or give a start, which begins this one anew",
                    code="other-subscription",
                )
            positions = store.positions()
            self._next = {topic: positions[topic] for topic in self._category_of}
            for topic, saved in self._next.items():
                check_still_there(consumer, topic, ids[topic], saved)
            return
        since_ms = self._start.since_ms
        self._not_before_ms = since_ms or 0
        self._next = {
            topic: Saved(ids[topic], first_offset(consumer, topic, since_ms))
            for topic in self._category_of
        }
        store.begin(identity, self._next)

    def _take_all(
        self, messages: Iterable[Message], parts: _Parts, items: list[Item]
    ) -> NewerSchemaError | None:
        """Take these; a topic is left where a record stands in it that can't be read yet."""
        newer: NewerSchemaError | None = None
        left = {self._strikes}
        for message in messages:
            if message.topic() in left and failure_of(message) is None:
                continue
            try:
                self._take(message, parts, items)
            except NewerSchemaError as error:
                left.add(str(message.topic()))
                newer = newer or error
        return newer

    def _take(self, message: Message, parts: _Parts, items: list[Item]) -> None:
        topic, offset = message.topic(), message.offset()
        error = failure_of(message)
        if error is not None:
            self._fail(parts, topic, error)
            return
        assert topic is not None
        assert offset is not None
        saved = self._next[topic]
        if message.error() is not None:
            # Past control records too: retention may take them without anything being lost.
            self._next[topic] = Saved(saved.topic_id, max(saved.next_offset, offset))
            self._at_end.add(topic)
            return
        self._at_end.discard(topic)
        item = self._read(message, Position(topic, offset), parts)
        self._next[topic] = Saved(saved.topic_id, offset + 1)
        if item is not None:
            items.append(item)

    def _fail(self, parts: _Parts, topic: str | None, error: KafkaError) -> None:
        if topic == self._strikes:
            parts.follower.fail(parts.consumer, error)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            for name in [topic] if topic in self._next else list(self._next):
                saved = self._next[str(name)]
                check_still_there(parts.consumer, str(name), saved.topic_id, saved)
            raise GapError(f"{topic}: {error.str()}. Give a start to go on", code="below-log-start")
        else:
            check_readable(topic, error)

    def _read(
        self, message: Message, position: Position, parts: _Parts
    ) -> Delivered | Unreadable | None:
        value = message.value()
        try:
            opened = self._reader.open(value)
            enrichment = opened.enrichment
            if (
                not self._subscription.takes(enrichment, self._category_of[position.topic])
                or enrichment["recorded_at"] < self._not_before_ms
                or not self._filters.match(enrichment)
            ):
                return None
            whole = opened.whole()
        except WireError as wrong:
            return Unreadable(position, str(wrong), value)
        headers = headers_of(message)
        if headers is None:
            return Unreadable(position, "the name of one of its headers is no UTF-8", value)
        bureau, event_id = enrichment["bureau"], enrichment["event_id"]
        own, named = chain_hashes(enrichment, whole["event"]["envelope"])
        strike = parts.store.strike_of(own, named)
        self._unacknowledged.append(GivenOut(own, named, bureau, event_id, strike is not None))
        return Delivered(
            kind=opened.schema.kind or enrichment["kind"],
            version=opened.schema.version,
            enrichment=whole["enrichment"],
            event=whole["event"],
            event_bytes=opened.event_bytes,
            headers=tuple(headers),
            position=position,
            strike=strike,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an open subscriber holds."""

    consumer: Consumer
    store: PositionStore
    follower: StrikeFollower
    watch: TopicWatch


def _wait_for_ack(*handed_out: Iterable[Item]) -> bool:
    """Whether something is among these that `ack` acknowledges; strikes are apart."""
    return any(not isinstance(item, Struck) for items in handed_out for item in items)
