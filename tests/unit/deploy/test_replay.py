"""Putting refused records back: each once, however often that was tried, and however many."""

from __future__ import annotations

import pytest

from deploy.cli.dlq import newest_of_each
from deploy.cli.sending import send
from schemas.connections import KafkaConnection
from schemas.errors import RetryableError
from schemas.headers import (
    ORIGIN_HEADER,
    RETIRE_HEADER,
    Disposition,
    Origin,
    Refusal,
    read_refusal,
    refusal_headers,
    replay_headers,
)
from schemas.topics import DLQ_BLOCKS, FACT_BLOCKS, FACTS
from stream_apps.engine import Consumed, Produced
from stream_apps.router.driver import RouterDriver

QUEUE = "dlq.europe"


class Queue:
    """The dead letters of a router, and what a replay by code or region would take of them."""

    def __init__(self) -> None:
        self.driver = RouterDriver()
        self.letters: list[Consumed] = []

    def feed(self, *records: Consumed) -> None:
        for out in self.driver.feed(*records).get(QUEUE, []):
            self.letters.append(
                Consumed(QUEUE, 0, len(self.letters), 1, out.key, out.value, out.headers)
            )

    def newest(self) -> list[Consumed]:
        found = newest_of_each((letter, read_refusal(letter.headers)) for letter in self.letters)
        return [letter for letter, _ in found]

    def replay(self) -> None:
        again = []
        for letter in self.newest():
            headers = replay_headers(letter.headers, f"{QUEUE}/0/{letter.offset}")
            again.append(self.driver.raw("FR", letter.value, key=letter.key, headers=headers))
        self.feed(*again)


def unknown(sequence: int) -> list[tuple[str, bytes | None]]:
    return [(ORIGIN_HEADER, Origin("FR", "cases", "message", 7, sequence, "x" * 36).pack())]


def test_what_stays_refused_is_in_the_queue_once_more_a_replay_and_not_twice_as_often() -> None:
    queue = Queue()
    queue.feed(
        queue.driver.raw("FR", b"\0\xff\xff\xff\xff123", headers=unknown(1)),
        queue.driver.raw("FR", b"\0\xff\xff\xff\xff456", headers=unknown(2)),
    )
    for replays in range(1, 6):
        queue.replay()
        assert len(queue.letters) == 2 + 2 * replays
        assert [letter.offset for letter in queue.newest()] == [2 * replays, 2 * replays + 1]


def test_records_that_differ_in_number_or_account_alone_are_no_copies() -> None:
    queue = Queue()
    for sequence in (1, 2):
        queue.feed(queue.driver.raw("FR", b"\0\xff\xff\xff\xff1", headers=unknown(sequence)))
    for account in (b"FR/cases/message/8", b"FR/cases/message/9"):
        queue.feed(queue.driver.raw("FR", None, headers=[(RETIRE_HEADER, account)]))
    assert queue.newest() == queue.letters
    assert len(queue.letters) == 4


def refused(topic: str, queue: str, stage: str, offset: int) -> tuple[Consumed, Refusal]:
    why = Refusal("internal", Disposition.QUARANTINED, "no", stage, topic, 0, offset, 1)
    return Consumed(queue, 0, offset, 1, b"k", b"same", refusal_headers((), why)), why


def test_blocks_and_what_another_stage_refused_are_no_copies() -> None:
    letters = [
        refused(FACT_BLOCKS, DLQ_BLOCKS, "loader", 1),
        refused(FACT_BLOCKS, DLQ_BLOCKS, "loader", 2),
        refused(FACTS, QUEUE, "cutter", 7),
        refused(FACTS, QUEUE, "surge", 8),
    ]
    assert newest_of_each(letters) == letters


def test_more_records_than_the_client_holds_at_once_are_sent_or_told() -> None:
    record = Produced("t", b"k", b"v", (), 0)
    told: list[tuple[int, int]] = []
    with pytest.raises(RetryableError, match="101 of 101 records were not taken") as caught:
        send(
            KafkaConnection("127.0.0.1:1", {"queue.buffering.max.messages": "100"}),
            [("place", record)] * 101,
            lambda _stage, done, total: told.append((done, total)), patience_s=0.2,
        )  # fmt: skip
    assert caught.value.code == "not-sent"
    assert told[-1] == (0, 101)
