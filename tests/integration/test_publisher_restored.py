"""An outbox that came back from a backup, against receipts on a real broker."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from producers import Outbox, Receipt, Sender, reconcile_with_receipts
from schemas import wire
from schemas.catalogue import EventSchema
from schemas.clock import Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import RetryableError
from schemas.topics import receipts_topic
from tests.integration.source_records import make_topic, read_topic
from tests.unit.producers.bureau_side import CATALOGUE, IDS, message, publisher

pytestmark = pytest.mark.stack

CLOCK = SystemClock()
RECEIPT = CATALOGUE.schema("liaison.ledger.Receipt")
Book = Callable[..., None]


@pytest.fixture
def book(stack: Any) -> Iterator[Book]:
    """Writes a receipt as the router would; entombed at the end for others' sake."""
    producer = Producer(stack.kafka.producer_config())
    written: list[tuple[str, str]] = []

    def write(receipt: Receipt, high: int, **told: Any) -> None:
        key = f"{receipt.bureau}/{receipt.system}/{receipt.lane}/{receipt.epoch}"
        entry = {
            **{name: getattr(receipt, name) for name in ("bureau", "system", "lane", "epoch")},
            "high": high,
            "accepted": high,
            "rejected": 0,
            "quarantined": 0,
            "repeats": 0,
            "missing": 0,
            "missing_ranges": [],
            "refusals": [],
            "recorded_at": 0,
            **told,
        }
        value = wire.frame(IDS.id_of(RECEIPT), wire.encode(RECEIPT.plain, entry))
        topic = receipts_topic(receipt.bureau)
        written.append((topic, key))
        producer.produce(topic, key=key, value=value)
        producer.flush()

    yield write
    for topic, key in written:
        producer.produce(topic, key=key, value=None)
    producer.flush()


def reconcile(outbox: Outbox, kafka: KafkaConnection, timeout_s: float = 60.0) -> list[int]:
    begun = reconcile_with_receipts(outbox, kafka, IDS, CLOCK, timeout_s=timeout_s)
    return [account.epoch for account in begun]


def publish(outbox: Outbox, number: int, topic: str) -> Receipt:
    item = publisher(outbox, system="restored-test").draft(message(number), CLOCK.now_ms())
    return outbox.accept([item._replace(topic=topic)])[0]


def test_a_file_that_nobody_restored_keeps_its_epoch(
    stack: Any, book: Book, tmp_path: Path
) -> None:
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        assert reconcile(outbox, stack.kafka) == []
        receipts = [publish(outbox, n, "t") for n in range(3)]
        book(receipts[0], 3)
        assert reconcile(outbox, stack.kafka) == []
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        publish(outbox, 3, "t")
        assert reconcile(outbox, stack.kafka) == []
        assert publish(outbox, 4, "t").epoch == receipts[0].epoch


def test_a_restored_file_sends_nothing_under_a_number_that_was_given_before(
    stack: Any, book: Book, tmp_path: Path
) -> None:
    topic = make_topic(stack.kafka)
    path, backup = tmp_path / "o", tmp_path / "backup"
    with Outbox(path, CLOCK) as outbox:
        first = [publish(outbox, n, topic) for n in (1, 2)]
    shutil.copy(path, backup)
    with Outbox(path, CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        later = [publish(outbox, n, topic) for n in (3, 4)]
        assert sender.drain(Deadline.after(CLOCK, 60)) == 0
    book(later[-1], later[-1].sequence)

    with Outbox(backup, CLOCK) as outbox:
        before_anyone_looked = publish(outbox, 5, topic)
        assert before_anyone_looked.sequence == later[0].sequence
        with Sender(
            outbox, stack.kafka, CLOCK, reconcile=lambda _: reconcile(outbox, stack.kafka)
        ) as sender:
            assert sender.drain(Deadline.after(CLOCK, 60)) == 0
            moved = publish(outbox, 5, topic)
            after = publish(outbox, 6, topic)
            assert sender.drain(Deadline.after(CLOCK, 60)) == 0
    assert moved.epoch == after.epoch != first[0].epoch
    assert (moved.sequence, after.sequence) == (1, 2)

    given: dict[tuple[int, int], set[bytes]] = {}
    for record in read_topic(stack.kafka, topic):
        origin = record.origin
        given.setdefault((origin.epoch, origin.sequence), set()).add(record.value)
        schema = CATALOGUE.event("message")
        assert isinstance(schema, EventSchema)
        envelope = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES)["envelope"]
        assert (envelope["epoch"], envelope["sequence"]) == (origin.epoch, origin.sequence)
        assert envelope["event_id"] == origin.event_id
    old, new = first[0].epoch, moved.epoch
    assert set(given) == {(old, 1), (old, 2), (old, 3), (old, 4), (new, 1), (new, 2)}
    assert {len(values) for values in given.values()} == {1}


def test_an_outbox_whose_account_was_retired_goes_on_in_a_new_epoch(
    stack: Any, book: Book, tmp_path: Path
) -> None:
    topic = make_topic(stack.kafka)
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        accepted, refused = publish(outbox, 1, topic), publish(outbox, 2, topic)
        refused_later = publish(outbox, 4, topic)
        assert sender.drain(Deadline.after(CLOCK, 60)) == 0
    why = {"first": 2, "last": 2, "disposition": "rejected", "code": "account-retired"}
    book(refused, 2, retired=True, refused=[why])
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        assert publish(outbox, 2, topic) == refused, "nobody has looked yet"
        waits = publish(outbox, 3, topic)
        (epoch,) = reconcile(outbox, stack.kafka)
        assert reconcile(outbox, stack.kafka) == []
        assert publish(outbox, 1, topic) == accepted
        moved, anew = publish(outbox, 3, topic), publish(outbox, 2, topic)
    assert waits.epoch == accepted.epoch != epoch
    assert (moved.epoch, moved.sequence) == (epoch, 1)
    assert (anew.epoch, anew.sequence) == (epoch, 2)

    # The router comes to read what was sent before anybody knew.
    book(refused, 3, retired=True, refused=[{**why, "last": 3}])
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        assert publish(outbox, 4, topic) == refused_later
        assert reconcile(outbox, stack.kafka) == []
        assert publish(outbox, 4, topic).epoch == epoch


def test_without_a_broker_the_receipts_are_unread_and_nothing_is_sent(tmp_path: Path) -> None:
    away = KafkaConnection("127.0.0.1:1")
    with Outbox(tmp_path / "o", CLOCK) as outbox:
        publish(outbox, 1, "t")
        with pytest.raises(RetryableError) as caught:
            reconcile(outbox, away, timeout_s=0.5)
        assert caught.value.code == "receipts-unread"
        with Sender(
            outbox, away, CLOCK, reconcile=lambda _: reconcile(outbox, away, 0.5)
        ) as sender:
            deadline = Deadline.after(CLOCK, 30)
            while not sender.problems() and not deadline.expired():
                CLOCK.sleep(0.01)
            assert [problem.code for problem in sender.problems()] == ["receipts-unread"]
            assert publish(outbox, 2, "t").sequence == 2
            assert outbox.pending() == 2
