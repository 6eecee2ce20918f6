"""The account: every number booked once, whatever comes in whatever order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.headers import Disposition
from stream_apps.router.ledger import (
    MAX_ACCOUNTS,
    MAX_GAPS,
    MAX_JUMP,
    Account,
    AccountKey,
    Book,
    Standing,
)

KEY = AccountKey("FR", "cases", "message", 7)
BOOKABLE = (Standing.NEW, Standing.LATE, Standing.REPLAYED)


def _sum_holds(account: Account) -> bool:
    booked = account.accepted + account.rejected + account.quarantined
    return account.high == booked + account.missing_count()


@given(
    st.lists(
        st.tuples(st.integers(-2, 60), st.integers(0, 2), st.sampled_from("arqp")), max_size=120
    )
)
def test_the_sum_holds_after_any_bookings_and_no_number_counts_twice(
    steps: list[tuple[int, int, str]],
) -> None:
    account = Account(KEY)
    booked: set[int] = set()
    for sequence, crc, what in steps:
        standing = account.standing(sequence, crc, replay=what == "p")
        if standing in BOOKABLE:
            assert (sequence in booked) == (standing is Standing.REPLAYED)
            booked.add(sequence)
            if what in "ap":
                account.accept(sequence, crc, standing)
            else:
                disposition = Disposition.REJECTED if what == "r" else Disposition.QUARANTINED
                account.refuse(sequence, crc, standing, disposition, "code")
        else:
            assert sequence in booked or sequence < 1
        assert _sum_holds(account)
    assert account.accepted + account.rejected + account.quarantined == len(booked)
    again = Account.from_record(account.to_record())
    assert again == account


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from("arq"), st.booleans()), max_size=80),
)
def test_an_account_stays_within_its_bounds_whatever_comes(
    refused_before: int, steps: list[tuple[int, str, bool]]
) -> None:
    most = {Disposition.REJECTED.value: 2, Disposition.QUARANTINED.value: 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stream_apps.router.ledger._MAX_REFUSED_RANGES", most)
        patch.setattr("stream_apps.router.ledger.MAX_GAPS", 4)
        account = Account(KEY)
        refused: set[int] = set()
        before = [(number, "q", False) for number in range(1, refused_before + 1)]
        for sequence, what, replay in before + steps:
            standing = account.standing(sequence, 0, replay=replay)
            if standing not in BOOKABLE:
                continue
            refused.discard(sequence)
            if what == "a":
                account.accept(sequence, 0, standing)
            else:
                disposition = Disposition.REJECTED if what == "r" else Disposition.QUARANTINED
                account.refuse(sequence, 0, standing, disposition, "code")
                refused.add(sequence)
            ranges = Counter(item.disposition for item in account.refused)
            assert all(ranges[name] <= bound for name, bound in most.items())
            assert len(account.missing) <= 4
            assert _sum_holds(account)
            listed = {n for item in account.refused for n in range(item.first, item.last + 1)}
            assert listed <= refused
            assert all(n <= account.forgotten_until for n in refused - listed)


def test_replays_that_split_a_refused_range_forget_the_oldest_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    most = {Disposition.REJECTED.value: 10, Disposition.QUARANTINED.value: 10}
    monkeypatch.setattr("stream_apps.router.ledger._MAX_REFUSED_RANGES", most)
    account = Account(KEY)
    for number in range(1, 101):
        account.refuse(number, 0, Standing.NEW, Disposition.QUARANTINED, "no-reader")
    for number in range(2, 100, 2):
        account.accept(number, 0, account.standing(number, 0, replay=True))
    assert [(r.first, r.last) for r in account.refused] == [
        *((number, number) for number in range(81, 99, 2)),
        (99, 100),
    ]
    assert (account.forgotten_until, account.accepted, account.quarantined) == (79, 49, 51)
    assert account.standing(1, 0, replay=True) is Standing.FORGOTTEN
    assert account.standing(81, 0, replay=True) is Standing.REPLAYED
    most[Disposition.QUARANTINED.value] = 4
    read_back = Account.from_record(account.to_record())
    assert (len(read_back.refused), read_back.forgotten_until) == (4, 91)


def test_other_bytes_are_seen_among_the_last_numbers_and_older_repeats_are_counted_apart() -> None:
    account = Account(KEY)
    for number in range(1, 66):
        account.accept(number, number, Standing.NEW)
    assert account.standing(2, 999) is Standing.REUSED
    assert account.standing(1, 999) is Standing.REPEAT
    account.repeat(1)
    account.repeat(2)
    assert (account.repeats, account.repeats_unchecked) == (2, 1)
    assert Account.from_record(account.to_record()) == account


def test_same_number_same_bytes_is_a_repeat_and_other_bytes_are_reused() -> None:
    account = Account(KEY)
    account.accept(1, 11, Standing.NEW)
    assert account.standing(1, 11) is Standing.REPEAT
    assert account.standing(1, 12) is Standing.REUSED


def test_a_gap_is_missing_until_it_is_filled() -> None:
    account = Account(KEY)
    account.accept(5, 1, Standing.NEW)
    assert account.missing == [(1, 4)]
    assert account.standing(2, 9) is Standing.LATE
    account.accept(2, 9, Standing.LATE)
    assert account.missing == [(1, 1), (3, 4)]


def test_a_jump_of_over_a_million_is_no_gap() -> None:
    account = Account(KEY)
    assert account.standing(MAX_JUMP, 1) is Standing.NEW
    assert account.standing(MAX_JUMP + 1, 1) is Standing.TOO_FAR
    assert account.standing(0, 1) is Standing.TOO_FAR


def test_a_replay_moves_a_number_from_refused_to_accepted_once() -> None:
    account = Account(KEY)
    for number in (1, 2, 3):
        account.refuse(number, number, Standing.NEW, Disposition.QUARANTINED, "no-reader")
    assert account.standing(2, 2) is Standing.REPEAT
    assert account.standing(2, 2, replay=True) is Standing.REPLAYED
    account.accept(2, 2, Standing.REPLAYED)
    assert (account.accepted, account.quarantined) == (1, 2)
    assert account.standing(2, 2, replay=True) is Standing.REPEAT
    assert [(r.first, r.last) for r in account.refused] == [(1, 1), (3, 3)]


def test_what_is_quarantined_is_remembered_longer_than_what_is_rejected() -> None:
    account = Account(KEY)
    for number in range(1, 2001, 2):
        account.refuse(number, 1, Standing.NEW, Disposition.QUARANTINED, f"q{number}")
        account.refuse(number + 1, 1, Standing.NEW, Disposition.REJECTED, f"r{number}")
    assert account.standing(1, 1, replay=True) is Standing.REPLAYED
    assert account.standing(2, 1, replay=True) is Standing.FORGOTTEN
    assert account.standing(2, 1) is Standing.REPEAT
    assert account.standing(2000, 1, replay=True) is Standing.REPLAYED
    assert _sum_holds(account)


def test_an_account_has_a_bounded_number_of_gaps() -> None:
    account = Account(KEY)
    for number in range(MAX_GAPS):
        account.accept(4 * number + 4, 1, Standing.NEW)
    assert len(account.missing) == MAX_GAPS
    assert account.standing(account.high + 2, 1) is Standing.TOO_FAR
    assert account.standing(account.high + 1, 1) is Standing.NEW
    assert account.standing(2, 1) is Standing.TOO_FAR
    assert account.standing(1, 1) is Standing.LATE
    for number in (1, 2, 3):
        account.accept(number, 1, Standing.LATE)
    assert account.standing(account.high + 2, 1) is Standing.NEW
    assert _sum_holds(account)


def test_an_abort_returns_to_the_last_commit() -> None:
    book, place = Book(), ("europe", 0)
    book.change(place, KEY).accept(1, 1, Standing.NEW)
    book.commit()
    book.change(place, KEY).accept(2, 2, Standing.NEW)
    assert book.account(place, KEY).high == 2
    book.abort()
    assert book.account(place, KEY).high == 1


def test_a_bureau_has_a_bounded_number_of_accounts_over_commits_aborts_and_restores() -> None:
    book, place = Book(), ("europe", 0)

    def number(epoch: int, bureau: str = "FR") -> AccountKey:
        return KEY._replace(bureau=bureau, epoch=epoch)

    for epoch in range(1, MAX_ACCOUNTS):
        book.put(place, Account(number(epoch)))
        book.put(place, Account(number(epoch)))
    last, more = number(MAX_ACCOUNTS), number(MAX_ACCOUNTS + 1)
    book.change(place, last)
    book.change(place, last)
    assert not book.may_open(place, more)
    book.abort()
    assert book.may_open(place, more)
    book.change(place, last)
    book.commit()
    assert not book.may_open(place, more)
    assert book.may_open(place, last)
    assert book.may_open(place, number(1))
    assert book.may_open(place, number(1, "DE"))
    assert book.may_open(("mena", 0), more)
    book.drop(place, "message")
    assert book.may_open(place, more)


def test_a_retired_account_makes_room_over_commits_aborts_and_restores() -> None:
    book, place = Book(), ("europe", 0)
    full = [KEY._replace(epoch=epoch) for epoch in range(1, MAX_ACCOUNTS + 1)]
    more = KEY._replace(epoch=MAX_ACCOUNTS + 1)
    for key in full:
        book.put(place, Account(key))
    assert not book.may_open(place, more)
    assert not book.may_retire(place, more)
    book.retire(place, full[0])
    book.abort()
    assert not book.may_open(place, more)
    for _ in range(2):
        assert book.may_retire(place, full[0])
        book.retire(place, full[0])
        assert book.may_open(place, more)
        book.commit()
    book.change(place, more)
    assert not book.may_open(place, more._replace(epoch=MAX_ACCOUNTS + 2))
    book.abort()
    book.put(place, Account(full[0], retired=True))
    book.put(place, Account(full[1]))
    book.put(place, Account(full[1], retired=True))
    assert book.may_open(place, more)
    book.put(place, Account(more))
    book.put(place, Account(more._replace(epoch=more.epoch + 1)))
    assert not book.may_open(place, more._replace(epoch=more.epoch + 2))


def test_accounts_that_are_retired_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_apps.router.ledger.MAX_RETIRED", 1)
    book, place = Book(), ("europe", 0)
    for epoch in (1, 2):
        book.put(place, Account(KEY._replace(epoch=epoch)))
    book.retire(place, KEY._replace(epoch=1))
    assert not book.may_retire(place, KEY._replace(epoch=2))
