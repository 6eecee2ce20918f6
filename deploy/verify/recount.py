"""What must be in every topic and table, recounted from the source topics alone.

The source records go through the routing function once more, from an empty ledger. It is the same
pure function, so this finds what was lost, doubled, misdirected or miscounted on the way, by
transactions, rebalances, blocks, inserts or hands; whether the function itself is right, its case
tables say. What was quarantined for our own delay (a schema that the router of that day did not
know, an error of ours) stays refused in the recount, whatever today's function would say.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from schemas import wire
from schemas.catalogue import Catalogue, DeliveredSchema
from schemas.headers import read_refusal
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import STRIKES
from stream_apps.engine import Consumed
from stream_apps.engine.records import bytes_of
from stream_apps.router.ledger import Account
from stream_apps.router.router import Router

__all__ = [
    "AccountPlace",
    "Cell",
    "Delivered",
    "FactCounts",
    "Identify",
    "Recount",
    "SourcePosition",
    "recount",
]

_BATCH = 5000
_BATCH_BYTES = 8 * 1024 * 1024
_NO_SCHEMA = 0xFFFFFFFF
_DAY_MS = 86_400_000

SourcePosition = tuple[str, int, int]
"""Topic, partition and offset of a source record."""
Cell = tuple[str, str, str]
"""Kind, bureau, month of recording."""
AccountPlace = tuple[str, int, str]
"""Ledger topic, partition, account."""


class Delivered(NamedTuple):
    """One record for readers: its event, and a checksum of the bureau's own bytes."""

    topic: str
    event_id: str
    crc: int


class _Fact(NamedTuple):
    bureau: str
    event_id: str
    root: tuple[str, str] | None
    """Bureau and id of the chain's first event."""
    kind: str
    recorded_at: int
    events: int
    amounts: int
    """Thousandths: its amount and all that it measures, as a sum that must come again."""


class _Recall(NamedTuple):
    recorded_at: int
    recall_id: str
    chain: bool


class Identify:
    """Finds the event and the bureau's bytes in a delivered record.

    The same bytes, in another topic or in the recount, are known again by their 64-bit hash and
    not decoded once more.
    """

    def __init__(self, ids: SchemaIds) -> None:
        self._ids = ids
        self._enrichment: dict[int, Any] = {}
        self._known: dict[int, tuple[str, int]] = {}

    def __call__(self, topic: str, value: bytes | None) -> Delivered:
        """Read a delivered record.

        Raises:
            WireError: it is none.
        """
        known = self._known.get(hash(value))
        if known is None:
            known = self._known[hash(value)] = self._decoded(value)
        return Delivered(topic, *known)

    def _decoded(self, value: bytes | None) -> tuple[str, int]:
        schema_id = wire.schema_id_of(value)
        assert value is not None
        part = self._enrichment.get(schema_id)
        if part is None:
            schema = self._ids.by_id.get(schema_id)
            if not isinstance(schema, DeliveredSchema):
                raise wire.WireError(f"schema id {schema_id} is no delivered event")
            part = self._enrichment[schema_id] = schema.part("enrichment")
        record, end = wire.decode_at(part, value, wire.FRAME_BYTES)
        return record["enrichment"]["event_id"], zlib.crc32(value[end:])


@dataclass(slots=True)
class FactCounts:
    """Events by kind, bureau and month, after what recalls and corrections took out."""

    facts: list[_Fact] = field(default_factory=list)
    folded: Counter[Cell] = field(default_factory=Counter)
    recalls: dict[tuple[str, str], list[_Recall]] = field(default_factory=dict)
    total: int = 0

    def add(self, fact: dict[str, Any]) -> None:
        self.total += fact["events"]
        if fact["event_id"] is None:
            self.folded[fact["kind"], fact["bureau"], _month(fact["recorded_at"])] += fact["events"]
            return
        self.facts.append(
            _Fact(
                fact["bureau"], fact["event_id"], _root(fact), fact["kind"],
                fact["recorded_at"], fact["events"], _amounts(fact),
            )
        )  # fmt: skip
        if fact["supersedes_event_id"] is not None:
            chain = fact["kind"] == "recall"
            recall = _Recall(fact["recorded_at"], fact["event_id"], chain)
            targets = {(fact["supersedes_bureau"], fact["supersedes_event_id"])}
            root = _root(fact)
            if chain and root is not None:
                targets.add(root)
            for target in targets:
                self.recalls.setdefault(target, []).append(recall)

    def cells(self) -> Counter[Cell]:
        """Events that count: each as +1 in its month, and -1 in that of its strike."""
        cells = Counter(self.folded)
        for cell, fact, sign in self._signed():
            cells[cell] += sign * fact.events
        return Counter({cell: count for cell, count in cells.items() if count})

    def amounts(self) -> Counter[Cell]:
        """The same of all that was measured, in thousandths."""
        cells: Counter[Cell] = Counter()
        for cell, fact, sign in self._signed():
            cells[cell] += sign * fact.amounts
        return Counter({cell: count for cell, count in cells.items() if count})

    def _signed(self) -> Iterator[tuple[Cell, _Fact, int]]:
        for fact in self.facts:
            yield (fact.kind, fact.bureau, _month(fact.recorded_at)), fact, 1
            struck = self._struck_at(fact)
            if struck is not None:
                yield (fact.kind, fact.bureau, _month(max(fact.recorded_at, struck))), fact, -1

    def struck(self) -> int:
        return sum(1 for fact in self.facts if self._struck_at(fact) is not None)

    def _struck_at(self, fact: _Fact) -> int | None:
        times = [
            recall.recorded_at
            for recall in self.recalls.get((fact.bureau, fact.event_id), ())
            if recall.recall_id != fact.event_id
        ]
        if fact.root is not None and fact.kind != "recall":
            times += [
                recall.recorded_at
                for recall in self.recalls.get(fact.root, ())
                if recall.chain and recall.recall_id != fact.event_id
            ]
        return min(times) if times else None


