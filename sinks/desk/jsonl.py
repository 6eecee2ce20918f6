"""One line of JSON an item, for pipes and people with `jq`.

Bytes are hex, decimals and ids text, times ISO 8601 in UTC. `type` says what a line is: `event`,
`struck`, `unreadable` or `gap`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sinks.desk.records import Delivered, GapError, Item, Strike, Struck

__all__ = ["format_gap", "format_item"]


def format_item(item: Item) -> str:
    """An item as one line, without the line's end."""
    if isinstance(item, Delivered):
        return _line(
            {
                "type": "event",
                "topic": item.position.topic,
                "offset": item.position.offset,
                "kind": item.kind,
                "version": item.version,
                "struck": None if item.strike is None else _strike(item.strike),
                "enrichment": item.enrichment,
                "event": item.event,
                "headers": [_header(name, value) for name, value in item.headers],
            }
        )
    if isinstance(item, Struck):
        return _line(
            {
                "type": "struck",
                "bureau": item.bureau,
                "event_id": item.event_id,
                "hash": item.hash,
                **_strike(item.strike),
            }
        )
    return _line(
        {
            "type": "unreadable",
            "topic": item.position.topic,
            "offset": item.position.offset,
            "reason": item.reason,
            "value": item.value,
        }
    )


def format_gap(gap: GapError) -> str:
    """The line that ends a tail with a gap."""
    return _line({"type": "gap", "code": gap.code, "message": str(gap)})


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(_plain(record), ensure_ascii=False, separators=(",", ":"))


def _strike(strike: Strike) -> dict[str, Any]:
    return {
        "reason": strike.reason,
        "chain": strike.chain,
        "successor": strike.successor,
        "recorded_at": _instant(strike.recorded_at_ms),
    }


def _instant(ms: int) -> datetime | None:
    """None for a number that is no time: a strike counts whatever it says."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError):
        return None


def _header(name: str, value: bytes | None) -> dict[str, Any]:
    if value is not None and value.isascii() and value.decode("ascii").isprintable():
        return {"name": name, "text": value.decode("ascii")}
    return {"name": name, "hex": value}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value
