"""Which headers of a bureau's record go on to desks, and which say why it was refused."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from schemas.headers import (
    REFUSAL_PREFIX,
    Disposition,
    Refusal,
    delivered_headers,
    headers_of,
    read_refusal,
    refusal_headers,
)

SIGNED: list[tuple[str, bytes | None]] = [
    ("liaison-origin", b"1;FR;main;message;7;1;x"),
    ("liaison-signature", b"s" * 64),
    ("liaison-signature-algorithm", b"ed25519"),
    ("liaison-key-id", b"k"),
]


@pytest.mark.parametrize(
    "crowd",
    [
        [("baggage", b"x" * 5000)],
        [("tracestate", b"x" * 4000), ("baggage", b"x" * 4000)],
        [("traceparent", b"t")] * 40,
        [("unknown", b"x" * 100)] * 40,
    ],
    ids=["baggage", "tracestate and baggage", "many", "foreign"],
)
def test_no_crowd_of_headers_pushes_the_signature_out(
    crowd: list[tuple[str, bytes | None]],
) -> None:
    for headers in ([*crowd, *SIGNED], [*SIGNED, *crowd]):
        delivered = delivered_headers(headers)
        assert delivered[: len(SIGNED)] == SIGNED
        assert sum(len(name) + len(value or b"") for name, value in delivered) <= 4096


def test_one_that_does_not_fit_leaves_room_for_those_after_it() -> None:
    headers = [("tracestate", b"x" * 5000), ("baggage", b"b"), ("traceparent", None)]
    assert delivered_headers(headers) == [("traceparent", None), ("baggage", b"b")]


def test_a_name_given_twice_travels_once_with_its_last_value() -> None:
    assert delivered_headers([("baggage", b"1"), ("baggage", b"2")]) == [("baggage", b"2")]
    assert delivered_headers(None) == []


@pytest.mark.parametrize("name", ["bytes", "sha256", "exception", "offset", "disposition"])
def test_a_sender_s_own_refusal_headers_do_not_hide_the_router_s(name: str) -> None:
    refusal = Refusal("bad-time", Disposition.REJECTED, "why", "router", "intel.europe", 1, 2, 3)
    forged: list[tuple[str, bytes | None]] = [(f"{REFUSAL_PREFIX}{name}", b"x")]
    written = refusal_headers(forged, refusal)
    assert written[:1] == forged
    assert read_refusal(written) == refusal


def test_a_refusal_that_an_earlier_router_wrote_is_read() -> None:
    refusal = Refusal("bad-time", Disposition.REJECTED, "why", "router", "intel.europe", 1, 2, 3, 4)
    written = [
        (name, value)
        for name, value in refusal_headers((), refusal)
        if not name.endswith((".bytes", ".sha256"))
    ]
    assert read_refusal(written) == refusal


def test_a_message_has_its_headers_in_order_or_none_at_all() -> None:
    repeated: list[tuple[str, bytes | None]] = [("b", b"1"), ("a", None), ("b", b"2")]
    assert headers_of(Message(headers=list(repeated))) == repeated
    assert headers_of(Message()) == ()


def test_another_fault_of_the_client_is_not_taken_for_a_bad_name() -> None:
    class Faulty(Message):
        def headers(self) -> None:
            raise SystemError("out of its depth")

    with pytest.raises(SystemError, match="out of its depth"):
        headers_of(Faulty())
