"""How far the routers of a lane are, by what their group committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition

from schemas.connections import KafkaConnection
from schemas.topics import SOURCE_PARTITIONS, SOURCE_REGIONS, source_topic
from stream_apps.router.worker import router_group

__all__ = ["RouterPositions", "router_positions"]


class RouterPositions:
    """Offsets, summed over all partitions of the lane's source topics."""

    def __init__(self, consumer: Consumer, lane: str) -> None:
        self._consumer = consumer
        self._places = [
            TopicPartition(source_topic(region, lane), number)
            for region in SOURCE_REGIONS
            for number in range(SOURCE_PARTITIONS)
        ]

    def ends(self) -> int:
        """Where the topics end now."""
        return sum(
            self._consumer.get_watermark_offsets(place, timeout=30)[1] for place in self._places
        )

    def committed(self) -> int:
        """What the group has worked off."""
        found = self._consumer.committed(self._places, timeout=30)
        return sum(max(0, place.offset) for place in found)


@contextmanager
def router_positions(kafka: KafkaConnection, lane: str) -> Iterator[RouterPositions]:
    """Asked of the broker, without joining the group."""
    consumer = Consumer(kafka.consumer_config(router_group(lane)))
    try:
        yield RouterPositions(consumer, lane)
    finally:
        consumer.close()
