"""Which number each draft gets: a pure step between looking up and storing.

Invariants: drafts of a lane are numbered in their order, each once, without gaps; a draft that was
accepted before, or earlier in the same batch, gets its first receipt and no number. A lane whose
topic changes goes on in a new account: each region's ledger counts for itself. Nothing is changed
but the batch that is returned, so a failure later leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from producers.account import Account, Draft, LaneKey, Receipt
from schemas.errors import PermanentError

__all__ = ["Batch", "Known", "number"]

Known = dict[bytes, tuple[bytes, Receipt]]
"""Receipt key to the digest and the receipt of what was accepted under it."""


@dataclass(slots=True)
class Batch:
    """What one `accept` is going to store."""

    receipts: list[Receipt] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    pending: list[tuple[int, int, int, bytes, str, bytes]] = field(default_factory=list)
    index: list[tuple[bytes, bytes, int, int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Counter:
    account: Account
    next_sequence: int


def number(
    drafts: Sequence[Draft],
    keys: Sequence[bytes],
    known: Known,
    current: Mapping[LaneKey, Account],
    new_account: Callable[[LaneKey, str, int], Account],
    unconfirmed_rows: Collection[int],
    now_ms: int,
) -> Batch:
    """Number a batch.

    `keys` are the drafts' receipt keys; `known` gets the batch's own receipts; `new_account` is
    given the lane, the topic and how many accounts are new in this batch; numbers of accounts in
    `unconfirmed_rows` are marked so. Of a lane's accounts the last one in the batch is current.

    Raises:
        PermanentError: `event-id-reused`, or what a draft's encoding raises.
    """
    batch = Batch()
    counters: dict[LaneKey, _Counter] = {}
    finished: list[_Counter] = []
    new_accounts = 0
    for draft, key in zip(drafts, keys, strict=True):
        lane, event_id, digest, topic, encode = draft
        first = known.get(key)
        if first is not None:
            if first[0] != digest:
                raise _reused(draft, first[1])
            batch.receipts.append(first[1])
            continue
        counter = counters.get(lane)
        if counter is None or counter.account.topic != topic:
            account = current.get(lane) if counter is None else None
            if account is None or account.topic != topic:
                new_accounts += 1
                account = new_account(lane, topic, new_accounts)
            if counter is not None:
                finished.append(counter)
            counter = counters[lane] = _Counter(account, account.next_sequence)
        row, epoch, sequence = counter.account.row, counter.account.epoch, counter.next_sequence
        value = encode(epoch, sequence)
        counter.next_sequence = sequence + 1
        receipt = Receipt(event_id, lane.bureau, lane.system, lane.lane, epoch, sequence)
        known[key] = digest, receipt
        batch.receipts.append(receipt)
        batch.pending.append((row, sequence, now_ms, key[:16], topic, value))
        batch.index.append((key, digest, row, sequence, now_ms))
    for counter in (*finished, *counters.values()):
        before = counter.account
        unconfirmed = before.unconfirmed_from
        if unconfirmed is None and before.row in unconfirmed_rows:
            unconfirmed = before.next_sequence
        batch.accounts.append(
            replace(
                before,
                next_sequence=counter.next_sequence,
                unconfirmed_from=unconfirmed,
                current=counter is counters[before.lane],
            )
        )
    return batch


def _reused(draft: Draft, first: Receipt) -> PermanentError:
    return PermanentError(
        f"event {draft.event_id} of {draft.lane.bureau} was already published with other content "
        f"(system {first.system}, lane {first.lane}, number {first.sequence}): give the changed "
        "event a new id, and `supersedes` if it corrects the first",
        code="event-id-reused",
    )
