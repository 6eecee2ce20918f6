"""Delivered records as the router writes them, for tests of the desk's end."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.ids import strike_hash
from schemas.models import Event, Stamp, encode_event
from schemas.registry import SchemaIds

__all__ = ["Record", "delivered", "enrichment", "numbered_ids", "strike_record"]

RECORDED_MS = 1_790_000_000_000


@dataclass(frozen=True)
class Record:
    """A key and a value as they stand in a topic, and the event's id."""

    key: bytes
    value: bytes
    event_id: str
    body: bytes


def numbered_ids() -> SchemaIds:
    return SchemaIds.numbered(Catalogue.load())


def enrichment(**given: Any) -> dict[str, Any]:
    """A plain enrichment; keywords replace its fields."""
    return {
        "event_id": str(uuid.uuid4()),
        "recorded_at": RECORDED_MS,
        "source_topic": "intel.europe",
        "source_partition": 1,
        "source_offset": 7,
        "root": None,
        "root_bureau": None,
        "categories": ["terrorism"],
        "category_source": "declared",
        "flags": [],
        "identifiers": [],
        "amounts_usd": [],
        "score": 50,
        "score_parts": [],
        "bureau": "FR",
        "kind": "report",
        "subtype": "analytical-report",
        "region": "europe",
        "audience_regions": ["europe"],
        "audience_bureaus": [],
        "countries": ["FR"],
        "urgency": "routine",
        "tlp": "AMBER",
        "handling_codes": [],
        "restricted": "none",
        "operation": None,
        "offence": None,
        "language": "en",
        "test": False,
        "reference_version": "test",
        "router_version": "test",
        **given,
    }


def delivered(
    ids: SchemaIds, event: Event, *, catalogue: Catalogue | None = None, **given: Any
) -> Record:
    """An event as a desk topic holds it; keywords replace fields of the enrichment."""
    catalogue = catalogue or Catalogue.load()
    bureau = given.get("bureau", "FR")
    stamp = Stamp(bureau, "test", "message", 1, 1, RECORDED_MS, "test", "1")
    body = encode_event(catalogue.event(event.kind), event, stamp)
    values = enrichment(**{"event_id": str(event.event_id), "kind": event.kind, **given})
    head = wire.encode(catalogue.schema("liaison.delivered.Enrichment").plain, values)
    framed = wire.frame(0, body)
    value = wire.splice(ids.id_of(catalogue.delivered(event.kind)), head, framed)
    return Record(bureau.encode(), value, str(event.event_id), body)


def strike_record(
    ids: SchemaIds, bureau: str, event_id: str, *, chain: bool, reason: str = "located"
) -> tuple[bytes, bytes]:
    """Key and value of a strike."""
    schema = Catalogue.load().schema("liaison.strikes.Strike")
    body = wire.encode(
        schema.plain,
        {"chain": chain, "reason": reason, "successor": None, "recorded_at": RECORDED_MS},
    )
    key = f"{strike_hash(bureau, event_id)}:{'chain' if chain else 'one'}"
    return key.encode(), wire.frame(ids.id_of(schema), body)
