"""What still waits when a bureau changes region goes to the topic of its new region.

Only what was never handed to a producer is moved, into a new epoch. What was handed to one may have
been sent, so it keeps its number and its topic, where the router takes it for as long as it lasts:
so nothing is sent under two numbers, and nothing is refused for the hour at which it arrives.
"""

from __future__ import annotations

from functools import partial

from producers.account import LaneKey
from producers.encoding import restamp
from producers.outbox import Outbox
from schemas.clock import Clock
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import source_topic

__all__ = ["readdress_by_region"]


def readdress_by_region(outbox: Outbox, reference: Reference, ids: SchemaIds, clock: Clock) -> None:
    """Move what waits for the topic of a region that its bureau belongs to no more.

    Raises:
        ConfigurationError: the registry's ids do not name a waiting record's schema.
        RetryableError: the outbox could not be written; nothing was moved.
    """
    now_ms = clock.now_ms()

    def topic_of(lane: LaneKey) -> str:
        return source_topic(reference.region_of(lane.bureau, now_ms), lane.lane)

    outbox.readdress(topic_of, partial(restamp, ids.by_id))
