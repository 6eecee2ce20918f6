"""A watch over the worker itself: facts wait, and nothing is counted.

Once in a while Faust comes out of a rebalance alive, a member of its group, and reads nothing more.
Whatever the cause, a worker that stands still is to end, so that whoever runs it starts it again;
by that nothing is lost or counted twice. The watch asks the broker with a client of its own, since
what stands still can't be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from stream_apps.engine import Partition, read_from

__all__ = ["Place", "StandstillWatch", "first_unread"]

_ASK_S = 10.0

FirstUnread = Callable[[int, int], int | None]
"""From a partition and an offset to the first committed record there or behind, if there is one."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a partition is. While it is the same place, nothing was done there."""

    generation: int
    """Of the group's assignment."""
    next_offset: int
    """Of the fact to be counted next."""
    restored: int | None
    """How far the table's changelog is read."""


class StandstillWatch:
    """Compares a look with the one before; whoever looks waits in between."""

    def __init__(self, first_unread: FirstUnread) -> None:
        self._first_unread = first_unread
        self._waiting: dict[int, Place] = {}

    def look(self, places: Mapping[int, Place]) -> tuple[int, int] | None:
        """Partition and offset of a fact that waited since the last look without anything done.

        `places` holds the assigned partitions.

        Raises:
            RetryableError: the broker does not answer; the next look begins anew.
        """
        before, self._waiting = self._waiting, {}
        waiting = {}
        for partition, place in places.items():
            offset = self._first_unread(partition, place.next_offset)
            if offset is None:
                continue
            if before.get(partition) == place:
                return partition, offset
            waiting[partition] = place
        self._waiting = waiting
        return None


def first_unread(kafka: KafkaConnection, topic: str) -> FirstUnread:
    """Asks the broker for committed records of a topic."""
    clock = SystemClock()

    def ask(partition: int, from_offset: int) -> int | None:
        starts = {Partition(topic, partition): from_offset}
        record = next(read_from(kafka, starts, clock, timeout_s=_ASK_S), None)
        return None if record is None else record.offset

    return ask
