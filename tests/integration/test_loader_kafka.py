"""The loader between a real broker and a real ClickHouse: each block once, whatever dies."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.cli import exits
from deploy.cli.app import run
from deploy.verify.found import clickhouse_faults
from schemas.clock import Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from schemas.headers import Disposition, read_refusal
from schemas.topics import DLQ_BLOCKS
from sinks.clickhouse import Loader, LoaderSettings, migrate
from tests.integration.clickhouse_process import ROOT, ClickHouseProcess
from tests.integration.fact_blocks import make_block, make_fact, recall_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

PATIENCE_S = 60.0
CLOCK = SystemClock()


@pytest.fixture
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    passwords = {"operator": "makes", "loader": "loads"}
    with ClickHouseProcess(tmp_path_factory.mktemp("clickhouse"), passwords=passwords) as process:
        client = process.connection.client()
        migrate(client)
        client.close()
        yield process


@dataclass
class World:
    """Topics of one test, and what was put into them."""

    kafka: KafkaConnection
    clickhouse: ClickHouseProcess
    topic: str = field(default_factory=lambda: f"blocks-{uuid.uuid4().hex[:8]}")
    bureau: str = field(default_factory=lambda: f"T{uuid.uuid4().hex[:6]}")

    def __post_init__(self) -> None:
        self.admin: Any = AdminClient(self.kafka.client_config())
        self.refused = f"{self.topic}.refused"
        self.create()
        self.producer = Producer(self.kafka.producer_config(transactional_id=self.topic))
        self.producer.init_transactions(PATIENCE_S)

    def create(self) -> None:
        wanted = [NewTopic(self.topic, 2, 1), NewTopic(self.refused, 1, 1)]
        there = self.admin.list_topics(timeout=PATIENCE_S).topics
        for future in self.admin.create_topics(
            [t for t in wanted if t.topic not in there]
        ).values():
            future.result(PATIENCE_S)

    def produce(self, *blocks: bytes, partition: int = 0, commit: bool = True) -> None:
        for block in blocks:
            self.producer.begin_transaction()
            self.producer.produce(
                self.topic, block, b"key", partition, headers=[("liaison-rows", b"1")]
            )
            if commit:
                self.producer.commit_transaction(PATIENCE_S)
            else:
                self.producer.flush(PATIENCE_S)
                self.producer.abort_transaction(PATIENCE_S)

    def block(self, rows: int = 10) -> bytes:
        return make_block([make_fact(bureau=self.bureau) for _ in range(rows)])

    @property
    def settings(self) -> LoaderSettings:
        return LoaderSettings(
            group_id=f"loader-{self.topic}", blocks_topic=self.topic, refused_topic=self.refused
        )

    def loader(self) -> Loader:
        return Loader(self.kafka, self.clickhouse.connection_as("loader"), settings=self.settings)

    @contextmanager
    def loading(self) -> Iterator[None]:
        stop, failures = threading.Event(), list[BaseException]()

        def run() -> None:
            try:
                self.loader().run(stop)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert failures == []

    def wait_for(self, events: int) -> None:
        """Until raw.facts and a rollup both count this many, and one loader pass later still do."""
        client = self.clickhouse.connection.client()
        deadline = Deadline.after(CLOCK, PATIENCE_S)
        while self.counts(client) != (events, events) and not deadline.expired():
            CLOCK.sleep(0.05)
        assert self.counts(client) == (events, events)
        client.close()

    def counts(self, client: Client) -> tuple[int, int]:
        where = f"WHERE bureau = '{self.bureau}'"
        raw = client.query(f"SELECT sum(sign * events) FROM raw.facts {where}").result_rows
        month = client.query(f"SELECT sum(events) FROM agg.events_month {where}").result_rows
        return int(raw[0][0]), int(month[0][0])

    def wait_for_refusal(self, client: Client) -> None:
        """Until the loader has booked a refused block and gone past it."""
        deadline = Deadline.after(CLOCK, PATIENCE_S)
        question = "SELECT count() FROM raw.refused_blocks, raw.high_water"
        while not client.query(question).result_rows[0][0] and not deadline.expired():
            CLOCK.sleep(0.05)

    def is_mine(self, refused: Message) -> bool:
        headers: Any = refused.headers()
        return read_refusal(headers).topic == self.topic

    def refusals(self, count: int) -> list[Message]:
        consumer = Consumer(self.kafka.consumer_config("look", auto_offset_reset="earliest"))
        consumer.assign([TopicPartition(self.refused, 0, 0)])
        found: list[Message] = []
        deadline = Deadline.after(CLOCK, PATIENCE_S)
        while len(found) < count and not deadline.expired():
            message = consumer.poll(0.2)
            if message is not None and message.error() is None and self.is_mine(message):
                found.append(message)
        consumer.close()
        return found


@pytest.fixture
def world(stack: Any, clickhouse: ClickHouseProcess) -> World:
    return World(stack.kafka, clickhouse)


def test_committed_blocks_of_all_partitions_land_and_aborted_ones_do_not(world: World) -> None:
    world.produce(world.block(10))
    world.produce(world.block(1000), commit=False)
    world.produce(world.block(20), partition=1)
    with world.loading():
        world.wait_for(30)
        world.produce(world.block(5), partition=1)
        world.wait_for(35)


def test_a_new_loader_goes_on_at_clickhouse_s_mark_whatever_kafka_says(world: World) -> None:
    world.produce(world.block(10), world.block(10))
    with world.loading():
        world.wait_for(20)
    world.produce(world.block(1))
    consumer = Consumer(world.kafka.consumer_config(world.settings.group_id))
    _, end = consumer.get_watermark_offsets(TopicPartition(world.topic, 0), timeout=PATIENCE_S)
    for offset in (0, end):
        consumer.commit(offsets=[TopicPartition(world.topic, 0, offset)], asynchronous=False)
        with world.loading():
            world.wait_for(21)
    consumer.close()


def test_kill_9_between_any_two_steps_loses_nothing_and_repeats_nothing(world: World) -> None:
    events = [make_fact(bureau=world.bureau) for _ in range(20)]
    world.produce(make_block(events), world.block(7))
    world.produce(make_block([recall_of(event) for event in events[:3]]), world.block(5))
    deaths = (("mark", 1), ("mark", 2), ("plan", 1), ("compensate", 1), ("book", 1), ("mark", 1))
    for step, times in deaths:
        arguments = [world.kafka.bootstrap_servers, str(world.clickhouse.port), "loads"]
        arguments += [world.topic, world.refused, step, str(times)]
        child = subprocess.run(
            [sys.executable, "-m", "tests.integration.loader_worker", *arguments],
            cwd=ROOT,
            timeout=PATIENCE_S,
            check=False,
        )
        assert child.returncode == -9
    with world.loading():
        world.wait_for(20 + 7 + 5)


def test_a_block_that_is_refused_for_good_goes_to_its_queue_and_the_next_one_lands(
    world: World,
) -> None:
    poison = world.block(3)[:-7]
    world.produce(world.block(1), poison, world.block(2))
    with world.loading():
        world.wait_for(3)
    (message,) = world.refusals(1)
    assert message.value() == poison
    assert message.key() == b"key"
    headers: Any = message.headers()
    assert headers[0] == ("liaison-rows", b"1")
    refusal = read_refusal(headers)
    assert (refusal.code, refusal.stage) == ("block-refused", "load")
    assert refusal.disposition is Disposition.QUARANTINED
    assert (refusal.topic, refusal.partition) == (world.topic, 0)
    client = world.clickhouse.connection.client()
    booked = client.query("SELECT block_offset, resolved FROM raw.refused_blocks").result_rows
    assert booked == [(refusal.offset, False)]
    client.close()


def test_a_refused_block_is_listed_and_lands_once_by_a_replay_when_its_reason_is_gone(
    world: World, stack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.refused = DLQ_BLOCKS
    at = world.clickhouse.connection
    monkeypatch.setenv("LIAISON_CLICKHOUSE__URL", f"http://{at.host}:{at.port}")
    monkeypatch.setenv("LIAISON_CLICKHOUSE__USERNAME", at.username)
    monkeypatch.setenv("LIAISON_CLICKHOUSE__PASSWORD", at.password)

    def liaison(*words: str, code: int = exits.OK) -> tuple[Any, str]:
        capsys.readouterr()  # what the loader, in this very process, has logged
        assert run(["--data-dir", str(stack.data_dir), "dlq", *words, "--json"]) == code
        shown = capsys.readouterr()
        return json.loads(shown.out or "null"), shown.err

    client = at.client()
    client.command("ALTER TABLE raw.facts MODIFY COLUMN sub_bureau UUID")
    world.produce(world.block(3))
    with world.loading():
        (message,) = world.refusals(1)
        world.wait_for_refusal(client)
    place = f"{DLQ_BLOCKS}/0/{message.offset()}"
    (listed,) = [r for r in liaison("list")[0] if r["came_from"].startswith(f"{world.topic}/")]
    assert (listed["place"], listed["code"]) == (place, "block-refused")
    assert (listed["bureau"], listed["value_bytes"]) == ("", len(message.value() or b""))

    assert "error[block-refused]" in liaison("replay", place, code=exits.DIFFERENCE)[1]
    assert [d.check for d in clickhouse_faults(client)] == ["refused blocks"]
    client.command("ALTER TABLE raw.facts MODIFY COLUMN sub_bureau LowCardinality(String)")
    assert liaison("replay", place)[0] == [{"place": place, "sent_to": "raw.facts"}]
    assert liaison("replay", place)[0][0]["sent_to"] == "nowhere: it is in already"
    assert world.counts(client) == (3, 3)
    assert list(clickhouse_faults(client)) == []
    client.close()


def test_clickhouse_away_for_a_while_costs_only_time(world: World) -> None:
    with world.loading():
        world.produce(world.block(10))
        world.wait_for(10)
        world.clickhouse.kill()
        world.produce(world.block(10), world.block(10))
        world.clickhouse.start()
        world.wait_for(30)


def test_a_topic_that_is_made_anew_is_another_topic(world: World) -> None:
    world.produce(world.block(10))
    with world.loading():
        world.wait_for(10)
    for future in world.admin.delete_topics([world.topic]).values():
        future.result(PATIENCE_S)
    deadline = Deadline.after(CLOCK, PATIENCE_S)
    while world.topic in world.admin.list_topics(timeout=5).topics and not deadline.expired():
        CLOCK.sleep(0.05)
    world.create()
    world.produce(world.block(5))
    with world.loading():
        world.wait_for(15)


def test_blocks_that_kafka_no_longer_has_are_an_error_and_no_gap(world: World) -> None:
    world.produce(world.block(1), world.block(1))
    cut = {TopicPartition(world.topic, 0): 2}
    for future in world.admin.delete_records(
        [TopicPartition(p.topic, p.partition, offset) for p, offset in cut.items()]
    ).values():
        future.result(PATIENCE_S)
    with pytest.raises(ConfigurationError, match="ClickHouse needs 0") as caught:
        world.loader().run(threading.Event())
    assert caught.value.code == "blocks-missing"


def test_a_missing_topic_or_schema_is_said_at_once(world: World) -> None:
    missing = LoaderSettings(blocks_topic="no-such-topic", group_id="loader-x")
    with pytest.raises(ConfigurationError, match="no-such-topic can't be described"):
        Loader(world.kafka, world.clickhouse.connection_as("loader"), settings=missing).run(
            threading.Event()
        )
    client = world.clickhouse.connection.client()
    migrate(client, 0)
    client.close()
    with pytest.raises(ConfigurationError, match=r"no table raw\.facts"):
        world.loader().run(threading.Event())
