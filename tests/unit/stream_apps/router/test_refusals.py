"""A record for every reason to refuse one: kept whole, booked in its account, answered."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from schemas.headers import REPLAY_HEADER, UNATTRIBUTED
from schemas.models import Measure, Recall, Search, Supersedes
from schemas.topics import partition_of
from stream_apps.engine import Consumed
from stream_apps.router.driver import RouterDriver
from stream_apps.router.ledger import MAX_ACCOUNTS, Account, AccountKey
from stream_apps.router.refusals import CODES, KEPT_IN_PART
from tests.unit.stream_apps.router.router_records import (
    NOW,
    NOW_MS,
    an_arrest,
    an_unchecked_arrest,
    refusal_of,
)


def broken(record: Consumed, **changes: Any) -> Consumed:
    return record._replace(**changes)


def refused_records(driver: RouterDriver) -> Iterator[tuple[str, Consumed, str, str, bool]]:
    """Name, record, code, disposition, and whether the bureau's account books it."""
    good = driver.record("FR", an_arrest(), sequence=1)
    assert good.value is not None
    rejected, quarantined = "rejected", "quarantined"
    yield "cut", broken(good, value=good.value[:40]), "undecodable", rejected, True
    yield "empty", broken(good, value=b""), "undecodable", rejected, True
    yield "tombstone", broken(good, value=None, headers=()), "undecodable", rejected, False
    yield "json", broken(good, value=b'{"a":1}', headers=()), "undecodable", rejected, False
    batch = broken(good, key=None, value=b"\0" * 70, headers=None, unread="a batch of 3 records")
    yield "batch", batch, "unreadable-batch", quarantined, False
    odd = b"\0\0\x0f\xff\xff" + good.value[5:]
    yield "schema id", broken(good, value=odd), "unknown-schema", quarantined, True
    yield "key", broken(good, key=b"DE"), "bureau-not-key", rejected, False
    yield "no key", broken(good, key=None), "bureau-not-key", rejected, False
    yield (
        "partition",
        broken(good, partition=(good.partition + 1) % 4),
        "wrong-partition",
        rejected,
        False,
    )  # noqa: E501
    yield "region", broken(good, topic="intel.africa"), "wrong-region", rejected, False
    late = an_unchecked_arrest(occurred_at=NOW + timedelta(hours=25))
    yield "future", driver.record("FR", late, sequence=1), "bad-time", rejected, True
    early = an_unchecked_arrest(occurred_at=datetime(1969, 12, 31, tzinfo=UTC))
    yield "past", driver.record("FR", early, sequence=1), "bad-time", rejected, True
    far = driver.record("FR", an_arrest(), sequence=1_000_001)
    yield "sequence", far, "bad-sequence", rejected, False
    yield "zero", driver.record("FR", an_arrest(), sequence=0), "bad-sequence", rejected, False
    gone = an_unchecked_arrest(retain_until=NOW - timedelta(seconds=1))
    yield "retention", driver.record("FR", gone, sequence=1), "retention-past", quarantined, True
    nobody = an_unchecked_arrest(restricted_to=())
    yield "no reader", driver.record("FR", nobody, sequence=1), "no-reader", quarantined, True
    theirs = an_arrest(supersedes=Supersedes(event_id=uuid4(), bureau="DE", kind="arrest"))
    yield "not yours", driver.record("FR", theirs, sequence=1), "not-yours", rejected, True
    other = an_unchecked_arrest(
        supersedes=Supersedes(event_id=uuid4(), bureau="FR", kind="notice"), root=uuid4()
    )
    yield "other kind", driver.record("FR", other, sequence=1), "bad-envelope", rejected, True
    mine = Supersedes(event_id=uuid4(), bureau="FR", kind="arrest")
    rootless = an_unchecked_arrest(supersedes=mine)
    yield "no root", driver.record("FR", rootless, sequence=1), "bad-envelope", rejected, True
    exercise = an_unchecked_arrest(supersedes=mine, root=mine.event_id, test=True)
    yield "exercise", driver.record("FR", exercise, sequence=1), "bad-envelope", rejected, True
    whose = Recall.model_construct(
        subtype="error", explanation="x", root=uuid4(), occurred_at=NOW,
        supersedes=Supersedes(event_id=uuid4(), bureau="XP", kind="arrest"),
    )  # fmt: skip
    yield "whose root", driver.record("XP", whose, sequence=1), "bad-envelope", rejected, True
    many = an_unchecked_arrest(handling_codes=["H1"] * 17)
    yield "handling codes", driver.record("FR", many, sequence=1), "bad-envelope", rejected, True
    huge = an_unchecked_arrest(
        measures=[Measure(measure="persons-arrested", value=Decimal(1))] * 101
    )
    yield "measures", driver.record("FR", huge, sequence=1), "bad-envelope", rejected, True
    theirs_value = good.value.replace(b"\x04FR", b"\x04TW")
    taiwan = broken(good, key=b"TW", value=theirs_value, headers=())
    yield "publisher", taiwan, "unknown-publisher", rejected, False
    yield "header names", broken(good, headers=None), "undecodable", rejected, True
    both = broken(good, headers=None, value=good.value[:40])
    yield "header names, cut", both, "undecodable", rejected, False
    lane = driver.record("FR", Search(subtype="sltd", occurred_at=NOW), sequence=1)
    yield "lane", broken(lane, topic=good.topic), "bad-envelope", rejected, False


