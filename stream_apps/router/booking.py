"""Books every record in its account, keeps what is refused, and answers the bureau.

Owns the ledger's :class:`~stream_apps.router.ledger.Book` and what a batch adds to it: dead
letters, refusals for receipts, gaps. A receipt goes out at once on a refusal, a gap or when the
account is retired, else at most every 10 s an account. Of receipts the newest of an account is
kept, so each lists all numbers that stand refused; the words for each refusal are in those receipts
alone that follow it.

What is written fits its topic: an entry by its account's bounds, a receipt by those and the number
of refusals that it lists. An entry that were too large in spite of them would stop the router, at
every start: it forgets refused ranges until it fits.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import structlog

from schemas import wire
from schemas.catalogue import Catalogue, Schema
from schemas.errors import RetryableError
from schemas.headers import (
    ORIGIN_HEADER,
    UNATTRIBUTED,
    Disposition,
    Refusal,
    header,
    refusal_headers,
)
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import (
    MAX_DERIVED_BYTES,
    MAX_SOURCE_BYTES,
    dlq_topic,
    ledger_topic,
    receipts_topic,
)
from stream_apps.engine.records import Consumed, Produced, bytes_of
from stream_apps.router.ledger import Account, AccountKey, Book, Place, Standing
from stream_apps.router.refusals import KEPT_IN_PART, Refused

__all__ = ["RECEIPT_INTERVAL_MS", "Booking", "Entry"]

RECEIPT_INTERVAL_MS = 10_000
_NOBODY = "??"
"""Stands for the bureau of a record whose key is none."""
_MAX_LISTED = 500
_MAX_DUE_BYTES = 8 * 1024 * 1024
_KEPT_BYTES = 64 * 1024
_MAX_REASON = 500
_MAX_ID = 64
_MAX_REFUSAL_BYTES = 4 * (_MAX_REASON + _MAX_ID) + 128
"""Of one refusal in a receipt: a sign takes four bytes at most."""
_MAX_ENTRY_BYTES = MAX_DERIVED_BYTES - _MAX_LISTED * _MAX_REFUSAL_BYTES
"""A receipt holds less of its account than the entry does: with its refusals it fits, too."""
_MISSING_BYTES = 20
"""Of a range of missing numbers: two of Avro's longs at their longest."""
_RANGE_BYTES = 64
"""Of a range of refused numbers, with its disposition and code."""
_TAIL_BYTES = 16
_FIXED_BYTES = 1024
"""Of an entry and a receipt: keys, counts, times."""
_FRAMING_BYTES = 512
"""Of a record and its batch, and the header that a replay adds."""
_HEADER_FRAMING_BYTES = 10

log = structlog.get_logger(__name__)


class Entry(NamedTuple):
    """A record's number in its account, and how it stands there."""

    record: Consumed
    place: Place
    key: AccountKey
    sequence: int
    crc: int
    standing: Standing
    event_id: str


