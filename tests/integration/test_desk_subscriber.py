"""A desk's subscriber on a real broker: each event once, in order, struck where it is struck."""

from __future__ import annotations

import copy
import io
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.catalogue import Catalogue, packaged_folders
from schemas.clock import ManualClock
from schemas.connections import KafkaConnection, RegistryConnection
from schemas.errors import ConfigurationError, PermanentError, RetryableError
from schemas.models import Report
from schemas.registry import SchemaIds, fetch_schema_ids, register_schemas
from schemas.topics import STRIKES, bureau_topic, desk_topic
from sinks.desk import (
    EXIT_GAP,
    EXIT_OK,
    Delivered,
    Filters,
    GapError,
    Item,
    Start,
    Struck,
    Subscriber,
    Unreadable,
    tail,
)
from sinks.desk.places import topic_ids
from sinks.desk.store import PositionStore
from tests.conftest import Stack
from tests.desk_records import RECORDED_MS, Record, delivered, strike_record
from tests.raw_headers import send_with_header_name

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

PATIENCE_S = 40.0
DAY_S = 86_400.0
README = Path(__file__).parent.parent.parent / "README.md"
REGION = "europe"
CATEGORIES = ("cybercrime", "terrorism")


@dataclass
class World:
    """Topics of one test under a prefix of their own."""

    kafka: KafkaConnection
    registry: RegistryConnection
    ids: SchemaIds
    prefix: str
    store: Path

    def __post_init__(self) -> None:
        self.admin = AdminClient(self.kafka.client_config())
        self.producer = Producer(self.kafka.producer_config(transactional_id=self.prefix))
        self.producer.init_transactions(20)

    def topic(self, category: str) -> str:
        return self.prefix + desk_topic(REGION, category)

    def create(self, *topics: str) -> None:
        wanted = [NewTopic(topic, 1, 1) for topic in topics]
        for answer in self.admin.create_topics(wanted).values():
            answer.result(20)
        # The broker that answers may not have heard of it yet.
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                topic_ids(self.kafka, topics)
                return
            except ConfigurationError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def delete(self, *topics: str) -> None:
        for answer in self.admin.delete_topics(list(topics)).values():
            answer.result(20)

    def write(self, *records: tuple[str, bytes | None, bytes | None], abort: bool = False) -> None:
        """Topic, key and value of records, in one transaction."""
        self.producer.begin_transaction()
        for topic, key, value in records:
            self.producer.produce(topic, value, key, headers=[("traceparent", b"00-1")])
        self.producer.flush(20)
        if abort:
            self.producer.abort_transaction(20)
        else:
            self.producer.commit_transaction(20)

    def send(self, *categories: str, bureau: str = "FR", **given: Any) -> Record:
        """One event to the desk topics of its categories."""
        record = delivered(
            self.ids,
            Report(subtype="analytical-report", title="Lagebild"),
            categories=list(categories),
            bureau=bureau,
            **given,
        )
        self.write(*((self.topic(c), record.key, record.value) for c in categories))
        return record

    def strike(self, bureau: str, event_id: str, *, chain: bool) -> None:
        self.write((self.prefix + STRIKES, *strike_record(self.ids, bureau, event_id, chain=chain)))

    def subscriber(self, *categories: str, store: Path | None = None, **options: Any) -> Subscriber:
        return Subscriber(
            REGION,
            categories or CATEGORIES,
            kafka=self.kafka,
            schema_ids=self.ids,
            registry=self.registry,
            prefix=self.prefix,
            store=store or self.store,
            **options,
        )

    def keep_from(self, category: str, offset: int) -> None:
        """What retention does."""
        self.cut(self.topic(category), offset)

    def cut(self, topic: str, offset: int) -> None:
        place = TopicPartition(topic, 0, offset)
        for answer in self.admin.delete_records([place]).values():
            answer.result(20)


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    world = World(stack.kafka, stack.registry, stack.ids, prefix, tmp_path / "desk.sqlite")
    topics = [world.topic(c) for c in CATEGORIES]
    topics += [world.prefix + bureau_topic("DE"), world.prefix + STRIKES]
    world.create(*topics)
    yield world
    world.delete(*topics)


