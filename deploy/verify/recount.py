"""What must be in every topic and table, recounted from the source topics alone.

The source records go through the routing function once more. It is the same pure function, so this
finds what was lost, doubled, misdirected or miscounted on the way, by transactions, rebalances,
blocks, inserts or hands; whether the function itself is right, its case tables say. What was
refused for a reason of ours (a schema that the router of that day did not know, a broker that did
not take what followed, an error) stays refused in the recount, whatever today's function would say.

A whole partition is recounted from an empty ledger. In one that is cut nobody knows how accounts
stood, so there the blocks and dead letters say which records were accepted and refused: routed
anew, they must give readers what these have, and earn the code that they bear. What is neither was
a number seen before. All such numbers must be booked in the ledger, for what is lost is not.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from deploy.verify.facts import FactCounts
from deploy.verify.window import SourcePosition, Window
from schemas import wire
from schemas.catalogue import Catalogue, DeliveredSchema
from schemas.headers import RETIRE_HEADER, header, read_refusal
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import STRIKES, ledger_topic
from stream_apps.engine import Consumed, Produced
from stream_apps.engine.records import bytes_of
from stream_apps.router.booking import Entry
from stream_apps.router.ledger import Account, AccountKey, Place, Standing
from stream_apps.router.refusals import (
    ACCOUNT_RETIRED,
    BAD_SEQUENCE,
    CODES,
    INTERNAL,
    REPLAY_FORGOTTEN,
    SEQUENCE_REUSED,
    TOO_MANY_ACCOUNTS,
    UNKNOWN_SCHEMA,
    UNWRITABLE,
    Refused,
)
from stream_apps.router.router import Router

__all__ = [
    "AccountPlace",
    "Delivered",
    "Evidence",
    "Identify",
    "Numbers",
    "Recount",
    "recount",
]

_BATCH = 5000
_BATCH_BYTES = 8 * 1024 * 1024
_OUR_REASON = frozenset({UNKNOWN_SCHEMA.code, UNWRITABLE.code, INTERNAL.code})
_OF_EARLIER_NUMBERS = frozenset(
    code.code
    for code in (
        ACCOUNT_RETIRED, BAD_SEQUENCE, REPLAY_FORGOTTEN, SEQUENCE_REUSED, TOO_MANY_ACCOUNTS
    )
)  # fmt: skip

AccountPlace = tuple[str, int, str]
"""Ledger topic, partition, account."""


class Delivered(NamedTuple):
    """One record for readers: its event, a checksum of the bureau's own bytes, its source."""

    topic: str
    event_id: str
    crc: int
    source_topic: str
    source_partition: int
    source_offset: int
    recorded_at: int

    @property
    def source(self) -> SourcePosition:
        return self.source_topic, self.source_partition, self.source_offset


