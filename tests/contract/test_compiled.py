"""What is compiled of a schema reads and writes as fastavro does, and reads no less strictly."""

from contextlib import suppress
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.catalogue import KINDS, Catalogue, EventSchema
from schemas.compiled import IRREGULAR, compile_reader, compile_writer
from tests.contract.avro_values import values_of_plain

CATALOGUE = Catalogue.load()
EVENTS = [CATALOGUE.event(kind, v) for kind in KINDS for v in CATALOGUE.event_versions(kind)]
MESSAGE = CATALOGUE.event("message")
WRITTEN = [CATALOGUE.schema(f"liaison.{name}") for name in ("delivered.Enrichment", "facts.Fact")]
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MANY = settings(FEW, max_examples=100)
NUMBERS = {
    "type": "record",
    "name": "Numbers",
    "fields": [{"name": "long", "type": "long"}, {"name": "int", "type": ["int", "null"]}],
}


def _outcome(read: Any, body: bytes, offset: int) -> Any:
    try:
        return read(body, offset)
    except wire.WireError:
        return "refused"


def _parts(schema: EventSchema) -> list[Any]:
    return [schema.head, schema.stretch, schema.counted]


@pytest.mark.parametrize("schema", EVENTS, ids=lambda s: f"{s.kind}-v{s.version}")
@FEW
@given(data=st.data())
def test_each_part_that_the_router_reads_is_read_as_by_fastavro(
    schema: EventSchema, data: st.DataObject
) -> None:
    for part in _parts(schema):
        record = data.draw(values_of_plain(part))
        body = b"before" + wire.encode(part, record) + b"after"
        assert compile_reader(part)(body, 6) == wire.decode_canonical(part, body, 6)
        assert compile_writer(part)(record) == body[6:-5]


PARTS = [(part, wire.Canonical(part)) for part in _parts(MESSAGE)]
SPLICES = st.tuples(
    st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3) | st.just(b"\x80\0")
)


@pytest.mark.parametrize(("part", "canonical"), PARTS, ids=["head", "stretch", "counted"])
@MANY
@given(data=st.data(), splices=st.lists(SPLICES, min_size=1, max_size=3))
def test_bytes_that_were_changed_are_read_or_refused_with_and_without_it_alike(
    part: Any, canonical: wire.Canonical, data: st.DataObject, splices: list[tuple[int, int, bytes]]
) -> None:
    body = wire.encode(part, data.draw(values_of_plain(part)))
    for at, gone, put in splices:
        at %= len(body) + 1
        body = body[:at] + put + body[at + gone :]
    expected = _outcome(lambda b, o: wire.decode_canonical(part, b, o), body, 0)
    assert _outcome(canonical.decode, body, 0) == expected


@MANY
@given(body=st.binary(max_size=24))
@example(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02")
@example(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03\x02")
@example(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x02")
@example(b"\x00\x00\xff\xff\xff\xff\x0f")
@example(b"\x00\x00\xff\xff\xff\xff\x1f")
def test_numbers_at_their_bounds_are_read_or_refused_as_by_fastavro(body: bytes) -> None:
    parsed = fastavro.parse_schema(NUMBERS)
    try:
        expected = wire.decode_canonical(parsed, body, 0)
    except (wire.WireError, ValueError, OverflowError):
        expected = None
    with suppress(*IRREGULAR):  # then the slow way decides
        assert compile_reader(parsed)(body, 0) == expected


@pytest.mark.parametrize("schema", WRITTEN, ids=lambda s: s.name)
@FEW
@given(data=st.data())
def test_what_the_router_writes_has_the_bytes_of_fastavro(schema: Any, data: st.DataObject) -> None:
    record = data.draw(values_of_plain(schema.plain))
    assert compile_writer(schema.plain)(record) == wire.encode(schema.plain, record)


def test_a_field_that_is_left_out_is_written_with_its_default() -> None:
    plain = CATALOGUE.schema("liaison.delivered.Enrichment").plain
    parsed = {**plain, "fields": [f for f in plain["fields"] if "default" in f]}
    assert len(parsed["fields"]) > 5
    assert compile_writer(parsed)({}) == wire.encode(parsed, {})


def test_a_type_without_a_fast_way_is_refused_when_the_reader_is_made() -> None:
    with pytest.raises(NotImplementedError, match="map"):
        compile_reader(
            {
                "type": "record",
                "name": "R",
                "fields": [{"name": "m", "type": {"type": "map", "values": "long"}}],
            }
        )


class _CountedBytes(bytes):
    looked_at = 0

    def __getitem__(self, at: Any) -> Any:
        self.looked_at += 1
        return super().__getitem__(at)


def test_a_number_without_an_end_is_given_up_after_ten_bytes() -> None:
    read = compile_reader(fastavro.parse_schema(NUMBERS))
    endless = _CountedBytes(b"\x80" * 1_000)
    with pytest.raises(IRREGULAR):
        read(endless, 0)
    assert endless.looked_at <= 11
