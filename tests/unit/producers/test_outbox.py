"""The outbox by itself: numbers, receipts, bounds, its file, restored disks."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import AccountCount, Outbox, Receipt, read_accounts
from producers.account import Account, Draft, LaneKey, Pending, receipt_key
from producers.epochs import Retired
from producers.numbering import Known, number
from producers.receipt_index import RECEIPTS_KEPT_MS
from schemas.clock import ManualClock
from schemas.errors import ConfigurationError, PermanentError, RetryableError
from schemas.ids import uuid7
from tests.unit.producers.bureau_side import draft, open_outbox

LANE = LaneKey("FR", "main", "message")


def waiting(outbox: Outbox, after_row: int = 0) -> list[Pending]:
    return outbox.read(after_row, max_records=10_000, max_bytes=1 << 30)


def numbers(receipts: list[Receipt]) -> list[int]:
    return [receipt.sequence for receipt in receipts]


def test_each_lane_counts_for_itself_from_one(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        receipts = outbox.accept(
            [
                draft(1),
                draft(2),
                draft(3, lane="search"),
                draft(4, system="second"),
                draft(5, bureau="DE"),
                draft(6),
            ]
        )
        assert numbers(receipts) == [1, 2, 1, 1, 1, 3]
        assert len({receipt.epoch for receipt in receipts}) == 4
        assert numbers(outbox.accept([draft(7)])) == [4]


def test_the_value_is_made_for_the_number_of_its_receipt(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        (receipt,) = outbox.accept([draft(1, content="x")])
        (record,) = waiting(outbox)
        assert record.value == f"{receipt.epoch}/1/x".encode()
        assert record.key == b"FR"
        assert record.headers == [
            ("liaison-origin", f"1;FR;main;message;{receipt.epoch};1;{receipt.event_id}".encode())
        ]


def test_a_reopened_file_goes_on_counting_in_the_same_epoch(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        (before,) = outbox.accept([draft(1)])
    with open_outbox(tmp_path / "o") as outbox:
        (after,) = outbox.accept([draft(2)])
        assert (after.epoch, after.sequence) == (before.epoch, 2)
        assert outbox.pending() == 2


def test_the_same_event_again_returns_the_first_receipt(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        first = outbox.accept([draft(1), draft(2)])
        again = outbox.accept([draft(2), draft(3), draft(1), draft(3)])
        assert again[0] == first[1]
        assert again[2] == first[0]
        assert again[1] == again[3]
        assert outbox.pending() == 3
    with open_outbox(tmp_path / "o") as outbox:
        assert outbox.accept([draft(1)]) == first[:1]


def test_other_content_under_the_same_id_is_refused_and_nothing_of_the_batch_taken(
    tmp_path: Path,
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        for batch in (
            [draft(2), draft(1, content="changed")],
            [draft(3), draft(3, content="changed")],
        ):
            with pytest.raises(PermanentError) as caught:
                outbox.accept(batch)
            assert caught.value.code == "event-id-reused"
            assert "new id" in str(caught.value)
        assert outbox.pending() == 1
        assert numbers(outbox.accept([draft(2)])) == [2]


def test_an_id_is_one_event_of_one_bureau(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        (french,) = outbox.accept([draft(1)])
        (german,) = outbox.accept([draft(1, bureau="DE", content="another")])
        (other_system,) = outbox.accept([draft(1, system="second")])
        assert german.bureau == "DE"
        assert other_system == french


def test_a_receipt_is_forgotten_after_its_time_but_not_while_its_record_waits(
    tmp_path: Path,
) -> None:
    def new(number: int, content: str = "") -> Draft:
        return draft(number, content=content)._replace(event_id=uuid7(number, 0))

    clock = ManualClock()
    with open_outbox(tmp_path / "o", clock=clock) as outbox:
        outbox.accept([new(1)])
        clock.advance(RECEIPTS_KEPT_MS / 1000 + 61)
        outbox.accept([new(2)])
        assert numbers(outbox.accept([new(1)])) == [1]
        outbox.remove([(1, 1)])
        clock.advance(61)
        outbox.accept([new(3)])
        assert numbers(outbox.accept([new(1, "a new life")])) == [4]
        assert numbers(outbox.accept([new(2)])) == [2]


def test_the_receipt_of_a_derived_id_is_never_forgotten(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_outbox(tmp_path / "o", clock=clock) as outbox:
        outbox.confirm()
        first = outbox.accept([draft(n) for n in range(1, 4)])
        outbox.remove([(1, 3)])
        for year in range(1, 4):
            clock.advance(366 * 86_400)
            outbox.accept([draft(10 * year)])
            assert outbox.accept([draft(n) for n in range(1, 4)]) == first
        with pytest.raises(PermanentError) as caught:
            outbox.accept([draft(2, content="changed")])
        assert caught.value.code == "event-id-reused"
    with open_outbox(tmp_path / "o", clock=clock) as outbox:
        assert outbox.accept([draft(2)]) == [first[1]]
        assert outbox.pending() == 3


def test_an_error_while_encoding_leaves_no_gap(tmp_path: Path) -> None:
    def refuse(epoch: int, sequence: int) -> bytes:
        raise PermanentError("too long", code="too-large")

    with open_outbox(tmp_path / "o") as outbox:
        with pytest.raises(PermanentError):
            outbox.accept([draft(1), draft(2)._replace(encode=refuse)])
        assert outbox.sent_counts() == []
        assert numbers(outbox.accept([draft(1)])) == [1]


def test_a_full_outbox_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o", max_pending=2) as outbox:
        outbox.accept([draft(1)])
        with pytest.raises(RetryableError) as caught:
            outbox.accept([draft(2), draft(3)])
        assert caught.value.code == "outbox-full"
        assert numbers(outbox.accept([draft(1), draft(2)])) == [1, 2]
        outbox.remove([(1, 2)])
        assert numbers(outbox.accept([draft(3), draft(4)])) == [3, 4]


def test_reading_goes_on_in_order_within_its_bounds_and_leaves_accounts_out(
    tmp_path: Path,
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(n, bureau="FR" if n % 2 else "DE", size=100) for n in range(1, 7)])
        first = outbox.read(0, max_records=2, max_bytes=10_000)
        assert [record.row for record in first] == [1, 2]
        small = outbox.read(2, max_records=10, max_bytes=150)
        assert [record.row for record in small] == [3, 4]
        german = {record.account.row for record in first if record.account.lane.bureau == "DE"}
        french = outbox.read(0, max_records=10, max_bytes=10_000, without=german)
        assert [record.key for record in french] == [b"FR"] * 3
        alone = outbox.read(0, max_records=10, max_bytes=10_000, only=german.pop())
        assert [record.key for record in alone] == [b"DE"] * 3


def test_a_row_id_is_never_used_again(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1), draft(2)])
        outbox.remove([(1, 2)])
        outbox.accept([draft(3)])
        assert [record.row for record in waiting(outbox)] == [3]


def test_two_owners_of_one_file_are_refused(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o"):
        with pytest.raises(ConfigurationError) as caught:
            open_outbox(tmp_path / "o")
        assert caught.value.code == "outbox-in-use"
    open_outbox(tmp_path / "o").close()


def test_a_link_to_an_open_file_makes_no_second_owner(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(tmp_path / "o")
    with open_outbox(tmp_path / "o"):
        with pytest.raises(ConfigurationError) as caught:
            open_outbox(elsewhere / "link")
        assert caught.value.code == "outbox-in-use"
    with open_outbox(elsewhere / "link"):
        with pytest.raises(ConfigurationError) as caught:
            open_outbox(tmp_path / "o")
        assert caught.value.code == "outbox-in-use"


def test_what_is_no_outbox_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database " * 100)
    for path in (tmp_path / "text", tmp_path / "no" / "folder"):
        with pytest.raises(ConfigurationError) as caught:
            open_outbox(path)
        assert str(path) in str(caught.value)
    with pytest.raises(ConfigurationError):
        read_accounts(tmp_path / "nothing")


def test_only_its_owner_may_read_the_files(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes == {0o600}


def test_counts_are_read_beside_the_owner_and_after_it(tmp_path: Path) -> None:
    path = tmp_path / "o"
    with open_outbox(path) as outbox:
        receipts = outbox.accept([draft(1), draft(2), draft(3, lane="search")])
        outbox.remove([(1, 1)])
        counts = [
            AccountCount("FR", "main", "message", receipts[0].epoch, 2, 1, True),
            AccountCount("FR", "main", "search", receipts[2].epoch, 1, 1, True),
        ]
        assert outbox.sent_counts() == counts
        assert read_accounts(path) == counts
    assert read_accounts(path) == counts


def test_a_restored_file_moves_what_it_numbered_since_into_a_new_epoch(tmp_path: Path) -> None:
    path, backup = tmp_path / "o", tmp_path / "backup"
    with open_outbox(path) as outbox:
        outbox.accept([draft(1), draft(2)])
    shutil.copy(path, backup)
    with open_outbox(path) as outbox:
        outbox.accept([draft(3)])

    with open_outbox(backup) as outbox:
        outbox.accept([draft(4)])
    with open_outbox(backup) as outbox:  # still nobody has looked at the receipts
        (fifth,) = outbox.accept([draft(5)])
        (old,) = outbox.accounts()
        assert old.unconfirmed_from == 3
        new = outbox.begin_new_epoch(LANE, lambda value, epoch, n: f"{epoch}/{n}".encode())
        outbox.confirm()
        assert new.epoch != old.epoch
        assert [(r.account.epoch, r.sequence) for r in waiting(outbox)] == [
            (old.epoch, 1),
            (old.epoch, 2),
            (new.epoch, 1),
            (new.epoch, 2),
        ]
        assert waiting(outbox)[3].value == f"{new.epoch}/2".encode()
        (again,) = outbox.accept([draft(5)])
        assert (again.event_id, again.epoch, again.sequence) == (fifth.event_id, new.epoch, 2)
        (sixth,) = outbox.accept([draft(6)])
        assert (sixth.epoch, sixth.sequence) == (new.epoch, 3)
        assert outbox.sent_counts() == [
            AccountCount(*LANE, old.epoch, 2, 2, False),
            AccountCount(*LANE, new.epoch, 3, 3, True),
        ]


def test_once_confirmed_nothing_is_moved(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(2)])
        outbox.confirm()
        outbox.accept([draft(3)])
        new = outbox.begin_new_epoch(LANE, lambda value, epoch, n: value)
        assert new.next_sequence == 1
        assert [record.sequence for record in waiting(outbox)] == [1, 2, 3]


def test_of_a_retired_account_what_was_never_booked_moves_and_what_it_refused_is_taken_anew(
    tmp_path: Path,
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(n) for n in range(1, 7)])
        outbox.confirm()
        rows = [record.row for record in waiting(outbox)]
        outbox.remove([(rows[0], rows[1])])
        (old,) = outbox.accounts()
        # Of 1 to 4, which were booked, 2 and 3 were refused; for 3 no acknowledgement came.
        retired = Retired(old.row, 4, ((2, 3),))
        new = outbox.begin_new_epoch(LANE, lambda value, epoch, n: b"%d" % n, retired)
        assert [(r.account.epoch, r.sequence) for r in waiting(outbox)] == [
            (old.epoch, 3),
            (old.epoch, 4),
            (new.epoch, 1),
            (new.epoch, 2),
        ]
        assert [record.value for record in waiting(outbox)[2:]] == [b"1", b"2"]
        assert outbox.sent_counts() == [
            AccountCount(*LANE, old.epoch, 4, 2, False),
            AccountCount(*LANE, new.epoch, 2, 2, True),
        ]
        again = outbox.accept([draft(n) for n in range(1, 7)])
        assert [(r.epoch, r.sequence) for r in again] == [
            (old.epoch, 1),
            (new.epoch, 3),
            (new.epoch, 4),
            (old.epoch, 4),
            (new.epoch, 1),
            (new.epoch, 2),
        ]


def test_what_a_retired_account_refused_after_its_successor_began_is_taken_anew(
    tmp_path: Path,
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(n) for n in range(1, 10)])
        outbox.confirm()
        outbox.remove([(waiting(outbox)[0].row, waiting(outbox)[-1].row)])
        (old,) = outbox.accounts()
        retired = Retired(old.row, 2, ())
        new = outbox.begin_new_epoch(LANE, lambda value, epoch, n: value, retired)
        outbox.forget_refused([Retired(old.row, 9, ((3, 3), (5, 6), (9, 9)))])
        again = outbox.accept([draft(n) for n in range(1, 10)])
        taken_anew = [n for n, receipt in enumerate(again, 1) if receipt.epoch == new.epoch]
        assert taken_anew == [3, 5, 6, 9]
        assert [receipt.sequence for receipt in again if receipt.epoch == old.epoch] == [
            1,
            2,
            4,
            7,
            8,
        ]


def test_what_was_sent_of_a_retired_account_leaves_no_gap_in_the_next(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(n) for n in range(1, 6)])
        outbox.confirm()
        rows = [record.row for record in waiting(outbox)]
        outbox.remove([(rows[0], rows[0]), (rows[3], rows[3])])  # 4 was sent and is not booked yet
        (old,) = outbox.accounts()
        retired = Retired(old.row, 1, ())
        new = outbox.begin_new_epoch(LANE, lambda value, epoch, n: value, retired)
        assert [r.sequence for r in waiting(outbox)] == [2, 3, 1]
        assert new.next_sequence == 2


def restamped(value: bytes, epoch: int, sequence: int) -> bytes:
    assert value
    return f"{epoch}/{sequence}".encode()


def to(topic: str) -> Callable[[LaneKey], str]:
    return lambda _lane: topic


def where(outbox: Outbox) -> list[tuple[str, int, int]]:
    """Topic, account row and number of what waits, in its order."""
    return [(r.topic, r.account.row, r.sequence) for r in waiting(outbox)]


def test_a_lane_goes_on_in_a_new_epoch_when_its_topic_changes(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.confirm()
        old, other = outbox.accept([draft(1), draft(2, bureau="DE")])
        new = outbox.accept([draft(3, topic="intel.mena"), draft(4, topic="intel.mena")])
        assert numbers(new) == [1, 2]
        assert {receipt.epoch for receipt in new}.isdisjoint({old.epoch, other.epoch})
        assert numbers(outbox.accept([draft(5, bureau="DE")])) == [2]
    with open_outbox(tmp_path / "o") as outbox:
        assert numbers(outbox.accept([draft(6, topic="intel.mena")])) == [3]
        back, again = outbox.accept([draft(7), draft(8, topic="intel.mena")])
        assert len({back.epoch, again.epoch, old.epoch, new[0].epoch}) == 4


def test_what_waits_for_the_old_topic_is_moved_unless_a_producer_was_given_it(
    tmp_path: Path,
) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.confirm()
        outbox.accept([draft(n) for n in range(1, 6)])
        assert outbox.offer(waiting(outbox)[:2], outbox.moves)
        outbox.remove([(1, 1)])
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(n, topic="intel.mena") for n in (6, 7)])
        assert outbox.readdress(to("intel.mena"), restamped) == [], "before anyone confirmed"
        outbox.confirm()
        read, moves = waiting(outbox), outbox.moves
        (begun,) = outbox.readdress(to("intel.mena"), restamped)
        assert where(outbox) == [
            ("intel.europe", 1, 2),
            *(("intel.mena", begun.row, number) for number in range(1, 6)),
        ]
        assert [record.event_id for record in waiting(outbox)] == [r.event_id for r in read]
        assert waiting(outbox)[5].value == f"{begun.epoch}/5".encode()
        assert not outbox.offer(read, moves), "they have other numbers now"
        receipts = outbox.accept([draft(2), draft(3), draft(7), draft(8, topic="intel.mena")])
        assert numbers(receipts) == [2, 1, 5, 6]
        assert outbox.readdress(to("intel.mena"), restamped) == []
        assert [(c.last_sequence, c.pending) for c in outbox.sent_counts()] == [
            (2, 1), (0, 0), (6, 6),
        ]  # fmt: skip


def test_a_move_that_fails_moves_nothing(tmp_path: Path) -> None:
    def fails_at_the_third(value: bytes, epoch: int, sequence: int) -> bytes:
        if sequence == 3:
            raise ConfigurationError("no such schema")
        return restamped(value, epoch, sequence)

    with open_outbox(tmp_path / "o") as outbox:
        outbox.confirm()
        outbox.accept([draft(n) for n in range(5)])
        before, moves = where(outbox), outbox.moves
        with pytest.raises(ConfigurationError):
            outbox.readdress(to("intel.mena"), fails_at_the_third)
        assert (where(outbox), outbox.moves) == (before, moves)
        assert numbers(outbox.accept([draft(5)])) == [6]


def test_what_the_router_has_booked_was_sent_whatever_the_file_knows(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(n) for n in range(1, 5)])
        (account,) = outbox.accounts()
        outbox.confirm({account.row: 3})
        outbox.readdress(to("intel.mena"), restamped)
        assert [topic for topic, *_ in where(outbox)] == ["intel.europe"] * 3 + ["intel.mena"]


def test_a_restored_file_whose_bureau_changed_region_moves_all_that_it_numbered_since(
    tmp_path: Path,
) -> None:
    path, backup = tmp_path / "o", tmp_path / "backup"
    with open_outbox(path) as outbox:
        outbox.accept([draft(1), draft(2)])
    shutil.copy(path, backup)
    with open_outbox(backup) as outbox:
        outbox.accept([draft(3)])
        outbox.accept([draft(4, topic="intel.mena")])
        begun = outbox.begin_new_epoch(LANE, restamped)
        outbox.confirm()
        outbox.readdress(to("intel.mena"), restamped)
        assert where(outbox) == [
            ("intel.europe", 1, 1), ("intel.europe", 1, 2),
            ("intel.mena", begun.row, 1), ("intel.mena", begun.row, 2),
        ]  # fmt: skip


events = st.tuples(st.integers(0, 12), st.sampled_from(["FR", "DE"]), st.sampled_from("ab"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(events, max_size=6), max_size=8))
def test_numbers_have_no_gap_and_no_repeat_whatever_is_handed_in(
    batches: list[list[tuple[int, str, str]]],
) -> None:
    """The pure step against the obvious model: a list of first-seen events for each lane."""
    accounts: dict[LaneKey, Account] = {}
    known: Known = {}
    model: dict[LaneKey, list[int]] = {}
    contents: dict[tuple[str, int], str] = {}
    for batch in batches:
        drafts = [draft(n, bureau=bureau, content=f"{n}{c}") for n, bureau, c in batch]
        before = dict(known)
        expected = {lane: list(ids) for lane, ids in model.items()}
        given = dict(contents)
        clash = False
        for n, bureau, content in batch:
            if given.setdefault((bureau, n), content) != content:
                clash = True
                break
            ids = expected.setdefault(LaneKey(bureau, "main", "message"), [])
            if n not in ids:
                ids.append(n)
        try:
            numbered = number(
                drafts,
                [receipt_key(item.lane.bureau, item.event_id) for item in drafts],
                known,
                accounts,
                lambda lane, topic, ordinal: Account(
                    ordinal, lane, 1000 + ordinal, 1, None, True, topic
                ),
                (),
                0,
            )
        except PermanentError:
            assert clash
            known = before
            continue
        assert not clash
        accounts.update((account.lane, account) for account in numbered.accounts)
        model, contents = expected, given
        for (n, bureau, _), receipt in zip(batch, numbered.receipts, strict=True):
            lane = LaneKey(bureau, "main", "message")
            assert receipt.sequence == model[lane].index(n) + 1
    for lane, ids in model.items():
        assert accounts[lane].next_sequence == len(ids) + 1
