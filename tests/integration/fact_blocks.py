"""Facts and blocks for tests, made with the real schema."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import fastavro

from schemas.catalogue import Catalogue

Fact = dict[str, Any]

WHEN = datetime(2025, 5, 1, 12, 0, 0, 123_000, tzinfo=UTC)
_DEFINITION: Mapping[str, Any] = Catalogue.load().schema("liaison.facts.Fact").definition
_PARSED = fastavro.parse_schema(dict(_DEFINITION))
FIELDS = tuple(field["name"] for field in _DEFINITION["fields"])


def make_fact(**changes: Any) -> Fact:
    """A plain notice of France with a fresh id; keyword arguments change fields."""
    fact: Fact = {
        "event_id": uuid.uuid4(),
        "root": None,
        "root_bureau": None,
        "supersedes_event_id": None,
        "supersedes_bureau": None,
        "supersedes_kind": None,
        "occurred_at": WHEN,
        "published_at": WHEN,
        "recorded_at": WHEN,
        "kind": "notice",
        "subtype": "red",
        "result": "",
        "category": "terrorism",
        "categories": ["terrorism"],
        "category_source": "declared",
        "offence": "",
        "bureau": "FR",
        "sub_bureau": "",
        "system": "main",
        "lane": "message",
        "region": "europe",
        "reference_version": "2026-01-01.0",
        "urgency": "routine",
        "grading_scheme": "",
        "grading_source": "",
        "grading_information": "",
        "language": "fr",
        "operation": "",
        "countries": [],
        "restricted": "none",
        "test": False,
        "measures": [],
        "measure_values": [],
        "measure_units": [],
        "measure_bases": [],
        "measure_usd": [],
        "amount": None,
        "currency": "",
        "amount_usd": None,
        "rate_date": None,
        "source_topic": "intel.europe",
        "source_partition": 0,
        "source_offset": 1,
        "router_version": "1",
        "events": 1,
        "sign": 1,
    }
    unknown = changes.keys() - fact.keys()
    assert not unknown, unknown
    return fact | changes


def recall_of(fact: Fact, **changes: Any) -> Fact:
    """A recall of an event by its own bureau."""
    named: Fact = {
        "kind": "recall",
        "subtype": "withdrawal",
        "bureau": fact["bureau"],
        "supersedes_event_id": fact["event_id"],
        "supersedes_bureau": fact["bureau"],
        "supersedes_kind": fact["kind"],
        "root": fact["root"] or fact["event_id"],
        "root_bureau": fact["root_bureau"] or fact["bureau"],
    }
    return make_fact(**(named | changes))


def correction_of(fact: Fact, **changes: Any) -> Fact:
    """A full event of the same kind that supersedes another."""
    named: Fact = {
        "kind": fact["kind"],
        "bureau": fact["bureau"],
        "supersedes_event_id": fact["event_id"],
        "supersedes_bureau": fact["bureau"],
        "supersedes_kind": fact["kind"],
        "root": fact["root"] or fact["event_id"],
        "root_bureau": fact["root_bureau"] or fact["bureau"],
    }
    return make_fact(**(named | changes))


def make_block(facts: Sequence[Fact]) -> bytes:
    """An Avro container file as the cutter makes it."""
    buffer = io.BytesIO()
    fastavro.writer(buffer, _PARSED, [{**f, **_as_text(f)} for f in facts], codec="null")
    return buffer.getvalue()


def _as_text(fact: Fact) -> Fact:
    names = ("event_id", "root", "supersedes_event_id")
    return {name: None if fact[name] is None else str(fact[name]) for name in names}
