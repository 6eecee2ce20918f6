"""Surge detection on a real broker: what is counted, once, whatever dies in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.connections import KafkaConnection, RegistryConnection
from schemas.headers import REPLAY_HEADER, Disposition, read_refusal
from schemas.registry import SchemaIds
from schemas.topics import REGIONS, SOURCE_REGIONS, region_partition
from stream_apps.surge import RegionState, SurgeSettings, SurgeTopics, alert_id
from stream_apps.surge.watch import first_unread
from tests.conftest import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

PATIENCE_S = 90.0
START_MS = 29_000_000 * 60_000
SETTINGS = {"window_s": 60, "grace_s": 10, "baseline_windows": 30, "min_baseline_windows": 8}
LAST = len(SOURCE_REGIONS)


def fact(minute: int, events: int = 1, **given: Any) -> dict[str, Any]:
    recorded_ms = START_MS + minute * 60_000 + 1000
    return {
        "occurred_at": recorded_ms,
        "published_at": recorded_ms,
        "recorded_at": recorded_ms,
        "kind": "report",
        "subtype": "analytical-report",
        "category": "terrorism",
        "categories": ["terrorism"],
        "category_source": "declared",
        "bureau": "FR",
        "system": "test",
        "lane": "message",
        "region": "europe",
        "reference_version": "test",
        "urgency": "routine",
        "language": "en",
        "restricted": "none",
        "test": False,
        "source_topic": "intel.europe",
        "source_partition": 0,
        "source_offset": 0,
        "router_version": "test",
        "events": events,
        "sign": 1,
        **given,
    }


@dataclass
class World:
    """Topics of one test, and what stands in them."""

    kafka: KafkaConnection
    registry: RegistryConnection
    ids: SchemaIds
    topics: SurgeTopics
    folder: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.producer = Producer(self.kafka.producer_config(transactional_id=self.topics.app_id))
        self.producer.init_transactions(20)

    def transaction(self, *blocks: tuple[str, list[dict[str, Any]]], abort: bool = False) -> None:
        """Mini-blocks by region in one transaction."""
        producer = self.producer
        producer.begin_transaction()
        for region, facts in blocks:
            self.produce(producer, region, self.block(facts))
        producer.flush(20)
        if abort:
            producer.abort_transaction(20)
        else:
            producer.commit_transaction(20)

    def block(self, facts: list[dict[str, Any]]) -> bytes:
        schema = Catalogue.load().schema("liaison.facts.FactMiniBlock")
        return wire.frame(self.ids.id_of(schema), wire.encode(schema.plain, {"facts": facts}))

    def produce(self, producer: Producer, region: str, value: bytes, **headers: bytes) -> None:
        producer.produce(
            self.topics.facts,
            value,
            region.encode(),
            partition=region_partition(region),
            headers=[("traceparent", b"00-1"), *headers.items()],
        )

    def start(
        self, app_id: str | None = None, *, fault: str | None = None, standstill_s: float = 60.0
    ) -> subprocess.Popen[bytes]:
        given = {
            "kafka": self.kafka.bootstrap_servers,
            "registry": self.registry.url,
            "data_dir": str(self.folder),
            "settings": SETTINGS,
            "app_id": app_id or self.topics.app_id,
            "facts": self.topics.facts,
            "prefix": self.topics.prefix,
            "fault": fault,
            "standstill_s": standstill_s,
        }
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.surge_worker", json.dumps(given)],
            stdout=log,
            stderr=log,
        )
        log.close()
        self.workers.append(worker)
        return worker

    def log(self) -> str:
        return "\n".join(
            file.read_text("utf-8", "replace")[-3000:] for file in self.folder.glob("worker-*.log")
        )

    def records(self, topic: str, partitions: int = 1) -> list[Any]:
        """Everything committed in a topic."""
        consumer = Consumer(
            self.kafka.consumer_config("test", enable_partition_eof=True, fetch_wait_max_ms=20)
        )
        try:
            consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
            found: list[Any] = []
            ended = 0
            while ended < partitions:
                message = consumer.poll(20)
                assert message is not None, f"no end of {topic}"
                if (error := message.error()) is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended += 1
                else:
                    found.append(message)
            return found
        finally:
            consumer.close()

    def states(self, topics: SurgeTopics | None = None) -> dict[str, RegionState]:
        """The table, by region, as its changelog has it."""
        changelog = (topics or self.topics).changelog
        if changelog not in AdminClient(self.kafka.client_config()).list_topics(timeout=20).topics:
            return {}
        settings = SurgeSettings(**SETTINGS)  # type: ignore[arg-type]
        return {
            message.key().decode(): RegionState.unpack(message.value(), settings)
            for message in self.records(changelog, len(SOURCE_REGIONS))
        }

    def ends(self) -> dict[str, int]:
        """Offset of the last committed record of `facts` by region."""
        return {
            SOURCE_REGIONS[message.partition()]: message.offset()
            for message in self.records(self.topics.facts, len(SOURCE_REGIONS))
        }

    def wait(self, what: str, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not check():
            assert time.monotonic() < deadline, f"{what} did not come\n{self.log()}"
            time.sleep(0.2)

    def wait_counted_offsets(self, goal: int) -> None:
        self.wait("progress", lambda: sum(s.counted_offset for s in self.states().values()) >= goal)

    def wait_all_counted(self, topics: SurgeTopics | None = None) -> dict[str, RegionState]:
        ends = self.ends()

        def counted() -> bool:
            states = self.states(topics)
            return all(r in states and states[r].counted_offset >= e for r, e in ends.items())

        self.wait("the count of everything", counted)
        return self.states(topics)

    def alerts(self, region: str = "europe") -> list[dict[str, Any]]:
        schema = Catalogue.load().schema("liaison.alerts.Alert")
        found = []
        for message in self.records(self.topics.alerts(region)):
            alert = wire.decode(schema.plain, message.value(), offset=wire.FRAME_BYTES, whole=True)
            assert message.key().decode() == alert["alert_id"]
            found.append(alert)
        return found


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    name = f"surge-{uuid.uuid4().hex[:8]}"
    topics = SurgeTopics(name, f"{name}.facts", f"{name}.")
    admin = AdminClient(stack.kafka.client_config())
    wanted = [NewTopic(topics.facts, len(SOURCE_REGIONS), 1)]
    wanted += [NewTopic(topics.alerts(region), 1, 1) for region in REGIONS]
    wanted += [NewTopic(topics.dlq(region), 1, 1) for region in SOURCE_REGIONS]
    for answer in admin.create_topics(wanted).values():
        answer.result(20)
    world = World(stack.kafka, stack.registry, stack.ids, topics, tmp_path)
    try:
        yield world
    finally:
        for worker in world.workers:
            worker.kill()
            worker.wait()
        mine = [t for t in admin.list_topics(timeout=20).topics if t.startswith(name)]
        for answer in admin.delete_topics(mine).values():
            answer.result(20)


def totals(states: dict[str, RegionState]) -> Counter[str]:
    return Counter({r: sum(sum(w.values()) for w in s.windows.values()) for r, s in states.items()})


def test_an_aborted_transaction_raises_no_count_and_the_worker_ends_when_told(
    world: World,
) -> None:
    worker = world.start()
    world.transaction(("europe", [fact(0, 3)]), ("mena", [fact(0, 2)]))
    world.transaction(("europe", [fact(0, 100)]), ("mena", [fact(0, 100)]), abort=True)
    world.transaction(("europe", [fact(0, 4)]))
    assert totals(world.wait_all_counted()) == {"europe": 7, "mena": 2}
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0, world.log()


def test_a_commit_that_ran_ahead_of_the_table_loses_no_count(world: World) -> None:
    worker = world.start()
    world.transaction(("europe", [fact(0, 3)]))
    world.wait_all_counted()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0, world.log()
    world.transaction(("europe", [fact(0, 4)]), ("mena", [fact(0, 5)]))
    ahead = [TopicPartition(world.topics.facts, region_partition("europe"), 4)]
    group = ConsumerGroupTopicPartitions(world.topics.app_id, ahead)
    admin = AdminClient(world.kafka.client_config())
    for answer in admin.alter_consumer_group_offsets([group]).values():
        answer.result(20)
    world.start()
    assert totals(world.wait_all_counted()) == {"europe": 7, "mena": 5}


def test_offsets_committed_behind_the_table_catch_up_with_it(world: World) -> None:
    worker = world.start()
    world.transaction(("europe", [fact(0, 3)]))
    world.transaction(("europe", [fact(0, 4)]))
    world.wait_all_counted()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0, world.log()
    europe = TopicPartition(world.topics.facts, region_partition("europe"), 1)
    group = ConsumerGroupTopicPartitions(world.topics.app_id, [europe])
    admin = AdminClient(world.kafka.client_config())
    for answer in admin.alter_consumer_group_offsets([group]).values():
        answer.result(20)
    world.start()
    world.transaction(("europe", [fact(0, 5)]))
    assert totals(world.wait_all_counted()) == {"europe": 12}
    asked = ConsumerGroupTopicPartitions(
        world.topics.app_id, [TopicPartition(world.topics.facts, europe.partition)]
    )

    def committed() -> int:
        (answer,) = admin.list_consumer_group_offsets([asked]).values()
        return int(answer.result(20).topic_partitions[0].offset)

    last = world.ends()["europe"]
    world.wait("the commit of what was counted", lambda: committed() == last + 1)


@pytest.mark.parametrize("fault", ["reads-nothing", "thread-hangs"])
def test_a_worker_that_stands_still_ends_and_the_next_one_goes_on(world: World, fault: str) -> None:
    world.transaction(("europe", [fact(0, 3)]))
    worker = world.start(fault=fault, standstill_s=2.0)
    world.wait("the first count", lambda: bool(world.states()) or worker.poll() is not None)
    world.transaction(("europe", [fact(0, 4)]), ("mena", [fact(0, 5)]))
    world.wait("the end of the worker", lambda: worker.poll() is not None)
    assert worker.returncode not in (0, -signal.SIGKILL)
    assert "has waited for 2 s and nothing was counted" in world.log()
    world.start()
    assert totals(world.wait_all_counted()) == {"europe": 7, "mena": 5}


def test_marks_of_transactions_and_aborted_facts_are_nothing_to_read(world: World) -> None:
    europe = region_partition("europe")
    ask = first_unread(world.kafka, world.topics.facts)
    assert ask(europe, 0) is None
    world.transaction(("europe", [fact(0)]))
    assert ask(europe, 0) == 0
    assert ask(europe, 1) is None
    world.transaction(("europe", [fact(0)]), abort=True)
    assert ask(europe, 1) is None
    world.transaction(("europe", [fact(0)]))
    assert ask(europe, 1) == 4
    assert ask(region_partition("mena"), 0) is None


def test_kill_9_midway_counts_every_fact_once(world: World) -> None:
    blocks = [(SOURCE_REGIONS[i % LAST], [fact(i // 60, 1 + i % 3)]) for i in range(600)]
    expected: Counter[str] = Counter()
    for region, facts in blocks:
        if region in REGIONS:
            expected[region] += facts[0]["events"]
    for first in range(0, len(blocks), 50):
        world.transaction(*blocks[first : first + 50])
    ends = world.ends()
    # The second is killed while a third shares the partitions with it.
    for part, companions in ((0.15, 0), (0.5, 1)):
        worker = world.start()
        for _ in range(companions):
            world.start()
        world.wait_counted_offsets(int(part * sum(ends.values())))
        worker.kill()
        worker.wait()
    assert totals(world.wait_all_counted()) == expected


def test_a_planted_surge_is_one_alert_however_often_it_is_found(world: World) -> None:
    for minute in range(12):
        world.transaction(("europe", [fact(minute, 3), fact(minute, 3, categories=["arson"])]))
    world.transaction(("europe", [fact(12, 25)]), ("africa", [fact(12, 25)]))
    first = world.start()
    world.wait("an alert", lambda: bool(world.alerts()))
    (alert,) = world.alerts()
    expected_id = alert_id("europe", "terrorism", START_MS + 12 * 60_000)
    assert alert["alert_id"] == expected_id
    assert (alert["region"], alert["category"], alert["observed"]) == ("europe", "terrorism", 25)
    assert alert["p_value"] < 1e-6
    assert alert["baseline_windows"] == 11
    assert world.alerts("africa") == [], "no past, no surge"

    # The same worker goes on: more of the same surge, then its window closes.
    first.kill()
    first.wait()
    world.transaction(("europe", [fact(12, 5)]))
    world.transaction(("europe", [fact(14, 3)]))
    world.start()
    world.wait_all_counted()
    assert [(a["alert_id"], a["observed"]) for a in world.alerts()] == [
        (expected_id, 25),
        (expected_id, 30),
    ]

    # A worker that knows nothing finds the same surge in the same facts.
    other = SurgeTopics(f"{world.topics.app_id}-again", world.topics.facts, world.topics.prefix)
    world.start(other.app_id)
    world.wait_all_counted(other)
    assert len(world.alerts()) == 4
    assert {a["alert_id"] for a in world.alerts()} == {expected_id}


def test_what_is_no_mini_block_goes_to_the_dead_letters_and_a_newer_schema_ends_the_worker(
    world: World,
) -> None:
    strike = Catalogue.load().schema("liaison.strikes.Strike")
    worker = world.start()
    producer = Producer(world.kafka.producer_config())
    good = world.block([fact(0, 2)])
    other = wire.frame(world.ids.id_of(strike), good[wire.FRAME_BYTES :])
    bad = (good[:-3], good + b"\x00", b"", other)
    for value in (good, *bad, good):
        world.produce(producer, "asia-pacific", value)
    world.produce(producer, "asia-pacific", good, **{REPLAY_HEADER: b"dlq.asia-pacific/0/0"})
    assert producer.flush(20) == 0
    assert totals(world.wait_all_counted()) == {"asia-pacific": 4}, "put back, it counts once"
    refused = world.records(world.topics.dlq("asia-pacific"))
    assert [message.value() or b"" for message in refused] == list(bad)
    for offset, message in enumerate(refused, start=1):
        refusal = read_refusal(message.headers())
        assert (refusal.topic, refusal.offset) == (world.topics.facts, offset)
        assert refusal.code == "undecodable"
        assert refusal.stage == "surge"
        assert refusal.disposition is Disposition.QUARANTINED
        assert message.key() == b"asia-pacific"
        assert message.headers()[0] == ("traceparent", b"00-1")

    newer = good[:1] + b"\xff" * 4 + good[wire.FRAME_BYTES :]
    world.produce(producer, "asia-pacific", newer)
    assert producer.flush(20) == 0
    world.wait("the end of the worker", lambda: worker.poll() is not None)
    assert worker.returncode not in (0, -signal.SIGKILL)
    assert "is unknown here: start again to ask the registry" in world.log()
    assert len(world.records(world.topics.dlq("asia-pacific"))) == len(bad)
    assert world.states()["asia-pacific"].counted_offset == len(bad) + 2