Prepare = Callable[[RouterDriver, pytest.MonkeyPatch], None]


def as_it_is(driver: RouterDriver, patch: pytest.MonkeyPatch) -> None:
    """Nothing came before."""


def with_accounts(*accounts: Account) -> Prepare:
    def prepare(driver: RouterDriver, patch: pytest.MonkeyPatch) -> None:
        for account in accounts:
            driver.router.book.put(("europe", partition_of("FR")), account)

    return prepare


def with_a_fault(driver: RouterDriver, patch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    patch.setattr("stream_apps.router.router.check_event", fail)


def refused_in_a_state(
    driver: RouterDriver,
) -> Iterator[tuple[str, Prepare, Consumed, str, str, bool]]:
    """Records that only what came before, or the router itself, makes refusable."""
    key = AccountKey("FR", "cases", "message", 7)
    good = driver.record("FR", an_arrest(), sequence=1)
    quarantined = "quarantined"
    yield "a fault", with_a_fault, good, "internal", quarantined, True
    used = with_accounts(Account(key, high=1, accepted=1, tail={1: 1}))
    yield "other bytes", used, good, "sequence-reused", quarantined, False
    forgotten = with_accounts(Account(key, high=9, rejected=9, forgotten_until=5))
    replay = broken(good, headers=[(REPLAY_HEADER, b"dlq.europe/0/0")])
    yield "late replay", forgotten, replay, "replay-forgotten", quarantined, False
    full = with_accounts(*(Account(key._replace(epoch=100 + n)) for n in range(MAX_ACCOUNTS)))
    yield "epoch", full, good, "too-many-accounts", quarantined, False
    retired = with_accounts(Account(key, retired=True))
    yield "retired", retired, good, "account-retired", "rejected", True
    cut = broken(good, value=(good.value or b"")[:40])
    yield "epoch, cut", full, cut, "undecodable", "rejected", False


CASES = [
    *((case[0], as_it_is, *case[1:]) for case in refused_records(RouterDriver(now_ms=NOW_MS))),
    *refused_in_a_state(RouterDriver(now_ms=NOW_MS)),
]


def test_every_code_has_a_record_that_earns_it() -> None:
    assert {case[3] for case in CASES} | KEPT_IN_PART == CODES.keys()  # those have their own tests


@pytest.mark.parametrize(
    ("prepare", "record", "code", "disposition", "booked"),
    [c[1:] for c in CASES],
    ids=[c[0] for c in CASES],
)
def test_a_refused_record_is_kept_booked_and_answered(
    driver: RouterDriver,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Prepare,
    record: Consumed,
    code: str,
    disposition: str,
    booked: bool,
) -> None:
    prepare(driver, monkeypatch)
    region = record.topic.removeprefix("intel.")
    out = driver.feed(record)
    assert refusal_of(out, region) == (code, disposition)
    (kept,) = out[f"dlq.{region}"]
    assert (kept.key, kept.value) == (record.key, record.value)
    came_with = list(record.headers or ())
    assert list(kept.headers)[: len(came_with)] == came_with
    assert not [topic for topic in out if topic.startswith(("desk.", "bureau.", "facts"))]
    (entry,) = [driver.decode(r) for r in out[f"ledger.{region}"]]
    assert (entry["system"] != UNATTRIBUTED) == booked
    assert entry["rejected"] + entry["quarantined"] == 1
    assert entry["high"] == (1 if booked else 0)
    receipts = [driver.decode(r) for t, rs in out.items() if t.startswith("receipts.") for r in rs]
    if (record.key or b"").decode() in driver.reference.publishers:
        assert [r["refusals"][0]["code"] for r in receipts] == [code]
