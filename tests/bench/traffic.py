"""Simulated events, and the records that outboxes would make of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from confluent_kafka import Producer

from producers.simulator import Handover, Mix, Simulator
from schemas import wire
from schemas.catalogue import Catalogue
from schemas.connections import KafkaConnection
from schemas.headers import ORIGIN_HEADER
from schemas.models import Stamp, encode_event, event_lane
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import partition_of, source_topic

__all__ = ["Numbers", "produce", "simulated"]


def simulated(messages: int, searches: int, *, seed: int = 1) -> list[Handover]:
    """So many events of the simulator's variety; the same seed gives the same ones."""
    start = datetime.now(UTC) - timedelta(days=2)
    mix = Mix.of("year", messages, searches=searches, span=timedelta(days=1))
    items = (i for i in Simulator(Reference.load(), seed, start, mix) if isinstance(i, Handover))
    return list(islice(items, messages + searches))


Numbers = dict[tuple[str, str, str], int]
"""The last number of each bureau, system and lane."""


def produce(
    events: Sequence[Handover],
    epoch: int,
    kafka: KafkaConnection,
    ids: SchemaIds,
    numbers: Numbers | None = None,
) -> int:
    """Put their records into the source topics; how many bytes they are.

    Under a new epoch, or going on from `numbers`, which are moved on.
    """
    catalogue, reference = Catalogue.load(), Reference.load()
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    numbers = defaultdict(int) if numbers is None else numbers
    producer = Producer(kafka.producer_config(queue_buffering_max_messages=1_000_000))
    size = 0
    for item in events:
        event, lane = item.event, event_lane(item.event)
        numbers[item.bureau, item.system, lane] += 1
        number = numbers[item.bureau, item.system, lane]
        stamp = Stamp(item.bureau, item.system, lane, epoch, number, now_ms, "bench", "1")
        schema = catalogue.event(event.kind)
        value = wire.frame(ids.id_of(schema), encode_event(schema, event, stamp))
        size += len(value)
        producer.produce(
            source_topic(reference.region_of(item.bureau, now_ms), lane),
            value,
            item.bureau.encode(),
            partition_of(item.bureau),
            headers=[(ORIGIN_HEADER, stamp.origin(event.event_id).pack())],
        )
        producer.poll(0)
    if producer.flush(120):
        raise RuntimeError("the broker did not take the bench's records")
    return size
