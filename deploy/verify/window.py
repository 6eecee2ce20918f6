"""From where on each source partition can be recounted: what retention has left of it.

Source topics keep 30 days, the ledger, `fact-blocks` and ClickHouse everything. A partition that
still has its first record is *whole*: its accounts are recounted from nothing, and all must agree.
One that has lost records is *cut*: of it only what follows from the records left is compared. Where
source topics were told to keep more than desks and dead letters do (90 days), what is older than
these counts as lost: nobody could say whether readers had it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from stream_apps.engine import Consumed, Partition

__all__ = ["SLACK_MS", "SourcePosition", "Window"]

SourcePosition = tuple[str, int, int]
"""Topic, partition and offset of a source record."""
SLACK_MS = 86_400_000
"""Between the clocks of broker, router and verifier, and what an event waited for its router."""


class Window:
    """Which source records there are."""

    def __init__(self, firsts: Mapping[Partition, int]) -> None:
        """`firsts` are the offsets that the source partitions are recounted from."""
        self._partitions = len(firsts)
        self._firsts = {partition: first for partition, first in firsts.items() if first > 0}
        self._since_ms: dict[Partition, int] = {}

    @property
    def is_whole(self) -> bool:
        return not self._firsts

    def is_cut(self, topic: str, partition: int) -> bool:
        """Whether records of a partition are gone."""
        return (topic, partition) in self._firsts

    def begins_with(self, record: Consumed) -> bool:
        """Whether a record, as it is read, is recounted; a cut partition begins with the first."""
        partition = Partition(record.topic, record.partition)
        first = self._firsts.get(partition)
        if first is None or partition in self._since_ms:
            return True
        if record.offset < first:
            return False
        self._firsts[partition] = record.offset
        self._since_ms[partition] = record.timestamp_ms
        return True

    def holds(self, source: SourcePosition) -> bool:
        """Whether a source record is recounted."""
        return source[2] >= self._firsts.get(Partition(*source[:2]), 0)

    def newly_cut(self, firsts: Mapping[Partition, int]) -> list[Partition]:
        """Partitions that were whole and are no longer."""
        return [p for p, first in firsts.items() if first > 0 and p not in self._firsts]

    def notes(self) -> list[str]:
        """What can't be recounted any more, in words."""
        if self.is_whole:
            return []
        times = [datetime.fromtimestamp(ms / 1000, UTC) for ms in self._since_ms.values()]
        since = f"from {max(times):%Y-%m-%dT%H:%M:%SZ} on or before" if times else "from now on"
        return [
            f"{len(self._firsts)} of {self._partitions} source partitions are recounted {since}, "
            "earlier records are gone or older than what desks keep: desks, bureaus' topics and "
            "dead letters are compared for what is left, what came before in the ledger, "
            "fact-blocks and ClickHouse alone",
            "left out in these partitions: which numbers seen again were refused before, refusals "
            "that rest on earlier numbers, which searches were repeats, strikes of earlier events",
        ]
