"""The books of a lane over time: what a tick writes of them, and taking them over."""

import pytest

from schemas import wire
from schemas.errors import RetryableError
from schemas.registry import SchemaIds
from schemas.topics import partition_of
from stream_apps.engine import Consumed, Partition
from stream_apps.engine.records import bytes_of
from stream_apps.router.booking import RECEIPT_INTERVAL_MS, _written_bytes
from stream_apps.router.driver import RouterDriver
from stream_apps.router.ledger import MAX_GAPS, Account, AccountKey, RefusedRange
from stream_apps.router.router import Router
from tests.unit.stream_apps.router.router_records import an_arrest

PLACE = ("europe", partition_of("FR"))
ACCOUNTS = 25
LOW = 1 << 62
"""Numbers that are written in as many bytes as any."""


def an_account_at_its_bounds(epoch: int, receipted_at: int) -> Account:
    """Gaps, refusals of both kinds and the tail: no account is larger."""
    return Account(
        AccountKey("FR", "s" * 40, "message", epoch),
        high=LOW + 40_000,
        missing=[(LOW + 3 * n, LOW + 3 * n) for n in range(MAX_GAPS)],
        refused=[
            RefusedRange(LOW + 13_000 + 2 * n, LOW + 13_000 + 2 * n, *why)
            for count, why in ((512, ("rejected", "account-retired")),
                               (4096, ("quarantined", "too-many-accounts")))
            for n in range(count)
        ],
        tail={LOW + n: (1 << 32) - 1 for n in range(64)},
        recorded_at=receipted_at + 1,
        receipted_at=receipted_at,
        receipt_due=True,
    )  # fmt: skip


def test_a_tick_writes_no_more_than_a_transaction_bears_and_the_longest_waiting_first(
    driver: RouterDriver,
) -> None:
    oldest = driver.now_ms - RECEIPT_INTERVAL_MS - ACCOUNTS
    for number in range(ACCOUNTS):
        # Not in the order of their waiting: 0, 7, 14 … 3, 10 …
        epoch = number * 7 % ACCOUNTS
        driver.router.book.put(PLACE, an_account_at_its_bounds(epoch + 1, oldest + epoch))
    receipted: list[int] = []
    ticks = 0
    while out := driver.tick():
        ticks += 1
        assert bytes_of(record for records in out.values() for record in records) < 9 * 1024 * 1024
        receipted += [AccountKey.parse((r.key or b"").decode()).epoch for r in out["receipts.FR"]]
    assert receipted == list(range(1, ACCOUNTS + 1))
    assert ticks > 1


def test_an_account_is_never_written_larger_than_it_says() -> None:
    driver = RouterDriver()
    account = an_account_at_its_bounds(LOW, driver.now_ms - RECEIPT_INTERVAL_MS)
    driver.router.book.put(PLACE, account)
    out = driver.tick()
    assert bytes_of([*out["receipts.FR"], *out["ledger.europe"]]) <= _written_bytes(account)


def test_an_account_of_a_schema_that_is_unknown_here_ends_the_takeover_and_says_what_to_do(
    driver: RouterDriver,
) -> None:
    (entry,) = driver.feed(driver.record("FR", an_arrest()))["ledger.europe"]
    assert entry.value is not None
    newer = wire.frame(99_999, entry.value[wire.FRAME_BYTES :])
    place = Partition("intel.europe", partition_of("FR"))
    restored = Consumed("ledger.europe", place.partition, 0, 0, entry.key, newer, ())
    with pytest.raises(RetryableError, match=r"99999 .*ledger\.europe .*update this one") as caught:
        driver.router.restore([place], [restored])
    assert caught.value.code == "unknown-schema"
    numbers = {schema: number for number, schema in driver.ids.by_id.items()}
    ids = SchemaIds({**numbers, driver.catalogue.schema("liaison.ledger.LedgerEntry"): 99_999})
    updated = Router(
        lane="message", reference=driver.reference, catalogue=driver.catalogue, ids=ids
    )
    updated.restore([place], [restored])
    assert len(updated.book) == 1
