"""What outboxes sent beside what the ledger books, a restored one's too."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from deploy.verify.booked import sent_differences
from deploy.verify.difference import Verdict
from producers.account import Draft, LaneKey
from producers.outbox import Outbox
from schemas.clock import ManualClock
from stream_apps.router.ledger import Account, AccountKey

LANE = LaneKey("FR", "cases", "message")


def send(outbox: Outbox, numbers: Sequence[int]) -> None:
    """Accept events and have the broker take them."""
    outbox.confirm()
    outbox.accept(
        [Draft(LANE, UUID(int=n), bytes([n]) * 32, "t", lambda _epoch, _n: b"v") for n in numbers]
    )
    outbox.remove([(1, 1 << 40)])


def compared(path: Path, booked: dict[int, int]) -> Verdict:
    """What the verifier says where so many numbers of each epoch are booked."""
    ledger = {}
    for epoch, high in booked.items():
        key = AccountKey(*LANE, epoch)
        ledger["ledger.europe", 2, key.text()] = Account(key, high=high, accepted=high)
    verdict = Verdict()
    sent_differences([path], ledger, verdict)
    return verdict


def test_an_outbox_that_came_back_from_a_backup_and_began_a_new_epoch_is_noted(
    tmp_path: Path,
) -> None:
    path, backup = tmp_path / "o", tmp_path / "backup"
    with Outbox(path, ManualClock()) as outbox:
        send(outbox, range(1, 11))
    shutil.copy(path, backup)
    with Outbox(path, ManualClock()) as outbox:
        send(outbox, range(11, 21))
    with Outbox(backup, ManualClock()) as outbox:
        (old,) = outbox.accounts()
        new = outbox.begin_new_epoch(LANE, lambda value, _epoch, _n: value)
        send(outbox, [99])
    verdict = compared(backup, {old.epoch: 20, new.epoch: 1})
    assert verdict.differences == []
    assert verdict.notes == [
        f"FR/cases/message/{old.epoch}: 20 booked, 10 sent by backup as it is now: the file came "
        "back from a backup, and has begun a new epoch since"
    ]
    lost = compared(backup, {old.epoch: 9, new.epoch: 1})
    assert [d.text() for d in lost.differences] == [
        f"sent = booked: FR/cases/message/{old.epoch}: expected 10, found 9"
    ]
    ahead = compared(backup, {old.epoch: 10, new.epoch: 2})
    assert [d.text() for d in ahead.differences] == [
        f"sent = booked: FR/cases/message/{new.epoch}: expected 1, found 2"
    ]
    assert ahead.notes == []


def test_what_waits_may_be_booked_already(tmp_path: Path) -> None:
    path = tmp_path / "o"
    with Outbox(path, ManualClock()) as outbox:
        send(outbox, range(1, 4))
        outbox.accept([Draft(LANE, UUID(int=9), b"d" * 32, "t", lambda _epoch, _n: b"v")])
        (account,) = outbox.accounts()
    told = [bool(compared(path, {account.epoch: booked}).differences) for booked in range(2, 6)]
    assert told == [True, False, False, True]
