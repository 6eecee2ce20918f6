from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.ids import strike_hash
from schemas.models import Measure, Report, Seizure
from schemas.topics import MAX_DERIVED_BYTES
from schemas.wire import WireError
from sinks.desk import Delivered, GapError, Position, Strike, Struck, Unreadable
from sinks.desk.jsonl import format_gap, format_item
from sinks.desk.reading import DeliveredReader, LinkKey, StrikeKey, read_strike, strike_key
from tests.desk_records import delivered, numbered_ids, strike_record

IDS = numbered_ids()


def test_the_bureau_bytes_come_out_as_they_went_in() -> None:
    record = delivered(IDS, Report(subtype="analytical-report", title="Alerte", text="…"))
    opened = DeliveredReader(IDS).open(record.value)
    assert opened.event_bytes == record.body
    assert opened.enrichment["event_id"] == record.event_id
    assert opened.whole()["event"]["title"] == "Alerte"


def test_an_unknown_schema_says_so() -> None:
    with pytest.raises(WireError, match="unknown here") as caught:
        DeliveredReader(IDS).open(wire.frame(999_999, b"x"))
    assert caught.value.code == "unknown-schema"


def test_an_event_without_enrichment_is_no_delivered_record() -> None:
    event = IDS.id_of(Catalogue.load().event("report"))
    with pytest.raises(WireError, match="no delivered event"):
        DeliveredReader(IDS).open(wire.frame(event, b"x"))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_whatever_the_bytes_are_reading_ends_in_a_record_or_an_error(
    noise: bytes, cut: int
) -> None:
    good = delivered(IDS, Report(subtype="analytical-report", title="t")).value
    reader = DeliveredReader(IDS)
    for value in (noise, good[:cut] + noise, None):
        try:
            reader.open(value).whole()
        except WireError:
            continue


def test_bytes_left_over_are_an_error() -> None:
    value = delivered(IDS, Report(subtype="analytical-report")).value + b"\x00"
    with pytest.raises(WireError, match="left"):
        DeliveredReader(IDS).open(value).whole()


def test_a_value_larger_than_a_topic_takes_is_no_delivered_record() -> None:
    value = delivered(IDS, Report(subtype="analytical-report")).value
    with pytest.raises(WireError, match="no delivered record has over"):
        DeliveredReader(IDS).open(value + bytes(MAX_DERIVED_BYTES))


def test_a_strike_is_read_from_its_key_and_value() -> None:
    key_bytes, value = strike_record(IDS, "FR", "e-1", chain=True, reason="located")
    key = strike_key(key_bytes)
    assert isinstance(key, StrikeKey)
    assert key.hash.hex() == strike_hash("FR", "e-1")
    assert read_strike(IDS, key, value, 5).reason == "located"


def test_a_strike_that_cannot_be_read_still_strikes() -> None:
    key = strike_key(strike_hash("FR", "e-1").encode() + b":one")
    assert isinstance(key, StrikeKey)
    assert read_strike(IDS, key, b"\x00garbage", 5) == Strike(False, "unknown", None, 5)


def test_a_link_is_read_from_its_key_alone() -> None:
    one, other = strike_hash("FR", "e-2"), strike_hash("FR", "e-1")
    key = strike_key(f"{one}:of:{other}".encode())
    assert key == LinkKey(bytes.fromhex(one), bytes.fromhex(other))


@pytest.mark.parametrize(
    "key",
    [
        None, b"", b"abc:one", b"g" * 64 + b":one", b"0" * 64 + b":two",
        b"0" * 64 + b":of:", b"0" * 64 + b":of:" + b"0" * 63, b"0:of:" + b"0" * 64,
    ],
)  # fmt: skip
def test_a_key_that_names_nobody_is_an_error(key: bytes | None) -> None:
    with pytest.raises(WireError, match="key of a strike"):
        strike_key(key)


def test_a_line_is_json_with_bytes_as_hex_and_decimals_as_text() -> None:
    event = Seizure(
        what="drugs",
        measures=(Measure(measure="quantity-seized", value=Decimal("12.500"), unit="kg"),),
    )
    record = delivered(IDS, event, amounts_usd=[])
    whole = DeliveredReader(IDS).open(record.value).whole()
    item = Delivered(
        "seizure",
        1,
        whole["enrichment"],
        {**whole["event"], "extra": Decimal("1.20"), "raw": b"\x01\xff"},
        record.body,
        (("traceparent", b"00-ab"), ("liaison-signature", b"\xff\x00"), ("empty", None)),
        Position("desk.europe.terrorism", 3),
        Strike(True, "located", None, 1_790_000_000_123),
    )
    text = format_item(item)
    assert "\n" not in text
    line = json.loads(text)
    assert line["type"] == "event"
    assert line["enrichment"]["event_id"] == record.event_id
    assert line["event"]["extra"] == "1.20"
    assert line["event"]["raw"] == "01ff"
    assert line["struck"]["recorded_at"].endswith(".123Z")
    assert line["headers"] == [
        {"name": "traceparent", "text": "00-ab"},
        {"name": "liaison-signature", "hex": "ff00"},
        {"name": "empty", "hex": None},
    ]


@pytest.mark.parametrize("recorded_at_ms", [2**63 - 1, -(2**63)])
def test_a_strike_of_no_time_still_strikes(recorded_at_ms: int) -> None:
    line = format_item(Struck("FR", "e-1", "ab", Strike(True, "recalled", None, recorded_at_ms)))
    assert json.loads(line)["recorded_at"] is None


def test_the_other_lines_say_what_they_are() -> None:
    struck = Struck("FR", "e-1", "ab", Strike(False, "corrected", "cd", 0))
    lost = Unreadable(Position("t", 1), "الإنتربول", b"\x00")
    lines = [json.loads(format_item(struck)), json.loads(format_item(lost))]
    lines.append(json.loads(format_gap(GapError("gone", code="below-log-start"))))
    assert [line["type"] for line in lines] == ["struck", "unreadable", "gap"]
    assert lines[0]["successor"] == "cd"
    assert lines[1]["value"] == "00"
    assert "الإنتربول" in format_item(lost), "any script stays readable"
    assert lines[2]["code"] == "below-log-start"
