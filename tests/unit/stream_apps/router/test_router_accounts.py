"""Accounts in the whole router without a broker: numbers, receipts, replays, retirement."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import wire
from schemas.catalogue import Schema
from schemas.headers import (
    REPLAY_HEADER,
    RETIRE_HEADER,
    UNATTRIBUTED,
)
from schemas.registry import SchemaIds
from schemas.topics import partition_of, source_topic
from stream_apps.engine import Consumed, Partition, Produced
from stream_apps.router.driver import RouterDriver
from stream_apps.router.router import Router
from tests.unit.stream_apps.router.router_records import (
    NOW,
    NOW_MS,
    an_arrest,
    an_unchecked_arrest,
    refusal_of,
)


def test_repeats_are_dropped_and_other_bytes_under_a_number_are_quarantined(
    driver: RouterDriver,
) -> None:
    event = an_arrest()
    record = driver.record("FR", event, sequence=1)
    driver.feed(record)
    out = driver.feed(record, record)
    assert set(out) == {"ledger.europe"}
    assert driver.decode(out["ledger.europe"][0])["repeats"] == 2
    out = driver.feed(driver.record("FR", an_arrest(), sequence=1))
    assert refusal_of(out) == ("sequence-reused", "quarantined")


def test_a_gap_is_receipted_at_once_and_filled_later(driver: RouterDriver) -> None:
    out = driver.feed(driver.record("FR", an_arrest(), sequence=3))
    receipt = driver.decode(out["receipts.FR"][0])
    assert receipt["missing_ranges"] == [{"first": 1, "last": 2}]
    driver.feed(
        driver.record("FR", an_arrest(), sequence=1), driver.record("FR", an_arrest(), sequence=2)
    )
    driver.now_ms += 10_000
    receipt = driver.decode(driver.tick()["receipts.FR"][0])
    assert (receipt["accepted"], receipt["missing"]) == (3, 0)
    assert driver.tick() == {}


def test_a_worker_whose_clock_was_ahead_for_a_moment_keeps_no_receipt_back(
    driver: RouterDriver,
) -> None:
    for _ in range(2):
        driver.feed(driver.record("FR", an_arrest()))
    driver.now_ms += 86_400_000
    driver.tick()
    driver.now_ms += 10_000 - 86_400_000
    out = driver.feed(driver.record("FR", an_arrest()))
    driver.now_ms += 10_000
    out |= driver.tick()
    assert driver.decode(out["receipts.FR"][0])["accepted"] == 3


def a_router(driver: RouterDriver, ids: SchemaIds) -> Router:
    """Another release of the router, which knows other schemas."""
    return Router(lane="message", reference=driver.reference, catalogue=driver.catalogue, ids=ids)


def take_over(router: Router, ledger: list[Produced]) -> None:
    """What a successor does on assignment."""
    place = Partition(source_topic("europe", "message"), partition_of("FR"))
    router.restore(
        [place], [Consumed(r.topic, r.partition, 0, 0, r.key, r.value, ()) for r in ledger]
    )


def test_a_replay_from_the_dead_letter_queue_counts_once(driver: RouterDriver) -> None:
    good = driver.record("FR", an_arrest(), sequence=1)
    numbers = {schema: number for number, schema in driver.ids.by_id.items()}
    ids = SchemaIds({**numbers, driver.catalogue.event("arrest"): 4242})
    refused = a_router(driver, ids).process([good])
    assert refusal_of({r.topic: [r] for r in refused}) == ("unknown-schema", "quarantined")
    take_over(driver.router, [r for r in refused if r.topic == "ledger.europe"])
    other = driver.record("FR", an_arrest(), sequence=1)
    other = other._replace(headers=[*(other.headers or ()), (REPLAY_HEADER, b"dlq.europe/0/0")])
    assert refusal_of(driver.feed(other)) == ("sequence-reused", "quarantined")
    replay = good._replace(headers=[*(good.headers or ()), (REPLAY_HEADER, b"dlq.europe/0/0")])
    out = driver.feed(replay, replay)
    assert "desk.europe.drug-trafficking" in out
    assert len(out["desk.europe.drug-trafficking"]) == 1
    entry = driver.decode(out["ledger.europe"][0])
    assert (entry["accepted"], entry["quarantined"], entry["repeats"]) == (1, 0, 1)


def test_a_ledger_entry_of_an_earlier_version_is_read_as_its_writer_wrote_it() -> None:
    now = RouterDriver(now_ms=NOW_MS)
    entry = now.feed(now.record("FR", an_arrest()))["ledger.europe"][0]
    present = now.catalogue.schema("liaison.ledger.LedgerEntry")
    fields = [f for f in present.definition["fields"] if f["name"] != "forgotten_until"]
    earlier = Schema(present.name, 0, {**present.definition, "fields": fields})
    value = wire.encode(earlier.plain, now.decode(entry))
    numbers = {schema: number for number, schema in now.ids.by_id.items()}
    successor = a_router(now, SchemaIds({**numbers, earlier: 4242}))
    take_over(successor, [entry._replace(value=wire.frame(4242, value))])
    ((_, account),) = successor.book.accounts()
    assert (account.high, account.accepted) == (1, 1)


def retiring(driver: RouterDriver, account: str, key: bytes = b"FR") -> Consumed:
    """What `liaison ledger retire` sends."""
    return driver.raw("FR", None, key=key, headers=[(RETIRE_HEADER, account.encode())])


def test_a_retired_account_stays_booked_and_takes_nothing_more(driver: RouterDriver) -> None:
    first, second, fourth = (
        driver.record("FR", an_arrest(), sequence=number) for number in (1, 2, 4)
    )
    retire = retiring(driver, "FR/cases/message/7")
    driver.feed(first)
    entry = driver.decode(driver.feed(retire)["ledger.europe"][0])
    assert (entry["retired"], entry["high"], entry["accepted"]) == (True, 1, 1)
    successor = RouterDriver(now_ms=NOW_MS)
    for out in (driver.feed(retire), driver.feed(first)):
        assert set(out) == {"ledger.europe"}, "again, and a repeat: nothing new"
        place = Partition(source_topic("europe"), partition_of("FR"))
        (written,) = out["ledger.europe"]
        restored = Consumed("ledger.europe", place.partition, 0, 0, written.key, written.value, ())
        successor.router.restore([place], [restored])
    for number, record in ((2, second), (4, fourth)):
        out = successor.feed(record)
        assert refusal_of(out) == ("account-retired", "rejected")
        entry = driver.decode(out["ledger.europe"][0])
        assert entry["high"] == number
        missing = sum(gap["last"] - gap["first"] + 1 for gap in entry["missing"])
        assert entry["accepted"] + entry["rejected"] + missing == number
    assert "desk.europe.drug-trafficking" in successor.feed(
        driver.record("FR", an_arrest(), epoch=8)
    )


@pytest.mark.parametrize(
    ("account", "key", "code"),
    [
        ("FR/cases/message/9", b"FR", "bad-envelope"),
        ("DE/cases/message/7", b"FR", "bureau-not-key"),
        ("FR/cases/search/7", b"FR", "bad-envelope"),
        ("FR/cases/7", b"FR", "undecodable"),
        ("FR/cases/message/x", b"FR", "undecodable"),
        ("FR/unattributed/message/0", b"FR", "bad-envelope"),
    ],
)
def test_what_names_no_account_of_this_place_retires_nothing(
    driver: RouterDriver, account: str, key: bytes, code: str
) -> None:
    driver.feed(driver.record("FR", an_arrest(), sequence=1))
    out = driver.feed(retiring(driver, account, key))
    assert refusal_of(out)[0] == code
    assert not any(found.retired for _, found in driver.router.book.accounts())


@pytest.mark.parametrize(("system", "epoch"), [("Cases", 7), ("a" * 41, 7), ("cases", 0)])
def test_no_account_is_opened_under_a_system_or_epoch_that_is_none(
    driver: RouterDriver, system: str, epoch: int
) -> None:
    out = driver.feed(driver.record("FR", an_arrest(), system=system, epoch=epoch))
    assert refusal_of(out) == ("bad-envelope", "rejected")
    (entry,) = [driver.decode(r) for r in out["ledger.europe"]]
    assert entry["system"] == UNATTRIBUTED


def test_every_refusal_of_a_batch_is_in_a_receipt(driver: RouterDriver) -> None:
    late = [
        driver.record("FR", an_arrest(occurred_at=NOW + timedelta(days=2))) for _ in range(1201)
    ]
    receipts = [driver.decode(r) for r in driver.feed(*late)["receipts.FR"]]
    listed = [refusal["sequence"] for receipt in receipts for refusal in receipt["refusals"]]
    assert listed == list(range(1, 1202))


def newest(driver: RouterDriver, receipts: list[Produced]) -> dict[bytes, dict[str, Any]]:
    """What compaction leaves of receipts."""
    return {record.key or b"": driver.decode(record) for record in receipts}


def test_the_newest_receipt_alone_tells_which_numbers_stand_refused_and_why(
    driver: RouterDriver,
) -> None:
    written: list[Produced] = []
    late = an_unchecked_arrest(occurred_at=NOW + timedelta(days=2))
    nobody = an_unchecked_arrest(restricted_to=())
    written += driver.feed(*(driver.record("FR", late) for _ in range(600)))["receipts.FR"]
    written += driver.feed(driver.record("FR", an_arrest()), driver.record("FR", nobody))[
        "receipts.FR"
    ]
    driver.feed(driver.record("FR", an_arrest()))
    driver.now_ms += 10_000
    written += driver.tick()["receipts.FR"]
    (receipt,) = newest(driver, written).values()
    assert (receipt["accepted"], receipt["rejected"], receipt["quarantined"]) == (2, 600, 1)
    assert receipt["refused"] == [
        {"first": 1, "last": 600, "disposition": "rejected", "code": "bad-time"},
        {"first": 602, "last": 602, "disposition": "quarantined", "code": "no-reader"},
    ]
    assert (receipt["forgotten_until"], receipt["refusals"]) == (0, [])


def test_what_is_unattributed_in_several_partitions_has_a_receipt_for_each(
    driver: RouterDriver,
) -> None:
    written: list[Produced] = []
    for partition, records in enumerate((3, 1, 2)):
        junk = [driver.raw("FR", b"junk", partition=partition) for _ in range(records)]
        written += driver.feed(*junk)["receipts.FR"]
    assert {key: r["rejected"] for key, r in newest(driver, written).items()} == {
        b"FR/unattributed/message/0/europe/0": 3,
        b"FR/unattributed/message/0/europe/1": 1,
        b"FR/unattributed/message/0/europe/2": 2,
    }
