"""Which events a recall or a correction takes out of the statistics: a pure function.

A correction (any kind but `recall`) strikes the one event that it names. A recall strikes the
whole chain: the event it names, the chain's first event, and every event whose root is either. An
event is named by its bureau and its id: another bureau's of the same id is another event. Never the
recall itself, never another recall by way of a chain.

An event may have come in several copies, each a fact (an outbox that came back from a backup sends
once more under another number). Each copy is struck, once, whenever it lands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["CountedFact", "EventKey", "FactKey", "KnownRecall", "Strike", "find_strikes"]

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
    recorded_at_ms: int

    @property
    def keys(self) -> frozenset[EventKey]:
        """Events and chains that it may strike."""
        target = self.bureau, self.target
        if self.kind != RECALL_KIND or self.root is None:
            return frozenset((target,))
        return frozenset((target, self.root))

    def strikes(self, fact: CountedFact) -> bool:
        if self.recall_event_id == fact.event_id:
            return False
        if fact.key == (self.bureau, self.target):
            return True
        if self.kind != RECALL_KIND or fact.kind == RECALL_KIND:
            return False
        return fact.key in self.keys or fact.root in self.keys


@dataclass(frozen=True, slots=True)
class CountedFact:
    """What matters here of a row of raw.facts with an event id."""

    row: FactKey
    root: EventKey | None
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


def find_strikes(
    recalls: Iterable[KnownRecall],
    facts: Iterable[CountedFact],
    struck: Collection[FactKey],
) -> tuple[Strike, ...]:
    """The compensations still to write, each copy once, by its earliest recall, in a set order."""
    by_key: dict[EventKey, list[KnownRecall]] = {}
    for recall in recalls:
        for key in recall.keys:
            by_key.setdefault(key, []).append(recall)
    found: dict[FactKey, Strike] = {}
    for fact in facts:
        if fact.row in struck or fact.row in found:
            continue
        near = [*by_key.get(fact.key, ()), *(by_key.get(fact.root, ()) if fact.root else ())]
        fitting = [recall for recall in near if recall.strikes(fact)]
        if not fitting:
            continue
        first = min(fitting, key=lambda r: (r.recorded_at_ms, r.recall_event_id or ""))
        found[fact.row] = Strike(
            fact.row,
            first.recall_event_id,
            first.kind,
            first.reason,
            max(fact.recorded_at_ms, first.recorded_at_ms),
        )
    return tuple(found[row] for row in sorted(found))
