"""Typed events: what is wrong is named with its field, its value and what is allowed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.ids import derived_id, strike_hash, uuid7
from schemas.models import (
    MODELS,
    Arrest,
    Event,
    Freeze,
    Identifier,
    Measure,
    Notice,
    Recall,
    Stamp,
    Supersedes,
    encode_event,
)

CATALOGUE = Catalogue.load()
ONE = Decimal(1)
STAMP = Stamp("FR", "cases", "message", 7, 1, 1_764_028_800_000, "test", "1")


@pytest.mark.parametrize(
    ("build", "field", "value", "allowed"),
    [
        (lambda: Arrest(category="drugs"), "category", "'drugs'", "drug-trafficking"),
        (lambda: Arrest(urgency="soon"), "urgency", "'soon'", "'flash'"),  # type: ignore[arg-type]
        (lambda: Arrest(concerned_countries=("XX",)), "concerned_countries", "'XX'", "ISO 3166"),
        (lambda: Arrest(addressees=("TW",)), "addressees", "'TW'", "member bureau"),
        (lambda: Arrest(offence="abc"), "offence", "'abc'", "2, 4, 5 or 6 digits"),
        (lambda: Notice(subtype="pink"), "Notice", "'pink'", "red"),
        (lambda: Arrest(subtype="red"), "Arrest", "'red'", "no subtype"),
        (lambda: Freeze(subtype="asset-freeze", outcome="lost"), "outcome", "'lost'", "refused"),  # type: ignore[arg-type]
        (lambda: Arrest(operation="nothing"), "Arrest", "'nothing'", "haechi-iv"),
        (lambda: Measure(measure="arrests", value=ONE), "Measure", "'arrests'", "persons-arrested"),
        (lambda: Measure(measure="amount-lost", value=ONE), "Measure", "amount-lost", "currency"),
        (lambda: Identifier(type="passport", value="x"), "Identifier", "'passport'", "travel_doc"),
        (lambda: Recall(subtype="error"), "Recall", "recall", "supersedes"),
        (lambda: Arrest(root_bureau="FR"), "Arrest", "FR", "root_bureau is the bureau of root"),
        (lambda: Arrest(occurred_at=datetime(2025, 1, 1)), "occurred_at", "2025", "timezone"),  # noqa: DTZ001
        (lambda: Arrest(colour="red"), "colour", "red", "Extra inputs"),  # type: ignore[call-arg]
    ],
)  # fmt: skip
def test_a_wrong_event_names_field_value_and_what_is_allowed(
    build: Any, field: str, value: str, allowed: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        build()
    text = str(caught.value)
    assert field in text
    assert value in text
    assert allowed in text


def _smallest(kind: str) -> Event:
    subtypes = {
        "notice": "red", "diffusion": "blue", "message": "reminder", "search": "sltd",
        "hit": "sltd", "freeze": "asset-freeze", "report": "modus-operandi", "recall": "error",
    }  # fmt: skip
    fields: dict[str, Any] = {"subtype": subtypes.get(kind, "")}
    if kind == "recall":
        fields["supersedes"] = Supersedes(event_id=uuid4(), bureau="FR", kind="arrest")
    return MODELS[kind](**fields)


@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_encodes_and_reads_back_with_logical_types(kind: str) -> None:
    event = _smallest(kind)
    schema = CATALOGUE.event(kind)
    read = wire.decode(schema.parsed, encode_event(schema, event, STAMP), whole=True)
    envelope = read["envelope"]
    assert envelope["event_id"] == event.event_id
    assert envelope["bureau"] == "FR"
    assert envelope["published_at"] == datetime(2025, 11, 25, tzinfo=UTC)


def test_a_measure_keeps_three_decimals_and_its_sign() -> None:
    schema = CATALOGUE.event("arrest")
    for value in ("0", "-0.001", "999999999999999.999", "-128", "127.5"):
        measure = Measure(measure="amount-lost", value=Decimal(value), unit="KWD")
        read = wire.decode(schema.parsed, encode_event(schema, Arrest(measures=(measure,)), STAMP))
        assert read["measures"][0]["value"] == Decimal(value)


def test_ids_are_versioned_and_derived_ones_repeat() -> None:
    assert uuid7(1_764_028_800_000).version == 7
    assert uuid7(5, 1) < uuid7(6, 0)
    one = derived_id("un-list", "QDi.001", "3")
    assert one == derived_id("un-list", "QDi.001", "3")
    assert one.version == 8
    assert one != derived_id("un-list", "QDi.001", "4")
    assert strike_hash("FR", "a") != strike_hash("DE", "a")
