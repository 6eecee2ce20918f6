"""Where a subscriber begins in its topics, and whether a remembered place is still there.

Offsets are only asked for here, never set. Times in a topic are the router's: they are never
earlier than an event's own `recorded_at` but for the clocks of two machines, hence the margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, PermanentError, RetryableError
from sinks.desk.records import GapError
from sinks.desk.store import Saved

__all__ = [
    "Start",
    "TopicWatch",
    "check_readable",
    "check_still_there",
    "failure_of",
    "first_offset",
    "range_of",
    "topic_ids",
]

_GONE = frozenset({"TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_ID"})
_TIMEOUT_S = 15.0
_LOOK_EVERY_S = 60.0
_LOOK_TIMEOUT_S = 5.0
_CLOCK_MARGIN_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin: make one with `resume`, `earliest` or `since`."""

    resumes: bool
    since_ms: int | None

    @classmethod
    def resume(cls, or_since_ms: int | None = None) -> Start:
        """Where the store left off; a new store begins at that time, or with the oldest record."""
        return cls(True, or_since_ms)

    @classmethod
    def earliest(cls) -> Start:
        """With the oldest record, whatever the store says."""
        return cls(False, None)

    @classmethod
    def since(cls, recorded_ms: int) -> Start:
        """With what was recorded at that time or later, whatever the store says."""
        return cls(False, recorded_ms)


def topic_ids(
    kafka: KafkaConnection, topics: Iterable[str], timeout_s: float = _TIMEOUT_S
) -> dict[str, str]:
    """Kafka's id of each topic; a topic that is made anew under its name has another.

    Raises:
        ConfigurationError: a topic is missing, or forbidden to this client.
        RetryableError: the broker can't be reached.
    """
    admin = AdminClient(kafka.client_config())
    names = list(topics)
    found: dict[str, str] = {}
    described: Mapping = admin.describe_topics(  # type: ignore[type-arg]
        TopicCollection(names), request_timeout=timeout_s
    )
    for name, answer in described.items():
        try:
            found[name] = str(answer.result().topic_id)
        except KafkaException as error:
            raise _refused(name, error) from error
    return {name: found[name] for name in names}


def range_of(consumer: Consumer, topic: str) -> tuple[int, int]:
    """The first offset that is there, and the one after the last committed record."""
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, 0), timeout=_TIMEOUT_S, cached=False
        )
    except KafkaException as error:
        raise _refused(topic, error) from error
    return low, high


def first_offset(consumer: Consumer, topic: str, since_ms: int | None) -> int:
    """The offset to begin at; records before the time, within the margin, are to be left out."""
    low, high = range_of(consumer, topic)
    if since_ms is None:
        return low
    asked = TopicPartition(topic, 0, max(0, since_ms - _CLOCK_MARGIN_MS))
    try:
        (found,) = consumer.offsets_for_times([asked], timeout=_TIMEOUT_S)
    except KafkaException as error:
        raise _refused(topic, error) from error
    return found.offset if found.offset >= 0 else high


def check_still_there(consumer: Consumer, topic: str, topic_id: str, saved: Saved) -> None:
    """Raise GapError if records were lost between a remembered place and the topic's start."""
    if saved.topic_id != topic_id:
        raise GapError(
            f"{topic} was made anew since this store was written: what it held is gone. "
            "Begin with another store, or give a start",
            code="topic-replaced",
        )
    low, high = range_of(consumer, topic)
    if saved.next_offset < low:
        raise GapError(
            f"{topic} begins at offset {low}, this subscriber stands at {saved.next_offset}: "
            f"up to {low - saved.next_offset} records were removed before it read them. "
            "Give a start to go on, and ask the bureaus for what is missing",
            code="below-log-start",
        )
    if saved.next_offset > high:
        raise GapError(
            f"{topic} ends at offset {high}, this subscriber stands at {saved.next_offset}: "
            "the topic lost records. Give a start to go on",
            code="beyond-log-end",
        )


class TopicWatch:
    """Looks now and then whether the topics are those that were opened, and may be read.

    The client does not tell: of a topic that was removed, or that it lost the right to, nothing
    comes and no error; in one made anew it reads on at its place if there is a record.
    """

    def __init__(self, kafka: KafkaConnection, ids: Mapping[str, str], clock: Clock) -> None:
        self._kafka = kafka
        self._ids = ids
        self._clock = clock
        self._due = Deadline.after(clock, _LOOK_EVERY_S)

    def look(self) -> None:
        """Look if it is time to; a broker that is away is no finding.

        Raises:
            GapError: a topic was made anew.
            PermanentError: a topic is gone or forbidden.
        """
        if not self._due.expired():
            return
        self._due = Deadline.after(self._clock, _LOOK_EVERY_S)
        try:
            found = topic_ids(self._kafka, self._ids, _LOOK_TIMEOUT_S)
        except RetryableError:
            return
        except ConfigurationError as error:
            raise PermanentError(
                f"a topic can't be read any more: {error}. Then start the subscriber again",
                code="topic-gone",
            ) from error
        anew = sorted(topic for topic, known in self._ids.items() if found[topic] != known)
        if anew:
            raise GapError(
                f"{', '.join(anew)}: made anew while this subscriber ran, what was there is gone. "
                "Start the subscriber again; it says what to do",
                code="topic-replaced",
            )


def failure_of(message: Message) -> KafkaError | None:
    """The error that came in a record's place; the end of a topic is none."""
    error = message.error()
    ended = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001
    return None if ended else error


def check_readable(topic: str | None, error: KafkaError) -> None:
    """Raise PermanentError where waiting mends nothing; a lost broker the client finds again."""
    if error.name() in _GONE:
        raise PermanentError(
            f"topic {topic} can't be read any more ({error.str()}): was it removed, or the "
            "right to it?",
            code="topic-gone",
        )
    if error.fatal():
        raise PermanentError(f"the Kafka client gave up: {error.str()}", code="client")


def _refused(topic: str, error: KafkaException) -> ConfigurationError | RetryableError:
    cause = error.args[0]
    if cause.name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"):
        return ConfigurationError(f"topic {topic} does not exist: run `liaison provision`")
    if cause.name() in ("TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"):
        return ConfigurationError(
            f"this client may not read topic {topic}: ask for the right", code="forbidden"
        )
    return RetryableError(f"topic {topic} can't be asked for ({cause.str()}): is the broker up?")