class Booking:
    """The books of one lane."""

    def __init__(
        self, lane: str, reference: Reference, catalogue: Catalogue, ids: SchemaIds
    ) -> None:
        self.book = Book()
        self.counts: dict[str, int] = defaultdict(int)
        self._lane = lane
        self._publishers = reference.publishers
        self._ids = ids
        self._entry = catalogue.schema("liaison.ledger.LedgerEntry")
        self._receipt = catalogue.schema("liaison.ledger.Receipt")
        self._dead_letters: list[Produced] = []
        self._refusals: dict[tuple[Place, AccountKey], list[dict[str, Any]]] = defaultdict(list)
        self._at_once: set[tuple[Place, AccountKey]] = set()

    def restore(self, place: Place, value: bytes) -> None:
        """Take an account of this lane as the ledger topic has it.

        Raises:
            RetryableError: a schema that is unknown here. Without this account its numbers would
                be booked anew, so nothing is routed before a router that knows it reads it.
        """
        schema_id = wire.schema_id_of(value)
        written = self._ids.by_id.get(schema_id)
        if written is None:
            raise RetryableError(
                f"schema id {schema_id} of an account in {ledger_topic(place[0])} [{place[1]}] is "
                "unknown here: start again to ask the registry; if that does not help, a newer "
                "router wrote it: update this one",
                code="unknown-schema",
            )
        entry = wire.decode(written.plain, value, offset=wire.FRAME_BYTES, reader=self._entry.plain)
        if entry["lane"] == self._lane:
            self.book.put(place, Account.from_record(entry))

    def repeat(self, entry: Entry) -> None:
        """The same number with the same bytes, as far as they are remembered: counted, dropped."""
        self._changed(entry.place, entry.key, entry.record).repeat(entry.sequence)
        self.counts["repeat"] += 1

    def accept(self, entry: Entry) -> None:
        account = self._numbered(entry)
        account.accept(entry.sequence, entry.crc, entry.standing)
        self.counts["accepted"] += 1

    def refuse(self, entry: Entry, refused: Refused) -> None:
        account = self._numbered(entry)
        code = refused.code
        account.refuse(entry.sequence, entry.crc, entry.standing, code.disposition, code.code)
        self._note(
            entry.record, entry.place, entry.key, refused, entry.sequence, entry.event_id[:_MAX_ID]
        )

    def retire(self, place: Place, key: AccountKey, record: Consumed) -> None:
        """Nothing more is accepted in an account; it makes room for another."""
        if not self.book.account(place, key).retired:
            self._at_once.add((place, key))
        self.book.retire(place, key)
        self._changed(place, key, record)
        self.counts["retired"] += 1

    def refuse_unattributed(self, record: Consumed, place: Place, refused: Refused) -> None:
        """No number can be booked: counted under the record's key."""
        bureau = (record.key or b"").decode("ascii", "replace")
        if bureau not in self._publishers:
            bureau = _NOBODY
        key = AccountKey(bureau, UNATTRIBUTED, self._lane, 0)
        account = self._changed(place, key, record)
        if refused.code.disposition is Disposition.REJECTED:
            account.rejected += 1
        else:
            account.quarantined += 1
        self._note(record, place, key, refused, 0, None)

    def touch_due(self, now_ms: int) -> None:
        """Touch accounts whose receipt has waited long enough, so that `take` writes it.

        Those that have waited longest; as many as one transaction may well write, the others are
        due at the next tick.
        """
        room = _MAX_DUE_BYTES
        for place, key in self.book.due(now_ms, RECEIPT_INTERVAL_MS):
            if room <= 0:
                return
            room -= _written_bytes(self.book.change(place, key))
            self._at_once.add((place, key))

    def take(self, now_ms: int) -> list[Produced]:
        """Dead letters, receipts and ledger entries of the batch."""
        out, self._dead_letters = self._dead_letters, []
        for place, account in self.book.touched():
            where = (place, account.key)
            refusals = self._refusals.get(where, [])
            waited = account.has_waited(now_ms, RECEIPT_INTERVAL_MS)
            answered = bool(refusals) or where in self._at_once or (account.receipt_due and waited)
            if answered:
                account.receipted_at = now_ms
                account.receipt_due = False
            entry = self._entry_of(place, account)
            if answered and account.key.bureau != _NOBODY:
                topic = receipts_topic(account.key.bureau)
                out += [
                    self._of(topic, _receipt_key(place, account.key), self._receipt, receipt)
                    for receipt in _receipts(account, refusals)
                ]
            out.append(entry)
        self._refusals.clear()
        self._at_once.clear()
        return out

    def _numbered(self, entry: Entry) -> Account:
        account = self._changed(entry.place, entry.key, entry.record)
        if entry.sequence > account.high + 1:
            self._at_once.add((entry.place, entry.key))
        return account

    def _changed(self, place: Place, key: AccountKey, record: Consumed) -> Account:
        account = self.book.change(place, key)
        account.recorded_at = record.timestamp_ms
        account.receipt_due = True
        return account

    def _note(
        self,
        record: Consumed,
        place: Place,
        key: AccountKey,
        refused: Refused,
        sequence: int,
        event_id: str | None,
    ) -> None:
        code = refused.code
        self.counts[code.code] += 1
        self._refusals[place, key].append(
            {
                "sequence": sequence,
                "event_id": event_id,
                "code": code.code,
                "disposition": code.disposition.value,
                "reason": refused.reason[:_MAX_REASON],
            }
        )
        schema_id = None
        framed = b"" if record.unread is not None else record.value or b""
        if len(framed) >= wire.FRAME_BYTES:
            schema_id = int.from_bytes(framed[1 : wire.FRAME_BYTES], "big")
        refusal = Refusal(
            code.code, code.disposition, refused.reason, "router", record.topic,
            record.partition, record.offset, record.timestamp_ms, schema_id,
        )  # fmt: skip
        self._dead_letters.append(_dead_letter(dlq_topic(place[0]), record, refusal))

    def _entry_of(self, place: Place, account: Account) -> Produced:
        ledger, key = ledger_topic(place[0]), account.key.text()
        while True:
            entry = self._of(ledger, key, self._entry, account.to_record(), place[1])
            if bytes_of((entry,)) <= _MAX_ENTRY_BYTES or not account.refused:
                return entry
            log.error("router.account-too-large", account=key, bytes=bytes_of((entry,)))
            account.forget_half()

    def _of(
        self,
        topic: str,
        key: str,
        schema: Schema,
        record: Mapping[str, Any],
        partition: int = -1,
    ) -> Produced:
        value = wire.frame(self._ids.id_of(schema), wire.encode(schema.plain, record))
        return Produced(topic, key.encode(), value, partition=partition)


