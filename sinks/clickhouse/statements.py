"""The SQL that loads facts, as text: no I/O.

Deduplication needs one insert to be one block, on every attempt; so the block sizes, the single
thread and the token are part of the statement, not of whoever sends it. ClickHouse knows an insert
by its token and by how many blocks its SELECT gave, before they became one: an insert that reads a
table sorts what it reads, by one thread, so that a repeat gives one block, too, though the parts of
the table are others by then. A block is taken only if it stands above the mark, which the statement
itself looks up: a loader that slept longer than ClickHouse keeps tokens inserts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sinks.clickhouse.known import FACT_KEY, HOLDS
from sinks.clickhouse.strikes import Strike

__all__ = [
    "BLOCK_COLUMNS",
    "BlockPosition",
    "block_events_sql",
    "block_recalls_sql",
    "book_chunk_sql",
    "bureaus_links_sql",
    "candidate_facts_sql",
    "chain_recalls_sql",
    "inserts_since_sql",
    "insert_block_sql",
    "insert_chunk_sql",
    "known_earlier_sql",
    "last_chunk_sql",
    "links_sql",
    "literal",
    "marks_sql",
    "plan_chunk_sql",
    "planned_strike",
    "recalls_by_name_sql",
    "refused_block_sql",
    "repair_block_sql",
    "struck_sql",
    "touched_sql",
]

BLOCK_COLUMNS = ("block_partition", "block_offset")
"""Columns of raw.facts that say where a row came from; all others are the fact's own."""

_ONE_BLOCK = {
    "async_insert": "0",
    "deduplicate_insert": "'enable'",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "max_insert_threads": "1",
    "max_threads": "1",
    "max_block_size": str(1 << 24),
    "max_insert_block_size": str(1 << 24),
    "min_insert_block_size_rows": str(1 << 30),
    "min_insert_block_size_bytes": str(1 << 40),
    "input_format_avro_allow_missing_fields": "1",
}

_FACT_KEY_TEXT = FACT_KEY.replace("event_id", "toString(event_id)")
_LINK = "bureau, toString(event_id), other_bureau, toString(other), at_ms"
_LINKS = (
    "SELECT bureau, event_id, other_bureau, other, min(toUnixTimestamp64Milli(recorded_at)) AS "
    "at_ms FROM raw.links WHERE {where} GROUP BY bureau, event_id, other_bureau, other"
)
_RECALL = (
    "bureau, toString(target), toString(root), root_bureau, kind, reason, "
    "toString(recall_event_id), recalled_by, toUnixTimestamp64Milli(recorded_at)"
)
_PLANNED = f"{FACT_KEY}, recall_event_id, kind, reason"
_MOMENTS = (
    "fromUnixTimestamp64Milli(recorded_at_ms, 'UTC'), fromUnixTimestamp64Milli(since_ms, 'UTC')"
)
_PLANNED_STRUCTURE = (
    "bureau String, event_id UUID, source_topic String, source_partition Int32, "
    "source_offset Int64, recall_event_id Nullable(UUID), kind String, reason String, "
    "recorded_at_ms Int64, since_ms Int64"
)


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
    return _insert_block(position, columns, f"{position.offset} > ({_mark_sql(position)})")


def repair_block_sql(position: BlockPosition, columns: Sequence[tuple[str, str]]) -> str:
    """A block that was refused, under the same token as ever: only while its refusal stands.

    The loader must be past it, or it would land the block, too.
    """
    stands = (
        "(SELECT count() > 0 AND countIf(resolved) = 0 FROM raw.refused_blocks "
        f"WHERE topic_id = {literal(position.topic_id)} "
        f"AND block_partition = {position.partition} AND block_offset = {position.offset})"
    )
    return _insert_block(
        position, columns, f"{stands} AND {position.offset} <= ({_mark_sql(position)})"
    )


def _mark_sql(position: BlockPosition) -> str:
    return (
        "SELECT if(count() = 0, -1, max(block_offset)) FROM raw.high_water "
        f"WHERE topic_id = {literal(position.topic_id)} AND block_partition = {position.partition}"
    )


def _insert_block(
    position: BlockPosition, columns: Sequence[tuple[str, str]], taken_if: str
) -> str:
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
        f"WHERE {taken_if}\n"
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


def refused_block_sql(partition: int, offset: int) -> str:
    """The topics that a block at this place was refused of, the code, and whether it is in now."""
    return (
        "SELECT topic_id, any(code), max(resolved) FROM raw.refused_blocks "
        f"WHERE block_partition = {partition} AND block_offset = {offset} GROUP BY topic_id"
    )


