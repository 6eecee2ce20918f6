"""A desk's subscriber on a real broker: each event once, in order, struck where it is struck."""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.clock import ManualClock
from schemas.errors import ConfigurationError, RetryableError
from schemas.models import Report
from schemas.topics import STRIKES, bureau_topic, desk_topic
from sinks.desk import EXIT_OK, Delivered, Filters, Start, Struck, Subscriber, Unreadable, tail
from sinks.desk.store import PositionStore
from tests.conftest import Stack
from tests.desk_records import RECORDED_MS, delivered
from tests.integration.desk_world import REGION, World, desk_world, drain, event_ids, wait_for
from tests.raw_headers import send_with_header_name

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

DAY_S = 86_400.0
README = Path(__file__).parent.parent.parent / "README.md"


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> Iterator[World]:
    with desk_world(stack, tmp_path) as world:
        yield world


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

    def run(patience_s: float = 60.0) -> list[str]:
        patient = loop.replace("poll(5.0)", f"poll({patience_s})")
        exec(compile(imports + patient, "README.md", "exec"), dict(here))  # noqa: S102
        return capsys.readouterr().out.splitlines()

    record = world.send("terrorism")
    assert [line.split()[0] for line in run()] == ["report"]
    world.strike("FR", record.event_id, chain=False)
    assert run() == [f"recalled: {record.event_id}"]
    assert run(5.0) == []
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
