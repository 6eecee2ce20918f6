"""Following `strikes`: read to its end before anything else, then along with the events.

A strike is kept in the store as soon as it is read; what it means for events given out earlier is
worked out there. The topic is compacted: what is missing below its start was replaced by a later
record of the same key, so beginning at the start skips nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.clock import Clock, Deadline
from schemas.errors import RetryableError
from schemas.registry import SchemaIds
from schemas.wire import WireError
from sinks.desk.places import range_of
from sinks.desk.reading import StrikeKey, read_strike, strike_key
from sinks.desk.records import Position, Strike, Struck, Unreadable
from sinks.desk.store import PositionStore, Saved

__all__ = ["StrikeFollower"]

_LIMIT_S = 60.0
_BATCH = 1000


class StrikeFollower:
    """Keeps a store's strikes up to date. Owns the position in `strikes`."""

    def __init__(
        self, store: PositionStore, schema_ids: SchemaIds, topic: str, topic_id: str
    ) -> None:
        self._store = store
        self._ids = schema_ids
        self._topic = topic
        self._topic_id = topic_id
        self._next_offset = 0

    @property
    def place(self) -> TopicPartition:
        return TopicPartition(self._topic, 0, self._next_offset)

    def catch_up(self, consumer: Consumer, clock: Clock) -> list[Unreadable]:
        """Read what the store does not have yet; leaves the consumer assigned to `strikes`.

        Raises:
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
            items = self.take(consumer.consume(_BATCH, 0.5))
            unreadable += [item for item in items if isinstance(item, Unreadable)]
        return unreadable

    def take(self, messages: Iterable[Message]) -> list[Struck | Unreadable]:
        """Keep these strikes; say which events given out they hit, and which can't be read."""
        found: list[tuple[StrikeKey, Strike | None]] = []
        unreadable: list[Unreadable] = []
        next_offset = self._next_offset
        for message in messages:
            offset = message.offset()
            assert offset is not None
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    next_offset = max(next_offset, offset)
                continue
            next_offset = offset + 1
            value = message.value()
            try:
                key = strike_key(message.key())
            except WireError as wrong:
                unreadable.append(Unreadable(Position(self._topic, offset), str(wrong), value))
                continue
            appended_ms = message.timestamp()[1]
            found.append(
                (key, None if value is None else read_strike(self._ids, key, value, appended_ms))
            )
        if next_offset == self._next_offset:
            return []
        struck = self._store.strike(found, self._topic, Saved(self._topic_id, next_offset))
        self._next_offset = next_offset
        return [*struck, *unreadable]
