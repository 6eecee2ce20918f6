"""How far every part of the product is, looked at again and again from outside.

A part is over a fault when it has worked through everything that was there for it to do when the
fault ended, and its process is ready. Two workers of a group do each other's work, and then this is
soon; that the one which was hit comes back is the other half.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from clickhouse_connect.driver.client import Client
from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.topics import (
    BLOCK_PARTITIONS,
    FACT_BLOCKS,
    FACTS,
    LANES,
    SOURCE_PARTITIONS,
    SOURCE_REGIONS,
    SURGE_CHANGELOG,
    source_topic,
)
from sinks.clickhouse.statements import marks_sql
from sinks.desk.places import topic_ids
from stream_apps.cutter import CUTTER_GROUP
from stream_apps.router.worker import router_group
from tests.faults import bureaus, desk

__all__ = ["Look", "Lookout", "left"]

_EVERY_S = 0.5
_ASK_S = 3.0
_MARKER = 1
"""Behind the last record of a transaction lies its marker, which nobody reads."""

Places = Mapping[tuple[str, int], int]
_SOURCES = {
    lane: [
        (source_topic(region, lane), number)
        for region in SOURCE_REGIONS
        for number in range(SOURCE_PARTITIONS)
    ]
    for lane in LANES
}
_FACTS = [(FACTS, number) for number in range(len(SOURCE_REGIONS))]
_BLOCKS = [(FACT_BLOCKS, number) for number in range(BLOCK_PARTITIONS)]
_GROUPS = {
    **{f"router-{lane}": (router_group(lane), _SOURCES[lane]) for lane in LANES},
    "cutter": (CUTTER_GROUP, _FACTS),
}


@dataclass(frozen=True)
class Look:
    """What was seen by one look. A server that did not answer has None."""

    at_s: float
    """When the look began."""
    ends: Places | None
    done: Mapping[str, Places]
    """By what does it: a router's lane, cutter, loader, surge."""
    registry: bool
    counters: Mapping[str, int]
    """Of those outside of the product: what they have done so far."""


def left(part: str, before: Look, now: Look) -> list[str]:
    """What of that which lay before a part at `before` it has not done by `now`."""
    if part in before.counters:
        return [] if now.counters[part] > before.counters[part] else ["nothing was done"]
    if part == "registry":
        return [] if now.registry else ["no answer"]
    if before.ends is None or now.ends is None:
        return ["the broker does not answer"]
    if part == "kafka":
        grown = sum(now.ends.values()) > sum(before.ends.values())
        return [] if grown else ["nothing was written"]
    done = now.done.get("loader" if part == "clickhouse" else part)
    if done is None:
        return ["no answer"]
    markers = 0 if part.startswith("router") else _MARKER
    return [
        f"{topic}/{number} at {done[topic, number]}, wanted {before.ends[topic, number]}"
        for topic, number in done
        if done[topic, number] < before.ends[topic, number] - markers
    ]


class Lookout:
    """Looks until the end of the block; `last` is what it saw."""

    def __init__(
        self,
        folder: Path,
        kafka: KafkaConnection,
        registry: RegistryConnection,
        clickhouse: ClickHouseConnection,
    ) -> None:
        self._folder = folder
        self._kafka = replace(kafka, options={**kafka.options, "log_level": "0"})
        self._registry = registry
        self._clickhouse = clickhouse
        self._blocks_id = topic_ids(kafka, [FACT_BLOCKS])[FACT_BLOCKS]
        self._client: Client | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)
        self.last: Look | None = None
        self.failure: Exception | None = None

    def __enter__(self) -> Lookout:
        self._consumers = {
            name: Consumer(self._kafka.consumer_config(group))
            for name, (group, _) in _GROUPS.items()
        }
        # The table says what was counted; what Faust commits says less.
        table = Consumer(self._kafka.consumer_config("faults-lookout"))
        table.assign([TopicPartition(SURGE_CHANGELOG, number, 0) for _, number in _FACTS])
        self._consumers["surge"] = table
        self._counted = dict.fromkeys(_FACTS, 0)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        for consumer in self._consumers.values():
            consumer.close()
        self._forget_client()

    def _run(self) -> None:
        try:
            while not self._stop.wait(_EVERY_S):
                self.last = self._look()
        except Exception as error:
            self.failure = error

    def _look(self) -> Look:
        began_s = time.monotonic()
        counters = {"bureaus": sum(bureaus.progress(self._folder)), "desk": desk.size(self._folder)}
        done: dict[str, Places] = {}
        ends = _unless_away(self._ends)
        if ends is not None:
            for name in _GROUPS:
                found = _unless_away(lambda name=name: self._committed(name))  # type: ignore[misc]
                if found is not None:
                    done[name] = found
        done["surge"] = self._surge_counted()
        marks = self._marks()
        if marks is not None:
            done["loader"] = marks
        return Look(began_s, ends, done, self._has_registry(), counters)

    def _ends(self) -> Places:
        """Where a reader of committed records ends in each partition."""
        asked = [*_SOURCES["message"], *_SOURCES["search"], *_FACTS, *_BLOCKS]
        found = self._consumers["cutter"].offsets_for_times(
            [TopicPartition(*place, OFFSET_END) for place in asked], timeout=_ASK_S
        )
        return _offsets(found)

    def _committed(self, name: str) -> Places:
        found = self._consumers[name].committed(
            [TopicPartition(*place) for place in _GROUPS[name][1]], timeout=_ASK_S
        )
        return _offsets(found)

    def _surge_counted(self) -> Places:
        for message in self._consumers["surge"].consume(1000, 0.0):
            if message.error() is None:
                state = json.loads(message.value() or b"")
                self._counted[FACTS, message.partition() or 0] = state["counted_offset"] + 1
        return dict(self._counted)

    def _marks(self) -> Places | None:
        try:
            if self._client is None:
                self._client = self._clickhouse.client(
                    connect_timeout=_ASK_S, send_receive_timeout=_ASK_S
                )
            rows = self._client.query(marks_sql(self._blocks_id)).result_rows
        except Exception:  # away, or being started again
            self._forget_client()
            return None
        marks = {(FACT_BLOCKS, int(number)): int(offset) + 1 for number, offset in rows}
        return {place: marks.get(place, 0) for place in _BLOCKS}

    def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _has_registry(self) -> bool:
        try:
            url = f"{self._registry.url}/subjects"
            return httpx.get(url, timeout=_ASK_S, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def _offsets(found: list[TopicPartition]) -> Places:
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
    return {(str(place.topic), place.partition): max(0, place.offset) for place in found}


def _unless_away(ask: Callable[[], Places]) -> Places | None:
    try:
        return ask()
    except KafkaException:
        return None
