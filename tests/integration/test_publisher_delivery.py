"""From the outbox to a real broker: in order, nothing lost, nothing held up by another's fault."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from producers import Outbox, Sender
from producers.account import Draft
from schemas.clock import Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.topics import SOURCE_PARTITIONS
from tests.integration.source_records import in_order, make_topic, read_topic
from tests.unit.producers.bureau_side import draft, message, publisher, search

pytestmark = pytest.mark.stack

CLOCK = SystemClock()
PATIENCE_S = 60.0
KILLS = 5
ROOT = Path(__file__).parents[2]


def patience() -> Deadline:
    return Deadline.after(CLOCK, PATIENCE_S)


def until(condition: Callable[[], bool]) -> None:
    deadline = patience()
    while not condition():
        assert not deadline.expired()
        CLOCK.sleep(0.01)


def test_what_many_bureaus_publish_arrives_once_and_in_order(stack: Any, tmp_path: Path) -> None:
    topic = make_topic(stack.kafka)
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        bureaus = [publisher(outbox, bureau=b) for b in ("FR", "DE", "IT", "KE", "XP")]
        for start in range(0, 2000, 100):
            drafts = [
                bureaus[n % 5].draft((search if n % 3 else message)(n), CLOCK.now_ms())
                for n in range(start, start + 100)
            ]
            outbox.accept([item._replace(topic=topic) for item in drafts])
        assert sender.drain(patience()) == 0
        assert sender.problems() == []
        assert sender.acknowledged == 2000
        counts = outbox.sent_counts()
    records = read_topic(stack.kafka, topic)
    assert len(records) == 2000
    numbers = in_order(records)
    assert numbers == {count[:4]: count.last_sequence for count in counts}


def test_a_single_event_goes_out_without_waiting_for_others(stack: Any, tmp_path: Path) -> None:
    topic = make_topic(stack.kafka)
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        for n in range(5):
            outbox.accept([draft(n, topic=topic)])
            assert sender.drain(patience()) == 0
    assert [record.origin.sequence for record in read_topic(stack.kafka, topic)] == [1, 2, 3, 4, 5]


def test_kill_9_of_the_publisher_loses_nothing_and_sends_no_number_with_other_bytes(
    stack: Any, tmp_path: Path
) -> None:
    topic = make_topic(stack.kafka)
    rng = random.Random(11)
    told: list[list[str]] = []
    for kill in range(KILLS):
        told += _publish_and_kill(
            tmp_path / "o", stack.kafka, topic, kill * 1_000_000, rng.randint(1, 1500)
        )
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        assert sender.drain(patience()) == 0
        counts = outbox.sent_counts()
    records = read_topic(stack.kafka, topic)
    numbers = in_order(records)
    assert numbers == {count[:4]: count.last_sequence for count in counts}
    arrived = {(r.origin.event_id, r.origin.epoch, r.origin.sequence) for r in records}
    assert len({event_id for event_id, _, _ in arrived}) == len(arrived)
    for event_id, *_, epoch, sequence in told:
        assert (event_id, int(epoch), int(sequence)) in arrived


def _publish_and_kill(
    path: Path, kafka: KafkaConnection, topic: str, first: int, after_receipts: int
) -> list[list[str]]:
    module = "tests.integration.publishing_process"
    arguments = [sys.executable, "-m", module, str(path), kafka.bootstrap_servers, topic]
    child = subprocess.Popen([*arguments, str(first)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with closing(child.stdout) as out:
        lines = [out.readline() for _ in range(after_receipts)]
        child.send_signal(signal.SIGKILL)
        child.wait()
        lines += out.readlines()
    return [line.split() for line in lines if line.endswith("\n")]


def test_a_record_that_the_broker_refuses_holds_up_its_own_account_alone(
    stack: Any, tmp_path: Path
) -> None:
    topic = make_topic(stack.kafka, **{"max.message.bytes": "4000"})
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        receipts = outbox.accept(
            [
                _noisy(1, topic),
                _noisy(2, topic, size=20_000),
                _noisy(3, topic),
                _noisy(4, topic, system="second"),
                _noisy(5, topic, bureau="DE"),
            ]
        )
        until(lambda: outbox.pending() == 2 and bool(sender.problems()))
        outbox.accept([_noisy(n, topic, system="second") for n in range(10, 40)])
        outbox.accept([_noisy(6, topic)])
        until(lambda: outbox.pending() == 3)
        (problem,) = sender.problems()
        assert problem.where == f"FR/main/message/{receipts[0].epoch}"
        assert problem.code == "MSG_SIZE_TOO_LARGE"
        assert str(receipts[1].event_id) in problem.message

        _configure(stack.kafka, topic, "max.message.bytes", "100000")
        assert sender.drain(patience()) == 0
        until(lambda: not sender.problems())
        counts = outbox.sent_counts()
    numbers = in_order(read_topic(stack.kafka, topic))
    assert numbers == {count[:4]: count.last_sequence for count in counts}


def _noisy(
    number: int, topic: str, *, size: int = 100, bureau: str = "FR", system: str = "main"
) -> Draft:
    """A draft whose bytes don't compress, since a broker bounds the compressed batch."""
    noise = random.Random(number).randbytes(size).hex()[:size]
    return draft(number, topic=topic, content=f"{number} {noise}", bureau=bureau, system=system)


