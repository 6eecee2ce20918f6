"""Typed events: what is wrong is named with its field, its value and what is allowed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from producers.account import LaneKey
from producers.encoding import EventEncoder
from schemas import wire
from schemas.catalogue import Catalogue
from schemas.ids import derived_id, strike_hash, uuid7
from schemas.models import (
    MODELS,
    Arrest,
    Event,
    Freeze,
    Grading,
    Identifier,
    Measure,
    Notice,
    Recall,
    Search,
    Stamp,
    Supersedes,
    encode_event,
)
from schemas.rules import DIRECT_KINDS

CATALOGUE = Catalogue.load()
ONE = Decimal(1)
STAMP = Stamp("FR", "cases", "message", 7, 1, 1_764_028_800_000, "test", "1")


def earlier(kind: str, bureau: str = "FR") -> Supersedes:
    return Supersedes(event_id=uuid4(), bureau=bureau, kind=kind)


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
        (lambda: Arrest(supersedes=earlier("gossip")), "kind", "'gossip'", "victim_identified"),
        (lambda: Arrest(supersedes=earlier("notice")), "supersedes", "notice", "has its kind"),
        (lambda: Recall(subtype="error", supersedes=earlier("search")), "supersedes", "search",
         "neither be recalled"),
        (lambda: Search(subtype="sltd", root=uuid4()), "root", "search", "leave root out"),
        (lambda: Arrest(supersedes=earlier("arrest"), test=True), "test", "exercise", "not both"),
        (lambda: Arrest(supersedes=earlier("arrest", "XP"), root=uuid4()), "root_bureau", "root",
         "give root_bureau"),
        (lambda: Arrest(language="English"), "language", "'English'", "ISO 639"),
        (lambda: Arrest(language="e\u0663"), "language", "e\u0663", "ISO 639"),
        (lambda: Arrest(offence="\u0660\u0661"), "offence", "\u0660\u0661", "ICCS"),
        (lambda: Arrest(offence="12"), "offence", "'12'", "sections 01 to 11"),
        (lambda: Arrest(offence="010"), "offence", "'010'", "ICCS"),
        (lambda: Arrest(further_categories=("terrorism",)), "further_categories", "terrorism",
         "without a category"),
        (lambda: Arrest(category="terrorism", further_categories=("terrorism",) * 11),
         "further_categories", "11", "at most 10"),
        (lambda: Arrest(concerned_countries=("FR",) * 301), "concerned_countries", "301", "300"),
        (lambda: Arrest(handling_codes=("H0", "H2")), "handling_codes", "H0, H2", "stands alone"),
        (lambda: Arrest(handling_codes=("H1",) * 17), "handling_codes", "17", "at most 16"),
        (lambda: Arrest(occurred_at=datetime(1969, 12, 31, tzinfo=UTC)), "occurred_at", "1969",
         "1970 to 24 h from now"),
        (lambda: Arrest(occurred_at=datetime.now(UTC) + timedelta(hours=25)), "occurred_at",
         "no time",
         "24 h from now"),
        (lambda: Arrest(retain_until=datetime(2020, 1, 1, tzinfo=UTC)), "retain_until", "2020",
         "a time to come"),
        (lambda: Arrest(restricted_to=()), "Arrest", "restricted_to []", "addressees"),
        (lambda: Arrest(tlp="RED"), "Arrest", "tlp RED", "addressees"),
        (lambda: Arrest(handling_codes=("H2",)), "Arrest", "handling_codes [H2]", "addressees"),
        (lambda: Freeze(subtype="asset-freeze"), "Freeze", "addressees []", "at least one"),
        (lambda: Notice(subtype="red", addressees=("FR",), withheld_from=("FR",)), "Notice",
         "withheld_from [FR]", "at least one"),
        (lambda: Measure(measure="amount-lost", value=ONE, unit="euro"), "Measure", "'euro'",
         "ISO 4217"),
        (lambda: Measure(measure="quantity-seized", value=ONE, unit="stone"), "Measure", "'stone'",
         "kg"),
        (lambda: Grading(scheme="admiralty", source="X", information="1"), "Grading", "'X'",
         "A, B"),
        (lambda: Grading(scheme="uk-3x5x2", source="1", information="6"), "Grading", "'6'",
         "A, B"),
        (Event, "Event", "without a kind", "arrest"),
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


def test_a_correction_names_the_first_of_its_chain_by_itself() -> None:
    target = earlier("arrest")
    assert Arrest(supersedes=target).root == target.event_id
    assert Recall(subtype="error", supersedes=target, root=None).root == target.event_id
    first = uuid4()
    assert Arrest(supersedes=target, root=first).root == first
    assert Arrest(supersedes=earlier("arrest", "XP")).root_bureau is None
    assert Arrest().root is None


class Instant(datetime):
    """As other libraries' times are."""


class Key(UUID):
    """As database drivers' ids are."""


def test_times_ids_and_figures_of_other_libraries_are_written_as_ours() -> None:
    own = Arrest(
        occurred_at=datetime(2025, 1, 2, 3, tzinfo=UTC), in_reply_to=uuid4(),
        retain_until=datetime(2500, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    other = Arrest(
        event_id=Key(int=own.event_id.int),
        occurred_at=Instant(2025, 1, 2, 3, tzinfo=UTC),
        in_reply_to=own.in_reply_to and Key(int=own.in_reply_to.int),
        retain_until=Instant(2500, 1, 1, tzinfo=UTC),
    )
    schema = CATALOGUE.event("arrest")
    assert encode_event(schema, other, STAMP) == encode_event(schema, own, STAMP)
    encoder = EventEncoder(schema, 1, LaneKey("FR", "cases", "message"), ("test", "1"))
    values = [encoder.value(encoder.content(event, 0), 7, 1) for event in (own, other)]
    assert values[0] == values[1]


def _smallest(kind: str) -> Event:
    subtypes = {
        "notice": "red", "diffusion": "blue", "message": "reminder", "search": "sltd",
        "hit": "sltd", "freeze": "asset-freeze", "report": "modus-operandi", "recall": "error",
    }  # fmt: skip
    fields: dict[str, Any] = {"subtype": subtypes.get(kind, "")}
    if kind == "recall":
        fields["supersedes"] = Supersedes(event_id=uuid4(), bureau="FR", kind="arrest")
    if kind in DIRECT_KINDS:
        fields["addressees"] = ("DE",)
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
