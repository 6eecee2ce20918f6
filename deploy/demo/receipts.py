"""What bureaus learn of what they handed over: their receipts, and alerts that desks got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from schemas.headers import read_refusal
from schemas.reference import Reference
from schemas.topics import REGIONS, SOURCE_REGIONS, alerts_topic, dlq_topic, receipts_topic
from stream_apps.engine import read_topics

__all__ = ["alerts", "receipt_rows", "refusal_rows"]


def receipt_rows(kafka: KafkaConnection, reference: Reference) -> list[tuple[Any, ...]]:
    """Bureaus, accounts, and what became of their records: by region, and in all."""
    schema = Catalogue.load().schema("liaison.ledger.Receipt")
    topics = [receipts_topic(bureau) for bureau in sorted(reference.publishers)]
    last: dict[bytes, dict[str, Any]] = {}
    for record in read_topics(kafka, topics, SystemClock()):
        key, value = record.key, record.value
        if key is not None and value is not None:
            last[key] = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
    names = ("accepted", "rejected", "quarantined", "missing", "repeats")
    sums: dict[str, Counter[str]] = {region: Counter() for region in (*SOURCE_REGIONS, "all")}
    bureaus: dict[str, set[str]] = {region: set() for region in sums}
    for receipt in last.values():
        for region in (reference.region_of(receipt["bureau"], receipt["recorded_at"]), "all"):
            bureaus[region].add(receipt["bureau"])
            sums[region]["accounts"] += 1
            for name in names:
                sums[region][name] += receipt[name]
    return [
        (region, len(bureaus[region]), counts["accounts"], *(counts[name] for name in names))
        for region, counts in sums.items()
    ]


def refusal_rows(kafka: KafkaConnection) -> list[tuple[str, str, int]]:
    """Disposition, code and number of the refused records."""
    counts: Counter[tuple[str, str]] = Counter()
    for record in read_topics(kafka, map(dlq_topic, SOURCE_REGIONS), SystemClock()):
        refusal = read_refusal(record.headers)
        counts[refusal.disposition.value, refusal.code] += 1
    return [(*key, count) for key, count in sorted(counts.items(), key=lambda item: -item[1])]


def alerts(kafka: KafkaConnection) -> Iterator[dict[str, Any]]:
    """Each alert once, by its id."""
    schema = Catalogue.load().schema("liaison.alerts.Alert")
    seen: set[str] = set()
    for record in read_topics(kafka, map(alerts_topic, REGIONS), SystemClock()):
        value = record.value
        if value is None:
            continue
        alert = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
        if alert["alert_id"] not in seen:
            seen.add(alert["alert_id"])
            yield alert
