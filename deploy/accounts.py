"""The accounts of the ledger as they stand now, read from its topics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas import wire
from schemas.registry import SchemaIds
from stream_apps.engine import Consumed

__all__ = ["newest_entries"]


def newest_entries(records: Iterable[Consumed], ids: SchemaIds) -> list[dict[str, Any]]:
    """The last entry of each account, plain, without those that were removed.

    Raises:
        WireError: a record is no entry.
    """
    newest: dict[bytes, dict[str, Any]] = {}
    for record in records:
        key, value = record.key or b"", record.value
        if value is None:
            newest.pop(key, None)
            continue
        schema = ids.by_id[wire.schema_id_of(value)]
        newest[key] = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
    return list(newest.values())
