from __future__ import annotations

import socket

import pytest

from schemas.connections import RegistryConnection
from schemas.wire import WireError, frame
from sinks.desk.newer import AskingReader, NewerSchemaError
from tests.desk_records import numbered_ids

IDS = numbered_ids()


def value(schema_id: int = 99_999) -> bytes:
    return frame(schema_id, b"x")


def test_without_a_registry_nobody_can_tell() -> None:
    with pytest.raises(NewerSchemaError, match="give it `registry`") as caught:
        AskingReader(IDS, None).open(value())
    assert caught.value.code == "newer-schema"


def test_while_the_registry_is_away_the_record_waits() -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(NewerSchemaError, match="cannot be reached"):
            AskingReader(IDS, RegistryConnection(url)).open(value())


def test_a_number_that_no_registry_gives_is_asked_of_none() -> None:
    reader = AskingReader(IDS, RegistryConnection("http://127.0.0.1:1"))
    with pytest.raises(WireError, match="no delivered event's"):
        reader.open(value(1 << 31))


def test_what_is_no_delivered_record_is_broken_whoever_may_be_asked() -> None:
    for wrong in (None, b"", b"\x01\x00\x00\x00\x07x", value(next(iter(IDS)))):
        with pytest.raises(WireError):
            AskingReader(IDS, None).open(wrong)
