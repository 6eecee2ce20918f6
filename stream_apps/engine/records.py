"""What goes into a processor and what comes out: plain values, no broker needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import Message

from schemas.headers import Headers, headers_of

__all__ = ["Consumed", "Partition", "Processor", "Produced", "bytes_of", "consumed"]


class Partition(NamedTuple):
    """A topic's partition."""

    topic: str
    partition: int


class Consumed(NamedTuple):
    """A record as it was read.

    `timestamp_ms` is the broker's append time; `headers` is None where they can't be read.
    `unread` says why none of a batch's records could be read: then this is the whole batch, `value`
    its bytes in the log and `offset` that of its last record.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None
    unread: str | None = None


class Produced(NamedTuple):
    """A record to write. Partition -1 lets the key decide."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int = -1


def consumed(message: Message) -> Consumed:
    """A confluent-kafka message without error, as a plain value."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Consumed(
        topic, partition, offset, message.timestamp()[1], message.key(), message.value(),
        headers_of(message),
    )  # fmt: skip


def bytes_of(records: Iterable[Consumed | Produced]) -> int:
    """What records take with their keys and headers."""
    total = headers_bytes = 0
    added_up: Headers | None = None
    for record in records:
        headers = record.headers
        if headers is not added_up:  # those for many readers share theirs
            added_up, headers_bytes = headers, 0
            for name, content in headers or ():
                headers_bytes += len(name) + len(content or b"")
        total += headers_bytes + len(record.key or b"") + len(record.value or b"")
    return total


class Processor(Protocol):
    """A function of batches with a state that follows the transaction.

    `process` and `tick` may change state, must not block, and must not do I/O; they raise only on
    an error of the program, never because of what a record holds, or a LiaisonError where only
    another process can go on. After each of them, and after `refuse`, the engine calls `committed`
    or `aborted`, exactly one of the two.
    """

    def state_of(self, assigned: Sequence[Partition]) -> Sequence[Partition]:
        """The partitions of state to read before `assigned` may be processed."""
        ...

    def restore(self, assigned: Sequence[Partition], records: Iterable[Consumed]) -> None:
        """Take the state of newly assigned partitions; forget what was held of them before."""
        ...

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        """All outputs of a batch."""
        ...

    def refuse(self, record: Consumed, reason: str) -> list[Produced]:
        """Outputs for a record whose own the broker does not take, small ones this time."""
        ...

    def tick(self, now_ms: int) -> list[Produced]:
        """Outputs that time alone makes due."""
        ...

    def committed(self) -> None:
        """The last outputs are in the log: their state is the state."""
        ...

    def aborted(self) -> None:
        """The last outputs were never written: return to the state before them."""
        ...

    def revoke(self, lost: Sequence[Partition]) -> None:
        """These partitions belong to somebody else now."""
        ...
