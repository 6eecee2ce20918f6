"""How long an event takes: to a desk, and to SQL; and how soon a killed router works again."""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle

import psutil
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.handover import Handover, open_handover, outbox_file
from deploy.running import WORKERS
from schemas.models import Arrest, Search
from sinks.desk import Delivered, Start, Subscriber
from tests.bench.measure import Outcome
from tests.bench.positions import router_positions
from tests.bench.stack import BenchStack, open_stack
from tests.bench.traffic import Numbers, produce, simulated

__all__ = ["latency", "restart"]

_MESSAGES_PER_S = 200
_SEARCHES_PER_S = 250
_SECONDS = 20
_FLASH_EVERY = 20
_ROUND_TRIPS = 100
_BULK = 50_000
_EVENTS_A_ROUND, _ROUNDS = 50_000, 20


def latency() -> Outcome:
    """200 messages and 250 searches a second; then the same beside a bulk upload of searches."""
    with open_stack(*WORKERS) as stack:
        trip = _round_trip(stack)
        _Measured(stack, seconds=5).run()  # warms up
        calm = _Measured(stack, seconds=_SECONDS).run()
        bulk = threading.Thread(target=_upload, args=(stack,))
        bulk.start()
        beside = _Measured(stack, seconds=_SECONDS).run()
        bulk.join()
    desk = calm["desk"][50]
    return Outcome(
        "latency", "ms p50 to the desk", desk, "a round trip in a transaction", trip,
        round(desk / trip, 2), None,
        {
            name: {f"p{p}": value for p, value in found.items()}
            for name, found in (
                *calm.items(),
                *((f"{name}, beside a bulk upload", found) for name, found in beside.items()),
            )
        },
    )  # fmt: skip


def restart() -> Outcome:
    """kill -9 of a router with hundreds of accounts, until a desk gets what comes after.

    A million messages went through it before, the same ones under ever new numbers.
    """
    events = simulated(_EVENTS_A_ROUND, 0)
    numbers: Numbers = defaultdict(int)
    with open_stack(*WORKERS) as stack, router_positions(stack.at.kafka, "message") as positions:
        for _ in range(_ROUNDS):
            produce(events, 1, stack.at.kafka, stack.ids, numbers)
            while positions.committed() < positions.ends():
                time.sleep(0.2)
        path = outbox_file(stack.folder / "outbox", "restart")
        times = []
        with open_handover(path, stack.at.kafka, stack.ids) as handover:
            for _ in range(5):
                psutil.Process(stack.running.pids()["router-message"]).kill()
                began = time.monotonic()
                event = Arrest(category="fugitives", concerned_countries=("FR",))
                with _desk(stack) as desk:
                    handover.publisher("DE", "restart").publish(event)
                    while not any(
                        isinstance(item, Delivered) and item.event_id == str(event.event_id)
                        for item in desk.poll(0.2)
                    ):
                        pass
                times.append(round(time.monotonic() - began, 2))
    return Outcome(
        "restart", "s", sorted(times)[2], "none", None, None, None,
        {"all": times, "accounts": len(numbers), "facts": _ROUNDS * _EVENTS_A_ROUND},
    )  # fmt: skip