def _configure(kafka: KafkaConnection, topic: str, name: str, value: str) -> None:
    change = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
    admin: Any = AdminClient(kafka.client_config())
    for done in admin.incremental_alter_configs([resource]).values():
        done.result()


def test_a_topic_that_is_not_there_is_waited_for_and_others_go_on(
    stack: Any, tmp_path: Path
) -> None:
    there = make_topic(stack.kafka)
    missing = f"{there}.later"
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        outbox.accept([draft(n, topic=missing) for n in range(3)])
        outbox.accept([draft(n, topic=there, bureau="DE") for n in range(3, 6)])
        until(lambda: outbox.pending() == 3 and bool(sender.problems()))
        (problem,) = sender.problems()
        assert problem.where == f"topic {missing}"
        assert "liaison provision" in problem.message
        admin: Any = AdminClient(stack.kafka.client_config())
        admin.create_topics([NewTopic(missing, SOURCE_PARTITIONS)])[missing].result()
        assert sender.drain(patience()) == 0
        until(lambda: not sender.problems())
    assert list(in_order(read_topic(stack.kafka, missing)).values()) == [3]
    assert list(in_order(read_topic(stack.kafka, there)).values()) == [3]


def test_a_sender_stopped_and_started_again_goes_on_where_it_was(
    stack: Any, tmp_path: Path
) -> None:
    topic = make_topic(stack.kafka)
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        for start in range(0, 3000, 1000):
            _accept(outbox, range(start, start + 1000), topic)
            sender = Sender(outbox, stack.kafka, CLOCK)
            sender.start()
            sender.stop(Deadline.after(CLOCK, 0.01))
        with Sender(outbox, stack.kafka, CLOCK) as sender:
            assert sender.drain(patience()) == 0
    assert list(in_order(read_topic(stack.kafka, topic)).values()) == [3000]


def _accept(outbox: Outbox, numbers: Sequence[int], topic: str) -> None:
    outbox.accept([draft(n, topic=topic, size=300) for n in numbers])


def test_events_from_several_threads_share_one_sender(stack: Any, tmp_path: Path) -> None:
    topic = make_topic(stack.kafka)
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        with ThreadPoolExecutor(8) as pool:
            for done in [
                pool.submit(_accept, outbox, range(n, n + 5), topic) for n in range(0, 1000, 5)
            ]:
                done.result()
        assert sender.drain(patience()) == 0
    assert list(in_order(read_topic(stack.kafka, topic)).values()) == [1000]


def test_acknowledged_records_that_cannot_be_removed_yet_are_neither_lost_nor_sent_again(
    stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.storage._BUSY_TIMEOUT_S", 0.05)
    topic = make_topic(stack.kafka)
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        _accept(outbox, range(100), topic)
        with closing(sqlite3.connect(tmp_path / "o", isolation_level=None)) as other:
            sender = Sender(outbox, stack.kafka, CLOCK)
            sender.start()
            until(lambda: sender.acknowledged > 0)
            other.execute("BEGIN IMMEDIATE")
            until(lambda: bool(sender.problems()) or not outbox.pending())
            other.execute("ROLLBACK")
        assert sender.drain(patience()) == 0
        until(lambda: not sender.problems())
        sender.stop(patience())
    records = read_topic(stack.kafka, topic)
    assert len(records) == 100
    assert list(in_order(records).values()) == [100]
