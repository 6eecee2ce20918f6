"""A new enrichment beside old records: whichever router wrote it, a desk reads it."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.verify.recount import Identify
from schemas import wire
from schemas.catalogue import KINDS, Catalogue, Schema, packaged_folders
from schemas.models import Report
from schemas.registry import SchemaIds
from sinks.desk.reading import DeliveredReader
from stream_apps.router.driver import RouterDriver
from stream_apps.router.router import Router

ENRICHMENT = "liaison.delivered.Enrichment"
ENVELOPE = "liaison.events.Envelope"
DESK = "desk.europe.terrorism"
OCCURRED = datetime(2025, 11, 24, tzinfo=UTC)
NEW_FIELD = {"name": "note", "type": "string", "default": "new", "doc": "A note."}


def with_new_fields(first: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A version folder in which these types have a field more."""
    changed = {name: copy.deepcopy(first[name]) for name in names}
    for record in changed.values():
        record["fields"].append(NEW_FIELD)
    return changed


FIRST = packaged_folders()[1]
TODAY = Catalogue({1: FIRST})
TOMORROW = Catalogue({1: FIRST, 2: with_new_fields(FIRST, ENRICHMENT, ENVELOPE)})


@pytest.fixture(scope="module")
def ids() -> Mapping[str, SchemaIds]:
    """What one registry tells today's programs, and tomorrow's."""
    numbers: dict[tuple[str, str], int] = {}

    def told(catalogue: Catalogue) -> SchemaIds:
        found: dict[Schema, int] = {}
        for schema in catalogue:
            found[schema] = numbers.setdefault((schema.name, schema.text), len(numbers) + 1)
        return SchemaIds(found)

    return {"today": told(TODAY), "tomorrow": told(TOMORROW)}


def delivered(catalogue: Catalogue, ids: SchemaIds, version: int = 1) -> tuple[str, bytes, bytes]:
    """Event id, delivered value and the bureau's bytes, from a router with that catalogue."""
    event = Report(
        subtype="analytical-report", category="terrorism", title="t", occurred_at=OCCURRED
    )
    driver = RouterDriver(catalogue=TODAY)
    record = driver.record("FR", event)
    assert record.value is not None
    read = wire.decode(TODAY.event("report").plain, record.value, offset=wire.FRAME_BYTES)
    schema = catalogue.event("report", version)
    body = wire.encode(schema.plain, read)
    router = Router(lane="message", reference=driver.reference, catalogue=catalogue, ids=ids)
    framed = record._replace(value=wire.frame(ids.id_of(schema), body))
    (out,) = [produced for produced in router.process([framed]) if produced.topic == DESK]
    assert out.value is not None
    return str(event.event_id), out.value, body


def test_a_record_from_before_the_new_enrichment_stays_readable(
    ids: Mapping[str, SchemaIds],
) -> None:
    event_id, value, body = delivered(TODAY, ids["today"])
    opened = DeliveredReader(ids["tomorrow"]).open(value)
    assert (opened.schema.version, opened.schema.enrichment_version) == (1, 1)
    assert opened.enrichment["event_id"] == event_id
    assert opened.event_bytes == body
    whole: dict[str, Any] = opened.whole()
    assert "note" not in whole["enrichment"]
    assert whole["event"]["title"] == "t"
    assert Identify(ids["tomorrow"])(DESK, value).event_id == event_id


@pytest.mark.parametrize("version", [1, 2])
def test_the_new_router_writes_its_enrichment_around_events_of_any_version(
    ids: Mapping[str, SchemaIds], version: int
) -> None:
    event_id, value, body = delivered(TOMORROW, ids["tomorrow"], version)
    opened = DeliveredReader(ids["tomorrow"]).open(value)
    assert (opened.schema.version, opened.schema.enrichment_version) == (version, 2)
    assert opened.enrichment["event_id"] == event_id
    assert opened.event_bytes == body
    assert opened.whole()["enrichment"]["note"] == "new"
    assert Identify(ids["tomorrow"])(DESK, value).event_id == event_id
    with pytest.raises(wire.WireError, match="newer than this subscriber"):
        DeliveredReader(ids["today"]).open(value)


def test_every_pair_of_versions_is_told_to_the_registry() -> None:
    pairs = {
        (s.kind, s.version, s.enrichment_version)
        for s in (TOMORROW.delivered(k, v, e) for k in KINDS for v in (1, 2) for e in (1, 2))
    }
    assert len(pairs) == 4 * len(KINDS)
    told = {schema for schema in TOMORROW if schema.name == "liaison.delivered.DeliveredReport"}
    assert TOMORROW.delivered("report") in told
    assert len({schema.text for schema in told}) == 4


def test_an_enrichment_alone_is_no_delivered_record() -> None:
    numbers = SchemaIds.numbered(TODAY)
    value = wire.frame(numbers.id_of(TODAY.schema(ENRICHMENT)), b"\0" * 40)
    with pytest.raises(wire.WireError, match="no delivered event"):
        Identify(numbers)(DESK, value)
    with pytest.raises(wire.WireError, match="no delivered event"):
        DeliveredReader(numbers).open(value)