class _Measured:
    """Publishes at a steady rate and notes when each event is where."""

    def __init__(self, stack: BenchStack, *, seconds: int) -> None:
        self._stack = stack
        self._seconds = seconds
        self._sent: dict[str, tuple[float, bool]] = {}
        self._on_desk: dict[str, float] = {}
        self._in_sql: dict[str, float] = {}
        self._done = threading.Event()

    def run(self) -> dict[str, dict[int, float]]:
        threads = [threading.Thread(target=f) for f in (self._watch_desk, self._watch_sql)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        path = outbox_file(self._stack.folder / "outbox", f"latency-{uuid.uuid4().hex[:6]}")
        with open_handover(path, self._stack.at.kafka, self._stack.ids) as handover:
            self._publish(handover)
            handover.finish(120)
        until = time.monotonic() + 60
        while time.monotonic() < until and len(self._in_sql) < len(self._sent):
            time.sleep(0.1)
        self._done.set()
        for thread in threads:
            thread.join()
        flash = [key for key, (_, is_flash) in self._sent.items() if is_flash]
        return {
            "desk": _percentiles(self._took(self._on_desk, list(self._sent))),
            "desk, flash": _percentiles(self._took(self._on_desk, flash)),
            "sql": _percentiles(self._took(self._in_sql, list(self._sent))),
        }

    def _publish(self, handover: Handover) -> None:
        publisher, searches = handover.publisher("DE", "cases"), handover.publisher("DE", "border")
        per_tick = 10
        beside = per_tick * _SEARCHES_PER_S // _MESSAGES_PER_S
        began = time.monotonic()
        for tick, database in zip(
            range(self._seconds * _MESSAGES_PER_S // per_tick), cycle(("sltd", "smv")), strict=False
        ):
            events = [
                Arrest(
                    category="fugitives", concerned_countries=("FR",),
                    urgency="flash" if (tick * per_tick + n) % _FLASH_EVERY == 0 else "routine",
                )
                for n in range(per_tick)
            ]  # fmt: skip
            now = time.monotonic()
            for event in events:
                self._sent[str(event.event_id)] = now, event.urgency == "flash"
            publisher.publish_many(events)
            searches.publish_many([Search(subtype=database) for _ in range(beside)])
            time.sleep(max(0.0, began + (tick + 1) * per_tick / _MESSAGES_PER_S - time.monotonic()))

    def _took(self, there: dict[str, float], keys: Sequence[str]) -> list[float]:
        return sorted((there[key] - self._sent[key][0]) * 1000 for key in keys if key in there)

    def _watch_desk(self) -> None:
        with _desk(self._stack) as desk:
            while not self._done.is_set():
                for item in desk.poll(0.2):
                    if isinstance(item, Delivered):
                        self._on_desk[item.event_id] = time.monotonic()

    def _watch_sql(self) -> None:
        client = self._stack.at.clickhouse_as("operator").client()
        offset = -1
        while not self._done.is_set():
            rows = client.query(
                "SELECT toString(event_id), block_offset FROM raw.facts "
                f"WHERE block_offset > {offset} AND system = 'cases' AND event_id IS NOT NULL"
            ).result_rows
            now = time.monotonic()
            for event_id, _ in rows:
                self._in_sql.setdefault(event_id, now)
            offset = max((int(row[1]) for row in rows), default=offset)
            time.sleep(0.02)
        client.close()


def _desk(stack: BenchStack) -> Subscriber:
    return Subscriber(
        "europe",
        ["fugitives"],
        kafka=stack.at.kafka,
        schema_ids=stack.ids,
        start=Start.since(int(time.time() * 1000)),
    )


def _percentiles(times: list[float]) -> dict[int, float]:
    if not times:
        return {}
    return {p: round(times[min(len(times) - 1, len(times) * p // 100)], 1) for p in (50, 95, 99)}


def _upload(stack: BenchStack) -> None:
    """A bulk upload of searches by one bureau."""
    path = outbox_file(stack.folder / "outbox", "bulk")
    with open_handover(path, stack.at.kafka, stack.ids) as handover:
        publisher = handover.publisher("GB", "bulk")
        for _ in range(_BULK // 1000):
            publisher.publish_many([Search(subtype="nominal") for _ in range(1000)])
        handover.finish(300)


def _round_trip(stack: BenchStack) -> float:
    """Median ms of one record, produced in a transaction and read committed."""
    topic = f"round-trip-{uuid.uuid4().hex[:6]}"
    admin = AdminClient(stack.at.kafka.client_config())
    for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result()
    producer = Producer(stack.at.kafka.producer_config(transactional_id=topic))
    producer.init_transactions(30)
    consumer = Consumer(
        stack.at.kafka.consumer_config(topic, fetch_wait_max_ms=5, auto_offset_reset="earliest")
    )
    consumer.subscribe([topic])
    times = []
    for number in range(_ROUND_TRIPS + 10):
        began = time.monotonic()
        producer.begin_transaction()
        producer.produce(topic, str(number).encode())
        producer.commit_transaction(30)
        while True:
            message = consumer.poll(10)
            if message is not None and message.error() is None:
                break
        if number >= 10:
            times.append((time.monotonic() - began) * 1000)
    consumer.close()
    return round(sorted(times)[len(times) // 2], 1)
