"""The verifier when retention has taken source records: never a false difference, and no blindness.

Every case runs on the topics that the real router and cutter wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from schemas import wire
from schemas.headers import RETIRE_HEADER, read_refusal
from schemas.models import Arrest, Recall, Report, Search, Supersedes
from schemas.topics import FACT_BLOCKS, FACTS, desk_topic, dlq_topic
from stream_apps.engine import Consumed, Partition
from tests.unit.deploy.verify.product import DAY_MS, NOW_MS, Product

DESK = desk_topic("europe", "terrorism")
DLQ = dlq_topic("europe")
OCCURRED = datetime.fromtimestamp(NOW_MS / 1000, UTC)


def arrest(**fields: Any) -> Arrest:
    return Arrest(**{"category": "terrorism", "occurred_at": OCCURRED, **fields})


def broken(record: Consumed) -> Consumed:
    """The same record, with a body that nobody can read."""
    assert record.value is not None
    return record._replace(value=record.value[: wire.FRAME_BYTES + 3])


def history() -> tuple[Product, list[Consumed]]:
    """Records of one partition in their order: all that may become of a record, and twice."""
    product = Product()
    driver = product.message
    day = iter(range(1, 100))
    records: list[Consumed] = []

    def then(record: Consumed) -> Consumed:
        product.at(NOW_MS + next(day) * 60_000)
        placed = record._replace(offset=len(records), timestamp_ms=driver.now_ms)
        records.append(product.route(placed))
        return placed

    first = then(driver.record("FR", arrest()))
    second = then(driver.record("FR", arrest()))
    then(first)  # a repeat
    unread = then(broken(driver.record("FR", arrest())))
    late = driver.record("FR", arrest())
    then(driver.record("FR", arrest()))  # opens a gap
    nobody = then(
        driver.record("FR", Report(
            subtype="analytical-report", title="t", occurred_at=OCCURRED,
            withheld_from=tuple(sorted(driver.reference.members)),
        ))
    )  # fmt: skip
    then(unread)  # a repeat of a refused number
    then(late)
    then(second)
    then(driver.record("FR", arrest(), sequence=2))  # other bytes under a number in use
    then(driver.record("FR", arrest(), sequence=5_000_000))
    then(driver.record("FR", arrest(), system="old", epoch=8))
    retire = driver.raw("FR", None, headers=[(RETIRE_HEADER, b"FR/old/message/8")])
    then(retire)
    then(driver.record("FR", arrest(), system="old", epoch=8))
    then(retire._replace(headers=[(RETIRE_HEADER, b"FR/never/message/8")]))
    then(driver.raw("FR", b"junk"))
    target = Supersedes(event_id=event_id_of(product, second), bureau="FR", kind="arrest")
    then(driver.record("FR", Recall(subtype="error", supersedes=target, occurred_at=OCCURRED)))
    then(nobody)
    then(
        nobody._replace(headers=[*(nobody.headers or ()), ("liaison-replay-of", b"dlq.europe/0/1")])
    )
    then(driver.record("FR", arrest()))
    return product, records


def event_id_of(product: Product, record: Consumed) -> UUID:
    schema = product.ids.by_id[wire.schema_id_of(record.value)]
    assert record.value is not None
    event = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES)
    return UUID(event["envelope"]["event_id"])


RECORDS = len(history()[1])


@pytest.fixture(scope="module")
def lived() -> tuple[Product, list[Consumed]]:
    return history()


def test_the_history_has_all_that_can_become_of_a_record(
    lived: tuple[Product, list[Consumed]],
) -> None:
    product, _ = lived
    counts = product.message.router.counts
    assert {
        "accepted", "repeat", "retired", "undecodable", "no-reader", "sequence-reused",
        "bad-sequence", "account-retired", "bad-envelope",
    } <= counts.keys()  # fmt: skip
    verdict, counted = product.verify()
    assert [*verdict.differences, *verdict.notes] == []
    assert counted.accepted == counts["accepted"]


@pytest.mark.parametrize("kept_from", range(1, RECORDS))
def test_wherever_retention_cuts_nothing_differs_and_everything_still_adds_up(
    lived: tuple[Product, list[Consumed]], kept_from: int
) -> None:
    product, records = lived
    product.cut(records[kept_from])
    whole_cells = {("arrest", "FR", "2025-11"): 5, ("recall", "FR", "2025-11"): 1}
    verdict, counted = product.verify()
    assert [difference.text() for difference in verdict.differences] == []
    assert +counted.blocks.counts.cells == whole_cells
    assert len(verdict.notes) == 2
    begins = datetime.fromtimestamp(records[kept_from].timestamp_ms / 1000, UTC)
    assert f"recounted from {begins:%Y-%m-%dT%H:%M:%SZ} on or before" in verdict.notes[0]


def test_nothing_is_left_of_the_source_and_all_that_is_kept_for_ever_agrees() -> None:
    product = Product()
    for _ in range(3):
        last = product.event("FR", arrest())
    product.cut(last._replace(offset=last.offset + 1))
    verdict, counted = product.verify()
    assert verdict.differences == []
    assert "recounted from now on" in verdict.notes[0]
    assert (counted.accepted, counted.blocks.counts.total) == (3, 3)
    assert counted.delivered == 0


def test_folded_searches_agree_with_a_whole_source_in_sums_and_with_the_ledger_always() -> None:
    product = Product()
    searches = [product.event("FR", Search(subtype="sltd", occurred_at=OCCURRED)) for _ in range(9)]
    product.event("DE", Search(subtype="sltd", occurred_at=OCCURRED))
    assert product.differences() == []
    product.cut(searches[4])
    verdict, counted = product.verify()
    assert verdict.differences == []
    assert counted.blocks.counts.lanes["FR", "cases", "search"] == 9


def cut_product() -> tuple[Product, list[Consumed]]:
    """Seven events of which the first three are gone, and an unreadable one after them."""
    product = Product()
    records = [product.event("FR", arrest()) for _ in range(6)]
    records.append(product.route(broken(product.message.record("FR", arrest()))))
    records.append(product.event("FR", arrest()))
    product.cut(records[3])
    return product, records


def without_a_desk_record(product: Product) -> None:
    del product.records(DESK)[-1]


def with_a_desk_record_twice(product: Product) -> None:
    product.records(DESK).append(product.records(DESK)[-1])


def without_a_dead_letter(product: Product) -> None:
    del product.records(DLQ)[-1]


def with_another_code(product: Product) -> None:
    (letter,) = product.records(DLQ)
    headers = [
        (name, b"bad-time" if value == b"undecodable" else value)
        for name, value in letter.headers or ()
    ]
    product.records(DLQ)[0] = letter._replace(headers=headers)
    assert read_refusal(headers).code == "bad-time"


def without_a_block_from_before(product: Product) -> None:
    del product.records(FACT_BLOCKS, 1)[0]


def with_a_record_that_nobody_routed(product: Product) -> None:
    record = product.message.record("FR", arrest())
    product.records(record.topic, record.partition).append(record)


def without_the_last_ledger_entry(product: Product) -> None:
    (log,) = [log for p, log in product.logs.items() if p.topic == "ledger.europe"]
    del log[-1]


def with_facts_cut_a_mini_block_short(product: Product) -> None:
    del product.records(FACTS, 3)[-1]


DAMAGES: list[tuple[Callable[[Product], None], set[str]]] = [
    (without_a_desk_record, {"delivered"}),
    (with_a_desk_record_twice, {"delivered"}),
    (without_a_dead_letter, {"repeats"}),
    (with_another_code, {"dead letters"}),
    (without_a_block_from_before, {"accepted = events in blocks", "Σ events"}),
    (with_a_record_that_nobody_routed, {"ledger", "repeats"}),
    (without_the_last_ledger_entry, {"ledger", "accepted = events in blocks", "Σ events"}),
    (with_facts_cut_a_mini_block_short, {"Σ events"}),
]


@pytest.mark.parametrize(("damage", "seen"), DAMAGES, ids=[d.__name__ for d, _ in DAMAGES])
def test_what_is_damaged_after_a_cut_is_seen(
    damage: Callable[[Product], None], seen: set[str]
) -> None:
    product, _ = cut_product()
    assert product.differences() == []
    damage(product)
    verdict, _ = product.verify()
    assert {difference.check for difference in verdict.differences} == seen


def later(product: Product, days: int) -> int:
    return product.message.now_ms + days * DAY_MS


def test_what_a_desk_no_longer_keeps_is_no_difference_and_what_was_deleted_is_one() -> None:
    product = Product()
    product.event("FR", arrest())
    product.at(later(product, 60))
    product.event("FR", arrest())
    for kept_from, days, told in (
        (0, 1, []),
        (1, 1, [f"log start: {DESK} [0]: expected 0, found 1"]),
        (1, 31, []),  # its time was over
        (2, 31, []),  # so was it for something: nobody can tell any more
    ):
        product.firsts = {Partition(DESK, 0): kept_from}
        now_ms = later(product, days)
        found = product.differences(now_ms)
        assert [text for text in found if text.startswith("log start")] == told
        lost = [text for text in found if text.startswith("delivered")]
        assert len(lost) == {(0, 1): 0, (1, 1): 1, (1, 31): 0, (2, 31): 1}[kept_from, days]


def test_source_records_kept_for_longer_than_desks_keep_theirs_count_as_gone() -> None:
    product = Product()
    for _ in range(2):
        product.event("FR", arrest())
        product.route(broken(product.message.record("FR", arrest())))
    product.at(later(product, 89))
    product.event("FR", arrest())
    del product.records(DESK)[:2]
    del product.records(DLQ)[:]
    for topic in (DESK, DLQ):
        product.firsts[Partition(topic, 0)] = 2
    now_ms = later(product, 2)
    verdict, counted = product.verify(now_ms)
    assert verdict.differences == []
    assert "recounted from 2026-02-22T00:00:00Z on" in verdict.notes[0]
    assert (counted.delivered, counted.accepted, counted.expected.handed_over) == (1, 3, 1)


def test_a_facts_topic_that_lost_records_is_left_out_of_the_sum_and_told() -> None:
    product = Product()
    for _ in range(2):
        product.event("FR", arrest())
    product.firsts = {Partition(FACTS, 3): 1}
    verdict, _ = product.verify()
    assert verdict.differences == []
    assert verdict.notes == ["left out: the sum over facts, which has lost its oldest records"]


def test_blocks_are_never_cut() -> None:
    product = Product()
    product.event("FR", arrest())
    product.firsts = {Partition(FACT_BLOCKS, 0): 4}
    assert product.differences() == [f"log start: {FACT_BLOCKS} [0]: expected 0, found 4"]


def codes(product: Product) -> Iterator[str]:
    for letter in product.dead_letters():
        yield read_refusal(letter.headers).code


@pytest.mark.parametrize("is_cut", [False, True])
def test_what_the_broker_never_took_stays_refused_in_the_recount(is_cut: bool) -> None:
    product = Product()
    product.event("FR", arrest())
    record = product.message.record("FR", arrest())
    product.records(record.topic, record.partition).append(record)
    router = product.message.router
    router.process([record])
    router.aborted()
    out = router.refuse(record, "the broker does not take what follows")
    router.committed()
    product.take(out)
    assert list(codes(product)) == ["unwritable"]
    if is_cut:
        product.cut(record)
    assert product.differences() == []
