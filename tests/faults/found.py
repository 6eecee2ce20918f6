"""What is there at the end, read without the product's readers and decoded with `avro`."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import avro.schema
import httpx
from avro.io import BinaryDecoder, DatumReader
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.headers import headers_of
from tests.faults.desk import Given
from tests.faults.expectation import EventKey

__all__ = ["Copy", "Found", "Ledger", "find"]

_FRAME = 5
_SURGE_TABLE = "liaison-surge-windows-changelog"
_EOF = KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka names it so


@dataclass(frozen=True)
class Copy:
    """One delivered record."""

    topic: str
    key: EventKey
    categories: tuple[str, ...]
    same_bytes: bool
    """Its end is the record that the bureau sent, byte for byte."""


@dataclass(frozen=True)
class Ledger:
    """An account's counts, as the ledger or a receipt tells them."""

    high: int
    accepted: int
    rejected: int
    quarantined: int
    missing: int


@dataclass
class Found:
    """Everything that the verifier compares."""

    copies: list[Copy] = field(default_factory=list)
    dead: Counter[tuple[EventKey, str]] = field(default_factory=Counter)
    dead_by_others: list[str] = field(default_factory=list)
    ledger: dict[tuple[str, str, str, int], Ledger] = field(default_factory=dict)
    receipts: dict[tuple[str, str, str, int], Ledger] = field(default_factory=dict)
    facts: dict[EventKey, tuple[int, int]] = field(default_factory=dict)
    """Rows of sign +1 and of sign -1 in raw.facts."""
    searches: dict[str, int] = field(default_factory=dict)
    raw_by_kind: dict[str, int] = field(default_factory=dict)
    rollup_by_kind: dict[str, int] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    """What a desk's subscriber was given."""
    surge_counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By region and category, all windows together, as the surge detection's table says."""
    facts_for_surges: dict[tuple[str, str], int] = field(default_factory=dict)
    """The same, by the facts in SQL that are for every bureau of a region."""


class _Avro:
    """Decodes framed values by the registry's schemas."""

    def __init__(self, registry: RegistryConnection) -> None:
        self._url = registry.url
        self._readers: dict[int, DatumReader] = {}

    def __call__(self, value: bytes) -> dict[str, Any]:
        number = int.from_bytes(value[1:_FRAME], "big")
        reader = self._readers.get(number)
        if reader is None:
            answer = httpx.get(f"{self._url}/schemas/ids/{number}", timeout=30, trust_env=False)
            schema = avro.schema.parse(answer.raise_for_status().json()["schema"])
            reader = self._readers[number] = DatumReader(schema, schema)
        decoded = reader.read(BinaryDecoder(io.BytesIO(value[_FRAME:])))
        assert isinstance(decoded, dict)
        return decoded


def find(
    kafka: KafkaConnection,
    registry: RegistryConnection,
    clickhouse: ClickHouseConnection,
    given: Given,
) -> Found:
    """Read everything to its present end."""
    decode = _Avro(registry)
    found = Found(given=given)
    names = _topics(kafka)
    sent: dict[EventKey, bytes] = {}
    for message in _read(kafka, [n for n in names if n.startswith(("intel.", "search."))]):
        origin = _origin(dict(headers_of(message) or ()))
        if origin is not None:
            sent[origin] = (message.value() or b"")[_FRAME:]
    _read_desks(kafka, names, decode, sent, found)
    for message in _read(kafka, [n for n in names if n.startswith("dlq.")]):
        headers = dict(headers_of(message) or ())
        code = _text(headers, "__streams.errors.exception")
        stage = _text(headers, "__streams.errors.stage")
        origin = _origin(headers)
        if stage == "router" and origin is not None:
            found.dead[origin, code] += 1
        else:
            found.dead_by_others.append(f"{message.topic()} {message.offset()}: {stage} {code}")
    for prefix, into in (("ledger.", found.ledger), ("receipts.", found.receipts)):
        for value in _last_by_key(kafka, [n for n in names if n.startswith(prefix)]):
            account = decode(value)
            missing = account["missing"]
            if isinstance(missing, list):
                missing = sum(item["last"] - item["first"] + 1 for item in missing)
            key = (account["bureau"], account["system"], account["lane"], account["epoch"])
            into[key] = Ledger(
                account["high"], account["accepted"], account["rejected"],
                account["quarantined"], missing,
            )  # fmt: skip
    for value in _last_by_key(kafka, [_SURGE_TABLE]):
        state = json.loads(value)
        for window in state["windows"].values():
            for category, count in window.items():
                key_of = state["region"], category
                found.surge_counts[key_of] = found.surge_counts.get(key_of, 0) + count
    _ask_clickhouse(clickhouse, found)
    return found