class _Recounting(Router):
    """The router itself, but its facts are counted instead of written."""

    def __init__(
        self,
        lane: str,
        reference: Reference,
        catalogue: Catalogue,
        ids: SchemaIds,
        counts: FactCounts,
    ) -> None:
        super().__init__(lane=lane, reference=reference, catalogue=catalogue, ids=ids)
        self._counts = counts

    def mini_blocks(self, facts: list[dict[str, Any]]) -> Iterator[bytes]:
        for fact in facts:
            self._counts.add(fact)
        return iter(())


@dataclass(slots=True)
class Recount:
    """Everything that must be there."""

    handed_over: int = 0
    delivered: Counter[Delivered] = field(default_factory=Counter)
    refused: Counter[tuple[str, int, int, str]] = field(default_factory=Counter)
    strikes: set[bytes] = field(default_factory=set)
    accounts: dict[AccountPlace, Account] = field(default_factory=dict)
    facts: FactCounts = field(default_factory=FactCounts)
    outcomes: Counter[str] = field(default_factory=Counter)


def recount(
    records: Iterable[Consumed],
    lane: str,
    into: Recount,
    *,
    reference: Reference,
    catalogue: Catalogue,
    ids: SchemaIds,
    identify: Identify,
    our_delay: Mapping[SourcePosition, str] | None = None,
) -> None:
    """Route one lane's source records, each partition in its order, and add up what must come.

    `our_delay` names the records that were quarantined for a reason of ours, with its code.
    """
    delayed = our_delay or {}
    router = _Recounting(lane, reference, catalogue, ids, into.facts)
    for batch in _batches(records):
        into.handed_over += len(batch)
        for out in router.process([_as_refused_then(record, delayed) for record in batch]):
            topic = out.topic
            if topic.startswith(("desk.", "bureau.")):
                into.delivered[identify(topic, out.value)] += 1
            elif topic.startswith("dlq."):
                refusal = read_refusal(out.headers)
                place = (refusal.topic, refusal.partition, refusal.offset)
                into.refused[*place, delayed.get(place, refusal.code)] += 1
            elif topic == STRIKES:
                assert out.key is not None
                into.strikes.add(out.key)
        router.committed()
    for (region, partition), account in router.book.accounts():
        into.accounts[f"ledger.{region}", partition, account.key.text()] = account
    into.outcomes.update(router.counts)


def _batches(records: Iterable[Consumed]) -> Iterator[list[Consumed]]:
    """As many as are counted at once, fewer of large ones: some are, decompressed, a gigabyte."""
    batch: list[Consumed] = []
    size = 0
    for record in records:
        batch.append(record)
        size += bytes_of((record,))
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _as_refused_then(record: Consumed, delayed: Mapping[SourcePosition, str]) -> Consumed:
    """A record that was refused for a reason of ours, made unknown to today's router too."""
    if (record.topic, record.partition, record.offset) not in delayed or record.value is None:
        return record
    return record._replace(value=wire.frame(_NO_SCHEMA, record.value[wire.FRAME_BYTES :]))


def _root(fact: dict[str, Any]) -> tuple[str, str] | None:
    return None if fact["root"] is None else (fact["root_bureau"], fact["root"])


def _amounts(fact: dict[str, Any]) -> int:
    values = fact["measure_values"]
    amount = fact["amount"]
    return sum(map(_thousandths, values if amount is None else (amount, *values)))


def _thousandths(unscaled: bytes) -> int:
    return int.from_bytes(unscaled, "big", signed=True)


def _month(at_ms: int) -> str:
    return _month_of_day(at_ms // _DAY_MS)


@cache
def _month_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY_MS / 1000, UTC).strftime("%Y-%m")