class Identify:
    """Finds the event and the bureau's bytes in a delivered record.

    The same bytes, in another topic or in the recount, are known again by their 64-bit hash and
    not decoded once more.
    """

    def __init__(self, ids: SchemaIds) -> None:
        self._ids = ids
        self._enrichment: dict[int, Any] = {}
        self._known: dict[int, tuple[str, int, str, int, int, int]] = {}

    def __call__(self, topic: str, value: bytes | None) -> Delivered:
        """Read a delivered record.

        Raises:
            WireError: it is none.
        """
        known = self._known.get(hash(value))
        if known is None:
            known = self._known[hash(value)] = self._decoded(value)
        return Delivered(topic, *known)

    def _decoded(self, value: bytes | None) -> tuple[str, int, str, int, int, int]:
        schema_id = wire.schema_id_of(value)
        assert value is not None
        part = self._enrichment.get(schema_id)
        if part is None:
            schema = self._ids.by_id.get(schema_id)
            if not isinstance(schema, DeliveredSchema):
                raise wire.WireError(f"schema id {schema_id} is no delivered event")
            part = self._enrichment[schema_id] = schema.part("enrichment")
        record, end = wire.decode_at(part, value, wire.FRAME_BYTES)
        of = record["enrichment"]
        return (
            of["event_id"], zlib.crc32(value[end:]), of["source_topic"], of["source_partition"],
            of["source_offset"], of["recorded_at"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """What became of source records, as blocks and dead letters say."""

    window: Window
    refused: Mapping[SourcePosition, str] = field(default_factory=dict)
    """Codes of the router's dead letters."""
    accepted: Collection[SourcePosition] = frozenset()
    """In cut partitions: sources of facts. Searches are folded and so not among them."""


@dataclass(slots=True)
class Numbers:
    """Numbers of an account in a cut partition that must be booked by now."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    """As they came."""
    repeats: int = 0
    """How many were booked before already."""

    def add(self, number: int) -> None:
        first, last = self.ranges[-1] if self.ranges else (0, -1)
        if first <= number <= last + 1 and self.ranges:
            self.ranges[-1] = first, max(last, number)
        else:
            self.ranges.append((number, number))


@dataclass(slots=True)
class Recount:
    """Everything that must be there."""

    handed_over: int = 0
    delivered: Counter[Delivered] = field(default_factory=Counter)
    refused: Counter[tuple[str, int, int, str]] = field(default_factory=Counter)
    strikes: set[bytes] = field(default_factory=set)
    accounts: dict[AccountPlace, Account] = field(default_factory=dict)
    """Of whole partitions."""
    numbers: dict[AccountPlace, Numbers] = field(default_factory=dict)
    """Of cut partitions."""
    facts: FactCounts = field(default_factory=FactCounts)
    outcomes: Counter[str] = field(default_factory=Counter)


class _Recounting(Router):
    """The router itself, but its facts are counted, and what was refused for our reasons is."""

    def __init__(
        self,
        lane: str,
        into: Recount,
        evidence: Evidence,
        *,
        reference: Reference,
        catalogue: Catalogue,
        ids: SchemaIds,
    ) -> None:
        super().__init__(lane=lane, reference=reference, catalogue=catalogue, ids=ids)
        self._into = into
        self._evidence = evidence
        self._fact = catalogue.schema("liaison.facts.Fact").plain

    def mini_blocks(self, facts: Sequence[bytes]) -> Iterator[bytes]:
        for fact in facts:
            self._into.facts.add(wire.decode(self._fact, fact, whole=True))
        return iter(())

    def _route(self, record: Consumed) -> None:
        code = self._evidence.refused.get(_position(record))
        if code in _OUR_REASON:
            place = (self._regions[record.topic], record.partition)
            self._refuse_unread(record, place, Refused(CODES[code], ""))
        else:
            super()._route(record)


class _OfCutPartitions(_Recounting):
    """It never knows an account: how a number stands is what became of the record."""

    def process_anew(self, batch: Iterable[Consumed]) -> list[Produced]:
        """Outputs for these records, without what only the accounts could say."""
        out = self.process([record for record in batch if not self._is_settled_by_dlq(record)])
        self.aborted()
        return out

    def _is_settled_by_dlq(self, record: Consumed) -> bool:
        """Take a refusal as it is that rests on earlier numbers, or is of no event."""
        code = self._evidence.refused.get(_position(record))
        retires = record.value is None and header(record.headers, RETIRE_HEADER) is not None
        if code is not None and (retires or code in _OUR_REASON or code in _OF_EARLIER_NUMBERS):
            self._into.refused[*_position(record), code] += 1
            return True
        return retires

    def _check_account(self, place: Place, key: AccountKey) -> None:
        """Whether there was room for it, nobody knows any more."""

    def _entry(
        self, record: Consumed, place: Place, key: AccountKey, sequence: int, event_id: str
    ) -> Entry:
        entry = super()._entry(record, place, key, sequence, event_id)
        position = _position(record)
        if position in self._evidence.refused:
            return entry._replace(standing=Standing.NEW)
        account = (ledger_topic(place[0]), place[1], key.text())
        numbers = self._into.numbers.setdefault(account, Numbers())
        numbers.add(sequence)
        if position in self._evidence.accepted:
            return entry._replace(standing=Standing.NEW)
        if self.lane != "search":  # whose facts do not tell one record from another
            numbers.repeats += 1
        return entry._replace(standing=Standing.REPEAT)


def recount(
    records: Iterable[Consumed],
    lane: str,
    into: Recount,
    *,
    reference: Reference,
    catalogue: Catalogue,
    ids: SchemaIds,
    identify: Identify,
    evidence: Evidence,
) -> None:
    """Route one lane's source records, each partition in its order, and add up what must come."""
    window = evidence.window
    known: Any = {"reference": reference, "catalogue": catalogue, "ids": ids}
    whole = _Recounting(lane, into, evidence, **known)
    cut = _OfCutPartitions(lane, into, evidence, **known)
    for batch in _batches(record for record in records if window.begins_with(record)):
        into.handed_over += len(batch)
        of_whole: list[Consumed] = []
        of_cut: list[Consumed] = []
        for record in batch:
            at = of_cut if window.is_cut(record.topic, record.partition) else of_whole
            at.append(record)
        outputs = whole.process(of_whole)
        whole.committed()
        for out in (*outputs, *cut.process_anew(of_cut)):
            topic = out.topic
            if topic.startswith(("desk.", "bureau.")):
                into.delivered[identify(topic, out.value)] += 1
            elif topic.startswith("dlq."):
                refusal = read_refusal(out.headers)
                into.refused[refusal.topic, refusal.partition, refusal.offset, refusal.code] += 1
            elif topic == STRIKES:
                assert out.key is not None
                into.strikes.add(out.key)
    for (region, partition), account in whole.book.accounts():
        into.accounts[ledger_topic(region), partition, account.key.text()] = account
    into.outcomes.update(whole.counts)
    into.outcomes.update(cut.counts)


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


def _position(record: Consumed) -> SourcePosition:
    return record.topic, record.partition, record.offset
