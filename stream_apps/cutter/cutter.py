"""The cutter: mini-blocks of facts into blocks that are cut once and never change.

A block is an Avro container file; its headers name the offsets of `facts` that it was cut from. Up
to where each partition is cut stands in `cuts` too, written in the block's own transaction and read
back on assignment: a mini-block that lies in a block is never cut again, even if the group's
offsets were lost. So do the digests of mini-blocks that were cut as replays: put back twice, they
are cut once. Searches are folded once more, over all mini-blocks of a block.

Only the router writes to `facts`: a schema that is unknown here is one provisioned since this
process asked for ids, or one of a newer release. Nothing goes past such a mini-block; the process
ends, and a new one asks again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from schemas import wire
from schemas.catalogue import Catalogue, Schema
from schemas.errors import RetryableError
from schemas.headers import REPLAY_HEADER, Disposition, Refusal, header, refusal_headers
from schemas.registry import SchemaIds
from schemas.topics import (
    CUTS,
    FACT_BLOCKS,
    FACTS,
    MAX_BLOCK_BYTES,
    SOURCE_REGIONS,
    block_partition,
    dlq_topic,
)
from stream_apps.engine.records import Consumed, Partition, Produced

__all__ = ["RANGES_HEADER", "ROWS_HEADER", "Cutter", "fold_searches"]

RANGES_HEADER = "liaison-fact-ranges"
ROWS_HEADER = "liaison-rows"
_MINI_BLOCK = "liaison.facts.FactMiniBlock"
_REPLAYED = b"replayed/"
_MAX_ROWS = 50_000
_MAX_SOURCE_BYTES = MAX_BLOCK_BYTES // 2
_FOLDED = frozenset({"events", "source_offset", "recorded_at", "published_at", "occurred_at"})

log = structlog.get_logger(__name__)


class Cutter:
    """A processor from `facts` to `fact-blocks`."""

    def __init__(self, *, catalogue: Catalogue, ids: SchemaIds) -> None:
        self._ids = ids
        self._fact_of = {
            mini.version: catalogue.schema("liaison.facts.Fact", mini.version)
            for mini in catalogue.versions(_MINI_BLOCK)
        }
        self._cut_until: dict[int, int] = {}
        self._pending: dict[int, int] = {}
        self._replayed: set[tuple[int, bytes]] = set()
        self._replayed_pending: set[tuple[int, bytes]] = set()

    def state_of(self, assigned: Sequence[Partition]) -> Sequence[Partition]:
        return [Partition(CUTS, p.partition) for p in assigned]

    def restore(self, assigned: Sequence[Partition], records: Iterable[Consumed]) -> None:
        self.revoke(assigned)
        for record in records:
            key = record.key or b""
            if key.startswith(_REPLAYED):
                self._replayed.add((record.partition, key))
            else:
                self._cut_until[record.partition] = int(record.value or b"0")

    def revoke(self, lost: Sequence[Partition]) -> None:
        self.aborted()
        gone = {partition.partition for partition in lost}
        self._replayed = {where for where in self._replayed if where[0] not in gone}
        for partition in gone:
            self._cut_until.pop(partition, None)

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        out: list[Produced] = []
        blocks: dict[tuple[int, int], _Block] = {}
        for record in batch:
            if record.offset < self._until(record.partition):
                log.warning("cutter.already-cut", partition=record.partition, offset=record.offset)
                continue
            self._pending[record.partition] = record.offset + 1
            replay = _replay_key(record)
            if replay in self._replayed or replay in self._replayed_pending:
                log.warning(
                    "cutter.already-replayed", partition=record.partition, offset=record.offset
                )
                continue
            try:
                schema, facts = self._read(record)
            except wire.WireError as error:
                out.append(_quarantined(record, str(error)))
                continue
            where = (block_partition(record.partition), schema.version)
            block = blocks.get(where)
            if block is not None and block.is_full_with(record, facts):
                out.append(block.cut())
                block = None
            if block is None:
                block = blocks[where] = _Block(where[0], schema)
            block.add(record, facts)
            if replay is not None:
                self._replayed_pending.add(replay)
        out += [block.cut() for block in blocks.values()]
        return out + self._cuts()

    def refuse(self, record: Consumed, reason: str) -> list[Produced]:
        self._pending[record.partition] = record.offset + 1
        return [_quarantined(record, reason), *self._cuts()]

    def tick(self, now_ms: int) -> list[Produced]:
        return []

    def committed(self) -> None:
        self._cut_until.update(self._pending)
        self._replayed |= self._replayed_pending
        self.aborted()

    def aborted(self) -> None:
        self._pending.clear()
        self._replayed_pending.clear()

    def _until(self, partition: int) -> int:
        """The first offset that lies in no block yet, those of this batch included."""
        return self._pending.get(partition, self._cut_until.get(partition, 0))

    def _cuts(self) -> list[Produced]:
        cuts = [
            Produced(CUTS, str(partition).encode(), str(offset).encode(), partition=partition)
            for partition, offset in self._pending.items()
        ]
        return cuts + [
            Produced(CUTS, key, b"1", partition=partition)
            for partition, key in self._replayed_pending
        ]

    def _read(self, record: Consumed) -> tuple[Schema, list[dict[str, Any]]]:
        if record.unread is not None:
            raise wire.WireError(record.unread)
        schema_id = wire.schema_id_of(record.value)
        schema = self._ids.by_id.get(schema_id)
        if schema is None:
            raise RetryableError(
                f"schema id {schema_id} at {record.topic}/{record.partition}/{record.offset} is "
                "unknown here: start again to ask the registry; if that does not help, update the "
                "cutter",
                code="unknown-schema",
            )
        if schema.name != _MINI_BLOCK:
            raise wire.WireError(f"schema id {schema_id} is {schema.name}, no mini-block")
        assert record.value is not None
        decoded = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES, whole=True)
        return self._fact_of[schema.version], decoded["facts"]


class _Block:
    def __init__(self, partition: int, schema: Schema) -> None:
        self._partition = partition
        self._schema = schema
        self._facts: list[dict[str, Any]] = []
        self._ranges: dict[int, tuple[int, int]] = {}
        self._bytes = 0

    def is_full_with(self, record: Consumed, facts: Sequence[object]) -> bool:
        return (
            self._bytes + len(record.value or b"") > _MAX_SOURCE_BYTES
            or len(self._facts) + len(facts) > _MAX_ROWS
        )

    def add(self, record: Consumed, facts: Iterable[dict[str, Any]]) -> None:
        first, _ = self._ranges.get(record.partition, (record.offset, 0))
        self._ranges[record.partition] = (first, record.offset)
        self._facts += facts
        self._bytes += len(record.value or b"")

    def cut(self) -> Produced:
        facts = fold_searches(self._facts)
        ranges = ",".join(f"{p}:{first}-{last}" for p, (first, last) in self._ranges.items())
        return Produced(
            FACT_BLOCKS,
            str(self._partition).encode(),
            wire.container(self._schema.parsed, facts),
            [(RANGES_HEADER, ranges.encode()), (ROWS_HEADER, str(len(facts)).encode())],
            self._partition,
        )


def fold_searches(facts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Facts that are folded searches and agree in all but their counts become one; others stay."""
    out: list[dict[str, Any]] = []
    folded: dict[tuple[object, ...], dict[str, Any]] = {}
    for fact in facts:
        if fact["kind"] != "search":
            out.append(fact)
            continue
        key = (
            fact["occurred_at"],
            fact["recorded_at"] // 60_000,
            *(str(value) for name, value in fact.items() if name not in _FOLDED),
        )
        into = folded.get(key)
        if into is None:
            into = folded[key] = dict(fact)
            out.append(into)
            continue
        into["events"] += fact["events"]
        for name in ("source_offset", "recorded_at", "published_at"):
            into[name] = max(into[name], fact[name])
    return out


def _replay_key(record: Consumed) -> tuple[int, bytes] | None:
    """Under which a replay is remembered; by its bytes, since a place in a queue is not the only
    one: what is refused again has another.
    """
    if header(record.headers, REPLAY_HEADER) is None:
        return None
    digest = hashlib.sha256(record.value or b"").hexdigest()
    return record.partition, _REPLAYED + digest.encode()


def _quarantined(record: Consumed, reason: str) -> Produced:
    log.error("cutter.quarantined", reason=reason, partition=record.partition, offset=record.offset)
    refusal = Refusal(
        "internal", Disposition.QUARANTINED, reason, "cutter", FACTS,
        record.partition, record.offset, record.timestamp_ms,
    )  # fmt: skip
    return Produced(
        dlq_topic(SOURCE_REGIONS[record.partition]),
        record.key,
        record.value,
        refusal_headers(record.headers, refusal),
    )
