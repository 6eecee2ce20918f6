"""The verifier sees whatever in ClickHouse no longer agrees with the facts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.verify.found import clickhouse_amounts, clickhouse_cells, clickhouse_faults
from schemas.clock import ManualClock
from sinks.clickhouse.landing import BlockLander
from tests.integration.fact_blocks import correction_of, make_fact, recall_of
from tests.integration.landing_world import MONEY, Topic, fresh_bureau


@pytest.fixture
def bureau(client: Client) -> Iterator[str]:
    """A bureau with facts of every sort; whatever a test did to it is gone after it."""
    bureau = fresh_bureau()
    topic = Topic(BlockLander(client, ManualClock()))
    recalled = make_fact(bureau=bureau, **MONEY)
    search = {"event_id": None, "kind": "search", "subtype": "sltd", "result": "hit", "events": 9}
    topic.land(make_fact(bureau=bureau, **MONEY), recalled, make_fact(bureau=bureau, **search))
    corrected = make_fact(bureau=bureau, kind="report")
    topic.land(corrected, correction_of(corrected))
    topic.land(recall_of(recalled))
    yield bureau
    kept = "database IN ('raw', 'agg') AND engine LIKE '%MergeTree'"
    for (table,) in client.query(
        f"SELECT database || '.' || name FROM system.tables WHERE {kept}"
    ).result_rows:
        client.command(f"TRUNCATE TABLE {table} SYNC")


def faults(client: Client) -> set[str]:
    return {difference.check for difference in clickhouse_faults(client)}


def test_what_is_as_it_was_landed_has_no_fault(client: Client, bureau: str) -> None:
    assert list(clickhouse_faults(client)) == []
    assert clickhouse_cells(client)["notice", bureau, "2025-05"] == 1
    assert clickhouse_amounts(client)["notice", bureau, "2025-05"] == -1500 + 3000 - 1500


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("ALTER TABLE agg.measures_month DELETE WHERE bureau = '{b}'", "agg.measures_month"),
        ("ALTER TABLE agg.searches_month DELETE WHERE bureau = '{b}'", "agg.searches_month"),
        ("ALTER TABLE raw.recalls DELETE WHERE bureau = '{b}'", "raw.recalls"),
        ("ALTER TABLE raw.links DELETE WHERE bureau = '{b}'", "raw.links"),
        ("ALTER TABLE raw.facts UPDATE amount_usd = 999 WHERE bureau = '{b}'", "agg.events_month"),
        (
            "ALTER TABLE raw.facts UPDATE measure_values = arrayMap(v -> v + 1, measure_values) "
            "WHERE bureau = '{b}' AND kind = 'notice'",
            "agg.measures_month",
        ),
        (
            "ALTER TABLE raw.facts DELETE WHERE bureau = '{b}' AND sign = -1",
            "struck and compensated",
        ),
        ("ALTER TABLE raw.struck DELETE WHERE bureau = '{b}'", "struck and compensated"),
    ],
)
def test_what_was_altered_by_hand_is_seen(
    client: Client, bureau: str, statement: str, check: str
) -> None:
    client.command(f"{statement.format(b=bureau)} SETTINGS mutations_sync = 2")
    assert check in faults(client)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("agg.events_month", "'sex-tourism' AS category"),
        ("agg.events_month", "toDate('2001-01-01') AS recorded_month"),
        ("agg.events_day", "'mena' AS region"),
        ("agg.measures_month", "'kg' AS unit"),
    ],
)
def test_what_moved_to_another_cell_is_seen(
    client: Client, bureau: str, table: str, change: str
) -> None:
    sums = {"agg.measures_month": ("value", "value_usd", "reports")}.get(table, ("events", "usd"))
    taken_back = ", ".join(f"-{name} AS {name}" for name in sums)
    client.command(f"INSERT INTO {table} SELECT * REPLACE({change}) FROM {table}")
    client.command(
        f"INSERT INTO {table} SELECT * REPLACE({taken_back}) FROM {table} "
        f"WHERE {change.replace(' AS ', ' != ')}"
    )
    (seen,) = faults(client)
    assert seen == table


def test_money_that_only_a_rollup_has_is_seen(client: Client, bureau: str) -> None:
    client.command(
        "INSERT INTO agg.events_day SELECT * REPLACE(0 AS events, toDecimal128(7, 2) AS usd) "
        "FROM agg.events_day LIMIT 1"
    )
    (difference,) = clickhouse_faults(client)
    assert (difference.check, difference.where[:7]) == ("agg.events_day", "usd of ")


def test_an_amount_that_was_altered_is_seen_by_the_recount(client: Client, bureau: str) -> None:
    before = clickhouse_amounts(client)
    client.command("ALTER TABLE raw.facts UPDATE amount = 9 WHERE true SETTINGS mutations_sync = 2")
    assert clickhouse_amounts(client) != before