def inserts_since_sql(position: BlockPosition) -> str:
    """How many parts raw.facts got since this block's rows, at most; no row if it has none.

    NULL where the engine counts parts otherwise.
    """
    parts = "FROM system.parts WHERE database = 'raw' AND table = 'facts'"
    rows = (
        f"FROM raw.facts WHERE block_partition = {position.partition} "
        f"AND block_offset = {position.offset} AND sign = 1"
    )
    return (
        "SELECT if(any(engine) = 'MergeTree', "
        f"(SELECT max(max_block_number) {parts}) - min(min_block_number), NULL) "
        f"{parts} AND active AND name IN (SELECT DISTINCT _part {rows}) HAVING count() > 0"
    )


def block_events_sql(position: BlockPosition) -> str:
    """Ids of a block's events."""
    return (
        "SELECT assumeNotNull(event_id) FROM raw.facts "
        f"WHERE {_in_block(position)} AND sign = 1 AND event_id IS NOT NULL"
    )


def touched_sql(position: BlockPosition) -> str:
    """Events by which the block has to do with strikes: one of each chain at least.

    Those that its recalls and corrections name, and its own that another names; which they are is
    told with them.
    """
    ids, block = block_events_sql(position), _in_block(position)
    return (
        f"SELECT DISTINCT bureau, toString(id), id IN ({ids}) FROM (\n"
        f"SELECT bureau, target AS id FROM raw.recalls WHERE ({block}) OR target IN ({ids})\n"
        "UNION ALL\n"
        "SELECT assumeNotNull(root_bureau), assumeNotNull(root) FROM raw.recalls "
        f"WHERE kind = 'recall' AND root IS NOT NULL AND (({block}) OR root IN ({ids}))\n"
        "UNION ALL\n"
        f"SELECT bureau, event_id FROM raw.links WHERE event_id IN ({ids}))"
    )


def links_sql(ids: Iterable[str]) -> str:
    """The links of what is linked with events of these ids, and of what is linked with that."""
    near = f"SELECT other FROM raw.links WHERE event_id IN ({_uuids(ids)})"
    where = (
        f"event_id IN ({near}) OR "
        f"event_id IN (SELECT other FROM raw.links WHERE event_id IN ({near}))"
    )
    return f"SELECT {_LINK} FROM ({_LINKS.format(where=where)})"


def bureaus_links_sql(bureaus: Iterable[str]) -> str:
    """All links of these bureaus' events."""
    where = f"bureau IN ({_listed(bureaus)})"
    return f"SELECT {_LINK} FROM ({_LINKS.format(where=where)})"


def block_recalls_sql(position: BlockPosition) -> str:
    """The block's own recalls and corrections."""
    return f"SELECT DISTINCT {_RECALL} FROM raw.recalls WHERE {_in_block(position)}"


def chain_recalls_sql(ids: Iterable[str], bureaus: Iterable[str]) -> str:
    """Recalls that name an event of the chains that were read from these ids and bureaus on.

    And others: whoever asks knows the events.
    """
    near = "SELECT other FROM raw.links WHERE event_id IN ids"
    far = f"SELECT other FROM raw.links WHERE event_id IN ({near})"
    members = (
        f"SELECT id FROM ids UNION ALL {near} UNION ALL {far} "
        f"UNION ALL SELECT other FROM raw.links WHERE event_id IN ({far})"
    )
    if bureaus := sorted(set(bureaus)):
        members += (
            " UNION ALL SELECT arrayJoin([event_id, other]) FROM raw.links "
            f"WHERE bureau IN ({_listed(bureaus)})"
        )
    return (
        f"WITH ids AS (SELECT toUUID(arrayJoin([{_uuids(ids)}])) AS id), members AS ({members}) "
        f"SELECT DISTINCT {_RECALL} FROM raw.recalls "
        "WHERE kind = 'recall' AND (target IN members OR root IN members)"
    )


def recalls_by_name_sql(ids: Iterable[str]) -> str:
    """Recalls and corrections whose target has one of these ids."""
    return f"SELECT DISTINCT {_RECALL} FROM raw.recalls WHERE target IN ({_uuids(ids)})"


def candidate_facts_sql(ids: Iterable[str]) -> str:
    """Counting events with one of these ids."""
    return (
        f"SELECT {_FACT_KEY_TEXT}, kind, toUnixTimestamp64Milli(recorded_at) FROM raw.facts\n"
        f"WHERE sign = 1 AND kind != 'search' AND event_id IN ({_uuids(ids)})"
    )


