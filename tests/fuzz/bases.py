"""What cases are grown from: sound records of every kind, made once from the simulator's year."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from producers.simulator import Handover, Mix, Simulator
from schemas import wire
from schemas.catalogue import KINDS, Catalogue, EventSchema
from schemas.models import Report, Stamp, VictimIdentified, encode_event, event_lane
from schemas.reference import Reference
from schemas.registry import SchemaIds

__all__ = ["NOW_MS", "Base", "bases", "catalogue_ids"]

NOW_MS = 1_764_028_800_000
_START = datetime(2025, 11, 24, tzinfo=UTC)
_OF_EACH_KIND = 12


@dataclass(frozen=True, slots=True)
class Base:
    """A sound record: its sender, its decoded form and its schema."""

    bureau: str
    system: str
    lane: str
    schema: EventSchema
    schema_id: int
    record: dict[str, Any]
    event_id: str

    def value(self, record: dict[str, Any]) -> bytes:
        """A framed value of a record of this base's schema."""
        return wire.frame(self.schema_id, wire.encode(self.schema.plain, record))


@functools.cache
def catalogue_ids() -> SchemaIds:
    """The ids of a registry that knows the whole catalogue."""
    return SchemaIds.numbered(Catalogue.load())


@functools.cache
def bases() -> dict[str, tuple[Base, ...]]:
    """By kind; every kind has at least one."""
    catalogue, ids = Catalogue.load(), catalogue_ids()
    simulated = Simulator(Reference.load(), 7, _START, Mix.of("messages", 3000, searches=40))
    report = Report(
        subtype="modus-operandi", category="terrorism", title="A way", text="How it is done",
        occurred_at=_START,
    )  # fmt: skip
    victims = VictimIdentified(category="human-trafficking", occurred_at=_START)
    rare = [Handover("FR", "analysis", event) for event in (report, victims)]
    items: list[Any] = [*simulated, *rare]
    found: dict[str, list[Base]] = defaultdict(list)
    for epoch, item in enumerate(items, 1):  # one each: all of them are numbered 1
        if not isinstance(item, Handover) or len(found[item.event.kind]) >= _OF_EACH_KIND:
            continue
        event, lane = item.event, event_lane(item.event)
        schema = catalogue.event(event.kind)
        stamp = Stamp(item.bureau, item.system, lane, epoch, 1, NOW_MS, "fuzz", "1")
        record = wire.decode(schema.plain, encode_event(schema, event, stamp))
        found[event.kind].append(
            Base(
                item.bureau, item.system, lane, schema, ids.id_of(schema), record,
                str(event.event_id),
            )
        )  # fmt: skip
    missing = KINDS.keys() - found.keys()
    assert not missing, f"the simulator made no {missing}"
    return {kind: tuple(of_kind) for kind, of_kind in found.items()}
