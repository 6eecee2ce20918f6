"""The loader's SQL carries what makes a repeat harmless."""

from __future__ import annotations

from sinks.clickhouse.statements import (
    BlockPosition,
    candidate_facts_sql,
    insert_block_sql,
    insert_chunk_sql,
    literal,
    plan_chunk_sql,
)

POSITION = BlockPosition("topic-id", 1, 42)
COLUMNS = [
    ("event_id", "Nullable(UUID)"),
    ("recorded_at", "DateTime64(3, 'UTC')"),
    ("measures", "Array(String)"),
    ("measure_values", "Array(Decimal(18, 3))"),
    ("sign", "Int8"),
]


def test_a_block_s_token_is_its_place_in_kafka() -> None:
    assert POSITION.token == "topic-id/1/42"
    assert BlockPosition("other", 1, 42).token != POSITION.token


def test_a_block_s_insert_is_one_block_with_a_token_above_the_mark() -> None:
    sql = insert_block_sql(POSITION, COLUMNS)
    assert "insert_deduplication_token = 'topic-id/1/42'" in sql
    for setting in (
        "async_insert = 0",
        "max_insert_threads = 1",
        "max_threads = 1",
        "deduplicate_insert = 'enable'",
    ):
        assert setting in sql
    assert "deduplicate_blocks_in_dependent_materialized_views = 1" in sql
    assert "WHERE 42 > (SELECT if(count() = 0, -1, max(block_offset)) FROM raw.high_water" in sql
    assert "DateTime64(3, \\'UTC\\')" in sql
    assert "length(measure_values) != length(measures)" in sql
    assert sql.endswith("\nFORMAT Avro")


def test_a_chunk_of_strikes_takes_back_every_column_but_two() -> None:
    sql = insert_chunk_sql(7, "strikes/7/sum", [name for name, _ in COLUMNS])
    assert "insert_deduplication_token = 'strikes/7/sum'" in sql
    assert "-facts.sign AS sign" in sql
    assert "greatest(facts.recorded_at, strikes.recorded_at) AS recorded_at" in sql
    for name in ("event_id", "measures", "measure_values"):
        assert f"facts.{name} AS {name}" in sql
    assert "facts.bureau = strikes.bureau" in sql
    assert "facts.sign = 1" in sql


def test_a_chunk_of_strikes_is_one_block_whatever_the_parts_of_the_table_are() -> None:
    sql = insert_chunk_sql(7, "strikes/7/sum", [name for name, _ in COLUMNS])
    assert "max_threads = 1" in sql
    assert "ORDER BY facts.bureau, facts.event_id" in sql


def test_a_chunk_s_number_is_given_once_and_only_after_the_one_before() -> None:
    sql = plan_chunk_sql(8, 7)
    assert "insert_deduplication_token = 'strikes/8'" in sql
    assert "WHERE 7 = (SELECT max(chunk) FROM raw.strike_chunks)" in sql


def test_ids_are_listed_once_and_in_order() -> None:
    sql = candidate_facts_sql(["b", "a", "b"])
    assert "event_id IN ('a', 'b')" in sql


def test_literals_are_escaped() -> None:
    assert literal("a'b\\c") == "'a\\'b\\\\c'"
