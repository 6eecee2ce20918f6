"""A bureau that changes region: through the outbox and the router, each event counts once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path
from random import Random

import pytest

from producers import Outbox, Publisher, Sender, readdress_by_region
from producers.account import Pending
from schemas.clock import Deadline, ManualClock, SystemClock
from schemas.connections import KafkaConnection
from schemas.headers import read_refusal
from schemas.models import Message
from schemas.reference import Reference
from schemas.topics import partition_of
from stream_apps.engine import Consumed
from stream_apps.router.driver import RouterDriver
from tests.unit.producers.bureau_side import CATALOGUE, IDS, message, open_outbox

CHANGE = datetime(2026, 3, 1, tzinfo=UTC)
CHANGE_MS = int(CHANGE.timestamp() * 1000)
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The packaged edition, but Türkiye moves to mena on the first of March."""
    folder = tmp_path_factory.mktemp("reference") / "data"
    with as_file(files("schemas.reference") / "data") as packaged:
        shutil.copytree(packaged, folder)
    file = folder / "member_regions.csv"
    before = file.read_text("utf-8")
    periods = "TR,europe,1923-01-01,2026-03-01\nTR,mena,2026-03-01,\n"
    file.write_text(before.replace("TR,europe,1923-01-01,\n", periods), "utf-8")
    return Reference.load(folder)


class Bureau:
    """Türkiye's outbox and the router; what a producer holds is between the two."""

    def __init__(self, path: Path, reference: Reference, clock: ManualClock) -> None:
        self._path = path
        self._reference = reference
        self.clock = clock
        self.driver = RouterDriver(reference=reference, now_ms=clock.now_ms())
        self.accepted: Counter[str] = Counter()
        self.regions: Counter[str] = Counter()
        self.refused: list[str] = []
        self.receipts: dict[str, tuple[int, int, int]] = {}
        self.in_flight: list[Pending] = []
        self._offset = 0
        self.open()

    def open(self) -> None:
        self.outbox = open_outbox(self._path, clock=self.clock)
        self.publisher = Publisher(
            "TR", "main", outbox=self.outbox, catalogue=CATALOGUE, ids=self.driver.ids,
            reference=self._reference, clock=self.clock,
        )  # fmt: skip

    def restart(self) -> None:
        """As after kill -9: what was in flight is in flight or lost, the file knows neither."""
        self.outbox.close()
        self.open()
        self.outbox.confirm()

    def readdress(self) -> None:
        readdress_by_region(self.outbox, self._reference, self.driver.ids, self.clock)

    def hand_to_producer(self, most: int) -> None:
        moves = self.outbox.moves
        records = self.outbox.read(0, max_records=most, max_bytes=1 << 30)
        held = {record.row for record in self.in_flight}
        fresh = [record for record in records if record.row not in held]
        assert self.outbox.offer(fresh, moves)
        self.in_flight += fresh

    def arrive(self, most: int | None = None, *, acknowledged: bool = True) -> None:
        """At the broker, and through the router, in the order of their sending."""
        arrived = self.in_flight[:most]
        for record in arrived:
            self._offset += 1
            self._route(
                Consumed(
                    record.topic,
                    partition_of("TR"),
                    self._offset,
                    self.clock.now_ms(),
                    record.key,
                    record.value,
                    record.headers,
                )  # fmt: skip
            )
        del self.in_flight[:most]
        if acknowledged:
            self.outbox.remove([(record.row, record.row) for record in arrived])

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.driver.now_ms = self.clock.now_ms()

    def settle(self) -> None:
        """Until nothing waits, and a receipt of everything is out."""
        self.in_flight.clear()
        while self.outbox.pending():
            self.readdress()
            self.hand_to_producer(1000)
            self.arrive()
        self.wait(60)
        self._take(self.driver.tick())

    def _route(self, record: Consumed) -> None:
        self._take(self.driver.feed(record))

    def _take(self, out: dict[str, list]) -> None:  # type: ignore[type-arg]
        for topic, records in out.items():
            for record in records:
                if topic == "facts":
                    facts = self.driver.decode(record)["facts"]
                    assert {fact["region"].encode() for fact in facts} == {record.key}
                    self.regions.update(fact["region"] for fact in facts)
                    self.accepted.update(str(fact["event_id"]) for fact in facts)
                elif topic.startswith("dlq."):
                    self.refused.append(read_refusal(record.headers).code)
                elif topic == "receipts.TR":
                    said = self.driver.decode(record)
                    self.receipts[record.key.decode()] = tuple(
                        said[name] for name in ("high", "accepted", "missing")
                    )


@pytest.fixture
def bureau(tmp_path: Path, reference: Reference) -> Bureau:
    clock = ManualClock(wall_ms=CHANGE_MS - 2 * 3_600_000)
    bureau = Bureau(tmp_path / "o", reference, clock)
    bureau.outbox.confirm()
    return bureau


