"""The router without a broker: feed records, look at what it would write, topic by topic.

For tests, for rule authors who want to see where an event goes, and for `liaison topics --event`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.headers import ORIGIN_HEADER
from schemas.models import Event, Stamp, encode_event, event_lane
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import partition_of, source_topic
from stream_apps.engine.records import Consumed, Produced
from stream_apps.router.router import Router

__all__ = ["RouterDriver"]


class RouterDriver:
    """One router of one lane, with a clock that the caller sets and offsets that count up."""

    def __init__(
        self,
        lane: str = "message",
        *,
        reference: Reference | None = None,
        catalogue: Catalogue | None = None,
        now_ms: int = 1_764_028_800_000,
    ) -> None:
        self.reference = reference or Reference.load()
        self.catalogue = catalogue or Catalogue.load()
        self.ids = SchemaIds.numbered(self.catalogue)
        self.router = Router(
            lane=lane, reference=self.reference, catalogue=self.catalogue, ids=self.ids
        )
        self.now_ms = now_ms
        self._offset = 0
        self._sequences: dict[tuple[str, str], int] = defaultdict(int)

    def record(
        self,
        bureau: str,
        event: Event,
        *,
        system: str = "cases",
        sequence: int | None = None,
        epoch: int = 7,
    ) -> Consumed:
        """The record that an outbox would send for an event."""
        lane = event_lane(event)
        if sequence is None:
            self._sequences[bureau, system] += 1
            sequence = self._sequences[bureau, system]
        stamp = Stamp(bureau, system, lane, epoch, sequence, self.now_ms, "driver", "1")
        schema = self.catalogue.event(event.kind)
        value = wire.frame(self.ids.id_of(schema), encode_event(schema, event, stamp))
        return self.raw(
            bureau, value, lane=lane, headers=[(ORIGIN_HEADER, stamp.origin(event.event_id).pack())]
        )

    def raw(
        self,
        bureau: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        lane: str = "message",
        region: str | None = None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> Consumed:
        """A record of any bytes in a bureau's topic."""
        self._offset += 1
        return Consumed(
            source_topic(region or self.reference.region_of(bureau, self.now_ms), lane),
            partition_of(bureau) if partition is None else partition,
            self._offset,
            self.now_ms,
            bureau.encode() if key is None else key,
            value,
            headers,
        )

    def feed(self, *records: Consumed, commit: bool = True) -> dict[str, list[Produced]]:
        """One transaction: what it writes, by topic."""
        return self._by_topic(self.router.process(records), commit=commit)

    def tick(self) -> dict[str, list[Produced]]:
        """What time alone makes due."""
        return self._by_topic(self.router.tick(self.now_ms), commit=True)

    def decode(self, record: Produced) -> dict[str, Any]:
        """A framed value, plain."""
        assert record.value is not None
        schema = self.ids.by_id[wire.schema_id_of(record.value)]
        return wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES, whole=True)

    def _by_topic(self, produced: list[Produced], *, commit: bool) -> dict[str, list[Produced]]:
        if commit:
            self.router.committed()
        else:
            self.router.aborted()
        topics: dict[str, list[Produced]] = defaultdict(list)
        for record in produced:
            topics[record.topic].append(record)
        return dict(topics)
