"""The chains that some events are of, read from ClickHouse step by step.

Each query asks for what is linked with what is known, and for what is linked with that, so a chain
however large whose events name its first one costs a query or two, whoever has how many others. A
chain that goes on for many steps (each correction naming only the one before) is read with all of
its bureau's links instead: the number of queries is bounded whatever a bureau sends. What is read
is the chain once, so the time grows with a chain's length, and with no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from sinks.clickhouse import statements
from sinks.clickhouse.chunks import parts
from sinks.clickhouse.strikes import EventKey, Link

__all__ = ["IDS_A_QUERY", "ReadChains", "read_chains"]

IDS_A_QUERY = 1000
_QUERIES = 16
"""Which real chains seldom need."""


@dataclass(slots=True)
class ReadChains:
    """Chains, and how they were found."""

    events: set[EventKey]
    links: set[Link] = field(default_factory=set)
    """Each in both directions."""
    read_from: list[str] = field(default_factory=list)
    """Ids from which no event of the chains is more than three steps away, or else"""
    bureaus: set[str] = field(default_factory=set)
    """of these bureaus, linked with an event of theirs."""


def read_chains(client: Client, seeds: Iterable[EventKey]) -> ReadChains:
    """Every event of the chains of `seeds`, and the links that hold them together."""
    near: dict[EventKey, dict[EventKey, int]] = {}
    found = ReadChains(set(seeds))
    unread = set(found.events)
    steps = 0
    while unread:
        if steps < _QUERIES:
            ids = sorted({event_id for _, event_id in unread})
            found.read_from += ids
            queries = [statements.links_sql(some) for some in parts(ids, IDS_A_QUERY)]
        else:
            bureaus = {bureau for bureau, _ in unread}
            found.bureaus |= bureaus
            queries = [statements.bureaus_links_sql(bureaus)]
        for query in queries:
            for bureau, event_id, other_bureau, other, at_ms in client.query(query).result_rows:
                near.setdefault((bureau, event_id), {})[other_bureau, other] = int(at_ms)
        steps += 1
        to_go, unread = list(unread), set()
        while to_go:
            for other_key in near.get(to_go.pop(), {}).keys() - found.events:
                found.events.add(other_key)
                to_go.append(other_key)
                if other_key not in near and other_key[0] not in found.bureaus:
                    unread.add(other_key)
    found.links = {
        Link(one, other, at_ms)
        for one in found.events
        for other, at_ms in near.get(one, {}).items()
    }
    return found
