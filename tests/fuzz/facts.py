"""Facts as the cutter and ClickHouse take them: types within bounds, and no free text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.registry import SchemaIds
from schemas.topics import FACT_BLOCKS, FACTS, region_partition
from stream_apps.cutter import Cutter
from stream_apps.engine import Consumed, Produced
from tests.fuzz.bases import NOW_MS
from tests.fuzz.case import Finding

__all__ = ["FactsCheck", "check_fact"]

_CODE = re.compile(r"[A-Za-z0-9%/._ -]{0,64}\Z")
"""What a code may look like; free text has blanks at its ends, signs and other scripts."""
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(2105, 12, 31)
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2105, 12, 31, tzinfo=UTC)
_MAX_UNSCALED = 10**18
_CUT_EVERY = 10


class FactsCheck:
    """Looks at every row that the router writes to `facts`; cuts some as the cutter does."""

    def __init__(self, catalogue: Catalogue, ids: SchemaIds) -> None:
        self._catalogue = catalogue
        self._ids = ids
        self._mini_block = catalogue.schema("liaison.facts.FactMiniBlock")
        self._seen = 0

    def check(self, mini_blocks: Sequence[Produced]) -> list[dict[str, Any]]:
        """The facts in them, with logical types.

        Raises:
            Finding: the cutter refuses one, or a value that ClickHouse would not take as it is.
        """
        facts: list[dict[str, Any]] = []
        for number, record in enumerate(mini_blocks):
            value = record.value or b""
            self._seen += 1
            if self._seen % _CUT_EVERY == 0:
                facts += self._cut(number, record)
            else:
                decoded = wire.decode(
                    self._mini_block.parsed, value, offset=wire.FRAME_BYTES, whole=True
                )
                facts += decoded["facts"]
        for fact in facts:
            check_fact(fact)
        return facts

    def _cut(self, number: int, record: Produced) -> list[dict[str, Any]]:
        cutter = Cutter(catalogue=self._catalogue, ids=self._ids)
        place = region_partition((record.key or b"").decode())
        out = cutter.process([Consumed(FACTS, place, number, NOW_MS, record.key, record.value, ())])
        facts: list[dict[str, Any]] = []
        for made in out:
            if made.topic == FACT_BLOCKS:
                facts += wire.read_container(made.value or b"")
            elif made.topic.startswith("dlq."):
                raise Finding(f"the cutter refuses what the router wrote: {made.headers}")
        return facts

    def close(self) -> None:
        """Nothing is open."""


def check_fact(fact: Mapping[str, Any]) -> None:
    """Raise Finding for a value that ClickHouse would refuse, wrap or show as text."""
    for name, value in fact.items():
        for item in value if isinstance(value, list) else (value,):
            problem = _problem(item)
            if problem:
                raise Finding(f"the fact's {name} is {str(item)[:80]!r}: {problem}")
    if fact["sign"] != 1 or fact["events"] < 1:
        raise Finding(f"a fact of {fact['events']} events with sign {fact['sign']}")
    lengths = {
        len(fact[name])
        for name in ("measures", "measure_values", "measure_units", "measure_bases", "measure_usd")
    }
    if len(lengths) != 1:
        raise Finding("a fact's measures have arrays of different lengths")


def _problem(value: Any) -> str | None:
    if isinstance(value, bool) or value is None or isinstance(value, UUID):
        return None
    if isinstance(value, str):
        return None if _CODE.match(value) else "no code, it may be free text"
    if isinstance(value, datetime):
        return None if _FIRST <= value <= _LAST else "outside of what a partition can hold"
    if isinstance(value, date):
        return None if _FIRST_DAY <= value <= _LAST_DAY else "outside of Date"
    if isinstance(value, Decimal):
        scaled = value.scaleb(-int(value.as_tuple().exponent))
        return None if abs(scaled) < _MAX_UNSCALED else "over 18 digits"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**63 else "no Int64"
    return f"of type {type(value).__name__}"
