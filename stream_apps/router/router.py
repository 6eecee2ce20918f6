"""The router: check → deduplicate by the ledger → enrich → route → count → receipts and ledger.

A :class:`Router` is a :class:`~stream_apps.engine.Processor` without I/O: a batch of records in,
every record of one transaction out. Nothing that a record holds can make it raise: what can't be
read is refused with a code, the original bytes and a receipt.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import structlog

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.errors import PermanentError
from schemas.headers import ORIGIN_HEADER, REPLAY_HEADER, RETIRE_HEADER, Origin, header
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import (
    FACTS,
    MAX_SOURCE_BYTES,
    SOURCE_REGIONS,
    ledger_topic,
    region_partition,
    source_topic,
)
from stream_apps.engine.records import Consumed, Partition, Produced, bytes_of
from stream_apps.router.booking import Booking, Entry
from stream_apps.router.checks import check_event, check_place
from stream_apps.router.counting import SearchFolder
from stream_apps.router.decision import Decider
from stream_apps.router.delivery import Delivery
from stream_apps.router.facts import FactWriter
from stream_apps.router.keywords import Classifier
from stream_apps.router.ledger import MAX_ACCOUNTS, AccountKey, Book, Place, Standing
from stream_apps.router.reading import Read, Reader
from stream_apps.router.refusals import (
    ACCOUNT_RETIRED,
    BAD_ENVELOPE,
    BAD_SEQUENCE,
    INTERNAL,
    REPLAY_FORGOTTEN,
    SEQUENCE_REUSED,
    TOO_LARGE,
    TOO_MANY_ACCOUNTS,
    UNDECODABLE,
    UNREADABLE_BATCH,
    UNWRITABLE,
    Refused,
)

__all__ = ["Router"]

_BOOKABLE = (Standing.NEW, Standing.LATE, Standing.REPLAYED)
_MAX_MINI_BLOCK_BYTES = 1024 * 1024

log = structlog.get_logger(__name__)


class Router:
    """Routes one lane."""

    def __init__(
        self, *, lane: str, reference: Reference, catalogue: Catalogue, ids: SchemaIds
    ) -> None:
        self.lane = lane
        self.reader = Reader(
            ids, Decider(reference, catalogue), Classifier.from_reference(reference)
        )
        self._reference = reference
        self._regions = {source_topic(region, lane): region for region in SOURCE_REGIONS}
        self._booking = Booking(lane, reference, catalogue, ids)
        self._delivery = Delivery(reference, catalogue, ids)
        self._mini_block_id = ids.id_of(catalogue.schema("liaison.facts.FactMiniBlock"))
        self._out: list[Produced] = []
        self._facts: dict[str, list[bytes]] = defaultdict(list)
        writer = FactWriter(catalogue)
        self._searches: dict[str, SearchFolder] = defaultdict(lambda: SearchFolder(writer))

    @property
    def book(self) -> Book:
        return self._booking.book

    @property
    def counts(self) -> Mapping[str, int]:
        """Accepted, repeats, and refusals by code, since the start of this process."""
        return self._booking.counts

    # --- the engine's side -------------------------------------------------------------------

    def state_of(self, assigned: Sequence[Partition]) -> Sequence[Partition]:
        return [Partition(ledger_topic(self._regions[p.topic]), p.partition) for p in assigned]

    def restore(self, assigned: Sequence[Partition], records: Iterable[Consumed]) -> None:
        self.revoke(assigned)
        for record in records:
            if record.value is not None:
                region = record.topic.removeprefix(ledger_topic(""))
                self._booking.restore((region, record.partition), record.value)

    def revoke(self, lost: Sequence[Partition]) -> None:
        for partition in lost:
            self.book.drop((self._regions[partition.topic], partition.partition), self.lane)

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        for record in batch:
            self._route(record)
        return self._take(max((record.timestamp_ms for record in batch), default=0))

    def refuse(self, record: Consumed, reason: str) -> list[Produced]:
        place = (self._regions[record.topic], record.partition)
        self._refuse_unread(record, place, Refused(UNWRITABLE, reason))
        return self._take(record.timestamp_ms)

    def tick(self, now_ms: int) -> list[Produced]:
        self._booking.touch_due(now_ms)
        return self._take(now_ms)

    def committed(self) -> None:
        self.book.commit()

    def aborted(self) -> None:
        self.book.abort()

    # --- one record --------------------------------------------------------------------------

    def _route(self, record: Consumed) -> None:
        place = (self._regions[record.topic], record.partition)
        if record.unread is not None:
            self._refuse_unread(record, place, Refused(UNREADABLE_BATCH, record.unread))
            return
        if record.value is None and (named := header(record.headers, RETIRE_HEADER)) is not None:
            self._retire(record, place, named)
            return
        try:
            _check_size(record)
            read = self.reader.read(record.value, record.timestamp_ms)
        except Refused as refused:
            self._refuse_unread(record, place, refused)
            return
        except Exception as error:  # a fault of ours must not stop the others
            self._refuse_unread(record, place, _internal(record, error))
            return
        key = AccountKey(*read.origin)
        try:
            check_place(record, place[0], self.lane, key, self._reference)
            self._check_account(place, key)
        except Refused as refused:
            self._booking.refuse_unattributed(record, place, refused)
            return
        entry = self._entry(record, place, key, read.head["sequence"], read.head["event_id"])
        if self._is_settled(entry):
            return
        try:
            self._accept(read, entry)
        except Refused as refused:
            self._booking.refuse(entry, refused)
        except Exception as error:  # a fault of ours must not stop the others
            self._booking.refuse(entry, _internal(record, error))

    def _accept(self, read: Read, entry: Entry) -> None:
        """Nothing is booked or written before everything that may refuse has passed."""
        record, kind = entry.record, read.schema.kind
        if self.book.account(entry.place, entry.key).retired:
            raise Refused(ACCOUNT_RETIRED, f"account {entry.key.text()} was retired")
        if record.headers is None:
            raise Refused(
                UNDECODABLE, "a header's name is no UTF-8, so none of the headers can be read"
            )
        if read.refused is not None:
            raise read.refused
        decision = read.decision
        assert decision is not None
        assert kind is not None
        check_event(kind, entry.key.bureau, read.head, record.timestamp_ms, self._reference)
        outputs, fact = self._delivery.deliver(read, decision, record)
        self._booking.accept(entry)
        self._out += outputs
        region = decision.region  # not the topic's: what was under way while the bureau changed it
        if fact is not None:
            self._facts[region].append(fact)
        else:
            source = (record.topic, record.partition, record.offset)
            self._searches[region].add(
                decision, read.head, read.measures, record.timestamp_ms, source
            )

    def _retire(self, record: Consumed, place: Place, named: bytes) -> None:
        """In the order of the account's own records, so that a recount comes to the same."""
        try:
            _check_size(record)
            key = AccountKey.parse(named.decode())
            check_place(record, place[0], self.lane, key, self._reference)
            if not self.book.may_retire(place, key):
                raise Refused(BAD_ENVELOPE, f"{key.text()} can't be retired: no account, or full")
        except ValueError as error:
            reason = f"header {RETIRE_HEADER} names no account: {error}"
            self._booking.refuse_unattributed(record, place, Refused(UNDECODABLE, reason))
        except Refused as refused:
            self._booking.refuse_unattributed(record, place, refused)
        else:
            self._booking.retire(place, key, record)

    def _check_account(self, place: Place, key: AccountKey) -> None:
        if not self.book.may_open(place, key):
            raise Refused(
                TOO_MANY_ACCOUNTS,
                f"{key.bureau} has {MAX_ACCOUNTS} accounts in lane {key.lane}, {key.text()} would "
                "be another: does a client begin an epoch at each start?",
            )

    def _entry(
        self, record: Consumed, place: Place, key: AccountKey, sequence: int, event_id: str
    ) -> Entry:
        crc = zlib.crc32(memoryview(record.value or b"")[wire.FRAME_BYTES :])
        replay = header(record.headers, REPLAY_HEADER) is not None
        standing = self.book.account(place, key).standing(sequence, crc, replay=replay)
        return Entry(record, place, key, sequence, crc, standing, event_id)

    def _is_settled(self, entry: Entry) -> bool:
        """Whether the number itself decides: a repeat, a reuse, a jump."""
        account = entry.key.text()
        if entry.standing is Standing.REPEAT:
            self._booking.repeat(entry)
        elif entry.standing is Standing.TOO_FAR:
            high = self.book.account(entry.place, entry.key).high
            reason = (
                f"number {entry.sequence} after {high} in account {account}: send the numbers in "
                "order, the missing ones first"
            )
            self._unattributed(entry, Refused(BAD_SEQUENCE, reason))
        elif entry.standing is Standing.FORGOTTEN:
            reason = f"number {entry.sequence} of account {account} was refused too long ago"
            self._unattributed(entry, Refused(REPLAY_FORGOTTEN, reason))
        elif entry.standing is Standing.REUSED:
            reason = f"number {entry.sequence} of account {account} came before with other bytes"
            self._unattributed(entry, Refused(SEQUENCE_REUSED, reason))
        return entry.standing not in _BOOKABLE

    def _unattributed(self, entry: Entry, refused: Refused) -> None:
        self._booking.refuse_unattributed(entry.record, entry.place, refused)

    def _refuse_unread(self, record: Consumed, place: Place, refused: Refused) -> None:
        """Book by the origin header if it is one of this place and key; else unattributed."""
        packed = header(record.headers, ORIGIN_HEADER)
        try:
            if packed is None:
                raise PermanentError("no origin header")
            origin = Origin.unpack(packed)
            key = AccountKey(origin.bureau, origin.system, origin.lane, origin.epoch)
            check_place(record, place[0], self.lane, key, self._reference)
            self._check_account(place, key)
        except (PermanentError, Refused):
            self._booking.refuse_unattributed(record, place, refused)
            return
        entry = self._entry(record, place, key, origin.sequence, origin.event_id)
        if entry.standing is Standing.REPEAT:
            self._booking.repeat(entry)
        elif entry.standing in _BOOKABLE:
            self._booking.refuse(entry, refused)
        else:
            self._unattributed(entry, refused)

    # --- the end of a batch ------------------------------------------------------------------

    def _take(self, now_ms: int) -> list[Produced]:
        out, self._out = self._out, []
        for region, folder in self._searches.items():
            self._facts[region] += folder.take()
        for region, facts in self._facts.items():
            out += [
                Produced(FACTS, region.encode(), block, partition=region_partition(region))
                for block in self.mini_blocks(facts)
            ]
        self._facts.clear()
        return out + self._booking.take(now_ms)

    def mini_blocks(self, facts: Sequence[bytes]) -> Iterator[bytes]:
        """What is written of facts: one mini-block, or as many as keep each within its size."""
        block: list[bytes] = []
        size = 0
        for fact in facts:
            if block and size + len(fact) > _MAX_MINI_BLOCK_BYTES:
                yield self._mini_block(block)
                block, size = [], 0
            block.append(fact)
            size += len(fact)
        if block:
            yield self._mini_block(block)

    def _mini_block(self, facts: list[bytes]) -> bytes:
        """A mini-block is a record of one array: Avro concatenates."""
        body = b"".join((wire.base128(2 * len(facts)), *facts, b"\0"))
        return wire.frame(self._mini_block_id, body)


def _check_size(record: Consumed) -> None:
    """A compressed batch may hold records that no topic would take by themselves."""
    size = bytes_of((record,))
    if size > MAX_SOURCE_BYTES:
        raise Refused(TOO_LARGE, f"{size} bytes with key and headers; allowed: {MAX_SOURCE_BYTES}")


def _internal(record: Consumed, error: Exception) -> Refused:
    log.exception("router.internal", topic=record.topic, offset=record.offset)
    return Refused(INTERNAL, f"{type(error).__name__}: {str(error)[:300]}")
