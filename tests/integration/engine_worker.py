"""A worker process for the engine's fault tests: numbers each record of a key, state in a topic."""

import sys
import threading
import time
from collections.abc import Iterable, Sequence

from schemas.connections import KafkaConnection
from stream_apps.engine import (
    Consumed,
    LoopSettings,
    Partition,
    Produced,
    TransactionalLoop,
)

FOR_EVERYONE = b"for everyone"
"""A record with 200 outputs of a megabyte each."""
LARGE_BYTES = 1_000_000
"""Of a record that has more only `large` is written, after a time in which the client fetches ahead
what it may.
"""
UNREAD = b"unread"
"""Stands for the key of a batch that the client can't decompress."""


class Numbering:
    """Writes `key, n, value` where n counts the key's records; n lives in a compacted topic."""

    def __init__(self, out: str, state: str) -> None:
        self._out, self._state_topic = out, state
        self._kept: dict[tuple[int, bytes], int] = {}
        self._next: dict[tuple[int, bytes], int] = {}

    def state_of(self, assigned: Sequence[Partition]) -> Sequence[Partition]:
        return [Partition(self._state_topic, p.partition) for p in assigned]

    def restore(self, assigned: Sequence[Partition], records: Iterable[Consumed]) -> None:
        self.revoke(assigned)
        for record in records:
            assert record.key is not None
            assert record.value is not None
            self._kept[record.partition, record.key] = int(record.value)

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        out = []
        for record in batch:
            key, value = record.key, record.value or b""
            if record.unread is not None:
                key, value = UNREAD, str(record.offset).encode()
            elif len(value) > LARGE_BYTES:
                value = b"large"
                time.sleep(1)
            assert key is not None
            where = (record.partition, key)
            number = self._next.get(where, self._kept.get(where, 0)) + 1
            self._next[where] = number
            text = f"{key.decode()} {number} ".encode() + value
            out.append(Produced(self._out, key, text))
            if record.value == FOR_EVERYONE:
                out += [Produced(self._out, record.key, b"x" * 990_000)] * 200
        out += [
            Produced(self._state_topic, key, str(number).encode(), partition=partition)
            for (partition, key), number in self._next.items()
        ]
        return out

    def refuse(self, record: Consumed, reason: str) -> list[Produced]:
        return [Produced(self._out, record.key, b"refused")]

    def tick(self, now_ms: int) -> list[Produced]:
        """The state again, as a ledger that a receipt changed."""
        return [
            Produced(self._state_topic, key, str(number).encode(), partition=partition)
            for (partition, key), number in self._kept.items()
        ]

    def committed(self) -> None:
        self._kept.update(self._next)
        self._next.clear()

    def aborted(self) -> None:
        self._next.clear()

    def revoke(self, lost: Sequence[Partition]) -> None:
        gone = {p.partition for p in lost}
        self._kept = {k: v for k, v in self._kept.items() if k[0] not in gone}
        self._next.clear()


def run(
    bootstrap: str, source: str, out: str, state: str, slot: str, *, session_timeout_ms: int = 6000
) -> None:
    settings = LoopSettings(
        group_id=f"{source}-group",
        transactional_id=f"{source}-{slot}",
        topics=(source,),
        max_batch_records=500,
        session_timeout_ms=session_timeout_ms,
    )
    TransactionalLoop(KafkaConnection(bootstrap), Numbering(out, state), settings).run(
        threading.Event()
    )


if __name__ == "__main__":
    run(*sys.argv[1:6])
