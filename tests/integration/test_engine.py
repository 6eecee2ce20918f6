"""The exactly-once loop on a real broker, with its workers killed at random instants."""

import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.clock import Deadline, ManualClock, SystemClock
from schemas.connections import KafkaConnection, consume
from schemas.errors import ConfigurationError, RetryableError
from stream_apps.engine import (
    Consumed,
    LoopSettings,
    Partition,
    Produced,
    TransactionalLoop,
    read_state,
    read_topics,
)
from stream_apps.engine.records import bytes_of
from tests.conftest import Stack
from tests.integration.engine_worker import FOR_EVERYONE, UNREAD, Numbering
from tests.packed_batches import send_in_two_members, send_packed
from tests.raw_headers import send_with_header_name

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

PARTITIONS = 4
KEYS = 50
RECORDS = 20_000


@pytest.fixture
def topics(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Source, output and state topic, and the group's first positions."""
    prefix = f"engine-{uuid.uuid4().hex[:8]}"
    names = (f"{prefix}-in", f"{prefix}-out", f"{prefix}-state")
    admin = AdminClient(stack.kafka.client_config())
    made = admin.create_topics(
        [NewTopic(n, PARTITIONS, 1, config={"max.message.bytes": "1000000"}) for n in names]
    )
    for future in made.values():
        future.result()
    consumer = Consumer(stack.kafka.consumer_config(f"{names[0]}-group"))
    consumer.commit(
        offsets=[TopicPartition(names[0], n, 0) for n in range(PARTITIONS)], asynchronous=False
    )
    consumer.close()
    yield names
    for future in admin.delete_topics(list(names)).values():
        future.result()


def test_a_record_that_comes_alone_is_handed_on_at_once(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    consumer = Consumer(stack.kafka.consumer_config("alone", auto_offset_reset="earliest"))
    consumer.assign([TopicPartition(topics[0], 0, 0)])
    producer = Producer(stack.kafka.producer_config())
    producer.produce(topics[0], b"alone", partition=0)
    assert producer.flush(30) == 0
    patience = Deadline.after(SystemClock(), 60)
    (message,) = consume(consumer, 1000, patience.remaining())
    assert not patience.expired()
    assert message.value() == b"alone"
    consumer.close()


class Worker:
    """A worker process that is killed and started again."""

    def __init__(self, kafka: KafkaConnection, topics: tuple[str, str, str], slot: str) -> None:
        self._argv = [
            sys.executable, "-m", "tests.integration.engine_worker",
            kafka.bootstrap_servers, *topics, slot,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._argv,
            cwd=Path(__file__).parent.parent.parent,
            stdout=subprocess.DEVNULL,
        )

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def most_memory_mib(self) -> int:
        """The most that it had resident so far."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text("utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def feed(kafka: KafkaConnection, topic: str, numbers: range) -> None:
    producer = Producer(kafka.producer_config())
    for number in numbers:
        producer.produce(topic, str(number).encode(), f"k{number % KEYS}".encode())
        if number % 500 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0


def numbered(kafka: KafkaConnection, topic: str, wanted: int) -> dict[bytes, list[tuple[int, int]]]:
    """Each key's (number, value) in the order written, once `wanted` values are there."""
    deadline = time.monotonic() + 90
    while True:
        seen: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        for record in read_topics(kafka, [topic], SystemClock()):
            key, number, value = (record.value or b"").split()
            seen[key].append((int(number), int(value)))
        values = {value for pairs in seen.values() for _, value in pairs}
        if len(values) >= wanted or time.monotonic() > deadline:
            return seen
        time.sleep(1)


def assert_each_once(seen: dict[bytes, list[tuple[int, int]]], wanted: int) -> None:
    values = sorted(value for pairs in seen.values() for _, value in pairs)
    assert values == list(range(wanted))
    for pairs in seen.values():
        assert [number for number, _ in pairs] == list(range(1, len(pairs) + 1))


def test_kill_9_of_two_workers_again_and_again_loses_and_doubles_nothing(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    rng = random.Random(7)
    workers = [Worker(stack.kafka, topics, slot) for slot in "ab"]
    with ExitStack() as undo:
        for worker in workers:
            worker.start()
            undo.callback(worker.kill)
        feed(stack.kafka, topics[0], range(RECORDS))
        for _ in range(6):
            time.sleep(rng.uniform(0.5, 2.5))
            victim = rng.choice(workers)
            victim.kill()
            victim.start()
        assert_each_once(numbered(stack.kafka, topics[1], RECORDS), RECORDS)


def test_a_worker_that_slept_past_its_session_does_not_overwrite_newer_state(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    first, second = (Worker(stack.kafka, topics, slot) for slot in "ab")
    with ExitStack() as undo:
        first.start()
        undo.callback(first.kill)
        feed(stack.kafka, topics[0], range(1000))
        numbered(stack.kafka, topics[1], 1000)
        first.pause()
        second.start()
        undo.callback(second.kill)
        feed(stack.kafka, topics[0], range(1000, 2000))
        numbered(stack.kafka, topics[1], 2000)
        first.go_on()
        time.sleep(1.0)
        for worker in (first, second):
            worker.kill()
        second.start()
        feed(stack.kafka, topics[0], range(2000, 3000))
        assert_each_once(numbered(stack.kafka, topics[1], 3000), 3000)


class Overflowing(Numbering):
    """Numbers; of one record it makes an output too large, and so many behind it that the broker
    refuses the first while others are still in flight.
    """

    TOO_LARGE = b"51"

    def __init__(self, out: str, state: str, stop_after: int) -> None:
        super().__init__(out, state)
        self.stop = threading.Event()
        self._stop_after = stop_after

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        if all(record.value != self.TOO_LARGE for record in batch):
            return super().process(batch)
        return [
            Produced(self._out, b"k", b"x" * 2_000_000),
            *[Produced(self._out, b"k", b"behind it")] * 200_000,
        ]

    def committed(self) -> None:
        super().committed()
        if self._kept.get((0, b"k")) == self._stop_after:
            self.stop.set()


def test_a_record_whose_outputs_the_broker_never_takes_is_refused_and_the_others_go_on(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    producer = Producer(stack.kafka.producer_config())
    for number in range(60):
        producer.produce(topics[0], str(number).encode(), b"k", partition=0)
    assert producer.flush(30) == 0
    overflowing = Overflowing(topics[1], topics[2], stop_after=59)
    settings = LoopSettings(f"{topics[0]}-group", f"{topics[0]}-a", (topics[0],))
    loop = TransactionalLoop(stack.kafka, overflowing, settings)
    began_s = time.monotonic()
    loop.run(overflowing.stop)
    assert loop.aborts >= 5
    assert time.monotonic() - began_s < 5 * loop.aborts
    written = [r.value or b"" for r in read_topics(stack.kafka, [topics[1]], SystemClock())]
    assert written.index(b"refused") == 51
    assert [int(v.split()[2]) for v in written if v != b"refused"] == [
        number for number in range(60) if number != 51
    ]


class Jumping:
    """The machine's clock, put forward by hand."""

    def __init__(self) -> None:
        self._machine = SystemClock()
        self.ahead_s = 0.0

    def now_ms(self) -> int:
        return self._machine.now_ms()

    def monotonic_s(self) -> float:
        return self._machine.monotonic_s() + self.ahead_s

    def sleep(self, seconds: float) -> None:
        self._machine.sleep(seconds)


class _Lasting(list[Produced]):
    """Outputs that take as long to write as is said."""

    def __init__(self, outputs: list[Produced], clock: Jumping, lasts_s: float) -> None:
        super().__init__(outputs)
        self._clock, self._lasts_s = clock, lasts_s

    def __iter__(self) -> Iterator[Produced]:
        yield from super().__iter__()
        self._clock.ahead_s += self._lasts_s


class Slow(Overflowing):
    """Numbers; some records' outputs take longer than a transaction may last, so many times."""

    OUTPUT = b"x" * 100_000

    def __init__(self, out: str, state: str, stop_after: int, clock: Jumping) -> None:
        super().__init__(out, state, stop_after)
        self._clock = clock
        self.slow = {b"20": 1_000, b"40": 4}
        self.alone = 0

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        out = Numbering.process(self, batch)
        slow = [r.value or b"" for r in batch if self.slow.get(r.value or b"")]
        if not slow:
            return out
        self.slow[slow[0]] -= 1
        self.alone += len(batch) == 1 and slow == [b"20"]
        more = [Produced(self._out, b"more", self.OUTPUT)] if b"20" in slow else []
        return _Lasting(out + more, self._clock, 11.0)


def test_a_record_whose_many_outputs_take_too_long_is_refused_and_few_that_do_are_tried_on(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    producer = Producer(stack.kafka.producer_config())
    for number in range(60):
        producer.produce(topics[0], str(number).encode(), b"k", partition=0)
    assert producer.flush(30) == 0
    clock = Jumping()
    slow = Slow(topics[1], topics[2], stop_after=59, clock=clock)
    bound = len(Slow.OUTPUT)  # only the record with more is over it
    settings = LoopSettings(
        f"{topics[0]}-group", f"{topics[0]}-a", (topics[0],), max_output_bytes=bound
    )
    loop = TransactionalLoop(stack.kafka, slow, settings, clock)
    loop.run(slow.stop)
    assert slow.alone == 3
    assert slow.slow[b"40"] == 0
    written = [r.value or b"" for r in read_topics(stack.kafka, [topics[1]], SystemClock())]
    assert written.index(b"refused") == 20
    assert [int(v.split()[2]) for v in written if v != b"refused"] == [
        number for number in range(60) if number != 20
    ]


def test_headers_with_a_name_that_is_no_utf_8_come_as_unreadable_and_stop_nobody(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    producer = Producer(stack.kafka.producer_config())
    for number in range(300):
        producer.produce(topics[0], str(number).encode(), b"k", headers=[("h", b"1")])
    assert producer.flush(30) == 0
    for number in (300, 301):
        value = str(number).encode()
        send_with_header_name(stack.kafka, topics[0], b"k", value, b"cl\xe9")
    producer.produce(topics[0], b"302", b"k")
    assert producer.flush(30) == 0
    headers = [r.headers for r in read_topics(stack.kafka, [topics[0]], SystemClock())]
    assert headers == [[("h", b"1")]] * 300 + [None, None, ()]
    worker = Worker(stack.kafka, topics, "a")
    with ExitStack() as undo:
        worker.start()
        undo.callback(worker.kill)
        assert_each_once(numbered(stack.kafka, topics[1], 303), 303)


class Fanning(Numbering):
    """Numbers, and writes a filling to many readers; notes what one transaction read and wrote."""

    FILLING = b"x" * 10_000
    FAN_OUT = 8

    def __init__(self, out: str, state: str, stop_after: int) -> None:
        super().__init__(out, state)
        self.stop = threading.Event()
        self.read: list[int] = []
        self.written: list[int] = []
        self._stop_after = stop_after
        self._tried: tuple[list[int], int] = ([], 0)
        self._done = 0

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        numbers = super().process(batch)
        extra = [Produced(self._out, b"filling", self.FILLING) for _ in batch] * self.FAN_OUT
        self._tried = ([bytes_of([record]) for record in batch], bytes_of([*numbers, *extra]))
        return [*numbers, *extra]

    def committed(self) -> None:
        super().committed()
        sizes, wrote = self._tried
        if sizes:
            self.read.append(sum(sizes) if len(sizes) > 1 else 0)
            self.written.append(wrote if len(sizes) > 1 else 0)
            self._done += len(sizes)
        self._tried = ([], 0)
        if self._done >= self._stop_after:
            self.stop.set()

    def aborted(self) -> None:
        super().aborted()
        self._tried = ([], 0)


@pytest.mark.parametrize(
    ("bounds", "most_read", "most_written"),
    [
        ({"max_output_bytes": 1_000_000}, 8 * 1024 * 1024, 1_000_000),
        ({"max_output_bytes": 50_000}, 8 * 1024 * 1024, 50_000),
        ({"max_batch_bytes": 30_000}, 30_000, 32 * 1024 * 1024),
    ],
    ids=["outputs", "less than one record's outputs", "inputs"],
)
def test_a_transaction_is_bounded_in_what_it_reads_and_writes(
    stack: Stack,
    topics: tuple[str, str, str],
    bounds: dict[str, int],
    most_read: int,
    most_written: int,
) -> None:
    producer = Producer(stack.kafka.producer_config())
    for number in range(200):
        producer.produce(topics[0], str(number).encode().zfill(5_000), f"k{number % 7}".encode())
    producer.produce(topics[0], b"200".zfill(500_000), b"k0")
    assert producer.flush(60) == 0
    fanning = Fanning(topics[1], topics[2], stop_after=201)
    group = f"{topics[0]}-group"
    settings = LoopSettings(group, f"{topics[0]}-a", (topics[0],), **bounds)
    TransactionalLoop(stack.kafka, fanning, settings).run(fanning.stop)
    assert max(fanning.read) <= most_read
    assert max(fanning.written) <= most_written
    seen: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    fillings = 0
    for record in read_topics(stack.kafka, [topics[1]], SystemClock()):
        if record.value == Fanning.FILLING:
            fillings += 1
            continue
        key, count, value = (record.value or b"").split()
        seen[key].append((int(count), int(value.lstrip(b"0") or b"0")))
    assert fillings == 201 * Fanning.FAN_OUT
    assert_each_once(seen, 201)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory")
def test_a_record_for_everyone_is_written_in_one_transaction_with_little_memory(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    worker = Worker(stack.kafka, topics, "a")
    producer = Producer(stack.kafka.producer_config())
    producer.produce(topics[0], FOR_EVERYONE, b"k", 0)
    assert producer.flush(30) == 0
    with ExitStack() as undo:
        worker.start()
        undo.callback(worker.kill)
        deadline = Deadline.after(SystemClock(), 90)
        while not list(read_topics(stack.kafka, [topics[2]], SystemClock())):
            assert not deadline.expired()
            time.sleep(0.5)
        assert worker.most_memory_mib() < 200


UNPACKED_BYTES = 40 * 1024 * 1024
WORKER_MIB = 60
"""Of a worker that holds no batch."""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory")
def test_batches_that_come_to_a_hundred_times_their_size_block_nobody_and_take_little_memory(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    source = topics[0]
    small = Producer(stack.kafka.producer_config())

    def neighbours(value: bytes) -> None:
        for partition in range(PARTITIONS):
            small.produce(source, value, b"k", partition)
        assert small.flush(30) == 0

    neighbours(b"1")
    # Each nearly fills a batch's bound, so that no two come in one answer of the broker.
    for partition in range(PARTITIONS):
        packed = random.Random(partition).randbytes(830_000) + bytes(UNPACKED_BYTES)
        send_packed(stack.kafka, "gzip", (source, partition, b"k", packed))
    neighbours(b"2")
    # Together they are over what the client decompresses of zstd.
    halves = [(source, 0, b"k", bytes(51_000_000))] * 2
    send_packed(stack.kafka, "zstd", *halves)
    neighbours(b"3")
    worker = Worker(stack.kafka, topics, "a")
    with ExitStack() as undo:
        worker.start()
        undo.callback(worker.kill)
        wanted = 4 * PARTITIONS + 1
        deadline = Deadline.after(SystemClock(), 90)
        while len(found := list(read_topics(stack.kafka, [topics[1]], SystemClock()))) < wanted:
            assert not deadline.expired(), found
            time.sleep(0.5)
        most_mib = worker.most_memory_mib()
    assert sorted(r.value or b"" for r in found if r.key == b"k") == sorted(
        f"k {number} {value}".encode()
        for number, value in enumerate(("1", "large", "2", "3"), start=1)
        for _ in range(PARTITIONS)
    )
    # Behind three records, the two halves: it stands at the last of them.
    assert [r.value for r in found if r.key == UNREAD] == [b"unread 1 4"]
    # Of the one broker: a batch that is worked on, for a moment the client's copy of it, and one
    # that is fetched ahead. All that lie there would be more than twice as much.
    assert most_mib < WORKER_MIB + 3 * (UNPACKED_BYTES >> 20)


class Counting(Numbering):
    """Numbers, and stops after so many."""

    def __init__(self, out: str, state: str, stop_after: int) -> None:
        super().__init__(out, state)
        self.stop = threading.Event()
        self._stop_after = stop_after

    def committed(self) -> None:
        super().committed()
        if sum(self._kept.values()) >= self._stop_after:
            self.stop.set()


def test_a_batch_of_which_the_client_says_nothing_is_found_out_and_the_others_go_on(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    producer = Producer(stack.kafka.producer_config())
    for value in (b"0", b"1"):
        for partition in range(PARTITIONS):
            producer.produce(topics[0], value, b"k", partition)
        assert producer.flush(30) == 0
        if value == b"0":
            send_in_two_members(stack.kafka, topics[0], 1)
    counting = Counting(topics[1], topics[2], stop_after=2 * PARTITIONS + 1)
    settings = LoopSettings(f"{topics[0]}-group", f"{topics[0]}-a", (topics[0],), standstill_s=1.0)
    TransactionalLoop(stack.kafka, counting, settings).run(counting.stop)
    written = Counter(r.value for r in read_topics(stack.kafka, [topics[1]], SystemClock()))
    assert written == {b"k 1 0": PARTITIONS, b"k 2 1": PARTITIONS, b"unread 1 1": 1}
    again = [r for r in read_topics(stack.kafka, [topics[0]], SystemClock()) if r.partition == 1]
    assert [(r.offset, r.unread is None) for r in again] == [(0, True), (1, False), (2, True)]


def test_reading_state_back_may_take_long_as_long_as_it_goes_on(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    feed(stack.kafka, topics[2], range(3000))
    clock = ManualClock()
    places = [Partition(topics[2], n) for n in range(PARTITIONS)]
    read = 0
    for _ in read_state(stack.kafka, places, clock, timeout_s=10.0):
        read += 1
        clock.advance(1.0)
    assert read == 3000


def test_reading_state_back_ends_where_a_transaction_hangs(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    feed(stack.kafka, topics[2], range(10))
    hanging = Producer(stack.kafka.producer_config(transactional_id=topics[2]))
    hanging.init_transactions(30)
    hanging.begin_transaction()
    hanging.produce(topics[2], b"11", b"k", 0)
    hanging.flush(30)
    with pytest.raises(RetryableError, match="is a transaction hanging"):
        list(read_state(stack.kafka, [Partition(topics[2], 0)], SystemClock(), timeout_s=2.0))
    hanging.abort_transaction(30)


def test_a_group_without_positions_is_told_what_to_do(
    stack: Stack, topics: tuple[str, str, str]
) -> None:
    settings = LoopSettings(
        group_id=f"none-{uuid.uuid4().hex[:8]}",
        transactional_id=f"none-{uuid.uuid4().hex[:8]}",
        topics=(topics[0],),
    )
    loop = TransactionalLoop(stack.kafka, Numbering(topics[1], topics[2]), settings)
    with pytest.raises(ConfigurationError, match="liaison provision"):
        loop.run(threading.Event())
