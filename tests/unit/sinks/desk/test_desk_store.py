from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from sinks.desk.reading import LinkKey, StrikeKey
from sinks.desk.records import Strike
from sinks.desk.store import GivenOut, PositionStore, Saved

TOPIC = {"desk.europe.terrorism": Saved("id", 5)}
RECALL = Strike(True, "located", None, 1)
CORRECTION = Strike(False, "corrected", "ab", 2)


def hash_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def given(name: str, *named: str, struck: bool = False) -> GivenOut:
    return GivenOut(hash_of(name), tuple(map(hash_of, named)), "FR", name, struck)


def strike(store: PositionStore, name: str, strike: Strike) -> list[str]:
    key = StrikeKey(hash_of(name), strike.chain)
    return [s.event_id for s in store.strike([(key, strike)], [], "strikes", Saved("s", 1))]


def link(store: PositionStore, name: str, other: str, *, stands: bool = True) -> list[str]:
    key = LinkKey(hash_of(name), hash_of(other))
    return [s.event_id for s in store.strike([], [(key, stands)], "strikes", Saved("s", 1))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "desk.sqlite"


def test_positions_survive_and_belong_to_a_subscription(path: Path) -> None:
    store = PositionStore(path)
    assert store.subscription is None
    store.begin("europe", TOPIC)
    store.save({"desk.europe.terrorism": Saved("id", 9)}, [], 0)
    store.close()
    again = PositionStore(path)
    assert again.subscription == "europe"
    assert again.positions() == {"desk.europe.terrorism": Saved("id", 9)}
    again.close()


def test_a_second_holder_is_refused(path: Path) -> None:
    store = PositionStore(path)
    with pytest.raises(ConfigurationError, match="another subscriber"):
        PositionStore(path)
    store.close()
    PositionStore(path).close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear bureau, " * 100)
    with pytest.raises(ConfigurationError, match="no position store"):
        PositionStore(file)


def test_a_strike_finds_what_was_given_out() -> None:
    store = PositionStore(None)
    store.save({}, [given("a"), given("b", "a"), given("c")], 0)
    assert strike(store, "a", CORRECTION) == ["a"]
    assert sorted(strike(store, "a", RECALL)) == ["a", "b"]
    assert strike(store, "unheard-of", RECALL) == []
    store.close()


def test_a_strike_that_came_first_is_known_when_the_event_comes() -> None:
    store = PositionStore(None)
    strike(store, "a", CORRECTION)
    assert store.strike_of(hash_of("a")) == CORRECTION
    assert store.strike_of(hash_of("b"), [hash_of("a")]) is None, "a correction strikes one event"
    strike(store, "a", RECALL)
    assert store.strike_of(hash_of("b"), [hash_of("a")]) == RECALL
    assert store.strike_of(hash_of("c")) is None
    store.close()


def test_a_strike_between_polling_and_acknowledging_is_told() -> None:
    store = PositionStore(None)
    assert strike(store, "a", RECALL) == []
    assert [s.event_id for s in store.save({}, [given("a"), given("b", "a")], 0)] == ["a", "b"]
    assert store.save({}, [given("c", "a", struck=True)], 0) == []
    store.close()


def test_a_strike_stays_due_until_it_is_acknowledged(path: Path) -> None:
    store = PositionStore(path)
    store.save({}, [given("a"), given("b", "a"), given("c"), given("d", struck=True)], 0)
    strike(store, "a", RECALL)
    strike(store, "d", RECALL)
    store.close()
    store = PositionStore(path)
    due = store.due()
    assert sorted(s.event_id for s in due) == ["a", "b"]
    store.told([due[0].hash])
    assert [s.event_id for s in store.due()] == [due[1].event_id]
    store.told([due[1].hash])
    assert store.due() == []
    assert strike(store, "a", RECALL) == [], "a strike repeated is not told again"
    store.close()


def test_a_lifted_strike_is_none() -> None:
    store = PositionStore(None)
    strike(store, "a", RECALL)
    store.strike([(StrikeKey(hash_of("a"), True), None)], [], "strikes", Saved("s", 2))
    assert store.strike_of(hash_of("a")) is None
    store.close()


def test_a_chain_is_followed_through_events_that_this_desk_never_got() -> None:
    store = PositionStore(None)
    store.save({}, [given("a"), given("d", "c"), given("other", "b2")], 0)
    assert link(store, "c", "b") == []
    assert strike(store, "a", RECALL) == ["a"]
    store.told([hash_of("a").hex()])
    assert link(store, "b", "a") == ["d"]
    assert store.strike_of(hash_of("e"), [hash_of("d")]) == RECALL
    store.told([hash_of("d").hex()])
    assert link(store, "b", "a") == [], "it is told once"
    store.close()


def test_a_lifted_link_joins_nothing() -> None:
    store = PositionStore(None)
    link(store, "b", "a")
    strike(store, "a", RECALL)
    assert store.strike_of(hash_of("b")) == RECALL
    link(store, "b", "a", stands=False)
    assert store.strike_of(hash_of("b")) is None
    store.close()


def test_what_was_given_out_is_forgotten_after_its_time() -> None:
    store = PositionStore(None)
    store.save({}, [given("old")], 100)
    store.save({}, [given("new")], 200)
    store.forget_before(200)
    assert strike(store, "old", RECALL) == []
    assert strike(store, "new", RECALL) == ["new"]
    store.close()


def test_what_a_strike_is_due_of_is_not_forgotten_before_it_was_told() -> None:
    store = PositionStore(None)
    store.save({}, [given("a"), given("b", "a"), given("c"), given("d", "c")], 100)
    store.save({}, [given("told"), given("known", struck=True)], 100)
    strike(store, "a", RECALL)
    strike(store, "c", CORRECTION)
    strike(store, "told", RECALL)
    strike(store, "known", RECALL)
    store.told([hash_of("told").hex()])
    store.forget_before(200)
    due = store.due()
    assert sorted(s.event_id for s in due) == ["a", "b", "c"]
    store.told([s.hash for s in due])
    store.forget_before(200)
    assert store.due() == []
    assert strike(store, "d", RECALL) == [], "a correction of its root is no strike of it"
    store.close()
