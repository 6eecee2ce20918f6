"""What is really there: topics read committed, the ledger's last entries, ClickHouse's sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from clickhouse_connect.driver.client import Client

from deploy.access import may_read
from deploy.verify.difference import Difference
from deploy.verify.recount import AccountPlace, Cell, Delivered, Identify
from schemas import wire
from schemas.catalogue import Catalogue
from schemas.clock import Clock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, PermanentError
from schemas.headers import read_refusal
from schemas.registry import SchemaIds
from schemas.topics import Topic
from stream_apps.engine import Consumed, read_topics
from stream_apps.router.ledger import Account

__all__ = [
    "TopicReader",
    "clickhouse_cells",
    "clickhouse_faults",
    "delivered_in",
    "events_in_blocks",
    "events_in_facts",
    "ledger_entries",
    "refused_in",
]


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
        names = list(topics)
        for name in names:
            if name not in self._readable:
                raise ConfigurationError(
                    f"the auditor is no declared reader of {name}: declare it in schemas/topics.py",
                    code="undeclared-reader",
                )
        return read_topics(self._kafka, names, self._clock)


def delivered_in(
    reader: TopicReader, ids: SchemaIds
) -> tuple[Counter[Delivered], list[Difference]]:
    """Every record on desks and in bureaus' topics, and those that can't be read."""
    identify = Identify(ids)
    found: Counter[Delivered] = Counter()
    unreadable: list[Difference] = []
    for record in reader.read(reader.names("desk.", "bureau.")):
        try:
            found[identify(record.topic, record.value)] += 1
        except wire.WireError as error:
            where = f"{record.topic} [{record.partition}] {record.offset}"
            unreadable.append(Difference("delivered", where, "a delivered event", str(error)))
    return found, unreadable


def refused_in(reader: TopicReader) -> tuple[Counter[tuple[str, int, int, str]], list[Difference]]:
    """Source position and code of every dead-letter record of the router."""
    found: Counter[tuple[str, int, int, str]] = Counter()
    odd: list[Difference] = []
    for record in reader.read([n for n in reader.names("dlq.") if n != "dlq.blocks"]):
        where = f"{record.topic} [{record.partition}] {record.offset}"
        try:
            refusal = read_refusal(record.headers)
        except PermanentError as error:
            odd.append(Difference("dead letters", where, "a refusal", str(error)))
            continue
        if refusal.stage == "router":
            found[refusal.topic, refusal.partition, refusal.offset, refusal.code] += 1
        else:
            odd.append(
                Difference("dead letters", where, "none", f"{refusal.stage}: {refusal.code}")
            )
    return found, odd


def ledger_entries(reader: TopicReader, catalogue: Catalogue) -> dict[AccountPlace, Account]:
    """The last entry of every account."""
    schema = catalogue.schema("liaison.ledger.LedgerEntry")
    entries: dict[AccountPlace, Account] = {}
    for record in reader.read(reader.names("ledger.")):
        assert record.key is not None
        place = (record.topic, record.partition, record.key.decode())
        if record.value is None:
            entries.pop(place, None)
            continue
        entry = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES)
        entries[place] = Account.from_record(entry)
    return entries


def events_in_facts(reader: TopicReader, catalogue: Catalogue) -> int:
    """Σ events over all mini-blocks."""
    schema = catalogue.schema("liaison.facts.FactMiniBlock")
    total = 0
    for record in reader.read(["facts"]):
        assert record.value is not None
        facts = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES)["facts"]
        total += sum(fact["events"] for fact in facts)
    return total


def events_in_blocks(reader: TopicReader) -> int:
    """Σ events over all blocks."""
    return sum(
        fact["events"]
        for record in reader.read(["fact-blocks"])
        for fact in wire.read_container(record.value or b"")
    )


def clickhouse_cells(client: Client) -> Counter[Cell]:
    """Σ sign · events by kind, bureau and month of recording."""
    rows = client.query(
        "SELECT kind, bureau, formatDateTime(recorded_at, '%Y-%m') AS month, "
        "sum(toInt64(sign) * events) AS n FROM raw.facts GROUP BY kind, bureau, month HAVING n != 0"
    ).result_rows
    return Counter(
        {(str(kind), str(bureau), str(month)): int(n) for kind, bureau, month, n in rows}
    )


_ROLLUPS = (
    ("agg.events_month", "kind", "1"),
    ("agg.events_day", "kind", "1"),
    ("agg.searches_month", "'search'", "kind = 'search'"),
)


def clickhouse_faults(client: Client) -> Iterator[Difference]:
    """Events landed twice, refused blocks, rollups that do not agree with the facts."""
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
    for table, kind, condition in _ROLLUPS:
        raw = client.query(
            "SELECT kind, sum(toInt64(sign) * events) FROM raw.facts "
            f"WHERE {condition} GROUP BY kind"
        ).result_rows
        rolled = client.query(
            f"SELECT {kind} AS k, sum(events) FROM {table} GROUP BY k"
        ).result_rows
        expected, found = {str(k): int(n) for k, n in raw}, {str(k): int(n) for k, n in rolled}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name, 0) != found.get(name, 0):
                yield Difference(table, name, expected.get(name, 0), found.get(name, 0))
