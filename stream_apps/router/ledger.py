"""The account of one bureau, system, lane and epoch: every sequence number, booked once.

Invariant, after every booking: `high = accepted + rejected + quarantined + missing`. What can't be
attributed to a number (no origin, another bureau's key, a number that jumps too far, a number used
twice) is counted in the key's `unattributed` account, which has no numbers and so no sum: it counts
refusals, a replay that is refused again counts again.

An account is bounded: gaps beyond :data:`MAX_GAPS` are not opened, the oldest refused ranges beyond
their bounds are forgotten after each change, and a replay of a number that lies below those is
refused, since nobody can tell any more whether it was accepted since. So is the number of accounts
that a bureau has: none is ever forgotten, since that would let everything in it be booked anew, and
so none is opened beyond :data:`MAX_ACCOUNTS`. One that is retired makes room for another: it stays,
numbers in it are booked as before, but all of them are refused. Other bytes under a number are seen
while it is among the last ones booked; later it is a repeat like any, but counted apart.

Pure: a :class:`Book` holds accounts, changes copies of those that a batch touches, and either keeps
the copies (commit) or forgets them (abort).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from schemas.headers import Disposition

__all__ = [
    "MAX_ACCOUNTS",
    "MAX_GAPS",
    "MAX_JUMP",
    "MAX_RETIRED",
    "Account",
    "AccountKey",
    "Book",
    "Standing",
]

MAX_JUMP = 1_000_000
"""A number further than this above the highest one seen is a fault, not a gap."""
MAX_GAPS = 4096
"""Ranges of missing numbers in one account; a number that would open another is refused."""
MAX_ACCOUNTS = 1000
"""Accounts of one bureau in one lane. An outbox needs one for as long as it lives."""
MAX_RETIRED = 10_000
"""Accounts of one bureau in one lane that may be retired."""
_TAIL = 64
_MAX_REFUSED_RANGES = {Disposition.REJECTED.value: 512, Disposition.QUARANTINED.value: 4096}


class Standing(Enum):
    """How a number stands in its account before it is booked."""

    NEW = "new"
    LATE = "late"
    REPLAYED = "replayed"
    REPEAT = "repeat"
    REUSED = "reused"
    TOO_FAR = "too-far"
    FORGOTTEN = "forgotten"


class AccountKey(NamedTuple):
    """Whose numbers."""

    bureau: str
    system: str
    lane: str
    epoch: int

    def text(self) -> str:
        """The record key in `ledger.<region>`."""
        return f"{self.bureau}/{self.system}/{self.lane}/{self.epoch}"

    @classmethod
    def parse(cls, text: str) -> AccountKey:
        """From :meth:`text`.

        Raises:
            ValueError: it is none.
        """
        bureau, system, lane, epoch = text.split("/")
        return cls(bureau, system, lane, int(epoch))


class RefusedRange(NamedTuple):
    """Numbers refused for one reason."""

    first: int
    last: int
    disposition: str
    code: str


@dataclass(slots=True)
class Account:
    """One account. Change it only through :class:`Book`, which copies it first."""

    key: AccountKey
    high: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    refused: list[RefusedRange] = field(default_factory=list)
    accepted: int = 0
    rejected: int = 0
    quarantined: int = 0
    repeats: int = 0
    repeats_unchecked: int = 0
    tail: dict[int, int] = field(default_factory=dict)
    recorded_at: int = 0
    receipted_at: int = 0
    receipt_due: bool = False
    forgotten_until: int = 0
    retired: bool = False

    def __post_init__(self) -> None:
        self._forget_beyond_bounds()

    def has_waited(self, now_ms: int, interval_ms: int) -> bool:
        """Whether the last receipt lies an interval back."""
        return now_ms - self.receipted_at >= interval_ms

    def standing(self, sequence: int, crc: int, *, replay: bool = False) -> Standing:
        """What booking this number would mean."""
        full = len(self.missing) >= MAX_GAPS
        if sequence > self.high:
            far = sequence - self.high > (1 if full else MAX_JUMP)
            return Standing.TOO_FAR if far else Standing.NEW
        if sequence < 1:
            return Standing.TOO_FAR
        gap = self._gap(sequence)
        if gap is not None:
            splits = gap[0] < sequence < gap[1]
            return Standing.TOO_FAR if full and splits else Standing.LATE
        known = self.tail.get(sequence)
        if known is not None and known != crc:
            return Standing.REUSED
        if not replay:
            return Standing.REPEAT
        if self._refused_at(sequence) is not None:
            return Standing.REPLAYED
        return Standing.FORGOTTEN if sequence <= self.forgotten_until else Standing.REPEAT

    def _gap(self, sequence: int) -> tuple[int, int] | None:
        """The missing range that holds a number; ranges are kept in their order."""
        at = bisect_right(self.missing, (sequence, self.high)) - 1
        return self.missing[at] if at >= 0 and sequence <= self.missing[at][1] else None

    def _refused_at(self, sequence: int) -> int | None:
        """Where the refused range of a number stands; they are kept by age, the oldest first."""
        for at, (first, last, _, _) in enumerate(self.refused):
            if first <= sequence <= last:
                return at
        return None

    def accept(self, sequence: int, crc: int, standing: Standing) -> None:
        self._place(sequence, crc, standing)
        self.accepted += 1

    def refuse(
        self, sequence: int, crc: int, standing: Standing, disposition: Disposition, code: str
    ) -> None:
        self._place(sequence, crc, standing)
        self._count_refused(disposition, 1)
        refused = self.refused
        if refused and refused[-1].last == sequence - 1 and refused[-1][2:] == (disposition, code):
            refused[-1] = refused[-1]._replace(last=sequence)
        else:
            refused.append(RefusedRange(sequence, sequence, disposition.value, code))
            self._forget_beyond_bounds()

    def repeat(self, sequence: int) -> None:
        self.repeats += 1
        self.repeats_unchecked += sequence not in self.tail

    def forget_half(self) -> None:
        """Forget the older half of the refused ranges."""
        self._forget(set(range((len(self.refused) + 1) // 2)))

    def _forget_beyond_bounds(self) -> None:
        if len(self.refused) <= min(_MAX_REFUSED_RANGES.values()):
            return
        for disposition, most in _MAX_REFUSED_RANGES.items():
            like = [at for at, item in enumerate(self.refused) if item.disposition == disposition]
            if len(like) > most:
                self._forget(set(like[:-most]))

    def _forget(self, gone: set[int]) -> None:
        """Forget refused ranges by where they stand; their numbers stay booked."""
        last = max(self.refused[at].last for at in gone)
        self.forgotten_until = max(self.forgotten_until, last)
        self.refused = [item for at, item in enumerate(self.refused) if at not in gone]

    def missing_count(self) -> int:
        return sum(last - first + 1 for first, last in self.missing)

    def copy(self) -> Account:
        twin = copy(self)
        twin.missing, twin.refused, twin.tail = self.missing[:], self.refused[:], dict(self.tail)
        return twin

    def _place(self, sequence: int, crc: int, standing: Standing) -> None:
        if standing is Standing.NEW:
            if sequence > self.high + 1:
                self.missing.append((self.high + 1, sequence - 1))
            self.high = sequence
        elif standing is Standing.LATE:
            self.missing = list(_without(self.missing, sequence))
        elif standing is Standing.REPLAYED:
            self._unrefuse(sequence)
        else:
            raise ValueError(f"number {sequence} is {standing.value}: it can't be booked")
        self.tail[sequence] = crc
        if len(self.tail) > _TAIL:
            del self.tail[next(iter(self.tail))]

    def _unrefuse(self, sequence: int) -> None:
        at = self._refused_at(sequence)
        assert at is not None
        item = self.refused[at]
        self._count_refused(Disposition(item.disposition), -1)
        left = _without([(item.first, item.last)], sequence)
        self.refused[at : at + 1] = [item._replace(first=a, last=b) for a, b in left]
        self._forget_beyond_bounds()

    def _count_refused(self, disposition: Disposition, change: int) -> None:
        if disposition is Disposition.REJECTED:
            self.rejected += change
        else:
            self.quarantined += change

    def to_record(self) -> dict[str, Any]:
        """As `liaison.ledger.LedgerEntry`."""
        return {
            **self.key._asdict(),
            "high": self.high,
            "missing": [{"first": first, "last": last} for first, last in self.missing],
            "refused": [item._asdict() for item in self.refused],
            "accepted": self.accepted,
            "rejected": self.rejected,
            "quarantined": self.quarantined,
            "repeats": self.repeats,
            "tail": [{"sequence": number, "crc": crc} for number, crc in self.tail.items()],
            "recorded_at": self.recorded_at,
            "receipted_at": self.receipted_at,
            "receipt_due": self.receipt_due,
            "forgotten_until": self.forgotten_until,
            "retired": self.retired,
            "repeats_unchecked": self.repeats_unchecked,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Account:
        """From `liaison.ledger.LedgerEntry`, plain."""
        key = AccountKey(record["bureau"], record["system"], record["lane"], record["epoch"])
        return cls(
            key,
            high=record["high"],
            missing=[(item["first"], item["last"]) for item in record["missing"]],
            refused=[
                RefusedRange(item["first"], item["last"], item["disposition"], item["code"])
                for item in record["refused"]
            ],
            accepted=record["accepted"],
            rejected=record["rejected"],
            quarantined=record["quarantined"],
            repeats=record["repeats"],
            tail={item["sequence"]: item["crc"] for item in record["tail"]},
            recorded_at=record["recorded_at"],
            receipted_at=record["receipted_at"],
            receipt_due=record["receipt_due"],
            forgotten_until=record["forgotten_until"],
            retired=record["retired"],
            repeats_unchecked=record["repeats_unchecked"],
        )


def _without(ranges: list[tuple[int, int]], number: int) -> Iterator[tuple[int, int]]:
    for first, last in ranges:
        if not first <= number <= last:
            yield first, last
            continue
        if first < number:
            yield first, number - 1
        if number < last:
            yield number + 1, last


Place = tuple[str, int]
"""Source region and partition: where an account lives in `ledger.<region>`."""


class _Whose(NamedTuple):
    """Which accounts are counted together."""

    place: Place
    bureau: str
    retired: bool


def _whose(where: tuple[Place, AccountKey], account: Account) -> _Whose:
    return _Whose(where[0], where[1].bureau, account.retired)


class Book:
    """The accounts of the partitions that a router holds."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Place, AccountKey], Account] = {}
        self._touched: dict[tuple[Place, AccountKey], Account] = {}
        self._opened: Counter[_Whose] = Counter()
        self._opened_in_batch: Counter[_Whose] = Counter()

    def may_open(self, place: Place, key: AccountKey) -> bool:
        """Whether there is such an account, or room for it."""
        return self._has(place, key) or self._count(_Whose(place, key.bureau, False)) < MAX_ACCOUNTS

    def may_retire(self, place: Place, key: AccountKey) -> bool:
        """Whether there is such an account, and room for it among the retired."""
        return self._has(place, key) and self._count(_Whose(place, key.bureau, True)) < MAX_RETIRED

    def _has(self, place: Place, key: AccountKey) -> bool:
        return (place, key) in self._kept or (place, key) in self._touched

    def _count(self, whose: _Whose) -> int:
        return self._opened[whose] + self._opened_in_batch[whose]

    def account(self, place: Place, key: AccountKey) -> Account:
        """An account to read; do not change it."""
        found = self._touched.get((place, key)) or self._kept.get((place, key))
        return found if found is not None else Account(key)

    def change(self, place: Place, key: AccountKey) -> Account:
        """An account to change within this batch."""
        where = (place, key)
        account = self._touched.get(where)
        if account is None:
            kept = self._kept.get(where)
            account = self._touched[where] = kept.copy() if kept is not None else Account(key)
            if kept is None:
                self._opened_in_batch[_whose(where, account)] += 1
        return account

    def retire(self, place: Place, key: AccountKey) -> None:
        """Let an account make room for another, within this batch; again changes nothing."""
        account = self.change(place, key)
        self._opened_in_batch[_whose((place, key), account)] -= 1
        account.retired = True
        self._opened_in_batch[_whose((place, key), account)] += 1

    def touched(self) -> Iterator[tuple[Place, Account]]:
        """What this batch changed."""
        for (place, _), account in self._touched.items():
            yield place, account

    def accounts(self) -> Iterator[tuple[Place, Account]]:
        """All accounts as last committed."""
        for (place, _), account in self._kept.items():
            yield place, account

    def due(self, now_ms: int, interval_ms: int) -> list[tuple[Place, AccountKey]]:
        """Accounts whose receipt is due by this process's clock, the oldest first.

        One that lies ahead was timed by a clock that was wrong: it is no reason to wait. That can't
        be said by a batch's time, which lies behind wherever the router does.
        """
        due = [
            (account.receipted_at, where)
            for where, account in self._kept.items()
            if account.receipt_due and abs(now_ms - account.receipted_at) >= interval_ms
        ]
        return [where for _, where in sorted(due)]

    def commit(self) -> None:
        self._kept.update(self._touched)
        self._touched.clear()
        self._opened.update(self._opened_in_batch)
        self._opened_in_batch.clear()

    def abort(self) -> None:
        self._touched.clear()
        self._opened_in_batch.clear()

    def put(self, place: Place, account: Account) -> None:
        """Restore an account as it was last committed."""
        where = (place, account.key)
        before = self._kept.get(where)
        if before is not None:
            self._opened[_whose(where, before)] -= 1
        self._opened[_whose(where, account)] += 1
        self._kept[where] = account

    def drop(self, place: Place, lane: str) -> None:
        """Forget a lane's accounts of a partition that was taken away."""
        self.abort()
        self._kept = {
            where: account
            for where, account in self._kept.items()
            if where[0] != place or where[1].lane != lane
        }
        self._opened = Counter(_whose(where, account) for where, account in self._kept.items())

    def __len__(self) -> int:
        return len(self._kept)
