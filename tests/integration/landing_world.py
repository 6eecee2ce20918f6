"""Blocks of a test's own topic, and what they made count."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.statements import BlockPosition
from tests.integration.fact_blocks import Fact, make_block

MONEY = {
    "measures": ["persons-arrested", "amount-seized"],
    "measure_values": [Decimal("3.000"), Decimal("-1.500")],
    "measure_units": ["person", "EUR"],
    "measure_bases": ["period", "period"],
    "measure_usd": [None, Decimal("-1.62")],
    "amount": Decimal("-1.500"),
    "currency": "EUR",
    "amount_usd": Decimal("-1.62"),
    "rate_date": date(2025, 4, 30),
}


class Topic:
    """A topic of its own for a test, with offsets that grow."""

    def __init__(self, lander: BlockLander) -> None:
        self.lander = lander
        self.topic_id = uuid.uuid4().hex
        self._next: dict[int, int] = {}

    def position(self, partition: int = 0) -> BlockPosition:
        offset = self._next.get(partition, 0)
        self._next[partition] = offset + 2  # transactions leave gaps
        return BlockPosition(self.topic_id, partition, offset)

    def land(self, *facts: Fact, partition: int = 0) -> BlockPosition:
        position = self.position(partition)
        self.lander.land(position, make_block(facts))
        return position


def counted(client: Client, *facts: Fact) -> list[int]:
    """What each of these events counts for now."""
    return [
        int(
            client.query(
                "SELECT sum(sign * events) FROM raw.facts WHERE event_id = {id:UUID} "
                "AND bureau = {b:String}",
                parameters={"id": fact["event_id"], "b": fact["bureau"]},
            ).result_rows[0][0]
        )
        for fact in facts
    ]


def totals(client: Client, bureau: str) -> dict[str, Any]:
    """A bureau's events, by each way of counting them."""
    raw = "SELECT sum(sign * events), sum(sign * amount_usd) FROM raw.facts"
    month = "SELECT sum(events), sum(usd) FROM agg.events_month"
    of_raw = "SELECT sum(sign * length(measures)) FROM raw.facts"
    measures = "SELECT sum(reports) FROM agg.measures_month"

    def row(sql: str) -> Any:
        sql = f"{sql} WHERE bureau = {{b:String}}"
        return client.query(sql, parameters={"b": bureau}).result_rows[0]

    return {
        "raw": row(raw),
        "month": row(month),
        "raw measures": row(of_raw)[0],
        "measures": row(measures)[0],
    }


def fresh_bureau() -> str:
    return f"T{uuid.uuid4().hex[:8]}"
