"""Source records into the router, and what it makes of them on to desks, the cutter and facts.

Each case is one transaction of a router that holds no account: hostile records, and a sound one of
another account before, between and after them. Each hostile one ends in the dead letters with a
code, or is delivered and counted, or is dropped as a repeat; the sound ones are always delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from schemas import wire
from schemas.headers import (
    REPLAY_HEADER,
    UNATTRIBUTED,
    Refusal,
    header,
    read_refusal,
)
from schemas.models import Arrest, Search
from schemas.topics import (
    FACTS,
    LANES,
    MAX_DERIVED_BYTES,
    SOURCE_PARTITIONS,
    SOURCE_REGIONS,
    source_topic,
)
from stream_apps.engine import Consumed, Partition, Produced
from stream_apps.router.driver import RouterDriver
from stream_apps.router.refusals import CODES, INTERNAL, KEPT_IN_PART
from tests.fuzz.bases import NOW_MS
from tests.fuzz.case import Case, Finding
from tests.fuzz.facts import FactsCheck
from tests.fuzz.reading import read_delivered
from tests.fuzz.records import hostile_record

__all__ = ["SourceTarget"]

_FIRST_OFFSET = 1000
_MOST_HOSTILE = 4
_NEIGHBOUR = ("FR", "neighbours", 9)
_WHEN = datetime.fromtimestamp(NOW_MS / 1000, UTC)


class SourceTarget:
    """Both lanes, a router each."""

    name = "source"

    def __init__(self) -> None:
        self._drivers = {lane: RouterDriver(lane, now_ms=NOW_MS) for lane in LANES}
        self._neighbours = {
            lane: [self._neighbour(lane, number) for number in range(1, _MOST_HOSTILE + 2)]
            for lane in LANES
        }
        self._everywhere = {
            lane: [
                Partition(source_topic(region, lane), number)
                for region in SOURCE_REGIONS
                for number in range(SOURCE_PARTITIONS)
            ]
            for lane in LANES
        }
        driver = self._drivers["message"]
        self._facts = FactsCheck(driver.catalogue, driver.ids)

    def make(self, rng: Random) -> Case:
        lane = "search" if rng.random() < 0.1 else "message"
        region_of = self._drivers[lane].reference.region_of
        count = rng.choice((1, 1, 2, 3, _MOST_HOSTILE))
        records = [hostile_record(rng, lane, n, region_of) for n in range(1, count + 1)]
        if rng.random() < 0.1:
            records[-1] = records[0]
        return {"lane": lane, "records": records}

    def run(self, case: Case) -> list[str]:
        lane = case["lane"]
        driver = self._drivers[lane]
        driver.router.revoke(self._everywhere[lane])
        batch = list(self._batch(lane, case["records"]))
        before = dict(driver.router.counts)
        out = driver.feed(*batch)
        counted = {
            code: number - before.get(code, 0)
            for code, number in driver.router.counts.items()
            if number != before.get(code, 0)
        }
        if INTERNAL.code in counted:
            raise Finding(f"the router met an error of its own: {self._reasons(out)}")
        if sum(counted.values()) != len(batch):
            raise Finding(f"{len(batch)} records came, {counted} were counted")
        _check_sizes(out)
        hostile, neighbours = batch[1::2], batch[::2]
        refused = dict(_refused(out, hostile))
        if counted.get("accepted", 0) + counted.get("repeat", 0) + len(refused) != len(batch):
            raise Finding(f"{counted}, but {len(refused)} dead letters")
        self._check_ledger(driver, out, batch, counted)
        facts = self._facts.check(out.get(FACTS, []))
        if sum(fact["events"] for fact in facts) != counted.get("accepted", 0):
            raise Finding(f"{counted}, but facts count {sum(f['events'] for f in facts)}")
        return self._outcomes(driver, lane, out, hostile, neighbours, refused, facts)

    def close(self) -> None:
        self._facts.close()

    def _neighbour(self, lane: str, number: int) -> Consumed:
        bureau, system, epoch = _NEIGHBOUR
        event = (
            Search(subtype="sltd", occurred_at=_WHEN)
            if lane == "search"
            else Arrest(category="drug-trafficking", occurred_at=_WHEN)
        )
        driver = self._drivers[lane]
        return driver.record(bureau, event, system=system, sequence=number, epoch=epoch)

    def _batch(self, lane: str, hostile: Sequence[Mapping[str, Any]]) -> Iterator[Consumed]:
        """Sound, hostile, sound, hostile, sound."""
        sound = self._neighbours[lane]
        for number, item in enumerate(hostile):
            yield sound[number]._replace(offset=_FIRST_OFFSET + 2 * number)
            yield Consumed(
                item["topic"], item["partition"], _FIRST_OFFSET + 2 * number + 1, NOW_MS,
                item["key"], item["value"], [(name, value) for name, value in item["headers"]],
            )  # fmt: skip
        yield sound[len(hostile)]._replace(offset=_FIRST_OFFSET + 2 * len(hostile))

    def _reasons(self, out: Mapping[str, Sequence[Produced]]) -> list[str]:
        return [
            read_refusal(record.headers).reason
            for topic, records in out.items()
            if topic.startswith("dlq.")
            for record in records
            if header(record.headers, "__streams.errors.exception") == b"internal"
        ]

    def _check_ledger(
        self,
        driver: RouterDriver,
        out: Mapping[str, Sequence[Produced]],
        batch: Sequence[Consumed],
        counted: Mapping[str, int],
    ) -> None:
        """Every account adds up, and all of them together to what came."""
        total = 0
        sound = 0
        for topic, records in out.items():
            if not topic.startswith(("ledger.", "receipts.")):
                continue
            for record in records:
                entry = driver.decode(record)
                booked = entry["accepted"] + entry["rejected"] + entry["quarantined"]
                missing = entry["missing"]
                if not isinstance(missing, int):
                    missing = sum(item["last"] - item["first"] + 1 for item in missing)
                if entry["system"] != UNATTRIBUTED and entry["high"] != booked + missing:
                    raise Finding(f"an account does not add up: {str(entry)[:600]}")
                if topic.startswith("ledger."):
                    total += booked + entry["repeats"]
                    own = (entry["bureau"], entry["system"], entry["epoch"])
                    sound += entry["accepted"] if own == _NEIGHBOUR else 0
        replays = any(header(record.headers, REPLAY_HEADER) is not None for record in batch)
        if not replays and total != len(batch):
            raise Finding(f"{len(batch)} records came, the ledger holds {total} ({counted})")
        if sound != (len(batch) + 1) // 2:
            raise Finding(f"of {(len(batch) + 1) // 2} sound records {sound} were accepted")

    def _outcomes(
        self,
        driver: RouterDriver,
        lane: str,
        out: Mapping[str, Sequence[Produced]],
        hostile: Sequence[Consumed],
        neighbours: Sequence[Consumed],
        refused: Mapping[int, Refusal],
        facts: Sequence[Mapping[str, Any]],
    ) -> list[str]:
        codes = []
        if lane == "search":
            for record in hostile:
                refusal = refused.get(record.offset)
                codes.append("counted" if refusal is None else refusal.code)
            return codes
        facts_of = {fact["source_offset"] for fact in facts}
        if len(facts_of) != len(facts):
            raise Finding("two facts of one record")
        delivered: dict[int, Produced] = {}
        for topic, records in out.items():
            if topic.startswith(("desk.", "bureau.")):
                delivered |= {read_offset(driver, found): found for found in records}
        for record in neighbours:
            if record.offset not in delivered or record.offset not in facts_of:
                raise Finding(f"the sound record at {record.offset} was not delivered")
        for record in hostile:
            refusal = refused.get(record.offset)
            if refusal is not None:
                if record.offset in facts_of or record.offset in delivered:
                    raise Finding(f"refused as {refusal.code} and yet delivered or counted")
                codes.append(refusal.code)
            elif record.offset in facts_of:
                made = delivered.get(record.offset)
                codes.append("recall" if made is None else self._read(driver, record, made))
            else:
                codes.append("repeat")
        return codes

    def _read(self, driver: RouterDriver, record: Consumed, found: Produced) -> str:
        body = (record.value or b"")[wire.FRAME_BYTES :]
        if found.value is None or not found.value.endswith(body):
            raise Finding("what a desk gets does not end with the bureau's own bytes")
        if found.key != record.key:
            raise Finding("what a desk gets has another key")
        return read_delivered(driver.ids, found.value, found.headers, may_be_closed=False)


def read_offset(driver: RouterDriver, record: Produced) -> int:
    """The source offset that the enrichment names."""
    assert record.value is not None
    enrichment = driver.catalogue.schema("liaison.delivered.Enrichment")
    found = wire.decode(enrichment.plain, record.value, offset=wire.FRAME_BYTES)
    return int(found["source_offset"])


def _refused(
    out: Mapping[str, Sequence[Produced]], hostile: Sequence[Consumed]
) -> Iterator[tuple[int, Refusal]]:
    """Dead letters by the offset that they name, each whole and of a hostile record."""
    by_offset = {record.offset: record for record in hostile}
    seen: set[int] = set()
    for topic, records in out.items():
        if not topic.startswith("dlq."):
            continue
        for dead in records:
            # What a sender wrote of this family stands before what the router wrote.
            refusal = read_refusal(dead.headers)
            came = by_offset.get(refusal.offset)
            if came is None:
                raise Finding(f"the sound record at {refusal.offset} was refused: {refusal}")
            if refusal.offset in seen:
                raise Finding(f"two dead letters of the record at {refusal.offset}")
            seen.add(refusal.offset)
            code = CODES.get(refusal.code)
            if code is None or code.disposition is not refusal.disposition:
                raise Finding(f"{refusal.code} ({refusal.disposition}) is no code of the router")
            if (refusal.topic, refusal.partition) != (came.topic, came.partition):
                raise Finding(f"a dead letter names another place: {refusal}")
            if refusal.code not in KEPT_IN_PART:
                came_with = list(came.headers or ())
                kept = (dead.key, dead.value, list(dead.headers)[: len(came_with)])
                if kept != (came.key, came.value, came_with):
                    raise Finding("a dead letter is not the record byte for byte")
            yield refusal.offset, refusal


def _check_sizes(out: Mapping[str, Sequence[Produced]]) -> None:
    for topic, records in out.items():
        for record in records:
            size = len(record.key or b"") + len(record.value or b"")
            size += sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
            if size > MAX_DERIVED_BYTES:
                raise Finding(f"a record of {size} bytes for {topic}: the broker takes none such")
