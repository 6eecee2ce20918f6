"""Reading partitions up to where they end now: a processor's state on assignment, whole topics.

On assignment the order matters: committed input offsets first (they wait for open transactions),
then the state's end offset *uncommitted*, then its records *committed* until past that end. Else
the open transaction of a zombie could hide a later state.

A batch that the client can't decompress comes as one record, as it does to a processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection, consume
from schemas.errors import ConfigurationError, PermanentError, RetryableError
from stream_apps.engine.errors import classify
from stream_apps.engine.records import Consumed, Partition, consumed
from stream_apps.engine.silence import Silence
from stream_apps.engine.unread import is_unread, step_over

__all__ = [
    "FETCH_BYTES",
    "end_offsets",
    "first_offsets",
    "read_from",
    "read_one",
    "read_state",
    "read_topics",
]

FETCH_BYTES = 1024 * 1024
"""Of one answer of a broker, as the bytes lie in the log: gzip makes up to 1032 of one. Larger
answers brought nothing: 400,000 records of 300 bytes in 24 partitions were read as fast.
"""
_BATCH = 1000
_ASK_S = 10.0
_PAUSE_S = 0.2
_STANDSTILL_S = 10.0

Progress = Callable[[int, int], None]
"""Told how many offsets are passed, and of how many."""

_Step = tuple[Partition, int, Consumed | None]
"""A partition, how far it is read, and the record that it is read past; None at its end."""


def _untold(done: int, total: int) -> None:
    """Nobody wants to know."""


def read_state(
    kafka: KafkaConnection, partitions: Sequence[Partition], clock: Clock, *, timeout_s: float
) -> Iterator[Consumed]:
    """Committed records of partitions that hold state, past their present end.

    Raises:
        RetryableError: nothing came for `timeout_s`.
    """
    marks = _marks(kafka, partitions, Deadline.after(clock, timeout_s))
    return _read(kafka, marks, clock, timeout_s)


def read_from(
    kafka: KafkaConnection,
    starts: Mapping[Partition, int],
    clock: Clock,
    *,
    timeout_s: float,
    progress: Progress = _untold,
) -> Iterator[Consumed]:
    """Committed records from these offsets on, past the partitions' present end.

    Raises:
        RetryableError: nothing came for `timeout_s`.
    """
    marks = _marks(kafka, starts, Deadline.after(clock, timeout_s))
    ranges = {p: (max(start, marks[p][0]), marks[p][1]) for p, start in starts.items()}
    return _read(kafka, ranges, clock, timeout_s, progress)


def read_topics(
    kafka: KafkaConnection,
    topics: Iterable[str],
    clock: Clock,
    *,
    timeout_s: float = 300.0,
    progress: Progress = _untold,
) -> Iterator[Consumed]:
    """All committed records of topics, each partition in its order, past their present end.

    Raises:
        ConfigurationError: a topic is not there.
        RetryableError: nothing came for `timeout_s`.
    """
    partitions = _partitions(AdminClient(kafka.client_config()), topics)
    starts = dict.fromkeys(partitions, 0)
    return read_from(kafka, starts, clock, timeout_s=timeout_s, progress=progress)


def first_offsets(
    kafka: KafkaConnection,
    topics: Iterable[str],
    clock: Clock,
    *,
    since_ms: int = 0,
    timeout_s: float = 30.0,
) -> dict[Partition, int]:
    """Where each partition of topics begins now; above 0 once retention or a hand took records.

    With `since_ms` the first record from then on, or the end where there is none.

    Raises:
        ConfigurationError: a topic is not there.
        RetryableError: a partition has no leader that answers in time.
    """
    admin, deadline = AdminClient(kafka.client_config()), Deadline.after(clock, timeout_s)
    partitions = _partitions(admin, topics)
    earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
    first = _offsets(admin, partitions, earliest, deadline)
    if since_ms <= 0:
        return first
    since = _offsets(admin, partitions, OffsetSpec.for_timestamp(since_ms), deadline)
    older = [partition for partition, offset in since.items() if offset < 0]
    since |= _offsets(admin, older, latest, deadline)
    return {partition: max(first[partition], since[partition]) for partition in partitions}


def end_offsets(
    kafka: KafkaConnection,
    partitions: Iterable[Partition],
    clock: Clock,
    *,
    timeout_s: float = 30.0,
) -> dict[Partition, int]:
    """Where each partition ends now, what open transactions wrote included.

    Raises:
        RetryableError: a partition has no leader that answers in time.
    """
    marks = _marks(kafka, partitions, Deadline.after(clock, timeout_s))
    return {partition: end for partition, (_, end) in marks.items()}


def read_one(kafka: KafkaConnection, partition: Partition, offset: int, clock: Clock) -> Consumed:
    """The committed record at one place.

    Raises:
        PermanentError: there is none.
    """
    record = next(read_from(kafka, {partition: offset}, clock, timeout_s=30.0), None)
    if record is None or record.offset != offset:
        raise PermanentError(
            f"there is no record at {partition.topic}/{partition.partition}/{offset}: "
            "list those there are",
            code="no-record",
        )
    return record


def _partitions(admin: AdminClient, topics: Iterable[str]) -> list[Partition]:
    known = admin.list_topics(timeout=_ASK_S).topics
    partitions: list[Partition] = []
    for topic in topics:
        if topic not in known:
            raise ConfigurationError(
                f"there is no topic {topic}: run `liaison provision`", code="no-topic"
            )
        partitions += [Partition(topic, number) for number in known[topic].partitions]
    return partitions


def _read(
    kafka: KafkaConnection,
    ranges: Mapping[Partition, tuple[int, int]],
    clock: Clock,
    timeout_s: float,
    progress: Progress = _untold,
) -> Iterator[Consumed]:
    open_ends = {p: end for p, (begin, end) in ranges.items() if end > begin}
    left = {p: end - ranges[p][0] for p, end in open_ends.items()}
    total = sum(left.values())
    if not open_ends:
        return
    silence = Silence(kafka, clock, _STANDSTILL_S)
    consumer = Consumer(
        kafka.consumer_config(
            "liaison-reading", enable_partition_eof=True, fetch_wait_max_ms=10,
            fetch_max_bytes=FETCH_BYTES, fetch_queue_backoff_ms=100,
        )
    )  # fmt: skip
    try:
        consumer.assign([TopicPartition(*p, ranges[p][0]) for p in open_ends])
        patience = Deadline.after(clock, timeout_s)
        while open_ends:
            if patience.expired():
                raise RetryableError(
                    f"{sorted(open_ends)} could not be read to the end, nothing came for "
                    f"{timeout_s:g} s: is a transaction hanging?"
                )
            came = False
            messages = consume(consumer, _BATCH, 0.2)
            if messages:
                steps = _steps(kafka, consumer, messages)
            else:
                at = {where: end - left[where] for where, end in open_ends.items()}
                steps = (_step(record) for record in silence.broken(consumer, at))
            for where, reached, record in steps:
                came = came or record is not None
                if where not in open_ends:
                    continue
                if record is not None:
                    yield record
                left[where] = max(0, open_ends[where] - reached)
                if reached >= open_ends[where]:
                    del open_ends[where]
            progress(total - sum(left.values()), total)
            if came:  # how long it all takes is nobody's fault, as long as it goes on
                patience = Deadline.after(clock, timeout_s)
    finally:
        consumer.close()


def _steps(
    kafka: KafkaConnection, consumer: Consumer, messages: Sequence[Message]
) -> Iterator[_Step]:
    outdated: set[Partition] = set()
    for message in messages:
        error = message.error()
        where = Partition(str(message.topic()), message.partition() or 0)
        reached = message.offset() or 0
        if where in outdated:
            continue
        if error is None:
            yield _step(consumed(message))
        elif is_unread(error):
            outdated.add(where)
            yield _step(step_over(kafka, consumer, where, reached, error.str()))
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            yield where, reached, None
        else:
            raise classify(KafkaException(error), f"reading {message.topic()}")


def _step(record: Consumed) -> _Step:
    return Partition(record.topic, record.partition), record.offset + 1, record


def _marks(
    kafka: KafkaConnection, partitions: Iterable[Partition], deadline: Deadline
) -> dict[Partition, tuple[int, int]]:
    """First and uncommitted end offset of each."""
    admin = AdminClient(kafka.client_config())
    wanted = list(dict.fromkeys(partitions))
    first = _offsets(admin, wanted, OffsetSpec.earliest(), deadline)  # type: ignore[no-untyped-call]
    last = _offsets(admin, wanted, OffsetSpec.latest(), deadline)  # type: ignore[no-untyped-call]
    return {partition: (first[partition], last[partition]) for partition in wanted}


def _offsets(
    admin: AdminClient, partitions: Sequence[Partition], spec: OffsetSpec, deadline: Deadline
) -> dict[Partition, int]:
    """Asked for until every partition has a leader that answers."""
    found: dict[Partition, int] = {}
    while len(found) < len(partitions):
        asked = {TopicPartition(*p): spec for p in partitions if p not in found}
        futures = admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_ASK_S
        )
        failure: Exception | None = None
        for at, future in futures.items():
            try:
                found[Partition(at.topic, at.partition)] = future.result(_ASK_S * 2).offset
            except (KafkaException, TimeoutError) as error:
                failure = error
        if failure is not None:
            known = classify(failure, "asking where partitions end")
            if not isinstance(known, RetryableError) or deadline.expired():
                raise known from failure
            deadline.clock.sleep(_PAUSE_S)
    return found
