"""A desk's memory and the router's strikes together, on random chains: who knows what is struck."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.ids import strike_hash
from sinks.desk.reading import (
    DeliveredReader,
    LinkKey,
    StrikeKey,
    chain_hashes,
    read_strike,
    strike_key,
)
from sinks.desk.records import Strike
from sinks.desk.store import GivenOut, PositionStore, Saved
from stream_apps.engine import Produced
from stream_apps.router.driver import RouterDriver
from tests.chains import event_of, random_chains, struck

DRIVER = RouterDriver()
NOW = datetime.fromtimestamp(DRIVER.now_ms / 1000, UTC)
READER = DeliveredReader(DRIVER.ids)


class Desk:
    """A subscriber without its topics: what it was given, and which of it it knows as struck."""

    def __init__(self) -> None:
        self.store = PositionStore(None)
        self.given: set[str] = set()
        self.struck: set[str] = set()

    def take_event(self, record: Produced) -> None:
        opened = READER.open(record.value)
        own, named = chain_hashes(opened.enrichment, opened.whole()["event"]["envelope"])
        known = self.store.strike_of(own, named)
        self.given.add(own.hex())
        self._hear([own.hex()] if known else [])
        name = opened.enrichment["bureau"], opened.enrichment["event_id"]
        told = self.store.save({}, [GivenOut(own, named, *name, known is not None)], 0)
        self._hear([item.hash for item in told])

    def take_strike(self, record: Produced) -> None:
        key = strike_key(record.key)
        assert record.value is not None
        strikes: list[tuple[StrikeKey, Strike | None]] = []
        links: list[tuple[LinkKey, bool]] = []
        if isinstance(key, LinkKey):
            links.append((key, True))
        else:
            strikes.append((key, read_strike(DRIVER.ids, key, record.value, 0)))
        told = self.store.strike(strikes, links, "strikes", Saved("s", 1))
        self._hear([item.hash for item in told])

    def _hear(self, hashes: list[str]) -> None:
        """Each is told once, if it is acknowledged."""
        assert not self.struck.intersection(hashes)
        self.struck.update(hashes)
        self.store.told(hashes)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_desk_knows_all_that_is_struck_of_what_it_was_given(seed: int) -> None:
    rng, desk = Random(seed), Desk()
    told = random_chains(rng, "FR")
    rng.shuffle(told)
    delivered: list[Produced] = []
    strikes: list[Produced] = []
    for item in told:
        out = DRIVER.feed(DRIVER.record(item.name.bureau, event_of(item, NOW)))
        assert "dlq.europe" not in out
        assert "dlq.global" not in out
        if rng.random() < 0.7:  # the rest is for others' desks
            delivered += out.get("desk.europe.terrorism", ())
        strikes += out.get("strikes", ())
    left = [(desk.take_event, delivered), (desk.take_strike, strikes)]
    while left := [(take, records) for take, records in left if records]:
        take, records = rng.choice(left)
        take(records.pop(0))
    hashes = {name: strike_hash(name.bureau, str(name.event_id)) for name in struck(told)}
    assert desk.struck == desk.given.intersection(hashes.values())
    assert desk.store.due() == []
    desk.store.close()
