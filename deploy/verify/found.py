"""What is really there: topics read committed, the ledger's last entries, ClickHouse's sums.

Whatever is framed is decoded as the schema that its frame names, and seen as the newest: the ledger
and `facts` hold records of every version that ever wrote there.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import fastavro
from clickhouse_connect.driver.client import Client

from deploy.access import may_read
from deploy.verify.difference import Difference
from deploy.verify.facts import Cell
from deploy.verify.recount import AccountPlace, Delivered, Identify
from deploy.verify.rollups import rollup_differences, struck_differences
from deploy.verify.window import SourcePosition, Window
from schemas import wire
from schemas.catalogue import Catalogue, Schema
from schemas.clock import Clock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, PermanentError
from schemas.headers import REPLAY_HEADER, header, read_refusal
from schemas.registry import SchemaIds
from schemas.topics import Topic
from sinks.clickhouse.known import KNOWN_FACTS
from stream_apps.engine import Consumed, Partition, first_offsets, read_topics
from stream_apps.router.ledger import Account

__all__ = [
    "Refused",
    "TopicReader",
    "Topics",
    "clickhouse_amounts",
    "clickhouse_cells",
    "clickhouse_faults",
    "clickhouse_sums",
    "delivered_in",
    "events_in_facts",
    "ledger_entries",
    "refused_in",
]


class Topics(Protocol):
    """Where whole topics are read."""

    def names(self, *prefixes: str) -> list[str]:
        """Declared topics whose names begin so."""
        ...

    def read(self, topics: Iterable[str]) -> Iterator[Consumed]:
        """All committed records that topics hold, each partition in its order."""
        ...

    def first_offsets(self, topics: Iterable[str], *, since_ms: int = 0) -> dict[Partition, int]:
        """Where each partition begins now, or its first record since then."""
        ...


class TopicReader:
    """Reads whole topics, committed records only, up to where they end now.

    It keeps to what the role `auditor` may read, also where a broker asks for no rights, so that a
    verification which runs here runs under that role.
    """

    def __init__(self, kafka: KafkaConnection, declared: Sequence[Topic], clock: Clock) -> None:
        self._kafka = kafka
        self._clock = clock
        self._names = [topic.name for topic in declared]
        self._readable = {topic.name for topic in declared if may_read("auditor", topic)}

    def names(self, *prefixes: str) -> list[str]:
        return [name for name in self._names if name.startswith(prefixes)]

    def read(self, topics: Iterable[str]) -> Iterator[Consumed]:
        """All records of topics.

        Raises:
            ConfigurationError: the auditor is no declared reader of one, or it is not there.
        """
        return read_topics(self._kafka, self._checked(topics), self._clock)

    def first_offsets(self, topics: Iterable[str], *, since_ms: int = 0) -> dict[Partition, int]:
        """Where each partition of topics begins now, or its first record since then.

        Raises:
            ConfigurationError: the auditor is no declared reader of one, or it is not there.
        """
        names = self._checked(topics)
        return first_offsets(self._kafka, names, self._clock, since_ms=since_ms)

    def _checked(self, topics: Iterable[str]) -> list[str]:
        names = list(topics)
        for name in names:
            if name not in self._readable:
                raise ConfigurationError(
                    f"the auditor is no declared reader of {name}: declare it in schemas/topics.py",
                    code="undeclared-reader",
                )
        return names


def delivered_in(
    reader: Topics, identify: Identify, window: Window
) -> tuple[Counter[Delivered], list[Difference]]:
    """Every record on desks and in bureaus' topics whose source is there still, and those that
    can't be read.
    """
    found: Counter[Delivered] = Counter()
    unreadable: list[Difference] = []
    for record in reader.read(reader.names("desk.", "bureau.")):
        try:
            delivered = identify(record.topic, record.value)
        except wire.WireError as error:
            where = f"{record.topic} [{record.partition}] {record.offset}"
            unreadable.append(Difference("delivered", where, "a delivered event", str(error)))
            continue
        if window.holds(delivered.source):
            found[delivered] += 1
    return found, unreadable


@dataclass(slots=True)
class Refused:
    """What the dead-letter queues hold, by who refused it."""

    by_router: Counter[tuple[str, int, int, str]] = field(default_factory=Counter)
    """Source position and code."""
    by_cutter: dict[tuple[int, int], str] = field(default_factory=dict)
    """Partition and offset of a mini-block in `facts`, with where it lies and its code."""
    by_surge: list[str] = field(default_factory=list)
    """They are counted all the same, but no alert came of them."""
    odd: list[Difference] = field(default_factory=list)
    """Dead letters that are none."""

    def codes(self) -> dict[SourcePosition, str]:
        """Why the router refused each source record."""
        return {(topic, partition, n): code for topic, partition, n, code in self.by_router}


def refused_in(reader: Topics) -> Refused:
    """Every dead letter but those of the loader, which ClickHouse has booked."""
    refused = Refused()
    for record in reader.read([n for n in reader.names("dlq.") if n != "dlq.blocks"]):
        where = f"{record.topic} [{record.partition}] {record.offset}"
        try:
            refusal = read_refusal(record.headers)
        except PermanentError as error:
            refused.odd.append(Difference("dead letters", where, "a refusal", str(error)))
            continue
        told = f"{where}: {refusal.stage}: {refusal.code}"
        if refusal.stage == "router":
            place = refusal.topic, refusal.partition, refusal.offset
            refused.by_router[*place, refusal.code] += 1
        elif refusal.stage == "cutter":
            refused.by_cutter[refusal.partition, refusal.offset] = told
        elif refusal.stage == "surge":
            refused.by_surge.append(told)
        else:
            refused.odd.append(Difference("dead letters", where, "a stage of ours", refusal.stage))
    return refused


def ledger_entries(
    reader: Topics, catalogue: Catalogue, ids: SchemaIds
) -> tuple[dict[AccountPlace, Account], list[Difference]]:
    """The last entry of every account, and those that can't be read."""
    newest = catalogue.schema("liaison.ledger.LedgerEntry")
    entries: dict[AccountPlace, Account] = {}
    unreadable: dict[AccountPlace, Difference] = {}
    for record in reader.read(reader.names("ledger.")):
        place = (record.topic, record.partition, (record.key or b"").decode("utf-8", "replace"))
        unreadable.pop(place, None)
        entries.pop(place, None)
        if record.value is None:
            continue
        try:
            entry = _decoded(record.value, ids, newest, newest.plain)
        except wire.WireError as error:
            where = f"{record.topic} [{record.partition}] {record.offset}"
            unreadable[place] = Difference("ledger", where, "an entry", str(error))
            continue
        entries[place] = Account.from_record(entry)
    return entries, list(unreadable.values())


