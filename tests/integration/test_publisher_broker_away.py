"""A broker that is away, killed and back: publishing goes on, and all of it arrives in order.

The broker is killed here, so this stack is the test's own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.embedded import EmbeddedStack
from producers import Outbox, Sender
from schemas.clock import Deadline, SystemClock
from schemas.connections import KafkaConnection
from tests.integration.source_records import in_order, make_topic, read_topic
from tests.unit.producers.bureau_side import draft

pytestmark = pytest.mark.timeout(300)

CLOCK = SystemClock()
BUREAUS = ("FR", "DE", "KE", "XP")


def until(condition: Callable[[], bool], within_s: float = 90.0) -> None:
    deadline = Deadline.after(CLOCK, within_s)
    while not condition():
        assert not deadline.expired()
        CLOCK.sleep(0.02)


def accept(outbox: Outbox, numbers: range, topic: str) -> None:
    outbox.accept([draft(n, bureau=BUREAUS[n % 4], topic=topic, size=400) for n in numbers])


def test_the_broker_is_killed_and_every_number_arrives_once_or_as_the_same_bytes(
    tmp_path: Path,
) -> None:
    with EmbeddedStack(tmp_path / "stack") as stack:
        kafka = stack.addresses.kafka
        topic = make_topic(kafka)
        with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, kafka, CLOCK) as sender:
            for start in range(0, 6000, 200):
                accept(outbox, range(start, start + 200), topic)
                if start == 2000:
                    until(lambda: sender.acknowledged > 0)
                    killed = stack.pids()["kafka"]
                    os.kill(killed, signal.SIGKILL)
                    accept(outbox, range(start + 200, start + 400), topic)
                    until(lambda pid=killed: stack.pids().get("kafka", pid) != pid)  # type: ignore[misc]
            assert sender.drain(Deadline.after(CLOCK, 120)) == 0
            until(lambda: not sender.problems())
            counts = outbox.sent_counts()
        numbers = in_order(read_topic(kafka, topic))
        assert numbers == {count[:4]: count.last_sequence for count in counts}
        assert sum(numbers.values()) == 6000


def test_with_no_broker_at_all_publishing_goes_on_and_the_sender_says_what_is_wrong(
    tmp_path: Path,
) -> None:
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        sender = Sender(outbox, KafkaConnection("127.0.0.1:1"), CLOCK)
        sender.start()
        accept(outbox, range(100), "intel.europe")
        until(lambda: bool(sender.problems()))
        assert [problem.code for problem in sender.problems()] == ["broker-away"]
        assert sender.drain(Deadline.after(CLOCK, 0.1)) == 100
        sender.stop(Deadline.after(CLOCK, 0.1))
        assert outbox.pending() == 100
