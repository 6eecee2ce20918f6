"""The SQL that loads facts, as text: no I/O.

Deduplication needs one insert to be one block, on every attempt; so the block sizes, the single
insert thread and the token are part of the statement, not of whoever sends it. A block is taken
only if it stands above the mark, which the statement itself looks up: a loader that slept longer
than ClickHouse keeps tokens inserts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sinks.clickhouse.strikes import Strike

__all__ = [
    "BLOCK_COLUMNS",
    "BlockPosition",
    "block_facts_sql",
    "candidate_facts_sql",
    "insert_block_sql",
    "insert_strike_sql",
    "marks_sql",
    "recalls_sql",
    "struck_sql",
]

BLOCK_COLUMNS = ("block_partition", "block_offset")
"""Columns of raw.facts that say where a row came from; all others are the fact's own."""

_ONE_BLOCK = {
    "async_insert": "0",
    "deduplicate_insert": "'enable'",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "max_insert_threads": "1",
    "max_block_size": str(1 << 24),
    "max_insert_block_size": str(1 << 24),
    "min_insert_block_size_rows": str(1 << 30),
    "min_insert_block_size_bytes": str(1 << 40),
    "input_format_avro_allow_missing_fields": "1",
}


@dataclass(frozen=True, slots=True)
class BlockPosition:
    """Where a block stands in Kafka. Another topic id is another topic, whatever its name."""

    topic_id: str
    partition: int
    offset: int

    @property
    def token(self) -> str:
        """What ClickHouse knows the block's insert by."""
        return f"{self.topic_id}/{self.partition}/{self.offset}"


def literal(text: str) -> str:
    """A string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _settings(token: str) -> str:
    pairs = {"insert_deduplication_token": literal(token), **_ONE_BLOCK}
    return "SETTINGS " + ", ".join(f"{name} = {value}" for name, value in pairs.items())


def insert_block_sql(position: BlockPosition, columns: Sequence[tuple[str, str]]) -> str:
    """One block, one insert. `columns` are the fact's own columns with their types.

    The measures' arrays are compared here: a rollup that fails on them would do so after raw.facts
    already has the rows.
    """
    names = [name for name, _ in columns]
    structure = ", ".join(f"{name} {kind}" for name, kind in columns)
    arrays = [
        name for name in names if name.startswith("measure_") and dict(columns)[name][:5] == "Array"
    ]
    uneven = " OR ".join(f"length({name}) != length(measures)" for name in arrays) or "false"
    return (
        f"INSERT INTO raw.facts ({', '.join((*names, *BLOCK_COLUMNS))})\n"
        f"SELECT {', '.join(names)}, {position.partition}, {position.offset}\n"
        f"FROM input({literal(structure)})\n"
        f"WHERE {position.offset} > (SELECT if(count() = 0, -1, max(block_offset)) "
        f"FROM raw.high_water WHERE topic_id = {literal(position.topic_id)} "
        f"AND block_partition = {position.partition})\n"
        f"AND throwIf({uneven}, 'measures and their values differ in number') = 0\n"
        f"{_settings(position.token)}\n"
        "FORMAT Avro"
    )


def marks_sql(topic_id: str) -> str:
    """The last block of each partition that is wholly in."""
    return (
        "SELECT block_partition, max(block_offset) FROM raw.high_water "
        f"WHERE topic_id = {literal(topic_id)} GROUP BY block_partition"
    )


def block_facts_sql(position: BlockPosition) -> str:
    """Ids of a block's events and their chains."""
    return (
        "SELECT arrayJoin([event_id, root]) AS id FROM raw.facts "
        f"WHERE block_partition = {position.partition} AND block_offset = {position.offset} "
        "AND sign = 1 AND event_id IS NOT NULL AND id IS NOT NULL"
    )


def recalls_sql(position: BlockPosition) -> str:
    """Recalls that the block brings, and those that name an event or a chain in it."""
    ids = block_facts_sql(position)
    return (
        "SELECT DISTINCT bureau, toString(target), toString(root), root_bureau, kind, reason, "
        "toString(recall_event_id), toUnixTimestamp64Milli(recorded_at) FROM raw.recalls\n"
        f"WHERE (block_partition = {position.partition} AND block_offset = {position.offset})\n"
        f"OR target IN ({ids})\nOR root IN ({ids})"
    )


def candidate_facts_sql(ids: Iterable[str]) -> str:
    """Counting events with one of these ids, or in one of these chains."""
    listed = _uuids(ids)
    return (
        "SELECT bureau, toString(event_id), toString(root), root_bureau, kind, "
        "toUnixTimestamp64Milli(recorded_at) FROM raw.facts\n"
        f"WHERE sign = 1 AND kind != 'search' AND event_id IS NOT NULL "
        f"AND (event_id IN ({listed}) OR root IN ({listed}))"
    )


def struck_sql(ids: Iterable[str]) -> str:
    """Which of these events are struck already."""
    return f"SELECT bureau, toString(event_id) FROM raw.struck WHERE event_id IN ({_uuids(ids)})"


def insert_strike_sql(strike: Strike, columns: Sequence[str]) -> str:
    """The compensation of one event: its own row, taken back. `columns` are all of raw.facts."""
    changed = {
        "recorded_at": "greatest(facts.recorded_at, "
        f"fromUnixTimestamp64Milli({strike.recorded_at_ms}, 'UTC')) AS recorded_at",
        "sign": "-facts.sign AS sign",
    }
    chosen = ", ".join(changed.get(name, f"facts.{name} AS {name}") for name in columns)
    token = f"strike/{strike.bureau}/{strike.event_id}"
    return (
        f"INSERT INTO raw.facts ({', '.join(columns)})\n"
        f"SELECT {chosen}\nFROM raw.facts AS facts\n"
        f"WHERE facts.event_id = {literal(strike.event_id)} "
        f"AND facts.bureau = {literal(strike.bureau)} AND facts.sign = 1\n"
        f"{_settings(token)}"
    )


def _uuids(ids: Iterable[str]) -> str:
    return ", ".join(f"toUUID({literal(identifier)})" for identifier in sorted(set(ids)))