def _decoded(value: bytes, ids: SchemaIds, newest: Schema, reader: Any) -> dict[str, Any]:
    """A framed record of any version of a schema, as the newest, or a part of it, sees it.

    Raises:
        WireError: it is none.
    """
    schema_id = wire.schema_id_of(value)
    written = ids.by_id.get(schema_id)
    if written is None or written.name != newest.name:
        raise wire.WireError(
            f"schema id {schema_id} is no {newest.name} of this release: verify with the release "
            "that wrote it"
        )
    if written is newest and reader is newest.plain:
        return wire.decode(written.plain, value, offset=wire.FRAME_BYTES)
    return wire.decode(written.plain, value, offset=wire.FRAME_BYTES, reader=reader)


def events_in_facts(
    facts: Iterable[Consumed], catalogue: Catalogue, ids: SchemaIds, refused: Refused
) -> tuple[int, list[Difference]]:
    """Σ events over the mini-blocks of `facts`, each once; and those that are in no block.

    These are the ones that the cutter refused, unless the same bytes, put back, were taken later.
    """
    schema = catalogue.schema("liaison.facts.FactMiniBlock")
    counts = _only_counts(catalogue)
    listed = fastavro.parse_schema(
        {
            "type": "record",
            "name": schema.name,
            "fields": [{"name": "facts", "type": {"type": "array", "items": counts}}],
        }
    )
    total = 0
    missing: dict[tuple[int, str], Difference] = {}
    odd: list[Difference] = []
    for record in facts:
        value = record.value or b""
        why = refused.by_cutter.get((record.partition, record.offset))
        where = f"{record.topic} [{record.partition}] {record.offset}"
        if refused.by_cutter:
            bytes_at = record.partition, hashlib.sha256(value).hexdigest()
            missing.pop(bytes_at, None)
            if why is not None:
                missing[bytes_at] = Difference("mini-blocks", where, "in a block", why)
        if header(record.headers, REPLAY_HEADER) is not None:
            continue  # of a mini-block that the cutter refused: it stands here already
        try:
            block = _decoded(value, ids, schema, listed)
        except wire.WireError as error:
            if why is None:
                odd.append(Difference("mini-blocks", where, "a mini-block", str(error)))
            continue
        total += sum(fact["events"] for fact in block["facts"])
    return total, odd + list(missing.values())


