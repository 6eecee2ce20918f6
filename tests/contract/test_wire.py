"""The codec, for any event of any kind in any version."""

import io
import json
from typing import Any

import pytest
from avro.io import BinaryDecoder, DatumReader
from avro.schema import parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import wire
from schemas.catalogue import KINDS, STRETCH_START, Catalogue, EventSchema
from schemas.errors import PermanentError
from schemas.headers import Origin
from tests.contract.avro_values import values_of

CATALOGUE = Catalogue.load()
EVENTS = [CATALOGUE.event(kind, v) for kind in KINDS for v in CATALOGUE.event_versions(kind)]
ENRICHMENT = CATALOGUE.schema("liaison.delivered.Enrichment")
SLOW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _name(schema: EventSchema) -> str:
    return f"{schema.kind}-v{schema.version}"


@pytest.mark.parametrize("schema", EVENTS, ids=_name)
@SLOW
@given(data=st.data())
def test_the_prefix_of_the_bytes_is_the_prefix_of_the_whole(
    schema: EventSchema, data: st.DataObject
) -> None:
    record = data.draw(values_of(schema))
    body = wire.encode(schema.plain, record)
    whole = wire.decode(schema.plain, body, whole=True)
    assert whole == record
    assert wire.decode(schema.prefix, body) == {
        name: whole[name] for name in ("envelope", "measures", "identifiers")
    }
    head, start = wire.decode_at(schema.head, body, 0)
    stretch, end = wire.decode_at(schema.stretch, body, start)
    assert {**head, **stretch} == whole["envelope"]
    assert next(iter(stretch)) == STRETCH_START
    counted = wire.decode(schema.counted, body, offset=end)
    assert counted == {"measures": whole["measures"], "identifiers": whole["identifiers"]}


@pytest.mark.parametrize("schema", EVENTS, ids=_name)
@SLOW
@given(data=st.data())
def test_delivered_bytes_end_with_the_bureaus_bytes(
    schema: EventSchema, data: st.DataObject
) -> None:
    assert schema.kind is not None
    body = wire.encode(schema.plain, data.draw(values_of(schema)))
    added = data.draw(values_of(ENRICHMENT))
    value = wire.splice(77, wire.encode(ENRICHMENT.plain, added), wire.frame(12, body))
    assert value.endswith(body)
    assert wire.schema_id_of(value) == 77
    delivered = CATALOGUE.delivered(schema.kind, schema.version)
    read = wire.decode(delivered.plain, value, offset=wire.FRAME_BYTES, whole=True)
    assert read["enrichment"] == added
    assert read["event"] == wire.decode(schema.plain, body)
    _, end = wire.decode_at(ENRICHMENT.plain, value, wire.FRAME_BYTES)
    assert value[end:] == body


@pytest.mark.parametrize("schema", EVENTS, ids=_name)
@settings(SLOW, max_examples=10)
@given(data=st.data())
def test_fastavro_and_avro_read_the_same(schema: EventSchema, data: st.DataObject) -> None:
    body = wire.encode(schema.plain, data.draw(values_of(schema)))
    plain: Any = parse(_json_of(schema))
    read = DatumReader(plain, plain).read(BinaryDecoder(io.BytesIO(body)))
    assert read == wire.decode(schema.plain, body)


def _json_of(schema: EventSchema) -> str:
    return json.dumps(
        {k: v for k, v in schema.plain.items() if not k.startswith("__")}, default=str
    )


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_a_wire_error(body: bytes) -> None:
    for schema in EVENTS[:3]:
        for part in (schema.plain, schema.prefix, schema.head, schema.stretch, schema.counted):
            try:
                wire.decode(part, body)
            except wire.WireError:
                continue


def test_huge_counts_end_at_the_end_of_the_bytes() -> None:
    notice = CATALOGUE.event("notice")
    for bomb in (b"\xff" * 9 + b"\x01", b"\xfe" * 9 + b"\x7f" + b"\0" * 50, b"\x80" * 400):
        with pytest.raises(wire.WireError):
            wire.decode(notice.counted, bomb)


@pytest.mark.parametrize("value", [None, b"", b"\0", b"\0\0\0\1", b"\1\0\0\0\1abc", b'{"a":1}'])
def test_what_is_not_confluent_framing_is_refused(value: bytes | None) -> None:
    with pytest.raises(wire.WireError, match="Avro serializer"):
        wire.schema_id_of(value)


def test_a_container_of_the_same_records_has_the_same_bytes() -> None:
    schema = CATALOGUE.schema("liaison.strikes.Strike")
    records = [
        {"chain": True, "reason": "error", "successor": None, "recorded_at": n} for n in range(9)
    ]
    assert wire.container(schema.plain, records) == wire.container(schema.plain, records)
    assert wire.read_container(wire.container(schema.plain, records)) == records


def test_a_broken_container_of_any_codec_raises_our_error() -> None:
    schema = CATALOGUE.schema("liaison.strikes.Strike")
    record = {"chain": True, "reason": "error", "successor": None, "recorded_at": 1}
    for codec in ("null", "deflate"):
        whole = wire.container(schema.plain, [record] * 9, codec)
        begin = whole.index(b"liaison-block-01") + 18  # past the block's count and size
        for broken in (whole[:-30], whole[:begin] + b"\xff" * 9 + whole[begin + 9 :]):
            with pytest.raises(wire.WireError):
                wire.read_container(broken)


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_an_origin_header_reads_back(epoch: int, sequence: int) -> None:
    origin = Origin("FR", "cases-1", "message", epoch, sequence, "0" * 8)
    assert Origin.unpack(origin.pack()) == origin


@given(st.binary(max_size=250))
def test_any_origin_header_reads_or_raises(packed: bytes) -> None:
    try:
        Origin.unpack(packed)
    except PermanentError as error:
        assert "liaison-origin" in str(error)  # noqa: PT017
