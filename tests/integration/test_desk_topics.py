"""What a running desk does when its topics are cut, made anew, removed, or newer than itself."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from schemas.catalogue import Catalogue, packaged_folders
from schemas.errors import ConfigurationError, PermanentError, RetryableError
from schemas.models import Report
from schemas.registry import SchemaIds, fetch_schema_ids, register_schemas
from schemas.topics import STRIKES, desk_topic
from sinks.desk import EXIT_GAP, Delivered, GapError, Item, Start, Struck, tail
from tests.conftest import Stack
from tests.desk_records import delivered
from tests.integration.desk_world import REGION, World, desk_world, drain, event_ids, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    with desk_world(stack, tmp_path) as world:
        yield world


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


def test_a_topic_that_is_missing_is_said_at_once(world: World) -> None:
    with pytest.raises(ConfigurationError, match="liaison provision"):
        world.subscriber("firearms-trafficking").open()