def _only_counts(catalogue: Catalogue) -> dict[str, Any]:
    """A fact as a reader sees it who asks for `events` alone: the rest is skipped, not decoded."""
    fact = catalogue.schema("liaison.facts.Fact")
    fields = [field for field in fact.definition["fields"] if field["name"] == "events"]
    return {"type": "record", "name": fact.name, "fields": fields}


def clickhouse_cells(client: Client) -> Counter[Cell]:
    """Σ sign · events by kind, bureau and month of recording."""
    return clickhouse_sums(client)[0]


def clickhouse_amounts(client: Client) -> Counter[Cell]:
    """Σ sign · thousandths of all that was measured, by kind, bureau and month of recording."""
    return clickhouse_sums(client)[1]


def clickhouse_sums(client: Client) -> tuple[Counter[Cell], Counter[Cell]]:
    """:func:`clickhouse_cells` and :func:`clickhouse_amounts` by one query, without zeros."""
    sign = "toDecimal128(sign, 0)"
    rows = client.query(
        "SELECT kind, bureau, formatDateTime(recorded_at, '%Y-%m') AS month, "
        "sum(toInt64(sign) * events), "
        f"sum({sign} * (toDecimal128(ifNull(amount, 0), 3) "
        "+ arraySum(value -> toDecimal128(value, 3), measure_values))) "
        f"FROM {KNOWN_FACTS} GROUP BY kind, bureau, month"
    ).result_rows
    cells, amounts = Counter[Cell](), Counter[Cell]()
    for kind, bureau, month, events, amount in rows:
        cell = str(kind), str(bureau), str(month)
        if events:
            cells[cell] = int(events)
        if amount:
            amounts[cell] = int(amount * 1000)
    return cells, amounts


def clickhouse_faults(client: Client) -> Iterator[Difference]:
    """Events landed twice, refused blocks, and what no longer agrees with the facts."""
    twice = client.query(
        "SELECT bureau, toString(event_id), sign, count() AS n FROM raw.facts "
        "WHERE event_id IS NOT NULL GROUP BY bureau, event_id, sign HAVING n > 1 "
        "ORDER BY bureau, event_id LIMIT 100"
    ).result_rows
    for bureau, event_id, sign, n in twice:
        yield Difference("doubled in raw.facts", f"{bureau} {event_id} sign {sign}", 1, int(n))
    refused = client.query(
        "SELECT block_partition, block_offset, code FROM raw.refused_blocks FINAL "
        "WHERE NOT resolved"
    ).result_rows
    for partition, offset, code in refused:
        yield Difference("refused blocks", f"fact-blocks [{partition}] {offset}", "none", str(code))
    yield from rollup_differences(client)
    yield from struck_differences(client)
