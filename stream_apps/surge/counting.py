"""What one record of `facts` does to its region's state, without Faust.

A replay (`liaison dlq replay` puts back what the cutter refused) is counted only if its first copy
could not be: of most that the cutter refuses surge detection has counted the first. So a state
remembers by their digests the records that it refused itself, and takes a replay of one of those,
once.

Only the router writes to `facts`: a schema that is unknown here is one provisioned since this
process asked for ids, or one of a newer release. Nothing goes past such a record; the process ends,
and a new one asks again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from schemas import wire
from schemas.errors import RetryableError
from schemas.headers import REPLAY_HEADER, header
from schemas.registry import SchemaIds
from schemas.topics import REGIONS
from stream_apps.engine import Consumed
from stream_apps.surge.windows import RegionState, Surge, SurgeSettings

__all__ = ["count_record", "pass_by"]

_MINI_BLOCK = "liaison.facts.FactMiniBlock"


def count_record(
    record: Consumed, state: RegionState, ids: SchemaIds, settings: SurgeSettings
) -> list[Surge]:
    """Count a record into its region's state, and say which surges it shows.

    Raises:
        RetryableError: `unknown-schema`: another process may know it.
        WireError: it is no mini-block; pass it by. So it is with any other error.
    """
    digest = _digest(record)
    is_replay = header(record.headers, REPLAY_HEADER) is not None
    surges: list[Surge] = []
    if not is_replay or digest in state.refused:
        facts = _facts(record, ids)
        if state.region in REGIONS:
            surges = state.count(record.offset, facts, settings)
        if is_replay:
            state.refused.remove(digest)
    state.counted_offset = record.offset
    return surges


def pass_by(record: Consumed, state: RegionState) -> None:
    """Go past a record that can't be counted; a replay of it then may be."""
    state.refuse(record.offset, _digest(record))


def _digest(record: Consumed) -> str:
    return hashlib.sha256(record.value or b"").hexdigest()


def _facts(record: Consumed, ids: SchemaIds) -> list[dict[str, Any]]:
    schema_id = wire.schema_id_of(record.value)
    schema = ids.by_id.get(schema_id)
    if schema is None:
        raise RetryableError(
            f"schema id {schema_id} at {record.topic}/{record.partition}/{record.offset} is "
            "unknown here: start again to ask the registry; if that does not help, update surge "
            "detection",
            code="unknown-schema",
        )
    if schema.name != _MINI_BLOCK:
        raise wire.WireError(
            f"schema id {schema_id} is {schema.name}, not {_MINI_BLOCK}: who else writes to "
            f"{record.topic}?"
        )
    assert record.value is not None
    decoded = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES, whole=True)
    facts: list[dict[str, Any]] = decoded["facts"]
    return facts