def an_event(number: int) -> Message:
    event = message(number, occurred_at="2026-02-01T00:00:00Z")
    assert isinstance(event, Message)
    return event


def check(bureau: Bureau, events: list[Message]) -> None:
    """Each counts once, nothing is missing or refused, receipts say what the ledger does."""
    assert bureau.refused == []
    assert bureau.accepted == Counter(str(event.event_id) for event in events)
    accounts = {account.key.text(): account for _, account in bureau.driver.router.book.accounts()}
    assert bureau.receipts == {
        key: (account.high, account.accepted, 0) for key, account in accounts.items()
    }
    assert all(account.high == account.accepted for account in accounts.values())
    given = {
        f"TR/main/message/{count.epoch}": count.last_sequence
        for count in bureau.outbox.sent_counts()
        if count.last_sequence
    }
    assert given == {key: account.high for key, account in accounts.items()}


def test_events_before_across_and_after_the_change_each_count_once(bureau: Bureau) -> None:
    events = [an_event(number) for number in range(8)]
    for event in events[:5]:
        bureau.publisher.publish(event)
    bureau.hand_to_producer(3)
    bureau.arrive(1)  # before midnight
    bureau.wait(3 * HOUR_S)
    bureau.arrive(1)  # on its way at midnight; 2 was given to the producer, 3 and 4 only wait
    bureau.publisher.publish(events[5])
    bureau.readdress()
    topics = [r.topic for r in bureau.outbox.read(0, max_records=9, max_bytes=1 << 20)]
    assert topics == ["intel.europe", *["intel.mena"] * 3]
    for event in events[6:]:
        bureau.publisher.publish(event)
    bureau.settle()
    check(bureau, events)
    (old, new) = sorted(bureau.receipts.values())
    assert (old, new) == ((3, 3, 0), (5, 5, 0))
    assert bureau.regions == {"europe": 1, "mena": 7}, "it counts where the bureau is by then"


def test_what_waited_for_weeks_over_the_change_goes_to_the_new_region(bureau: Bureau) -> None:
    events = [an_event(number) for number in range(4)]
    for event in events:
        bureau.publisher.publish(event)
    bureau.wait(60 * 24 * HOUR_S)
    bureau.restart()
    bureau.settle()
    check(bureau, events)
    ((place, _),) = bureau.driver.router.book.accounts()
    assert place[0] == "mena"


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_around_midnight_each_event_counts_once(bureau: Bureau, seed: int) -> None:
    rng = Random(seed)
    events: list[Message] = []

    def publish() -> None:
        fresh = [an_event(len(events) + n) for n in range(rng.randint(1, 4))]
        bureau.publisher.publish_many(fresh)
        events.extend(fresh)

    steps: list[Callable[[], None]] = [
        publish,
        publish,
        bureau.readdress,
        bureau.restart,
        lambda: bureau.hand_to_producer(rng.randint(1, 5)),
        lambda: bureau.hand_to_producer(rng.randint(1, 5)),
        lambda: bureau.arrive(rng.randint(1, 5)),
        lambda: bureau.arrive(rng.randint(1, 5), acknowledged=False),
        lambda: bureau.wait(rng.choice((60.0, 0.2 * HOUR_S))),
    ]
    for _ in range(40):
        rng.choice(steps)()
    bureau.wait(2 * HOUR_S)
    for _ in range(30):
        rng.choice(steps)()
    bureau.settle()
    check(bureau, events)


def test_a_sender_moves_what_waits_even_while_no_broker_answers(
    tmp_path: Path, reference: Reference
) -> None:
    clock, system = ManualClock(wall_ms=CHANGE_MS - 1000), SystemClock()
    with open_outbox(tmp_path / "o", clock=clock) as outbox:
        Publisher(
            "TR", "main", outbox=outbox, catalogue=CATALOGUE, ids=IDS, reference=reference,
            clock=clock,
        ).publish(an_event(1))  # fmt: skip
        clock.advance(1)

        def readdress() -> None:
            readdress_by_region(outbox, reference, IDS, clock)

        nobody = KafkaConnection("127.0.0.1:1")
        with Sender(outbox, nobody, system, readdress=readdress) as sender:
            deadline = Deadline.after(system, 30)
            while topics_of(outbox) != ["intel.mena"] and not deadline.expired():
                system.sleep(0.01)
            assert {problem.code for problem in sender.problems()} <= {"broker-away"}
        assert topics_of(outbox) == ["intel.mena"]


def topics_of(outbox: Outbox) -> list[str]:
    return [record.topic for record in outbox.read(0, max_records=9, max_bytes=1 << 20)]
