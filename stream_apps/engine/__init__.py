"""The exactly-once loop and what a processor of it must offer; router and cutter are its users."""

from stream_apps.engine.loop import LoopSettings, TransactionalLoop
from stream_apps.engine.reading import (
    end_offsets,
    first_offsets,
    read_from,
    read_one,
    read_state,
    read_topics,
)
from stream_apps.engine.records import Consumed, Partition, Processor, Produced

__all__ = [
    "Consumed",
    "LoopSettings",
    "Partition",
    "Processor",
    "Produced",
    "TransactionalLoop",
    "end_offsets",
    "first_offsets",
    "read_from",
    "read_one",
    "read_state",
    "read_topics",
]
