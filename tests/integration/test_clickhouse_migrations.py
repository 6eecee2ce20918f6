"""The migrated schema: forward, back, documented, and the very columns of the Fact."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from schemas.clock import ManualClock
from schemas.errors import ConfigurationError
from schemas.reference import LANGUAGES, Reference
from sinks.clickhouse import load_migrations, load_reference, migrate
from sinks.clickhouse.checks import check_deduplication
from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.statements import BLOCK_COLUMNS
from tests.integration.fact_blocks import FIELDS, make_fact
from tests.integration.landing_world import MONEY, Topic, fresh_bureau, totals

DATABASES = "('raw', 'agg', 'ref', 'meta', 'pub', 'stage', 'audit')"


def schema(client: Client) -> list[tuple[object, ...]]:
    rows = client.query(
        "SELECT database, name, create_table_query FROM system.tables "
        f"WHERE database IN {DATABASES} AND database != 'meta' ORDER BY database, name"
    ).result_rows
    return [tuple(row) for row in rows]


def test_forward_back_and_forward_again_gives_the_same_schema(client: Client) -> None:
    known = load_migrations()
    before = schema(client)
    assert len(before) > 20
    assert migrate(client) == ()
    assert len(migrate(client, 0)) == len(known)
    assert schema(client) == []
    assert len(migrate(client)) == len(known)
    assert schema(client) == before


def test_one_step_back_leaves_the_others(client: Client) -> None:
    known = load_migrations()
    before = schema(client)
    assert migrate(client, len(known) - 1) == (f"down {len(known):04} {known[-1].name}",)
    assert 0 < len(schema(client)) < len(before)
    migrate(client)
    assert schema(client) == before


@pytest.mark.parametrize("target", [1, 2, 3])
def test_what_was_made_from_facts_does_not_go_without_them(client: Client, target: int) -> None:
    topic, bureau = Topic(BlockLander(client, ManualClock())), fresh_bureau()
    topic.land(make_fact(bureau=bureau, **MONEY))
    before, counted = schema(client), totals(client, bureau)
    with pytest.raises(ConfigurationError, match="raw.facts holds") as caught:
        migrate(client, target)
    assert caught.value.code == "facts-remain"
    assert (schema(client), totals(client, bureau)) == (before, counted)
    migrate(client, 0)
    migrate(client)
    assert schema(client) == before
    assert topic.lander.marks(topic.topic_id) == {}


def test_a_rollup_does_not_begin_empty_beside_facts(client: Client) -> None:
    before = schema(client)
    migrate(client, 2)
    Topic(BlockLander(client, ManualClock())).land(make_fact())
    with pytest.raises(ConfigurationError, match="begin empty"):
        migrate(client)
    migrate(client, 0)
    migrate(client)
    assert schema(client) == before


def test_a_changed_applied_file_is_refused_before_anything_happens(
    client: Client, tmp_path: Path
) -> None:
    for migration in load_migrations():
        for direction, parts in (("up", migration.up), ("down", migration.down)):
            text = ";\n\n".join((*parts, ""))
            name = f"{migration.number:04}_{migration.name}.{direction}.sql"
            (tmp_path / name).write_text(f"-- edited\n{text}")
    before = schema(client)
    with pytest.raises(ConfigurationError, match="changed after it was applied"):
        migrate(client, 0, migrations=load_migrations(tmp_path))
    assert schema(client) == before


def test_a_newer_schema_than_ours_is_refused(client: Client) -> None:
    with pytest.raises(ConfigurationError, match="use the newer version"):
        migrate(client, migrations=load_migrations()[:-1])


def test_every_table_and_column_is_explained(client: Client) -> None:
    tables = client.query(
        f"SELECT database, name FROM system.tables WHERE database IN {DATABASES} "
        "AND engine != 'MaterializedView' AND comment = ''"
    ).result_rows
    columns = client.query(
        "SELECT c.database, c.table, c.name FROM system.columns AS c "
        "INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table "
        f"WHERE c.database IN {DATABASES} AND c.comment = '' "
        "AND t.engine NOT IN ('MaterializedView', 'Dictionary')"
    ).result_rows
    assert list(tables) == []
    assert list(columns) == []


def test_raw_facts_has_the_fields_of_the_fact_and_its_block(client: Client) -> None:
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = 'raw' AND table = 'facts' "
        "ORDER BY position"
    ).result_rows
    assert tuple(name for (name,) in rows) == (*FIELDS, *BLOCK_COLUMNS)


def test_a_target_that_forgets_tokens_is_refused(client: Client) -> None:
    check_deduplication(client)
    sql = "ALTER TABLE agg.searches_month MODIFY SETTING non_replicated_deduplication_window = "
    client.command(f"{sql}0")
    try:
        with pytest.raises(ConfigurationError, match=r"agg\.searches_month") as caught:
            check_deduplication(client)
        assert caught.value.code == "no-deduplication-window"
    finally:
        client.command(f"{sql}10000")
    check_deduplication(client)


def test_a_missing_table_is_named(client: Client) -> None:
    with pytest.raises(ConfigurationError, match=r"no table raw\.nothing"):
        check_deduplication(client, ("raw", "nothing"))


def test_every_code_has_labels_in_four_languages(client: Client) -> None:
    reference = Reference.load()
    for _ in range(2):
        load_reference(client, reference, ManualClock())
    dictionaries = client.query(
        "SELECT name FROM system.tables WHERE database = 'ref' AND engine = 'Dictionary'"
    ).result_rows
    assert len(dictionaries) == 11
    for (name,) in dictionaries:
        counts = client.query(
            f"SELECT count(), {', '.join(f'countIf(empty({code}))' for code in LANGUAGES)} "
            f"FROM ref.{name}"
        ).result_rows[0]
        assert counts[0] > 0
        assert set(counts[1:]) == {0}, name
    label = client.query(
        "SELECT dictGet('ref.member_labels', 'fr', 'DE'), dictGet('ref.member_labels', 'ar', 'DE')"
    ).result_rows[0]
    assert label == (reference.members["DE"].names["fr"], reference.members["DE"].names["ar"])
    periods = client.query("SELECT count() FROM ref.member_regions FINAL").result_rows[0][0]
    assert periods == sum(len(member.periods) for member in reference.members.values())