def struck_sql(ids: Iterable[str]) -> str:
    """Which facts of these events are struck already, with what holds of each."""
    return (
        f"SELECT {_FACT_KEY_TEXT}, min({HOLDS}) "
        f"FROM raw.struck WHERE event_id IN ({_uuids(ids)}) GROUP BY {FACT_KEY}"
    )


def last_chunk_sql() -> str:
    """The facts of the last chunk of strikes, and whether each is booked as struck."""
    last = "SELECT max(chunk) FROM raw.strike_chunks"
    ids = f"SELECT event_id FROM raw.strike_chunks WHERE chunk = ({last})"
    return (
        f"SELECT chunk, {_FACT_KEY_TEXT}, ({FACT_KEY}) IN "
        f"(SELECT {FACT_KEY} FROM raw.struck WHERE event_id IN ({ids}))\n"
        f"FROM raw.strike_chunks WHERE chunk = ({last})"
    )


def planned_strike(strike: Strike) -> dict[str, str | int | None]:
    """A row of the data that follows `plan_chunk_sql`."""
    return {
        **strike.row._asdict(),
        "recall_event_id": strike.recall_event_id,
        "kind": strike.kind,
        "reason": strike.reason,
        "recorded_at_ms": strike.recorded_at_ms,
        "since_ms": strike.since_ms,
    }


def plan_chunk_sql(number: int, last: int) -> str:
    """Give a chunk its facts, if `last` is still the last one and nobody took the number."""
    return (
        f"INSERT INTO raw.strike_chunks ({_PLANNED}, recorded_at, since, chunk)\n"
        f"SELECT {_PLANNED}, {_MOMENTS}, {number}\n"
        f"FROM input({literal(_PLANNED_STRUCTURE)})\n"
        f"WHERE {last} = (SELECT max(chunk) FROM raw.strike_chunks)\n"
        f"{_settings(f'strikes/{number}')}\n"
        "FORMAT JSONEachRow"
    )


def insert_chunk_sql(number: int, token: str, columns: Sequence[str]) -> str:
    """The compensations of a chunk: each fact's own row, taken back.

    `columns` are all of raw.facts. A chunk that is booked inserts nothing: a loader that slept
    longer than ClickHouse keeps tokens does no harm.
    """
    changed = {
        "recorded_at": "greatest(facts.recorded_at, strikes.recorded_at) AS recorded_at",
        "sign": "-facts.sign AS sign",
    }
    chosen = ", ".join(changed.get(name, f"facts.{name} AS {name}") for name in columns)
    keys = FACT_KEY.split(", ")
    ids = f"SELECT event_id FROM raw.strike_chunks WHERE chunk = {number}"
    return (
        f"INSERT INTO raw.facts ({', '.join(columns)})\n"
        f"SELECT {chosen}\nFROM raw.facts AS facts\n"
        f"INNER JOIN (SELECT {FACT_KEY}, recorded_at FROM raw.strike_chunks "
        f"WHERE chunk = {number} AND ({FACT_KEY}) NOT IN "
        f"(SELECT {FACT_KEY} FROM raw.struck WHERE event_id IN ({ids}))) AS strikes\n"
        f"ON {' AND '.join(f'facts.{key} = strikes.{key}' for key in keys)}\n"
        f"WHERE facts.event_id IN ({ids}) AND facts.sign = 1\n"
        f"ORDER BY {', '.join(f'facts.{key}' for key in keys)}\n"
        f"{_settings(token)}"
    )


def book_chunk_sql(number: int, now_ms: int) -> str:
    """The facts of a chunk are struck, all in one insert."""
    return (
        "INSERT INTO raw.struck "
        f"({_PLANNED}, recorded_at, since, struck_at)\n"
        f"SELECT {_PLANNED}, recorded_at, since, "
        f"fromUnixTimestamp64Milli({now_ms}, 'UTC')\n"
        f"FROM raw.strike_chunks WHERE chunk = {number}\n"
        f"{_settings(f'struck/{number}/{now_ms}')}"
    )


def known_earlier_sql(now_ms: int) -> str:
    """Strikes of facts that are struck already, by what was recorded earlier and landed later."""
    return (
        f"INSERT INTO raw.struck ({_PLANNED}, recorded_at, since, struck_at)\n"
        f"SELECT {_PLANNED}, {_MOMENTS}, fromUnixTimestamp64Milli({now_ms}, 'UTC')\n"
        f"FROM input({literal(_PLANNED_STRUCTURE)})\n"
        "FORMAT JSONEachRow"
    )


def _in_block(position: BlockPosition) -> str:
    return f"block_partition = {position.partition} AND block_offset = {position.offset}"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(literal(text) for text in sorted(set(texts)))


def _uuids(ids: Iterable[str]) -> str:
    return _listed(ids)
