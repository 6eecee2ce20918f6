"""Which events a recall or a correction takes out of the statistics: pure functions.

The rule: a correction (any kind but `recall`) strikes the one event that it names; a recall strikes
the event that it names, of whatever kind, and every event that is no recall of the chains of that
event and of its root, where a chain is all that hang together by `root` or `supersedes` of events
that are no recalls, in any number of steps, whatever came first, also through events that never
came. An event is named by its bureau and its id: another bureau's of the same id is another event.
None strikes itself, and a recall never strikes another one by way of a chain.

An event may have come in several copies, each a fact (an outbox that came back from a backup sends
once more under another number). Each copy is struck, once, whenever it lands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "Chains",
    "CountedFact",
    "EventKey",
    "FactKey",
    "KnownRecall",
    "Strike",
    "Strikers",
    "find_strikes",
]

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

    def is_event(self, fact: CountedFact) -> bool:
        return (self.recalled_by, self.recall_event_id) == fact.key


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


@dataclass(frozen=True, slots=True)
class Strike:
    """One compensation to write."""

    row: FactKey
    recall_event_id: str | None
    kind: str
    reason: str
    recorded_at_ms: int
    """The later of the event's and the recall's."""


class Chains:
    """The chains of some links; a link's two events are named in any order, once or often."""

    def __init__(self, links: Iterable[tuple[EventKey, EventKey]] = ()) -> None:
        self._parent: dict[EventKey, EventKey] = {}
        for one, other in links:
            self._parent[self.of(one)] = self.of(other)

    def of(self, key: EventKey) -> EventKey:
        """The event that stands for a key's chain: the same for all of it."""
        parents = self._parent
        while (parent := parents.get(key, key)) != key:
            parents[key] = key = parents.get(parent, parent)  # halves the way for who comes next
        return key


class Strikers:
    """Recalls and corrections, found by what they strike."""

    def __init__(self, recalls: Iterable[KnownRecall], chains: Chains) -> None:
        self._chains = chains
        self._by_name: dict[EventKey, list[KnownRecall]] = {}
        self._by_chain: dict[EventKey, list[KnownRecall]] = {}
        for recall in sorted(recalls, key=lambda r: (r.recorded_at_ms, r.recall_event_id or "")):
            self._by_name.setdefault(recall.named, []).append(recall)
            for chain in {chains.of(key) for key in recall.chains}:
                self._by_chain.setdefault(chain, []).append(recall)

    def of(self, fact: CountedFact) -> KnownRecall | None:
        """The earliest that strikes this event."""
        near = [self._by_name.get(fact.key, ())]
        if fact.kind != RECALL_KIND:
            near.append(self._by_chain.get(self._chains.of(fact.key), ()))
        first = [next((r for r in some if not r.is_event(fact)), None) for some in near]
        return min(
            filter(None, first),
            key=lambda r: (r.recorded_at_ms, r.recall_event_id or ""),
            default=None,
        )


def find_strikes(
    strikers: Strikers, facts: Iterable[CountedFact], struck: Collection[FactKey]
) -> tuple[Strike, ...]:
    """The compensations still to write, each copy once, by its earliest striker, in a set order."""
    found: dict[FactKey, Strike] = {}
    for fact in facts:
        if fact.row in struck or fact.row in found:
            continue
        striker = strikers.of(fact)
        if striker is not None:
            found[fact.row] = Strike(
                fact.row,
                striker.recall_event_id,
                striker.kind,
                striker.reason,
                max(fact.recorded_at_ms, striker.recorded_at_ms),
            )
    return tuple(found[row] for row in sorted(found))
