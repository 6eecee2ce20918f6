"""Which events a recall or a correction takes out of the statistics, and when: pure functions.

The rule: a correction (any kind but `recall`) strikes the one event that it names; a recall strikes
the event that it names, of whatever kind, and every event that is no recall of the chains of that
event and of its root, where a chain is all that hang together by `root` or `supersedes` of events
that are no recalls, in any number of steps, whatever came first, also through events that never
came. An event is named by its bureau and its id: another bureau's of the same id is another event.
None strikes itself, and a recall never strikes another one by way of a chain.

An event is struck at the earliest moment at which it, a striker, and links between the two were
recorded. So what was true at a moment stays so, whatever is recorded later, and it is the same in
whichever order things land.

An event may have come in several copies, each a fact (an outbox that came back from a backup sends
once more under another number). Each copy is struck, once, whenever it lands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

__all__ = ["CountedFact", "EventKey", "FactKey", "KnownRecall", "Link", "Strike", "find_strikes"]

RECALL_KIND = "recall"
EventKey = tuple[str, str]
"""Bureau and event id."""


class FactKey(NamedTuple):
    """One copy of an event: the source record that it was made of tells it from the others."""

    bureau: str
    event_id: str
    source_topic: str
    source_partition: int
    source_offset: int


class Link(NamedTuple):
    """Two events of one chain: one of them names the other."""

    one: EventKey
    other: EventKey
    recorded_at_ms: int
    """Of the one that names."""


@dataclass(frozen=True, slots=True)
class KnownRecall:
    """A row of raw.recalls: a recall, or a correction."""

    bureau: str
    target: str
    root: EventKey | None
    kind: str
    reason: str
    recall_event_id: str | None
    recalled_by: str
    recorded_at_ms: int

    @property
    def is_recall(self) -> bool:
        return self.kind == RECALL_KIND

    @property
    def named(self) -> EventKey:
        return self.bureau, self.target

    @property
    def chains(self) -> tuple[EventKey, ...]:
        """An event of each chain that it strikes."""
        if not self.is_recall:
            return ()
        return (self.named,) if self.root is None else (self.named, self.root)

    @property
    def order(self) -> tuple[str, str, str, str]:
        """Of several that strike at the same moment the first is told."""
        return self.recall_event_id or "", self.kind, self.reason, self.recalled_by

    @property
    def own(self) -> tuple[str, str | None]:
        """The event that it is itself, which it does not strike."""
        return self.recalled_by, self.recall_event_id


@dataclass(frozen=True, slots=True)
class CountedFact:
    """What matters here of a row of raw.facts with an event id."""

    row: FactKey
    kind: str
    recorded_at_ms: int

    @property
    def event_id(self) -> str:
        return self.row.event_id

    @property
    def key(self) -> EventKey:
        return self.row.bureau, self.row.event_id


StrikeOrder = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Strike:
    """One compensation to write."""

    row: FactKey
    recall_event_id: str | None
    kind: str
    reason: str
    recorded_at_ms: int
    """When all that it needs was recorded."""
    since_ms: int
    """The same but for the event itself: from when on it would be struck if it came earlier."""

    @property
    def order(self) -> StrikeOrder:
        """The least of several found for one row holds: more is known, and it is less or stays."""
        return self.since_ms, self.recall_event_id or "", self.kind, self.reason


def find_strikes(
    recalls: Iterable[KnownRecall], links: Iterable[Link], facts: Iterable[CountedFact]
) -> tuple[Strike, ...]:
    """The strikes of these facts, each copy's once, in a set order."""
    recalls, facts = list(recalls), list(facts)
    found: dict[FactKey, Strike] = {}
    for fact, recall, since_ms in (*_by_name(recalls, facts), *_by_chain(recalls, links, facts)):
        strike = Strike(
            fact.row, recall.recall_event_id, recall.kind, recall.reason,
            max(fact.recorded_at_ms, since_ms), since_ms,
        )  # fmt: skip
        before = found.get(fact.row)
        if before is None or strike.order < before.order:
            found[fact.row] = strike
    return tuple(found[row] for row in sorted(found))


