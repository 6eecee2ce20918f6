"""One record of `facts` and its region's state: what is counted, once, and what stops."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.errors import RetryableError
from schemas.headers import REPLAY_HEADER, Headers
from schemas.registry import SchemaIds
from schemas.topics import FACTS, GLOBAL
from stream_apps.engine import Consumed
from stream_apps.surge.counting import count_record, pass_by
from stream_apps.surge.run import _stopped
from stream_apps.surge.windows import RegionState, SurgeSettings

CATALOGUE = Catalogue.load()
IDS = SchemaIds.numbered(CATALOGUE)
MINI_BLOCK = CATALOGUE.schema("liaison.facts.FactMiniBlock")
FACT = CATALOGUE.schema("liaison.facts.Fact")
SETTINGS = SurgeSettings()
PLAIN: dict[Any, Any] = {"string": "x", "int": 1, "long": 5, "boolean": False}
REPLAY: Headers = [(REPLAY_HEADER, b"dlq.europe/0/1")]


def a_mini_block(events: int = 1) -> bytes:
    fact: dict[str, Any] = {}
    for field in FACT.plain["fields"]:
        kind = field["type"]
        if isinstance(kind, list):
            fact[field["name"]] = None
        else:
            fact[field["name"]] = [] if isinstance(kind, dict) else PLAIN[kind]
    fact |= {"kind": "arrest", "categories": ["arson"], "restricted": "none", "sign": 1}
    facts = [{**fact, "events": events}]
    return wire.frame(IDS.id_of(MINI_BLOCK), wire.encode(MINI_BLOCK.plain, {"facts": facts}))


def record(offset: int, value: bytes | None, headers: Headers = ()) -> Consumed:
    return Consumed(FACTS, 3, offset, 1000, b"europe", value, headers)


def a_state(region: str = "europe") -> RegionState:
    return RegionState(region, SETTINGS.window_ms)


def counted(state: RegionState) -> int:
    return sum(sum(window.values()) for window in state.windows.values())


def take(state: RegionState, *records: Consumed, ids: SchemaIds = IDS) -> RegionState:
    """As the application does: each record, and the state through its table."""
    for one in records:
        try:
            count_record(one, state, ids, SETTINGS)
        except wire.WireError:
            pass_by(one, state)
        state = RegionState.unpack(state.pack(), SETTINGS)
    return state


def test_what_was_counted_is_not_counted_again_when_it_is_put_back() -> None:
    value = a_mini_block(3)
    state = take(a_state(), record(0, value), record(1, value, REPLAY), record(2, a_mini_block()))
    assert (counted(state), state.counted_offset) == (4, 2)


def test_what_could_not_be_counted_is_counted_once_when_it_is_put_back() -> None:
    value = a_mini_block(3)
    other = CATALOGUE.schema("liaison.strikes.Strike")
    numbers = {schema: number for number, schema in IDS.by_id.items() if schema != MINI_BLOCK}
    mistaken = SchemaIds({**numbers, other: IDS.id_of(MINI_BLOCK)})
    state = take(a_state(), record(0, value), record(1, value, REPLAY), ids=mistaken)
    assert (counted(state), state.counted_offset, len(state.refused)) == (0, 1, 1)
    state = take(state, record(2, value, REPLAY), record(3, value, REPLAY))
    assert (counted(state), state.counted_offset, state.refused) == (3, 3, [])


def test_how_many_refused_records_are_remembered_is_bounded() -> None:
    state = a_state()
    for offset in range(1001):
        pass_by(record(offset, b"%d" % offset), state)
    assert len(state.refused) == 1000
    value = b"%d" % 1000
    pass_by(record(1001, value), state)
    assert len(state.refused) == 1000, "the same once"
    with pytest.raises(wire.WireError):
        count_record(record(1002, value, REPLAY), state, IDS, SETTINGS)
    assert take(state, record(1002, b"0", REPLAY)).counted_offset == 1002, "forgotten: not read"


@pytest.mark.parametrize("region", ["europe", GLOBAL])
def test_a_schema_that_is_newer_than_the_process_stops_it_and_nothing_goes_past(
    region: str,
) -> None:
    state = take(a_state(region), record(0, a_mini_block()))
    newer = a_mini_block()[:1] + b"\xff\xff\xff\xff" + a_mini_block()[5:]
    with pytest.raises(RetryableError, match="facts/3/1 is unknown here: start again") as caught:
        count_record(record(1, newer), state, IDS, SETTINGS)
    assert caught.value.code == "unknown-schema"
    assert (state.counted_offset, state.refused) == (0, [])
    assert _stopped(caught.value).code == "unknown-schema"


def test_a_failure_that_is_none_of_ours_is_one_to_start_again_after() -> None:
    assert _stopped(OSError("no")).code == RetryableError.code
