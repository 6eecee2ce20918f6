"""Following `strikes`: read to its end before anything else, then along with the events.

A strike is kept in the store as soon as it is read, and so is a link, which says that two events
are of one chain; what they mean for events given out earlier is worked out there. The topic is
compacted: what is missing below its start was replaced by a later record of the same key, so
beginning at the start skips nothing. While it can't be read, recalls don't come: whoever follows it
must hear of that, as of a gap in its events.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.clock import Clock, Deadline
from schemas.connections import consume
from schemas.errors import RetryableError
from schemas.wire import WireError
from sinks.desk.newer import AskingReader
from sinks.desk.places import check_readable, failure_of, range_of
from sinks.desk.reading import LinkKey, StrikeKey, read_strike, strike_key
from sinks.desk.records import GapError, Position, Strike, Struck, Unreadable
from sinks.desk.store import PositionStore, Saved

__all__ = ["StrikeFollower"]

_LIMIT_S = 60.0
_BATCH = 1000


class StrikeFollower:
    """Keeps a store's strikes up to date. Owns the position in `strikes`."""

    def __init__(
        self, store: PositionStore, reader: AskingReader, topic: str, topic_id: str
    ) -> None:
        self._store = store
        self._reader = reader
        self._topic = topic
        self._topic_id = topic_id
        self._next_offset = 0

    @property
    def place(self) -> TopicPartition:
        return TopicPartition(self._topic, 0, self._next_offset)

    def catch_up(self, consumer: Consumer, clock: Clock) -> list[Unreadable]:
        """Read what the store does not have yet; leaves the consumer assigned to `strikes`.

        Raises:
            GapError, PermanentError: it can't be read on.
            RetryableError: the end was not reached in time.
        """
        low, end = range_of(consumer, self._topic)
        saved = self._store.positions().get(self._topic)
        known = saved is not None and saved.topic_id == self._topic_id
        self._next_offset = max(low, saved.next_offset) if saved is not None and known else low
        if self._next_offset > end:
            self._next_offset = low
        consumer.assign([self.place])
        deadline = Deadline.after(clock, _LIMIT_S)
        unreadable: list[Unreadable] = []
        while self._next_offset < end:
            if deadline.expired():
                raise RetryableError(
                    f"{self._topic} was read to offset {self._next_offset} of {end} "
                    f"in {_LIMIT_S:.0f} s: is the broker well?"
                )
            messages = consume(consumer, _BATCH, 0.5)
            items = self.take([m for m in messages if m.topic() == self._topic])
            unreadable += [item for item in items if isinstance(item, Unreadable)]
            for error in filter(None, map(failure_of, messages)):
                self.fail(consumer, error)
        return unreadable

    def fail(self, consumer: Consumer, error: KafkaError) -> None:
        """Raise if no strike will come any more; what came before it is to be taken first.

        Raises:
            GapError: the topic was made anew, or cut, while it was read.
            PermanentError: the topic is gone or forbidden.
        """
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            low, end = range_of(consumer, self._topic)
            raise GapError(
                f"{self._topic} holds offsets {low} to {end}, this subscriber stands at "
                f"{self._next_offset}: the topic was made anew, or cut, and recalls may be "
                "missing. Start the subscriber again: it then reads all that is there, and still "
                "knows the recalls that it has read",
                code="below-log-start" if self._next_offset < low else "beyond-log-end",
            )
        check_readable(self._topic, error)

    def take(self, messages: Iterable[Message]) -> list[Struck | Unreadable]:
        """Keep these strikes and links; say which events given out they hit, and what is not read.

        Errors are passed over: `fail` is for them.
        """
        found: list[tuple[StrikeKey, Strike | None]] = []
        links: list[tuple[LinkKey, bool]] = []
        unreadable: list[Unreadable] = []
        next_offset, ids = self._next_offset, self._reader.schema_ids
        for message in messages:
            if failure_of(message) is not None:
                continue
            offset = message.offset()
            assert offset is not None
            if message.error() is not None:
                next_offset = max(next_offset, offset)
                continue
            next_offset = offset + 1
            value = message.value()
            try:
                key = strike_key(message.key())
            except WireError as wrong:
                unreadable.append(Unreadable(Position(self._topic, offset), str(wrong), value))
                continue
            if isinstance(key, LinkKey):
                links.append((key, value is not None))
                continue
            appended_ms = message.timestamp()[1]
            found.append(
                (key, None if value is None else read_strike(ids, key, value, appended_ms))
            )
        if next_offset == self._next_offset:
            return []
        saved = Saved(self._topic_id, next_offset)
        struck = self._store.strike(found, links, self._topic, saved)
        self._next_offset = next_offset
        return [*struck, *unreadable]
