"""The chains that some events are of, read from ClickHouse step by step.

Each step asks for what is linked with what the last one found, so a chain of few steps costs as
many short queries, whoever has how many others. A chain that goes on for many steps (each
correction naming only the one before) is read with all of its bureau's links instead: the number
of queries is bounded whatever a bureau sends.
"""

from __future__ import annotations

from collections.abc import Iterable

from clickhouse_connect.driver.client import Client

from sinks.clickhouse import statements
from sinks.clickhouse.chunks import parts
from sinks.clickhouse.strikes import EventKey

__all__ = ["IDS_A_QUERY", "read_chains"]

IDS_A_QUERY = 1000
_STEPS = 32
"""Which real chains seldom have."""


def read_chains(
    client: Client, seeds: Iterable[EventKey]
) -> tuple[set[EventKey], list[tuple[EventKey, EventKey]]]:
    """Every event of the chains of `seeds`, and the links that hold them together."""
    near: dict[EventKey, set[EventKey]] = {}
    known = set(seeds)
    unread = known
    read_whole: set[str] = set()
    steps = 0
    while unread:
        if steps < _STEPS:
            ids = sorted({event_id for _, event_id in unread})
            queries = [statements.links_sql(some) for some in parts(ids, IDS_A_QUERY)]
        else:
            bureaus = {bureau for bureau, _ in unread}
            read_whole |= bureaus
            queries = [statements.bureaus_links_sql(bureaus)]
        for query in queries:
            for bureau, event_id, other_bureau, other in client.query(query).result_rows:
                near.setdefault((bureau, event_id), set()).add((other_bureau, other))
        steps += 1
        to_go, unread = list(unread), set()
        while to_go:
            for other_key in near.get(to_go.pop(), set()) - known:
                known.add(other_key)
                to_go.append(other_key)
                if other_key[0] not in read_whole:
                    unread.add(other_key)
    return known, [(one, other) for one in known for other in near.get(one, ())]
