"""What booking writes fits its topics, whatever comes; what is kept whole can be put back."""

from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.headers import ORIGIN_HEADER, REPLAY_HEADER, Disposition, Origin, read_refusal
from schemas.topics import MAX_SOURCE_BYTES, declared_topics, partition_of
from stream_apps.engine import Consumed, Produced
from stream_apps.engine.records import bytes_of
from stream_apps.router.driver import RouterDriver
from stream_apps.router.ledger import MAX_GAPS, Account, AccountKey, RefusedRange
from stream_apps.router.refusals import CODES, Refused
from tests.unit.stream_apps.router.router_records import NOW_MS, an_arrest, refusal_of

KEY = AccountKey("FR", "s" * 40, "message", (1 << 63) - 1)
PLACE = ("europe", partition_of("FR"))
FAR = 1 << 61
UNKNOWN_SCHEMA = b"\0\xff\xff\xff\xff"


@cache
def most_bytes() -> dict[str, int]:
    topics = declared_topics(("FR",), ())
    return {topic.name: int(topic.config["max.message.bytes"]) for topic in topics}


def too_large(records: list[Produced]) -> list[tuple[str, int]]:
    """Records that their topics do not take, with room for what Kafka adds."""
    return [
        (record.topic, bytes_of((record,)))
        for record in records
        if record.topic in most_bytes() and bytes_of((record,)) + 1024 > most_bytes()[record.topic]
    ]


def a_full_account() -> Account:
    """Numbers as long as they come, gaps and refused ranges at their bounds, alternating."""
    code = max(CODES, key=len)
    gaps = [(FAR + 4 * n, FAR + 4 * n) for n in range(MAX_GAPS)]
    refused = [
        RefusedRange(FAR + 4 * n + 2, FAR + 4 * n + 2, disposition.value, code)
        for disposition, ranges in ((Disposition.REJECTED, 512), (Disposition.QUARANTINED, 4096))
        for n in range(ranges)
    ]
    high = FAR + 4 * MAX_GAPS
    tail = {high - n: (1 << 32) - 1 for n in range(64)}
    return Account(KEY, high, gaps, refused, high, high, high, high, high, tail)


def records_of(driver: RouterDriver, steps: list[tuple[int, str, bool]]) -> Iterator[Consumed]:
    """A record under a number near the account's end: sound, cut, or of an unknown schema."""
    for n, what, replay in steps:
        sequence = FAR + n
        if what == "sound":
            record = driver.record(
                "FR", an_arrest(), system=KEY.system, sequence=sequence, epoch=KEY.epoch
            )
        else:
            origin = Origin(*KEY, sequence, "\u007f" * 40).pack()
            value = (UNKNOWN_SCHEMA if what == "unknown" else b"\xf0") + b"%d" % n
            record = driver.raw("FR", value, headers=[(ORIGIN_HEADER, origin)])
        if replay:
            record = record._replace(headers=[*(record.headers or ()), (REPLAY_HEADER, b"x")])
        yield record


