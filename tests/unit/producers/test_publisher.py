"""What a publisher makes of an event: its bytes, its topic, its receipt, its refusals."""

from __future__ import annotations

import copy
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import Publisher, publish_many
from producers.account import LaneKey
from producers.encoding import MAX_VALUE_BYTES, EventEncoder, restamp
from schemas import wire
from schemas.catalogue import KINDS, Catalogue, packaged_folders
from schemas.clock import ManualClock
from schemas.errors import ConfigurationError, PermanentError
from schemas.headers import ORIGIN_HEADER, Origin, header
from schemas.models import MODELS, Event, Measure, Message, Stamp, encode_event, event_lane
from schemas.reference import Reference
from schemas.rules import DIRECT_KINDS
from schemas.topics import MAX_SOURCE_BYTES
from tests.unit.producers.bureau_side import (
    CATALOGUE,
    IDS,
    event_id,
    message,
    open_outbox,
    publisher,
    search,
)

REFERENCE = Reference.load()
NUMBERS = st.integers(1, 2**62)


def _minimal(kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"event_id": event_id(1), "occurred_at": "2026-01-02T03:04:05.678Z"}
    subtypes = REFERENCE.subtypes.get(kind)
    if subtypes:
        fields["subtype"] = sorted(subtypes)[0]
    if kind == "recall":
        fields["supersedes"] = {"event_id": event_id(2), "bureau": "FR", "kind": "notice"}
    if kind in DIRECT_KINDS:
        fields["addressees"] = ["KE"]
    return fields


def _chain(kind: str) -> dict[str, Any]:
    return {
        "supersedes": {"event_id": event_id(2), "bureau": "XP", "kind": kind},
        "root": event_id(3),
        "root_bureau": "FR",
    }


def _rich(kind: str) -> dict[str, Any]:
    return {
        **_minimal(kind),
        "retain_until": "2500-01-01T00:00:00Z",
        "review_due": "1969-12-31T23:59:59Z",
        **({} if kind == "search" else _chain(kind)),
        "in_reply_to": event_id(4),
        "case_ref": "Dossier 12/Ä",
        "sub_bureau": "GI",
        "category": sorted(REFERENCE.categories)[0],
        "further_categories": sorted(REFERENCE.categories)[1:3],
        "offence": "0101",
        "urgency": "flash",
        "concerned_countries": ["DE", "TW"],
        "addressees": ["KE"],
        "tlp": "TLP:AMBER+STRICT",
        "handling_codes": ["H1", "H3"],
        "restricted_to": ["DE", "KE"],
        "withheld_from": ["IT"],
        "legal_basis": "Article 10",
        "caveats": ["not for court", ""],
        "gradings": [{"scheme": "admiralty", "source": "B", "information": "2"}],
        "operation": sorted(REFERENCE.operations)[0],
        "language": "ar",
        "measures": [{"measure": "persons-arrested", "value": "12.5"}]
        if "persons-arrested" in REFERENCE.measures
        else [],
        "identifiers": [
            {"type": sorted(REFERENCE.identifier_types)[0], "value": "١٢٣", "role": None}
        ],
    }


EVENTS = [MODELS[kind].model_validate(make(kind)) for kind in KINDS for make in (_minimal, _rich)]
EVENTS += [event.model_copy(update={"test": True, "restricted_to": ()}) for event in EVENTS[1::2]]


MEASURE = {"measure": "persons-arrested", "value": "12.5"}


class NewerMeasure(Measure):
    """A measure as a later version may have it."""

    note_after_value: str | None = None


class NewerMessage(Message):
    """A message as a later version may have it."""

    note_after_published_at: str | None = None
    note_after_urgency: str | None = None
    note_after_title: str | None = None
    measures: tuple[NewerMeasure, ...] = ()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
@given(epoch=NUMBERS, sequence=NUMBERS)
@settings(max_examples=20, deadline=None)
def test_the_bytes_are_those_of_encode_event_under_any_number(
    event: Event, epoch: int, sequence: int
) -> None:
    schema = CATALOGUE.event(event.kind)
    lane = LaneKey("FR", "border-1", event_lane(event))
    encoder = EventEncoder(schema, IDS.id_of(schema), lane, ("test", "1"))
    stamp = Stamp(*lane, epoch, sequence, 1_767_000_000_123, "test", "1")
    expected = wire.frame(IDS.id_of(schema), encode_event(schema, event, stamp))
    content = encoder.content(event, stamp.published_at_ms)
    assert encoder.value(content, 7, 8) != expected
    assert encoder.value(content, epoch, sequence) == expected
    other = wire.frame(
        IDS.id_of(schema), encode_event(schema, event, replace(stamp, epoch=1, sequence=2**40))
    )
    assert restamp(IDS.by_id, other, epoch, sequence) == expected


