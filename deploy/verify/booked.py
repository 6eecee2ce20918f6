"""The ledger beside everything that must agree with it: recount, blocks, outboxes, and itself.

What holds for ever, whatever retention took: each account's sum; the accepted events of a bureau's
system and lane, over all its epochs, are those that the blocks hold; what an outbox sent is booked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deploy.verify.difference import Difference, Verdict, differences
from deploy.verify.facts import Lane
from deploy.verify.recount import AccountPlace, Numbers, Recount
from deploy.verify.window import Window
from producers.outbox import read_accounts
from schemas.headers import UNATTRIBUTED
from schemas.topics import ledger_topic, source_topic
from stream_apps.router.ledger import Account, AccountKey

__all__ = ["ledger_differences", "sent_differences"]

Ledger = Mapping[AccountPlace, Account]


def ledger_differences(
    ledger: Ledger, expected: Recount, lanes: Mapping[Lane, int], window: Window
) -> Iterator[Difference]:
    """All that is not booked as it must be."""
    yield from _recounted(ledger, expected.accounts, window)
    for place, numbers in expected.numbers.items():
        yield from _seen(place, ledger.get(place), numbers)
    for place, account in ledger.items():
        if account.key.system != UNATTRIBUTED and _booked(account) != account.high:
            yield Difference("ledger sum", place[2], account.high, _balance(account))
    accepted: Counter[Lane] = Counter()
    for account in ledger.values():
        if account.accepted:
            accepted[account.key[:3]] += account.accepted
    yield from differences("accepted = events in blocks", accepted, lanes)


def _recounted(
    found: Ledger, expected: Mapping[AccountPlace, Account], window: Window
) -> Iterator[Difference]:
    """Accounts of whole partitions."""
    whole = {
        place: account for place, account in found.items() if not _is_cut(account, place, window)
    }
    for place in sorted({*expected, *whole}):
        mine, theirs = _balance(expected.get(place)), _balance(whole.get(place))
        where = f"{place[0]} [{place[1]}] {place[2]}"
        if mine != theirs:
            yield Difference("ledger", where, mine, theirs)
        elif expected[place].repeats > whole[place].repeats:  # more: records were read again
            yield Difference("repeats", where, expected[place].repeats, whole[place].repeats)


def _is_cut(account: Account, place: AccountPlace, window: Window) -> bool:
    region = place[0].removeprefix(ledger_topic(""))
    return window.is_cut(source_topic(region, account.key.lane), place[1])


def _seen(place: AccountPlace, account: Account | None, numbers: Numbers) -> Iterator[Difference]:
    """Of an account in a cut partition, numbers that must be booked and are not."""
    where = f"{place[0]} [{place[1]}] {place[2]}"
    if account is None:
        yield Difference("ledger", where, "an account", _balance(None))
        return
    last = max(last for _, last in numbers.ranges)
    if last > account.high:
        yield Difference("ledger", where, f"number {last} booked", f"high {account.high}")
    for first, last in account.missing:
        if any(low <= last and first <= high for low, high in numbers.ranges):
            yield Difference(
                "ledger", where, "all numbers in the source booked", f"{first} to {last} missing"
            )
    if numbers.repeats > account.repeats:
        yield Difference("repeats", where, numbers.repeats, account.repeats)


def sent_differences(outboxes: Iterable[Path], ledger: Ledger, verdict: Verdict) -> int:
    """Compare what outboxes sent with what is booked; how many records that was.

    An account that its outbox left for a new epoch may be booked further than the file knows: the
    file came back from a backup, and what was sent before that is lost to it, not to anyone else.
    What waits may have been sent, if the broker's acknowledgement never came.
    """
    by_key = {account.key: account for account in ledger.values()}
    total = 0
    for path in outboxes:
        for count in read_accounts(path):
            sent = count.last_sequence - count.pending
            total += sent
            if not count.last_sequence:
                continue
            key = AccountKey(count.bureau, count.system, count.lane, count.epoch)
            account = by_key.get(key)
            booked = 0 if account is None else _booked(account)
            more = booked > count.last_sequence
            if booked < sent or (more and count.current):
                verdict.differences.append(Difference("sent = booked", key.text(), sent, booked))
            elif more:
                verdict.notes.append(
                    f"{key.text()}: {booked} booked, {sent} sent by {path.name} as it is now: the "
                    "file came back from a backup, and has begun a new epoch since"
                )
    return total


def _booked(account: Account) -> int:
    refused = account.rejected + account.quarantined
    return account.accepted + refused + account.missing_count()


def _balance(account: Account | None) -> str:
    if account is None:
        return "no account"
    return (
        f"high {account.high} accepted {account.accepted} rejected {account.rejected} "
        f"quarantined {account.quarantined} missing {account.missing_count()}"
        f"{' retired' if account.retired else ''}"
    )
