"""Every row of an event in the tables that strike it, to look into what was counted wrongly."""

from __future__ import annotations

from collections.abc import Collection

from schemas.connections import ClickHouseConnection
from tests.faults.expectation import EventKey

__all__ = ["rows_of"]

_MOST_EVENTS = 50
_TOLD = {
    "raw.facts": ("sign", "block_partition", "block_offset", "recorded_at"),
    "raw.strike_chunks": ("chunk", "since", "recorded_at"),
    "raw.struck": ("since", "recorded_at", "struck_at"),
}
_SOURCE = ("source_topic", "source_partition", "source_offset")


def rows_of(clickhouse: ClickHouseConnection, keys: Collection[EventKey]) -> list[str]:
    """A line for each row of the first of these events: event, table, part, and what it says."""
    if not keys:
        return []
    lines: list[str] = []
    chosen = sorted(keys)[:_MOST_EVENTS]
    client = clickhouse.client()
    try:
        for table, columns in _TOLD.items():
            names = (*columns, *_SOURCE)
            told = ", ".join(f"toString({table}.{name})" for name in names)
            rows = client.query(
                f"SELECT bureau, toString(event_id), _part, {told} FROM {table} "
                "WHERE (bureau, toString(event_id)) IN {keys:Array(Tuple(String, String))}",
                parameters={"keys": [tuple(key) for key in chosen]},
            ).result_rows
            for bureau, event_id, part, *values in rows:
                said = ", ".join(f"{n} {v}" for n, v in zip(names, values, strict=True))
                lines.append(f"{bureau} {event_id}: {table}, part {part}: {said}")
    finally:
        client.close()
    return sorted(lines)
