"""Finds out whether an outbox came back from a backup or lost its account, by asking its receipts.

The ledger books every number that reached the router, and a bureau's receipts tell it how high its
own accounts stand, at most 10 s late; the ledger itself, with everybody's accounts, is no bureau's
to read. Where a number is booked that this outbox still means to give, the file is older than what
was sent from it: the account begins a new epoch.
Records numbered since the file was opened move into it, for their old numbers name other events.
Records that were pending in the backup stay as they are: they may have been sent, and only under
their own number does the router know them again.

An account that its receipts call retired accepts nothing more: it begins a new epoch too, and what
waits goes out in that. What it refused must be published anew, also what the router gets to read
only after that; a sender that runs meanwhile finds out when it is started again.

What receipts can't tell: numbers that were sent and not yet booked or receipted, for instance while
the router is down. Such a number is then used twice. The router sees that only while the number is
among the last 64 that it booked in the account: it quarantines what comes second as
`sequence-reused`. Behind them it takes it for a repeat and drops it, and nothing but the receipt's
`repeats_unchecked` tells so. And if a backup was taken of records not yet confirmed, sent since and
restored, they are sent once more under a new number: rather twice than not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from producers.account import Account, LaneKey
from producers.encoding import restamp
from producers.epochs import Retired
from producers.outbox import Outbox
from producers.stream import quiet_logger
from schemas import wire
from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection, consume
from schemas.errors import ConfigurationError, RetryableError
from schemas.registry import SchemaIds
from schemas.topics import receipts_topic

__all__ = ["reconcile_with_receipts"]

_GROUP = "liaison-outbox"
_ACCOUNT_RETIRED = "account-retired"
"""The router's code for what came in a retired account."""
_TIMEOUT_S = 60.0
_POLL_RECORDS = 1000
_POLL_S = 0.5
_ANSWER_S = 5.0
"""A broker that says nothing for so long is away; whoever waits must hear of it."""
_ASK_S = 0.5


def reconcile_with_receipts(
    outbox: Outbox,
    kafka: KafkaConnection,
    ids: SchemaIds,
    clock: Clock,
    is_stopping: Callable[[], bool] = lambda: False,
    *,
    timeout_s: float = _TIMEOUT_S,
) -> list[Account]:
    """Begin a new epoch for each account that is retired or behind its receipts; confirm the rest.

    Returns the accounts begun. Call it before a `Sender` starts, or give it to one; it gives up
    within about a second of `is_stopping` turning true.

    Raises:
        RetryableError: `receipts-unread`: not in time, or not before it was to stop.
        ConfigurationError: a topic of receipts is missing or not readable.
    """
    accounts = {_key(account): account for account in outbox.all_accounts()}
    bureaus = {account.lane.bureau for account in accounts.values()}
    told: dict[str, _Told] = {}
    if accounts:
        deadline = Deadline.after(clock, timeout_s)
        topics = [receipts_topic(bureau) for bureau in sorted(bureaus)]
        for message in _records(kafka, topics, deadline, is_stopping):
            key = (message.key() or b"").decode("utf-8", "replace")
            value = message.value()
            if key in accounts and value is not None:
                told[key] = _told(ids, value)
    behind: dict[LaneKey, Retired | None] = {}
    refused_since = []
    for key, account in accounts.items():
        high, refused = told.get(key, _Told(0, None))
        retired = None if refused is None else Retired(account.row, high, refused)
        if account.current and retired is not None:
            behind[account.lane] = retired
        elif retired is not None and retired.refused:
            refused_since.append(retired)
        elif (account.current or account.unconfirmed_from is not None) and high >= (
            account.unconfirmed_from or account.next_sequence
        ):
            behind.setdefault(account.lane, None)
    again = partial(restamp, ids.by_id)
    outbox.forget_refused(refused_since)
    begun = [outbox.begin_new_epoch(lane, again, retired) for lane, retired in behind.items()]
    outbox.confirm({accounts[key].row: said.high for key, said in told.items()})
    return begun


def _key(account: Account) -> str:
    return f"{'/'.join(account.lane)}/{account.epoch}"


class _Told(NamedTuple):
    """What an account's newest receipt says."""

    high: int
    refused: tuple[tuple[int, int], ...] | None
    """What it refused since it was retired, as ranges of numbers; None: it is not retired."""


def _told(ids: SchemaIds, value: bytes) -> _Told:
    schema_id = wire.schema_id_of(value)
    schema = ids.by_id.get(schema_id)
    if schema is None:
        raise ConfigurationError(
            f"a receipt has schema id {schema_id}, which the registry's ids do not name: "
            "is it the registry that the router uses?"
        )
    receipt = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
    high = int(receipt["high"])
    if not receipt.get("retired"):  # an earlier version's receipt does not say
        return _Told(high, None)
    refused = [item for item in receipt["refused"] if item["code"] == _ACCOUNT_RETIRED]
    return _Told(high, tuple((item["first"], item["last"]) for item in refused))


def _records(
    kafka: KafkaConnection,
    topics: Sequence[str],
    deadline: Deadline,
    is_stopping: Callable[[], bool],
) -> Iterator[Message]:
    """All committed records of some topics, from the first to the end that they have now."""
    reasons = ["no answer"]
    consumer = Consumer(
        {
            **kafka.consumer_config(_GROUP, enable_partition_eof=True),
            "error_cb": lambda error: reasons.append(error.str()),
        },
        logger=quiet_logger(),
    )

    def check(by: Deadline) -> None:
        if by.expired() or is_stopping():
            raise RetryableError(
                f"the receipts in {', '.join(topics[:3])}{' …' if len(topics) > 3 else ''} could "
                f"not be read to their end ({reasons[-1]}): is the broker running?",
                code="receipts-unread",
            )

    with closing(consumer):
        try:
            partitions = [
                TopicPartition(topic, partition, OFFSET_BEGINNING)
                for topic in topics
                for partition in _partitions(consumer, topic, deadline, check)
            ]
            consumer.assign(partitions)
            unread = {(p.topic, p.partition) for p in partitions}
            while unread:
                check(deadline)
                wait_s = min(_POLL_S, deadline.remaining())
                for message in consume(consumer, _POLL_RECORDS, wait_s):
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                        unread.discard((message.topic(), message.partition()))
                    elif not error.retriable():
                        raise _unreadable(message.topic(), error)
        except KafkaException as error:
            raise RetryableError(
                f"the receipts could not be read ({error.args[0]}): is the broker running?",
                code="receipts-unread",
            ) from error


def _partitions(
    consumer: Consumer, topic: str, deadline: Deadline, check: Callable[[Deadline], None]
) -> list[int]:
    answer_by = Deadline.after(deadline.clock, min(_ANSWER_S, deadline.remaining()))
    while True:
        try:
            found = consumer.list_topics(topic, _ASK_S).topics[topic]
            break
        except KafkaException:
            consumer.poll(0)  # so that the reason is told
            check(answer_by)
    if found.error is not None:
        raise _unreadable(topic, found.error)
    return sorted(found.partitions)


def _unreadable(topic: str | None, error: KafkaError) -> ConfigurationError:
    return ConfigurationError(
        f"topic {topic} can't be read ({error.str()}): run `liaison provision`, or grant the "
        "outbox's user the right to read it",
        code="receipts-unreadable",
    )