STEPS = st.lists(
    st.tuples(
        st.integers(-4, 4 * MAX_GAPS + 4) | st.integers(4 * MAX_GAPS, 1 << 20),
        st.sampled_from(["sound", "cut", "unknown"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=12, deadline=None)
@given(STEPS)
def test_entry_and_receipt_of_a_full_account_fit_their_topics_whatever_comes(
    steps: list[tuple[int, str, bool]],
) -> None:
    driver = RouterDriver(now_ms=NOW_MS)
    driver.router.book.put(PLACE, a_full_account())
    out = driver.router.process(list(records_of(driver, steps)))
    assert any(record.topic == "ledger.europe" for record in out)
    assert too_large(out) == []


@pytest.mark.parametrize(
    ("ranges", "bounded"), [(70_000, True), (48_000, False)], ids=["by number", "by bytes alone"]
)
def test_an_account_that_outgrew_its_topic_is_booked_in_and_answered_again(
    driver: RouterDriver, monkeypatch: pytest.MonkeyPatch, ranges: int, bounded: bool
) -> None:
    if not bounded:
        none = {disposition.value: 1 << 30 for disposition in Disposition}
        monkeypatch.setattr("stream_apps.router.ledger._MAX_REFUSED_RANGES", none)
    wide = "\U0001f46e" * 3000

    def fail(*_: object) -> None:
        raise Refused(CODES["internal"], wide)

    refused = [RefusedRange(2 * n, 2 * n, "quarantined", "unknown-schema") for n in range(ranges)]
    account = Account(KEY, 300_000, [], refused, 300_000 - ranges, quarantined=ranges)
    driver.router.book.put(PLACE, account)
    more = [
        driver.record("FR", an_arrest(), system=KEY.system, sequence=300_001 + n, epoch=KEY.epoch)
        for n in range(502)
    ]
    out = driver.router.process(more[:1])
    assert any(record.topic.startswith("desk.") for record in out)
    assert too_large(out) == []
    driver.router.aborted()
    assert too_large(driver.router.refuse(more[0], wide)) == []
    driver.router.committed()
    monkeypatch.setattr("stream_apps.router.router.check_event", fail)
    out = driver.router.process(more[1:])
    assert too_large(out) == []
    receipts = [driver.decode(record) for record in out if record.topic == "receipts.FR"]
    told = [refusal["sequence"] for receipt in receipts for refusal in receipt["refusals"]]
    assert told == list(range(300_002, 300_503))
    booked = driver.router.book.account(PLACE, KEY)
    assert booked.high == booked.accepted + booked.rejected + booked.quarantined == 300_502


def test_repeats_too_old_to_be_compared_are_counted_apart(driver: RouterDriver) -> None:
    driver.feed(*(driver.record("FR", an_arrest(), sequence=number) for number in range(1, 66)))
    out = driver.feed(driver.record("FR", an_arrest(), sequence=1))
    assert "dlq.europe" not in out
    (entry,) = (driver.decode(record) for record in out["ledger.europe"])
    assert (entry["repeats"], entry["repeats_unchecked"]) == (1, 1)
    driver.now_ms += 10_000
    receipt = driver.decode(driver.tick()["receipts.FR"][-1])
    assert (receipt["repeats"], receipt["repeats_unchecked"]) == (1, 1)


def test_a_record_whose_outputs_alone_are_not_taken_is_kept_whole_and_can_be_put_back(
    driver: RouterDriver,
) -> None:
    record = driver.record("FR", an_arrest(legal_basis="x" * 800_000))
    out = driver.router.refuse(record, "the broker does not take what follows")
    driver.router.committed()
    (letter,) = (written for written in out if written.topic == "dlq.europe")
    assert (letter.key, letter.value) == (record.key, record.value)
    refusal = read_refusal(letter.headers)
    assert (refusal.code, refusal.bytes, refusal.sha256) == ("unwritable", None, None)
    replay = [*(record.headers or ()), (REPLAY_HEADER, b"dlq.europe/0/0")]
    again = driver.feed(record._replace(headers=replay))
    assert len(again["desk.europe.drug-trafficking"]) == 1
    assert driver.decode(again["ledger.europe"][0])["quarantined"] == 0


def test_a_record_that_outgrows_its_topic_by_the_number_of_its_headers_is_kept_in_part(
    driver: RouterDriver,
) -> None:
    record = driver.record("FR", an_arrest())
    crowd = [*(record.headers or ()), *([("", None)] * (MAX_SOURCE_BYTES // 2))]
    assert bytes_of((record._replace(headers=crowd),)) < MAX_SOURCE_BYTES
    out = driver.router.refuse(record._replace(headers=crowd), "the broker does not take it")
    (letter,) = (written for written in out if written.topic == "dlq.europe")
    assert len(letter.headers) < 20
    assert read_refusal(letter.headers).sha256 is not None


def test_a_bureau_is_told_at_once_that_its_account_is_retired(driver: RouterDriver) -> None:
    driver.feed(driver.record("FR", an_arrest(), sequence=1))
    driver.now_ms += 1
    retire = driver.raw("FR", None, headers=[("liaison-retire", b"FR/cases/message/7")])
    receipt = driver.decode(driver.feed(retire)["receipts.FR"][0])
    assert (receipt["retired"], receipt["high"]) == (True, 1)
    refused = driver.feed(driver.record("FR", an_arrest(), sequence=2))
    assert refusal_of(refused) == ("account-retired", "rejected")
    assert driver.decode(refused["receipts.FR"][0])["retired"]