_Struck = tuple[CountedFact, KnownRecall, int]


def _by_name(recalls: list[KnownRecall], facts: list[CountedFact]) -> Iterator[_Struck]:
    named: dict[EventKey, list[KnownRecall]] = {}
    for recall in sorted(recalls, key=lambda recall: (recall.recorded_at_ms, recall.order)):
        named.setdefault(recall.named, []).append(recall)
    for fact in facts:
        first = next((one for one in named.get(fact.key, ()) if one.own != fact.key), None)
        if first is not None:
            yield fact, first, first.recorded_at_ms


def _by_chain(
    recalls: list[KnownRecall], links: Iterable[Link], facts: list[CountedFact]
) -> Iterator[_Struck]:
    """What happened, moment by moment: links join chains, a recall strikes all that hangs by it."""
    by_event: dict[EventKey, list[CountedFact]] = {}
    for fact in facts:
        if fact.kind != RECALL_KIND:
            by_event.setdefault(fact.key, []).append(fact)
    happened: list[tuple[int, Link | KnownRecall]] = []
    happened += [(link.recorded_at_ms, link) for link in links]
    happened += [(recall.recorded_at_ms, recall) for recall in recalls if recall.chains]
    happened.sort(key=lambda item: item[0])
    chains = _Chains(by_event)
    for at_ms, items in groupby(happened, key=lambda item: item[0]):
        met = set()
        for _, item in items:
            if isinstance(item, Link):
                met.add(chains.join(item.one, item.other))
            else:
                met.update(chains.recall(key, item) for key in item.chains)
        for chain in met:
            for event, recall in chains.strike(chain):
                for fact in by_event[event]:
                    yield fact, recall, at_ms


class _Chains:
    """The chains so far: who recalled each, and which of its events nobody has struck yet."""

    def __init__(self, events: Iterable[EventKey]) -> None:
        self._parent: dict[EventKey, EventKey] = {}
        self._recalls: dict[EventKey, list[KnownRecall]] = {}
        """The first, and the first that is no copy of it: no more can matter."""
        self._waiting = {event: [event] for event in events}

    def join(self, one: EventKey, other: EventKey) -> EventKey:
        """Make one of two chains; the events of the smaller one move."""
        into, gone = self._of(one), self._of(other)
        if into == gone:
            return into
        if len(self._waiting.get(into, ())) < len(self._waiting.get(gone, ())):
            into, gone = gone, into
        self._parent[gone] = into
        self._waiting.setdefault(into, []).extend(self._waiting.pop(gone, ()))
        for recall in self._recalls.pop(gone, ()):
            self.recall(into, recall)
        return into

    def recall(self, key: EventKey, recall: KnownRecall) -> EventKey:
        """Its chain is recalled by it."""
        chain = self._of(key)
        known = sorted((*self._recalls.get(chain, ()), recall), key=lambda one: one.order)
        second = next((one for one in known if one.own != known[0].own), None)
        self._recalls[chain] = known[:1] if second is None else [known[0], second]
        return chain

    def strike(self, key: EventKey) -> list[tuple[EventKey, KnownRecall]]:
        """Events of this chain that a recall strikes now; they wait no more."""
        chain = self._of(key)
        recalls, waiting = self._recalls.get(chain, ()), self._waiting.get(chain, ())
        if not recalls or not waiting:
            return []
        struck, left = [], []
        for event in waiting:
            first = next((one for one in recalls if one.own != event), None)
            if first is None:
                left.append(event)
            else:
                struck.append((event, first))
        self._waiting[chain] = left
        return struck

    def _of(self, key: EventKey) -> EventKey:
        """The event that stands for a key's chain."""
        parents = self._parent
        while (parent := parents.get(key, key)) != key:
            parents[key] = key = parents.get(parent, parent)  # halves the way for who comes next
        return key
