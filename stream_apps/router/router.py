"""The router: check → deduplicate by the ledger → enrich → route → count → receipts and ledger.

A :class:`Router` is a :class:`~stream_apps.engine.Processor` without I/O: a batch of records in,
every record of one transaction out. Nothing that a record holds can make it raise: what can't be
read is refused with a code, the original bytes and a receipt.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from schemas import wire
from schemas.catalogue import KINDS, STRETCH_START, Catalogue
from schemas.errors import PermanentError
from schemas.headers import (
    ORIGIN_HEADER,
    REPLAY_HEADER,
    Disposition,
    Origin,
    Refusal,
    delivered_headers,
    header,
    refusal_headers,
)
from schemas.ids import strike_hash
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import (
    FACTS,
    GENERAL_SECRETARIAT,
    SOURCE_REGIONS,
    STRIKES,
    dlq_topic,
    ledger_topic,
    partition_of,
    receipts_topic,
    region_partition,
    source_topic,
)
from stream_apps.engine.records import Consumed, Partition, Produced, StateSource
from stream_apps.router.counting import SearchFolder, fact_of, value_measures
from stream_apps.router.decision import Decider, Decision
from stream_apps.router.identifiers import check_identifier
from stream_apps.router.keywords import Classifier
from stream_apps.router.ledger import UNATTRIBUTED, Account, AccountKey, Book, Place, Standing
from stream_apps.router.priority import with_identifiers
from stream_apps.router.reading import Read, Reader
from stream_apps.router.refusals import (
    BAD_ENVELOPE,
    BAD_SEQUENCE,
    BAD_TIME,
    BUREAU_NOT_KEY,
    INTERNAL,
    NOT_YOURS,
    RETENTION_PAST,
    SEQUENCE_REUSED,
    UNKNOWN_PUBLISHER,
    WRONG_PARTITION,
    WRONG_REGION,
    Refused,
)

__all__ = ["RECEIPT_INTERVAL_MS", "Router"]

RECEIPT_INTERVAL_MS = 10_000
_DAY_MS = 86_400_000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_BOOKABLE = frozenset({Standing.NEW, Standing.LATE, Standing.REPLAYED})
_NOBODY = "??"
_MAX_IDENTIFIERS = 1000
_MAX_MINI_BLOCK_BYTES = 1024 * 1024

log = structlog.get_logger(__name__)


class Router:
    """Routes one lane."""

    def __init__(
        self, *, lane: str, reference: Reference, catalogue: Catalogue, ids: SchemaIds
    ) -> None:
        self.lane = lane
        self._reference = reference
        self._ids = ids
        self.reader = Reader(
            ids, Decider(reference, catalogue), Classifier.from_reference(reference)
        )
        self.book = Book()
        self._regions = {source_topic(region, lane): region for region in SOURCE_REGIONS}
        enrichment = catalogue.schema("liaison.delivered.Enrichment")
        names = [f["name"] for f in enrichment.definition["fields"]]
        self._varying = enrichment.part(*names[: names.index(STRETCH_START)])
        self._delivered_ids = {
            (kind, schema.version): ids.id_of(schema)
            for schema in catalogue
            if schema.name.startswith("liaison.delivered.Delivered")
            for kind in (schema.kind,)
        }
        self._schemas = {
            name: catalogue.schema(name)
            for name in (
                "liaison.facts.FactMiniBlock",
                "liaison.ledger.LedgerEntry",
                "liaison.ledger.Receipt",
                "liaison.strikes.Strike",
            )
        }
        self._out: list[Produced] = []
        self._facts: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._searches: dict[str, SearchFolder] = defaultdict(SearchFolder)
        self._refusals: dict[tuple[Place, AccountKey], list[dict[str, Any]]] = defaultdict(list)
        self._gaps: set[tuple[Place, AccountKey]] = set()
        self.counts: dict[str, int] = defaultdict(int)

    # --- the engine's side -------------------------------------------------------------------

    def state_of(self, assigned: Sequence[Partition]) -> Sequence[StateSource]:
        return [
            StateSource(Partition(ledger_topic(self._regions[p.topic]), p.partition))
            for p in assigned
        ]

    def restore(self, assigned: Sequence[Partition], records: Iterable[Consumed]) -> None:
        self.revoke(assigned)
        schema = self._schemas["liaison.ledger.LedgerEntry"]
        for record in records:
            if record.value is None:
                continue
            entry = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES)
            if entry["lane"] == self.lane:
                region = record.topic.removeprefix(ledger_topic(""))
                self.book.put((region, record.partition), Account.from_record(entry))

    def revoke(self, lost: Sequence[Partition]) -> None:
        for partition in lost:
            self.book.drop((self._regions[partition.topic], partition.partition), self.lane)

    def process(self, batch: Sequence[Consumed]) -> list[Produced]:
        for record in batch:
            self._route(record)
        return self._take(max(record.timestamp_ms for record in batch) if batch else 0)

    def tick(self, now_ms: int) -> list[Produced]:
        for place, key in self.book.due(now_ms - RECEIPT_INTERVAL_MS):
            self.book.change(place, key)
        return self._take(now_ms)

    def committed(self) -> None:
        self.book.commit()

    def aborted(self) -> None:
        self.book.abort()

    # --- one record --------------------------------------------------------------------------

    def _route(self, record: Consumed) -> None:
        place = (self._regions[record.topic], record.partition)
        crc = zlib.crc32(record.value or b"")
        replay = header(record.headers, REPLAY_HEADER) is not None
        try:
            read = self.reader.read(record.value, record.timestamp_ms)
        except Refused as refused:
            self._refuse_unread(record, place, crc, refused, replay=replay)
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the others
            log.exception("router.internal", topic=record.topic, offset=record.offset)
            self._refuse_unread(record, place, crc, _internal(error), replay=replay)
            return
        key = AccountKey(*read.origin)
        try:
            self._check_place(record, place, key)
        except Refused as refused:
            self._refuse_unattributed(record, place, refused)
            return
        sequence = read.head["sequence"]
        standing = self.book.account(place, key).standing(sequence, crc, replay=replay)
        if standing is Standing.REPEAT:
            account = self._changed(place, key, record)
            account.repeats += 1
            self.counts["repeat"] += 1
            return
        if standing is Standing.TOO_FAR:
            high = self.book.account(place, key).high
            self._refuse_unattributed(
                record, place,
                Refused(BAD_SEQUENCE, f"number {sequence} after {high} in account {key.text()}"),
            )  # fmt: skip
            return
        if standing is Standing.REUSED:
            self._refuse_unattributed(
                record, place,
                Refused(
                    SEQUENCE_REUSED,
                    f"number {sequence} of account {key.text()} came before with other bytes",
                ),
            )  # fmt: skip
            return
        try:
            if read.refused is not None:
                raise read.refused
            assert read.decision is not None
            self._check_event(read, record)
            outputs, fact = self._deliver(read, read.decision, record)
        except Refused as refused:
            self._refuse(
                record, place, key, sequence, crc, standing, refused, read.head["event_id"]
            )
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the others
            log.exception("router.internal", topic=record.topic, offset=record.offset)
            self._refuse(
                record, place, key, sequence, crc, standing, _internal(error), read.head["event_id"]
            )
            return
        account = self._changed(place, key, record)
        if sequence > account.high + 1:
            self._gaps.add((place, key))
        account.accept(sequence, crc, standing)
        self.counts["accepted"] += 1
        self._out += outputs
        if fact is not None:
            self._facts[place[0]].append(fact)
        else:
            self._searches[place[0]].add(
                read.decision, read.head, read.measures, record.timestamp_ms, _source(record)
            )

    def _check_place(self, record: Consumed, place: Place, key: AccountKey) -> None:
        bureau = key.bureau
        if record.key != bureau.encode():
            raise Refused(
                BUREAU_NOT_KEY, f"the key is {_shown(record.key)}, the envelope's bureau {bureau!r}"
            )
        if bureau not in self._reference.publishers:
            raise Refused(UNKNOWN_PUBLISHER, f"{bureau[:20]!r} is no member and not XP")
        region = self._reference.region_of(bureau, record.timestamp_ms)
        if region != place[0]:
            raise Refused(
                WRONG_REGION,
                f"{bureau} belongs to {region}: publish to {source_topic(region, self.lane)}",
            )
        if partition_of(bureau) != record.partition:
            raise Refused(
                WRONG_PARTITION,
                f"{bureau} belongs to partition {partition_of(bureau)}, not {record.partition}: "
                "set the client's partitioner to murmur2_random",
            )
        if key.lane != self.lane:
            raise Refused(
                BAD_ENVELOPE, f"lane is {key.lane!r}, but the topic is of lane {self.lane!r}"
            )
        if key.system == UNATTRIBUTED:
            raise Refused(BAD_ENVELOPE, "system 'unattributed' is reserved")

    def _check_event(self, read: Read, record: Consumed) -> None:
        head, now = read.head, record.timestamp_ms
        if not _UUID.match(head["event_id"]):
            raise Refused(BAD_ENVELOPE, f"event_id {head['event_id'][:40]!r} is no UUID")
        for name in ("root", "in_reply_to"):
            if head[name] is not None and not _UUID.match(head[name]):
                raise Refused(BAD_ENVELOPE, f"{name} {head[name][:40]!r} is no UUID")
        for name in ("occurred_at", "published_at"):
            if not 0 <= head[name] <= now + _DAY_MS:
                raise Refused(
                    BAD_TIME,
                    f"{name} is {head[name]} ms since 1970; allowed: 0 to 24 h after {now}",
                )
        if head["retain_until"] is not None and head["retain_until"] < now:
            raise Refused(RETENTION_PAST, f"retain_until {head['retain_until']} is before {now}")
        self._check_supersedes(read, read.schema.kind or "")

    def _check_supersedes(self, read: Read, kind: str) -> None:
        target = read.head["supersedes"]
        if target is None:
            if kind == "recall":
                raise Refused(BAD_ENVELOPE, "a recall must name its target in supersedes")
            return
        if not _UUID.match(target["event_id"]):
            raise Refused(BAD_ENVELOPE, f"supersedes {target['event_id'][:40]!r} is no UUID")
        if "search" in (kind, target["kind"]):
            raise Refused(BAD_ENVELOPE, "a search can neither be recalled nor corrected")
        if kind != "recall" and target["kind"] != kind:
            raise Refused(
                BAD_ENVELOPE,
                f"a {kind} can't correct a {target['kind'][:20]}: a correction has its kind",
            )
        if target["bureau"] not in self._reference.publishers or target["kind"] not in KINDS:
            raise Refused(BAD_ENVELOPE, "supersedes names an unknown bureau or kind")
        bureau = read.origin[0]
        if bureau not in (target["bureau"], GENERAL_SECRETARIAT):
            raise Refused(
                NOT_YOURS, f"{bureau} may not recall or correct an event of {target['bureau'][:20]}"
            )

    # --- what an accepted event gives ---------------------------------------------------------

    def _deliver(
        self, read: Read, decision: Decision, record: Consumed
    ) -> tuple[list[Produced], dict[str, Any] | None]:
        """Records for readers, and the fact; a search has neither, it is folded."""
        if len(read.identifiers) > _MAX_IDENTIFIERS:
            raise Refused(
                BAD_ENVELOPE, f"{len(read.identifiers)} identifiers; allowed: {_MAX_IDENTIFIERS}"
            )
        if decision.kind == "search":
            return [], None
        head = read.head
        checked = [
            check_identifier(item["type"], item["value"], item["country"], decision.bureau)
            for item in read.identifiers
        ]
        valued = value_measures(read.measures, record.timestamp_ms, self._reference)
        score = with_identifiers(decision.score_parts, checked)
        flags = [*decision.flags, *valued.flags]
        if any(item.valid == "invalid" for item in checked):
            flags.append("invalid-identifier")
        out: list[Produced] = []
        if decision.topics:
            enrichment = wire.encode(
                self._varying,
                {
                    "event_id": head["event_id"],
                    "recorded_at": record.timestamp_ms,
                    "source_topic": record.topic,
                    "source_partition": record.partition,
                    "source_offset": record.offset,
                    "root": head["root"],
                    "categories": decision.categories,
                    "category_source": decision.category_source,
                    "flags": flags,
                    "identifiers": [
                        {
                            "type": item.type,
                            "normalised": item.normalised,
                            "valid": item.valid,
                            "reason": item.reason,
                        }
                        for item in checked
                    ],
                    "amounts_usd": valued.amounts(),
                    "score": score.total,
                    "score_parts": [{"part": p, "points": n} for p, n in score.parts],
                },
            )
            assert record.value is not None
            value = wire.splice(
                self._delivered_ids[decision.kind, read.schema.version],
                enrichment + decision.enrichment,
                record.value,
            )
            headers = delivered_headers(record.headers)
            out += [Produced(topic, record.key, value, headers) for topic in decision.topics]
        target = head["supersedes"]
        if target is not None:
            out += self._strikes(decision, head, target, record.timestamp_ms)
        return out, fact_of(decision, head, valued, record.timestamp_ms, _source(record))

    def _strikes(
        self, decision: Decision, head: Mapping[str, Any], target: Mapping[str, Any], at_ms: int
    ) -> list[Produced]:
        recall = decision.kind == "recall"
        schema = self._schemas["liaison.strikes.Strike"]
        value = self._framed(
            schema.name,
            {
                "chain": recall,
                "reason": decision.fact["subtype"] if recall else "corrected",
                "successor": None if recall else strike_hash(decision.bureau, head["event_id"]),
                "recorded_at": at_ms,
            },
        )
        struck = [target["event_id"]]
        if recall and head["root"] is not None and head["root"] != target["event_id"]:
            struck.append(head["root"])
        suffix = "chain" if recall else "one"
        return [
            Produced(STRIKES, f"{strike_hash(target['bureau'], event)}:{suffix}".encode(), value)
            for event in struck
        ]

    # --- refusals ------------------------------------------------------------------------------

    def _refuse_unread(
        self, record: Consumed, place: Place, crc: int, refused: Refused, *, replay: bool
    ) -> None:
        """Book by the origin header if it is one of this key's; else as unattributed."""
        packed = header(record.headers, ORIGIN_HEADER)
        try:
            origin = Origin.unpack(packed) if packed is not None else None
            if origin is None:
                raise PermanentError("no origin header")
            key = AccountKey(origin.bureau, origin.system, origin.lane, origin.epoch)
            self._check_place(record, place, key)
        except (PermanentError, Refused):
            self._refuse_unattributed(record, place, refused)
            return
        standing = self.book.account(place, key).standing(origin.sequence, crc, replay=replay)
        if standing is Standing.REPEAT:
            self._changed(place, key, record).repeats += 1
            self.counts["repeat"] += 1
        elif standing in _BOOKABLE:
            self._refuse(
                record, place, key, origin.sequence, crc, standing, refused, origin.event_id
            )
        else:
            self._refuse_unattributed(record, place, refused)

    def _refuse(
        self,
        record: Consumed,
        place: Place,
        key: AccountKey,
        sequence: int,
        crc: int,
        standing: Standing,
        refused: Refused,
        event_id: str,
    ) -> None:
        account = self._changed(place, key, record)
        if sequence > account.high + 1:
            self._gaps.add((place, key))
        code = refused.code
        account.refuse(sequence, crc, standing, code.disposition, code.code)
        self._note(record, place, key, sequence, event_id, refused)

    def _refuse_unattributed(self, record: Consumed, place: Place, refused: Refused) -> None:
        key = AccountKey(self._key_bureau(record.key), UNATTRIBUTED, self.lane, 0)
        account = self._changed(place, key, record)
        if refused.code.disposition is Disposition.REJECTED:
            account.rejected += 1
        else:
            account.quarantined += 1
        self._note(record, place, key, 0, None, refused)

    def _note(
        self,
        record: Consumed,
        place: Place,
        key: AccountKey,
        sequence: int,
        event_id: str | None,
        refused: Refused,
    ) -> None:
        code = refused.code
        self.counts[code.code] += 1
        self._refusals[place, key].append(
            {
                "sequence": sequence,
                "event_id": event_id,
                "code": code.code,
                "disposition": code.disposition.value,
                "reason": refused.reason[:500],
            }
        )
        schema_id = None
        if record.value is not None and len(record.value) >= wire.FRAME_BYTES:
            schema_id = int.from_bytes(record.value[1:5], "big")
        refusal = Refusal(
            code.code, code.disposition, refused.reason, "router", record.topic,
            record.partition, record.offset, record.timestamp_ms, schema_id,
        )  # fmt: skip
        self._out.append(
            Produced(
                dlq_topic(place[0]), record.key, record.value,
                refusal_headers(record.headers, refusal),
            )
        )  # fmt: skip

    def _key_bureau(self, key: bytes | None) -> str:
        text = (key or b"").decode("ascii", "replace")
        return text if text in self._reference.publishers else _NOBODY

    def _changed(self, place: Place, key: AccountKey, record: Consumed) -> Account:
        account = self.book.change(place, key)
        account.recorded_at = record.timestamp_ms
        account.receipt_due = True
        return account

    # --- the end of a batch ----------------------------------------------------------------------

    def _take(self, now_ms: int) -> list[Produced]:
        out, self._out = self._out, []
        for region, folder in self._searches.items():
            self._facts[region] += folder.take()
        for region, facts in self._facts.items():
            out += [
                Produced(FACTS, region.encode(), block, partition=region_partition(region))
                for block in self._mini_blocks(facts)
            ]
        self._facts.clear()
        for place, account in self.book.touched():
            where = (place, account.key)
            refusals = self._refusals.get(where, [])
            urgent = bool(refusals) or where in self._gaps
            if urgent or (
                account.receipt_due and now_ms - account.receipted_at >= RECEIPT_INTERVAL_MS
            ):
                account.receipted_at = now_ms
                account.receipt_due = False
                if account.key.bureau != _NOBODY:
                    out.append(self._receipt(account, refusals))
            out.append(
                Produced(
                    ledger_topic(place[0]),
                    account.key.text().encode(),
                    self._framed("liaison.ledger.LedgerEntry", account.to_record()),
                    partition=place[1],
                )
            )
        self._refusals.clear()
        self._gaps.clear()
        return out

    def _mini_blocks(self, facts: list[dict[str, Any]]) -> Iterator[bytes]:
        """One mini-block, or as many as keep each within its size."""
        if not facts:
            return
        block = self._framed("liaison.facts.FactMiniBlock", {"facts": facts})
        if len(block) <= _MAX_MINI_BLOCK_BYTES or len(facts) == 1:
            yield block
        else:
            half = len(facts) // 2
            yield from self._mini_blocks(facts[:half])
            yield from self._mini_blocks(facts[half:])

    def _receipt(self, account: Account, refusals: list[dict[str, Any]]) -> Produced:
        record = {
            **account.key._asdict(),
            "high": account.high,
            "accepted": account.accepted,
            "rejected": account.rejected,
            "quarantined": account.quarantined,
            "missing": account.missing_count(),
            "repeats": account.repeats,
            "missing_ranges": [{"first": f, "last": last} for f, last in account.missing[:1000]],
            "refusals": refusals[:1000],
            "recorded_at": account.recorded_at,
        }
        return Produced(
            receipts_topic(account.key.bureau),
            account.key.text().encode(),
            self._framed("liaison.ledger.Receipt", record),
        )

    def _framed(self, name: str, record: Mapping[str, Any]) -> bytes:
        schema = self._schemas[name]
        return wire.frame(self._ids.id_of(schema), wire.encode(schema.plain, record))


def _internal(error: Exception) -> Refused:
    return Refused(INTERNAL, f"{type(error).__name__}: {str(error)[:300]}")


def _source(record: Consumed) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _shown(key: bytes | None) -> str:
    return "missing" if key is None else repr(key[:20].decode("ascii", "replace"))
