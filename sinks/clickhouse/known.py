"""What holds of strikes, as SQL: a recall may land after a later one that struck the same event.

The compensation in raw.facts stays where it was first put; raw.struck gets another row, and the
least row of a fact holds. Whoever counts as of a moment reads `KNOWN_FACTS` instead of raw.facts.
"""

from __future__ import annotations

__all__ = ["FACT_KEY", "HOLDS", "KNOWN_FACTS"]

FACT_KEY = "bureau, event_id, source_topic, source_partition, source_offset"
"""The columns that tell one copy of an event from the others."""
HOLDS = "(toUnixTimestamp64Milli(since), ifNull(toString(recall_event_id), ''), kind, reason)"
"""Of a fact's rows in raw.struck the one with the least of this holds: its `Strike.order`."""
_MOVED = (
    f"SELECT {FACT_KEY}, min(recorded_at) AS struck_since FROM raw.struck GROUP BY {FACT_KEY} "
    "HAVING min(recorded_at) < max(recorded_at)"
)
KNOWN_FACTS = (
    f"(SELECT * FROM raw.facts WHERE sign = 1 OR ({FACT_KEY}) NOT IN "
    f"(SELECT {FACT_KEY} FROM ({_MOVED})) UNION ALL "
    "SELECT facts.* REPLACE (moved.struck_since AS recorded_at) FROM raw.facts AS facts "
    f"INNER JOIN ({_MOVED}) AS moved USING ({FACT_KEY}) WHERE sign = -1)"
)
"""raw.facts, with each compensation as of the moment at which its event is struck."""