def test_a_digest_follows_the_content_and_nothing_of_the_stamp(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        one = publisher(outbox)
        other = publisher(outbox, system="second", producer=("newer", "2"))
        first = one.draft(message(1), 1_000)
        assert first.digest == other.draft(message(1), 2_000).digest
        changes: list[dict[str, object]] = [
            {"title": "other"},
            {"urgency": "flash"},
            {"case_ref": "1"},
            {"occurred_at": datetime(2026, 1, 3, tzinfo=UTC)},
            {"withheld_from": ("DE",)},
        ]
        digests = {one.draft(message(1).model_copy(update=c), 1_000).digest for c in changes}
        assert len(digests | {first.digest}) == len(changes) + 1


def test_a_digest_outlives_an_upgrade_of_schema_and_model() -> None:
    """A newer version with one more field in the head, the stretch, the rest and a measure."""
    note = {"name": "note", "type": ["null", "string"], "default": None, "doc": "New."}
    places = {
        "liaison.events.Envelope": ("published_at", "urgency"),
        "liaison.events.Message": ("title",),
        "liaison.events.Measure": ("value",),
    }
    folders = packaged_folders()
    newer = {name: copy.deepcopy(folders[1][name]) for name in places}
    for name, befores in places.items():
        for before in befores:
            at = [field["name"] for field in newer[name]["fields"]].index(before)
            newer[name]["fields"].insert(at + 1, {**note, "name": f"note_after_{before}"})
    schema = Catalogue({**folders, 2: newer}).event("message")
    assert schema.version == 2

    lane = LaneKey("FR", "main", "message")
    old = EventEncoder(CATALOGUE.event("message"), 1, lane, ("test", "1"))
    new = EventEncoder(schema, 2, lane, ("test", "2"))
    fields = _rich("message") | {"title": "request", "measures": [MEASURE]}
    given = Message.model_validate(fields)
    again = NewerMessage.model_validate(fields)
    digest = old.content(given, 1_000).digest
    assert new.content(again, 2_000).digest == digest
    assert new.value(new.content(again, 2_000), 7, 8) != old.value(old.content(given, 1_000), 7, 8)
    for name in ("note_after_published_at", "note_after_urgency", "note_after_title"):
        noted = NewerMessage.model_validate({**fields, name: "n"})
        assert new.content(noted, 1_000).digest != digest
    measured = {**fields, "measures": [{**MEASURE, "note_after_value": "n"}]}
    assert new.content(NewerMessage.model_validate(measured), 1_000).digest != digest


def test_a_digest_tells_apart_what_only_its_nesting_or_order_tells_apart() -> None:
    encoder = EventEncoder(
        CATALOGUE.event("message"), 1, LaneKey("FR", "main", "message"), ("test", "1")
    )
    variants: list[dict[str, object]] = [
        {},
        {"caveats": ["a", "b"]},
        {"caveats": ["b", "a"]},
        {"caveats": ["a,b"]},
        {"caveats": [""]},
        {"legal_basis": ""},
        {"restricted_to": ["DE"]},
        {"test": True},
        {"measures": [MEASURE]},
        {"measures": [MEASURE, MEASURE]},
        {"measures": [{**MEASURE, "basis": "cumulative"}]},
    ]
    digests = {encoder.content(message(1, **given), 1_000).digest for given in variants}
    assert len(digests) == len(variants)
    explicit = message(1, tlp="AMBER", caveats=[], legal_basis=None)
    assert encoder.content(explicit, 1_000).digest in digests


def test_an_event_lies_in_the_outbox_as_it_will_stand_in_its_topic(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path / "o", clock=clock) as outbox:
        receipt = publisher(outbox, clock=clock).publish(message(1))
        (record,) = outbox.read(0, max_records=9, max_bytes=1 << 20)
        assert record.topic == "intel.europe"
        assert record.key == b"FR"
        origin = Origin.unpack(header(record.headers, ORIGIN_HEADER) or b"")
        assert origin == Origin("FR", "main", "message", receipt.epoch, 1, str(event_id(1)))
        schema = IDS.by_id[wire.schema_id_of(record.value)]
        assert schema.kind == "message"
        event = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES, whole=True)
        envelope = event["envelope"]
        assert envelope["event_id"] == str(receipt.event_id)
        assert (envelope["epoch"], envelope["sequence"]) == (receipt.epoch, 1)
        assert envelope["published_at"] == clock.now_ms()
        assert envelope["producer"] == {"name": "test", "version": "1"}
        assert event["title"] == "request 1"