def drain(subscriber: Subscriber) -> list[Item]:
    """Everything up to the end of all topics."""
    items: list[Item] = []
    deadline = time.monotonic() + PATIENCE_S
    while True:
        new = subscriber.poll(0.3)
        items += new
        if not new and subscriber.caught_up:
            return items
        assert time.monotonic() < deadline, f"no end after {len(items)} items"


def wait_for(subscriber: Subscriber, wanted: Callable[[Item], bool]) -> list[Item]:
    """Poll until such an item comes."""
    items: list[Item] = []
    deadline = time.monotonic() + PATIENCE_S
    while not any(map(wanted, items)):
        assert time.monotonic() < deadline, f"did not come; came: {items}"
        items += subscriber.poll(0.3)
    return items


def event_ids(items: list[Item]) -> list[str]:
    return [item.event_id for item in items if isinstance(item, Delivered)]


def cut_off_reading(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """A poll is interrupted once, when it has read so many records."""
    read, calls = Subscriber._read, iter(range(100))

    def cut_off(*arguments: Any) -> Any:
        if next(calls) == after:
            raise KeyboardInterrupt
        return read(*arguments)

    monkeypatch.setattr(Subscriber, "_read", cut_off)


def no_disk(*_arguments: Any) -> None:
    raise RetryableError("no space left", code="store")


def test_an_event_in_two_topics_comes_once_and_stays_once_after_a_restart(world: World) -> None:
    both = world.send("terrorism", "cybercrime")
    one = world.send("cybercrime")
    with world.subscriber() as subscriber:
        items = drain(subscriber)
        assert sorted(event_ids(items)) == sorted([both.event_id, one.event_id])
        subscriber.ack()
    later = world.send("cybercrime", "terrorism")
    with world.subscriber() as subscriber:
        assert event_ids(drain(subscriber)) == [later.event_id]
        subscriber.ack()
    with world.subscriber() as subscriber:
        assert drain(subscriber) == []


def test_what_was_not_acknowledged_comes_again_and_nothing_else(world: World) -> None:
    first = world.send("terrorism")
    with world.subscriber() as subscriber:
        assert event_ids(drain(subscriber)) == [first.event_id]
        subscriber.ack()
        second = world.send("terrorism")
        wait_for(subscriber, lambda item: isinstance(item, Delivered))
    with world.subscriber() as subscriber:
        assert event_ids(drain(subscriber)) == [second.event_id]


def test_an_aborted_transaction_delivers_nothing(world: World) -> None:
    record = delivered(world.ids, Report(subtype="analytical-report"))
    world.write((world.topic("terrorism"), record.key, record.value), abort=True)
    committed = world.send("terrorism")
    with world.subscriber() as subscriber:
        assert event_ids(drain(subscriber)) == [committed.event_id]


def test_the_record_carries_the_bureau_bytes_and_headers(world: World) -> None:
    record = world.send("terrorism")
    with world.subscriber() as subscriber:
        (item,) = drain(subscriber)
    assert isinstance(item, Delivered)
    assert item.event_bytes == record.body
    assert item.event["title"] == "Lagebild"
    assert item.headers == (("traceparent", b"00-1"),)
    assert (item.position.topic, item.position.offset) == (world.topic("terrorism"), 0)
    assert not item.struck


def test_filters_keep_away_what_nobody_asked_for(world: World) -> None:
    wanted = world.send("terrorism", score=90, urgency="flash", offence="0906")
    world.send("terrorism", score=10, urgency="flash", offence="0906")
    world.send("terrorism", score=90, urgency="bulk", offence="0906")
    world.send("terrorism", score=90, urgency="flash", offence="0701")
    filters = Filters(min_score=50, urgencies=frozenset({"flash"}), iccs_prefix="09")
    with world.subscriber(filters=filters) as subscriber:
        assert event_ids(drain(subscriber)) == [wanted.event_id]
        subscriber.ack()
    with world.subscriber() as subscriber:
        assert drain(subscriber) == [], "what was filtered out was read all the same"


def test_a_bureau_gets_what_is_for_it_alone_and_not_its_own(world: World) -> None:
    world.send("terrorism", bureau="DE")
    shared = world.send("terrorism", audience_bureaus=["DE"])
    alone = delivered(
        world.ids,
        Report(subtype="analytical-report"),
        audience_regions=[],
        audience_bureaus=["DE"],
    )
    directed = world.prefix + bureau_topic("DE")
    world.write((directed, alone.key, alone.value), (directed, shared.key, shared.value))
    with world.subscriber(bureau="DE") as subscriber:
        assert sorted(event_ids(drain(subscriber))) == sorted([shared.event_id, alone.event_id])


def test_a_poll_that_is_cut_off_skips_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [world.send("terrorism").event_id for _ in range(5)]
    world.strike("FR", sent[0], chain=False)
    save_strikes = PositionStore.strike
    with world.subscriber() as subscriber:
        cut_off_reading(monkeypatch, after=2)
        with pytest.raises(KeyboardInterrupt):
            drain(subscriber)
    with world.subscriber() as subscriber:
        world.strike("FR", sent[1], chain=False)
        monkeypatch.setattr(PositionStore, "strike", no_disk)
        with pytest.raises(RetryableError, match="no space left"):
            drain(subscriber)
        monkeypatch.setattr(PositionStore, "strike", save_strikes)
        items = drain(subscriber)
        assert sorted(event_ids(items)) == sorted(sent)
        subscriber.ack()
        struck = {i.event_id for i in items if isinstance(i, Delivered) and i.struck}
        struck |= {i.event_id for i in drain(subscriber) if isinstance(i, Struck)}
        struck |= {i.event_id for i in items if isinstance(i, Struck)}
        assert struck == {sent[0], sent[1]}


def test_a_poll_that_cannot_save_keeps_its_strikes_for_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = world.send("terrorism")
    with world.subscriber() as subscriber:
        drain(subscriber)
        subscriber.ack()
    world.strike("FR", record.event_id, chain=False)
    monkeypatch.setattr("sinks.desk.subscriber._SAVE_EVERY_S", 0.0)
    with world.subscriber() as subscriber:
        with monkeypatch.context() as full_disk:
            full_disk.setattr(PositionStore, "save", no_disk)
            for _ in range(2):
                with pytest.raises(RetryableError, match="no space left"):
                    subscriber.poll(0.0)
        assert [i.event_id for i in drain(subscriber) if isinstance(i, Struck)] == [record.event_id]


def test_a_record_that_cannot_be_read_is_told_once_though_the_poll_was_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = world.topic("terrorism")
    world.write((topic, b"FR", b"\x00garbage"), (topic, b"FR", b"\x00rubbish"))
    with world.subscriber() as subscriber:
        cut_off_reading(monkeypatch, after=1)
        with pytest.raises(KeyboardInterrupt):
            drain(subscriber)
        told = [item for item in drain(subscriber) if isinstance(item, Unreadable)]
        assert [item.value for item in told] == [b"\x00garbage", b"\x00rubbish"]


def test_a_strike_that_came_first_marks_the_event(world: World) -> None:
    recalled = str(uuid.uuid4())
    world.strike("FR", recalled, chain=True)
    correction = world.send("terrorism", root=recalled, root_bureau="FR")
    by_secretariat = world.send("terrorism", bureau="XP", root=recalled, root_bureau="FR")
    of_another = world.send("terrorism", bureau="DE", root=recalled, root_bureau="DE")
    other = world.send("terrorism")
    with world.subscriber() as subscriber:
        items = drain(subscriber)
        subscriber.ack()
        struck = {item.event_id for item in items if isinstance(item, Delivered) and item.struck}
        assert struck == {correction.event_id, by_secretariat.event_id}
        assert {of_another.event_id, other.event_id} <= set(event_ids(items))
    with world.subscriber() as subscriber:
        assert drain(subscriber) == [], "who was given it as struck needs no second word"


def test_a_later_strike_is_told_until_it_is_acknowledged(world: World) -> None:
    first = world.send("terrorism")
    second = world.send("terrorism", root=first.event_id, root_bureau="FR")
    untouched = world.send("terrorism")
    with world.subscriber() as subscriber:
        assert len(event_ids(drain(subscriber))) == 3
        subscriber.ack()
        world.strike("FR", first.event_id, chain=True)
        items = wait_for(subscriber, lambda item: isinstance(item, Struck))
        assert {item.event_id for item in items if isinstance(item, Struck)} == {
            first.event_id,
            second.event_id,
        }
    with world.subscriber() as subscriber:
        again = [item for item in drain(subscriber) if isinstance(item, Struck)]
        assert {item.event_id for item in again} == {first.event_id, second.event_id}
        assert again[0].strike.reason == "located"
        subscriber.ack_struck(again)
    world.strike("FR", untouched.event_id, chain=False)
    with world.subscriber() as subscriber:
        (last,) = drain(subscriber)
        assert isinstance(last, Struck)
        assert last.event_id == untouched.event_id


def test_a_recall_reaches_who_was_given_the_event_years_ago(world: World) -> None:
    clock = ManualClock()
    early, late = world.send("terrorism"), world.send("terrorism")
    with world.subscriber(clock=clock) as subscriber:
        drain(subscriber)
        subscriber.ack()
        clock.advance(91 * DAY_S)
        subscriber.ack()
        world.strike("FR", early.event_id, chain=False)
        items = wait_for(subscriber, lambda item: isinstance(item, Struck))
        assert [i.event_id for i in items if isinstance(i, Struck)] == [early.event_id]
    clock.advance(9 * 365 * DAY_S)
    world.strike("FR", late.event_id, chain=True)
    told = {early.event_id, late.event_id}
    with world.subscriber(clock=clock) as subscriber:
        subscriber.ack()
        assert {i.event_id for i in drain(subscriber) if isinstance(i, Struck)} == told
    clock.advance(9 * 365 * DAY_S)
    with world.subscriber(clock=clock) as subscriber:
        subscriber.ack()
        due = [item for item in drain(subscriber) if isinstance(item, Struck)]
        assert {item.event_id for item in due} == told, "due until it is acknowledged"
        subscriber.ack_struck(due)
        clock.advance(2 * DAY_S)
        subscriber.ack()
    world.strike("FR", early.event_id, chain=False)
    with world.subscriber(clock=clock) as subscriber:
        assert drain(subscriber) == []


def test_the_loop_that_the_readme_shows_is_told_a_recall_once(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[1]
    there = [
        world.prefix + desk_topic(REGION, "drug-trafficking"),
        world.prefix + bureau_topic("PT"),
    ]
    world.create(*there)
    monkeypatch.chdir(world.store.parent)
    here = {
        "kafka": world.kafka,
        "registry": world.registry,
        "ids": world.ids,
        "prefix": world.prefix,
    }
    loop = shown[shown.index("with Subscriber(") :].replace("store=", "prefix=prefix, store=")
    imports = "from pathlib import Path\nfrom sinks.desk import *\n"

    def run() -> list[str]:
        exec(compile(imports + loop, "README.md", "exec"), dict(here))  # noqa: S102
        return capsys.readouterr().out.splitlines()

    record = world.send("terrorism")
    assert [line.split()[0] for line in run()] == ["report"]
    world.strike("FR", record.event_id, chain=False)
    assert run() == [f"recalled: {record.event_id}"]
    assert run() == []
    world.delete(*there)


def test_who_would_forget_before_the_topic_does_is_refused(world: World) -> None:
    with pytest.raises(ConfigurationError, match="remember_days"):
        world.subscriber(remember_days=89)


def test_a_strike_while_nobody_listened_is_told_first(world: World) -> None:
    record = world.send("terrorism")
    with world.subscriber() as subscriber:
        drain(subscriber)
        subscriber.ack()
    world.strike("FR", record.event_id, chain=False)
    world.send("terrorism")
    with world.subscriber() as subscriber:
        items = drain(subscriber)
    assert [type(item) for item in items] == [Struck, Delivered]


def test_a_record_that_cannot_be_read_is_told_and_the_stream_goes_on(world: World) -> None:
    good = delivered(world.ids, Report(subtype="analytical-report", title="x"))
    bad = (b"\x00garbage", good.value[:-2], good.value + b"\x00", None, b"\x00\x7f\xff\xff\xffx")
    topic = world.topic("terrorism")
    world.write(*((topic, b"FR", value) for value in (*bad, good.value)))
    world.write((world.prefix + STRIKES, b"nobody", b"x"))
    with world.subscriber() as subscriber:
        items = drain(subscriber)
        assert event_ids(items) == [good.event_id]
        told = [item for item in items if isinstance(item, Unreadable)]
        assert [i.value for i in told if i.position.topic == topic] == list(bad)
        assert [i.value for i in told if i.position.topic != topic] == [b"x"]
        subscriber.ack()
    with world.subscriber() as subscriber:
        assert drain(subscriber) == []


def test_a_header_name_that_is_no_text_makes_one_record_unreadable_and_no_other(
    world: World,
) -> None:
    before = [world.send("terrorism").event_id for _ in range(20)]
    bad = delivered(world.ids, Report(subtype="analytical-report", title="x"))
    topic = world.topic("terrorism")
    for name in (b"\xff\xfe", b"caf\xe9"):
        send_with_header_name(world.kafka, topic, bad.key, bad.value, name)
    send_with_header_name(world.kafka, topic, bad.key, bad.value, "café".encode())
    after = world.send("terrorism").event_id
    with world.subscriber("terrorism") as subscriber:
        items = drain(subscriber)
        assert event_ids(items) == [*before, bad.event_id, after]
        told = [item for item in items if isinstance(item, Unreadable)]
        assert [(item.reason, item.value) for item in told] == [
            ("the name of one of its headers is no UTF-8", bad.value)
        ] * 2
        subscriber.ack()
    with world.subscriber("terrorism") as subscriber:
        assert drain(subscriber) == []


def test_below_the_start_of_the_log_is_an_error_and_no_silent_skip(world: World) -> None:
    for _ in range(3):
        world.send("terrorism")
    with world.subscriber() as subscriber:
        subscriber.poll(0.0)
    world.keep_from("terrorism", 4)
    with pytest.raises(GapError, match="removed before") as caught, world.subscriber():
        pass
    assert caught.value.code == "below-log-start"
    out = io.StringIO()
    assert tail(world.subscriber(), out, follow=False) == EXIT_GAP
    assert json.loads(out.getvalue())["type"] == "gap"
    with world.subscriber(start=Start.earliest()) as subscriber:
        assert len(event_ids(drain(subscriber))) == 1


def test_retention_that_overtakes_a_running_subscriber_is_an_error_too(world: World) -> None:
    for _ in range(3):
        world.send("terrorism")
    with world.subscriber("terrorism") as subscriber:
        world.keep_from("terrorism", 4)
        # What it fetched ahead is given up, as if it had been slower.
        subscriber._opened().consumer.seek(TopicPartition(world.topic("terrorism"), 0, 0))
        for _ in range(2):
            with pytest.raises(GapError, match="removed before"):
                wait_for(subscriber, lambda item: isinstance(item, Delivered))


def test_strikes_that_are_cut_or_made_anew_under_a_running_subscriber_end_it(world: World) -> None:
    strikes = world.prefix + STRIKES
    records = [world.send("terrorism") for _ in range(3)]
    with world.subscriber("terrorism") as subscriber:
        drain(subscriber)
        subscriber.ack()
        for record in records[:2]:
            world.strike("FR", record.event_id, chain=False)
        wait_for(subscriber, lambda item: isinstance(item, Struck))
        world.delete(strikes)
        world.create(strikes)
        for _ in range(2):
            with pytest.raises(GapError, match="made anew, or cut"):
                wait_for(subscriber, lambda _item: False)
    world.strike("FR", records[2].event_id, chain=False)
    with world.subscriber("terrorism") as subscriber:
        told = {i.event_id for i in drain(subscriber) if isinstance(i, Struck)}
        assert told == {record.event_id for record in records}
        world.cut(strikes, 2)
        subscriber._opened().consumer.seek(TopicPartition(strikes, 0, 0))
        with pytest.raises(GapError, match="made anew, or cut"):
            wait_for(subscriber, lambda _item: False)


@pytest.mark.parametrize("name", [STRIKES, desk_topic(REGION, "terrorism")])
def test_a_topic_that_is_removed_under_a_running_subscriber_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("sinks.desk.places._LOOK_EVERY_S", 0.0)
    topic = world.prefix + name
    with world.subscriber("terrorism") as subscriber:
        drain(subscriber)
        world.delete(topic)
        for _ in range(2):
            with pytest.raises(PermanentError, match=f"{name} does not exist") as caught:
                wait_for(subscriber, lambda _item: False)
            assert caught.value.code == "topic-gone"
        world.create(topic)
    with world.subscriber("terrorism", start=Start.earliest()) as subscriber:
        drain(subscriber)


def test_strikes_that_were_made_anew_and_are_longer_than_before_end_it_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    strikes, records = world.prefix + STRIKES, [world.send("terrorism") for _ in range(4)]
    with world.subscriber("terrorism") as subscriber:
        drain(subscriber)
        subscriber.ack()
        world.strike("FR", records[0].event_id, chain=False)
        subscriber.ack_struck(
            i
            for i in wait_for(subscriber, lambda item: isinstance(item, Struck))
            if isinstance(i, Struck)
        )
    monkeypatch.setattr("sinks.desk.places._LOOK_EVERY_S", 0.0)
    with world.subscriber("terrorism") as subscriber:
        world.delete(strikes)
        world.create(strikes)
        for record in records[1:]:
            world.strike("FR", record.event_id, chain=False)
        with pytest.raises(GapError) as caught:
            wait_for(subscriber, lambda _item: False)
        assert caught.value.code in ("topic-replaced", "beyond-log-end")
    with world.subscriber("terrorism") as subscriber:
        told = {i.event_id for i in drain(subscriber) if isinstance(i, Struck)}
        assert told == {record.event_id for record in records[1:]}


def test_an_event_of_a_newer_version_waits_for_who_can_read_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = packaged_folders()
    name = "liaison.delivered.Enrichment"
    newest = copy.deepcopy(next(f[name] for f in reversed(folders.values()) if name in f))
    newest["fields"].append({"name": "note", "type": "string", "default": "", "doc": "A note."})
    tomorrow = {**folders, len(folders) + 1: {name: newest}}
    catalogue = Catalogue(tomorrow)
    ids = register_schemas(world.registry, catalogue)
    fetched = 0

    def fetch(*arguments: Any) -> SchemaIds:
        nonlocal fetched
        fetched += 1
        return fetch_schema_ids(*arguments)

    monkeypatch.setattr("sinks.desk.newer.fetch_schema_ids", fetch)
    report = Report(subtype="analytical-report")
    newer = delivered(ids, report, catalogue=catalogue, note="new")
    topic = world.topic("terrorism")
    before = world.send("terrorism")
    with world.subscriber() as subscriber:
        assert event_ids(drain(subscriber)) == [before.event_id]
        subscriber.ack()
        world.write((topic, newer.key, newer.value))
        after = world.send("terrorism")
        other = [world.send("cybercrime").event_id for _ in range(2)]
        came: list[Item] = []

        def poll_on() -> None:
            while True:
                came.extend(subscriber.poll(0.3))

        for _ in range(3):
            with pytest.raises(RetryableError, match="update Liaison") as caught:
                poll_on()
            assert caught.value.code == "newer-schema"
        assert event_ids(came) == other, "what stands elsewhere does not wait"
        assert fetched == 1, "who polls and polls does not storm the registry"
        subscriber.ack()
        # Liaison was updated on this machine.
        monkeypatch.setattr("sinks.desk.newer.packaged_folders", lambda: tomorrow)
        items = drain(subscriber)
        assert event_ids(items) == [newer.event_id, after.event_id]
        assert isinstance(items[0], Delivered)
        assert items[0].enrichment["note"] == "new"
        subscriber.ack()
        world.strike("FR", newer.event_id, chain=False)
        told = wait_for(subscriber, lambda item: isinstance(item, Struck))
        assert [i.event_id for i in told if isinstance(i, Struck)] == [newer.event_id]
        subscriber.ack_struck(i for i in told if isinstance(i, Struck))
    with world.subscriber() as subscriber:
        assert drain(subscriber) == []


def test_nothing_is_missing_where_retention_took_only_what_was_read(world: World) -> None:
    world.send("terrorism")
    with world.subscriber() as subscriber:
        drain(subscriber)
        subscriber.ack()
    # Everything goes, the transaction's marker behind the record too.
    world.keep_from("terrorism", 2)
    later = world.send("terrorism")
    with world.subscriber() as subscriber:
        assert event_ids(drain(subscriber)) == [later.event_id]


def test_a_topic_made_anew_is_a_gap(world: World) -> None:
    world.send("terrorism")
    with world.subscriber() as subscriber:
        drain(subscriber)
        subscriber.ack()
    world.delete(world.topic("terrorism"))
    world.create(world.topic("terrorism"))
    with pytest.raises(GapError, match="made anew") as caught, world.subscriber():
        pass
    assert caught.value.code == "topic-replaced"


def test_since_leaves_out_what_was_recorded_earlier(world: World) -> None:
    now_ms = time.time_ns() // 1_000_000
    world.send("terrorism", recorded_at=now_ms - 1000)
    later = world.send("terrorism", recorded_at=now_ms + 1000)
    with world.subscriber(start=Start.since(now_ms)) as subscriber:
        assert event_ids(drain(subscriber)) == [later.event_id]
    with world.subscriber(start=Start.since(now_ms + 3_600_000)) as subscriber:
        assert drain(subscriber) == []


def test_a_store_belongs_to_one_subscription(world: World) -> None:
    with world.subscriber("terrorism") as subscriber:
        drain(subscriber)
    with pytest.raises(ConfigurationError, match="belongs to"), world.subscriber():
        pass
    with world.subscriber(start=Start.earliest()) as subscriber:
        drain(subscriber)


def test_a_topic_that_is_missing_is_said_at_once(world: World) -> None:
    with pytest.raises(ConfigurationError, match="liaison provision"):
        world.subscriber("firearms-trafficking").open()


def test_wrong_names_are_refused_with_what_is_allowed(world: World) -> None:
    with pytest.raises(ConfigurationError, match="terrorism"):
        world.subscriber("terorism")


def test_tail_writes_lines_and_goes_on_where_it_ended(world: World) -> None:
    sent = [world.send("terrorism").event_id for _ in range(4)]
    first, second = io.StringIO(), io.StringIO()
    assert tail(world.subscriber("terrorism"), first, limit=3) == EXIT_OK
    assert tail(world.subscriber("terrorism"), second, follow=False) == EXIT_OK
    lines = [json.loads(line) for out in (first, second) for line in out.getvalue().splitlines()]
    assert [line["enrichment"]["event_id"] for line in lines] == sent
    assert lines[0]["event"]["title"] == "Lagebild"
    assert lines[0]["enrichment"]["recorded_at"].startswith(
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(RECORDED_MS / 1000))
    )