def _last_by_key(kafka: KafkaConnection, topics: list[str]) -> Iterable[bytes]:
    """What a compacted topic says now."""
    last: dict[tuple[str | None, Any], bytes] = {}
    for message in _read(kafka, topics):
        last[message.topic(), message.key()] = message.value() or b""
    return [value for value in last.values() if value]


def _read_desks(
    kafka: KafkaConnection,
    names: list[str],
    decode: _Avro,
    sent: dict[EventKey, bytes],
    found: Found,
) -> None:
    known: dict[bytes, tuple[EventKey, tuple[str, ...], bool]] = {}
    for message in _read(kafka, [n for n in names if n.startswith(("desk.", "bureau."))]):
        value = message.value() or b""
        if value not in known:
            event = decode(value)
            key = EventKey(event["enrichment"]["bureau"], str(event["enrichment"]["event_id"]))
            inner = event["event"]["envelope"]
            same = (
                value.endswith(sent.get(key, b"\0never sent"))
                and EventKey(inner["bureau"], str(inner["event_id"])) == key
            )
            known[value] = key, tuple(event["enrichment"]["categories"]), same
        found.copies.append(Copy(str(message.topic()), *known[value]))


def _topics(kafka: KafkaConnection) -> list[str]:
    consumer = Consumer(kafka.consumer_config("faults-names"))
    try:
        return sorted(consumer.list_topics(timeout=30).topics)
    finally:
        consumer.close()


def _read(kafka: KafkaConnection, topics: Iterable[str]) -> Iterator[Message]:
    """Committed records of whole topics, each partition in its order."""
    consumer = Consumer(kafka.consumer_config("faults-verifier", enable_partition_eof=True))
    try:
        known = consumer.list_topics(timeout=30).topics
        left = {(topic, number) for topic in topics for number in known[topic].partitions}
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in left])
        while left:
            for message in consumer.consume(1000, 0.2):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == _EOF:
                    left.discard((str(message.topic()), message.partition() or 0))
                else:
                    raise RuntimeError(f"reading {message.topic()}: {error}")
    finally:
        consumer.close()


def _origin(headers: Mapping[str, bytes | None]) -> EventKey | None:
    """The event in the header that the outbox writes."""
    packed = headers.get("liaison-origin")
    if packed is None:
        return None
    _, bureau, _, _, _, _, event_id = packed.decode("ascii", "replace").split(";")
    return EventKey(bureau, event_id)


def _text(headers: dict[str, Any], name: str) -> str:
    value = headers.get(name) or b""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _ask_clickhouse(clickhouse: ClickHouseConnection, found: Found) -> None:
    client = clickhouse.client()
    try:
        for bureau, event_id, plus, minus in client.query(
            "SELECT bureau, toString(event_id), countIf(sign = 1), countIf(sign = -1) "
            "FROM raw.facts WHERE event_id IS NOT NULL GROUP BY bureau, event_id"
        ).result_rows:
            found.facts[EventKey(bureau, event_id)] = int(plus), int(minus)
        found.searches = {
            bureau: int(n)
            for bureau, n in client.query(
                "SELECT bureau, sum(sign * events) FROM raw.facts WHERE kind = 'search' "
                "GROUP BY bureau"
            ).result_rows
        }
        for table, into in (
            ("raw.facts", found.raw_by_kind),
            ("agg.events_month", found.rollup_by_kind),
        ):
            sign = "sign * " if table == "raw.facts" else ""
            for kind, n in client.query(
                f"SELECT kind, sum({sign}events) FROM {table} GROUP BY kind"
            ).result_rows:
                into[kind] = int(n)
        for region, category, n in client.query(
            "SELECT region, arrayJoin(arrayDistinct(if(empty(categories), [category], categories)))"
            " AS filed, sum(events) FROM raw.facts WHERE sign = 1 AND NOT test "
            "AND restricted = 'none' AND kind NOT IN ('search', 'recall') AND region != 'global' "
            "GROUP BY region, filed"
        ).result_rows:
            found.facts_for_surges[region, category] = int(n)
    finally:
        client.close()