def _receipt_key(place: Place, key: AccountKey) -> str:
    """Every partition counts what it can't attribute; elsewhere the account has one place."""
    return key.text() if key.system != UNATTRIBUTED else f"{key.text()}/{place[0]}/{place[1]}"


def _dead_letter(topic: str, record: Consumed, refusal: Refusal) -> Produced:
    """The refused record byte for byte; of one that its own topic never takes, its beginning."""
    if refusal.code not in KEPT_IN_PART or _is_replayable(record):
        return Produced(topic, record.key, record.value, refusal_headers(record.headers, refusal))
    value = record.value or b""
    refusal = replace(refusal, bytes=len(value), sha256=hashlib.sha256(value).hexdigest())
    origin = header(record.headers, ORIGIN_HEADER)
    kept = [] if origin is None else [(ORIGIN_HEADER, origin[:_KEPT_BYTES])]
    return Produced(
        topic, (record.key or b"")[:_KEPT_BYTES], value[:_KEPT_BYTES],
        refusal_headers(kept, refusal),
    )  # fmt: skip


def _is_replayable(record: Consumed) -> bool:
    """Whether a source topic takes the record by itself, with all that Kafka adds: so does a queue.

    A compressed batch may hold records that are too large by their headers' number alone.
    """
    size = _FRAMING_BYTES + len(record.key or b"") + len(record.value or b"")
    for name, content in record.headers or ():
        size += len(name.encode()) + len(content or b"") + _HEADER_FRAMING_BYTES
    return size <= MAX_SOURCE_BYTES


def _written_bytes(account: Account) -> int:
    """At most so many bytes are an account's entry and a receipt without refusals."""
    ranges = len(account.missing) * _MISSING_BYTES + len(account.refused) * _RANGE_BYTES
    return 2 * ranges + len(account.tail) * _TAIL_BYTES + _FIXED_BYTES


def _receipts(account: Account, refusals: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One receipt, or as many as list every refusal."""
    for start in range(0, max(1, len(refusals)), _MAX_LISTED):
        yield {
            **account.key._asdict(),
            "high": account.high,
            "accepted": account.accepted,
            "rejected": account.rejected,
            "quarantined": account.quarantined,
            "missing": account.missing_count(),
            "repeats": account.repeats,
            "repeats_unchecked": account.repeats_unchecked,
            "refused": [item._asdict() for item in account.refused],
            "forgotten_until": account.forgotten_until,
            "missing_ranges": [{"first": f, "last": e} for f, e in account.missing[:_MAX_LISTED]],
            "refusals": refusals[start : start + _MAX_LISTED],
            "recorded_at": account.recorded_at,
            "retired": account.retired,
        }