@pytest.mark.parametrize(
    ("bureau", "event", "topic"),
    [
        ("KE", message(1), "intel.africa"),
        ("FR", search(2), "search.europe"),
        ("XP", message(3), "intel.global"),
    ],
)
def test_the_topic_is_of_the_bureaus_region_and_the_kinds_lane(
    tmp_path: Path, bureau: str, event: Event, topic: str
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        publisher(outbox, bureau=bureau).publish(event)
        assert outbox.read(0, max_records=1, max_bytes=1)[0].topic == topic


def test_one_call_takes_events_of_many_bureaus_or_none(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        french, german = publisher(outbox), publisher(outbox, bureau="DE")
        receipts = publish_many(
            outbox, [(french, message(1)), (german, message(2)), (french, message(3))]
        )
        assert [(r.bureau, r.sequence) for r in receipts] == [("FR", 1), ("DE", 1), ("FR", 2)]
        with pytest.raises(PermanentError) as caught:
            publish_many(outbox, [(german, message(4)), (french, message(1, title="other"))])
        assert caught.value.code == "event-id-reused"
        assert outbox.pending() == 3
        assert publish_many(outbox, []) == []


def test_publishing_twice_gives_the_first_receipt(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        first = publisher(outbox).publish_many([message(1), message(2)])
        assert publisher(outbox).publish_many([message(2), message(1)]) == first[::-1]
        assert outbox.pending() == 2


def test_an_event_that_no_topic_takes_is_refused_with_its_size(tmp_path: Path) -> None:
    assert MAX_VALUE_BYTES < MAX_SOURCE_BYTES
    with open_outbox(tmp_path / "o") as outbox:
        french = publisher(outbox)
        with pytest.raises(PermanentError) as caught:
            french.publish_many([message(1), message(2, body="x" * MAX_VALUE_BYTES)])
        assert caught.value.code == "too-large"
        assert str(event_id(2)) in str(caught.value)
        assert outbox.pending() == 0
        value = message(3, body="x" * (MAX_VALUE_BYTES - 500))
        assert french.publish(value).sequence == 1


def test_text_that_utf_8_has_no_bytes_for_is_refused(tmp_path: Path) -> None:
    broken = message(1).model_copy(update={"title": "\ud800"})
    with open_outbox(tmp_path / "o") as outbox:
        for event in (broken, message(2).model_copy(update={"case_ref": "\udfff"})):
            with pytest.raises(PermanentError) as caught:
                publisher(outbox).publish(event)
            assert caught.value.code == "unencodable"


@pytest.mark.parametrize("system", ["", "Main", "a b", "-x", "x" * 41, "unattributed", "x\n"])
def test_a_systems_name_must_fit_the_origin_header(tmp_path: Path, system: str) -> None:
    with open_outbox(tmp_path / "o") as outbox, pytest.raises(ConfigurationError) as caught:
        publisher(outbox, system=system)
    assert caught.value.code == "bad-system"


def test_only_members_and_the_general_secretariat_publish(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox, pytest.raises(ConfigurationError) as caught:
        publisher(outbox, bureau="TW")
    assert caught.value.code == "unknown-publisher"


def test_a_publisher_of_another_outbox_is_refused(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "a") as one, open_outbox(tmp_path / "b") as two:
        stranger: Publisher = publisher(two)
        with pytest.raises(ConfigurationError):
            publish_many(one, [(stranger, message(1))])
        assert two.pending() == 0


def test_a_default_id_is_a_new_event_each_time(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        french = publisher(outbox)
        receipts = [
            french.publish(Message(subtype="reminder", addressees=("DE",))) for _ in range(3)
        ]
        assert [r.sequence for r in receipts] == [1, 2, 3]
        assert all(isinstance(r.event_id, uuid.UUID) for r in receipts)
