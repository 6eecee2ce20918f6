"""The product's topics in memory, with the real router and cutter between them.

A test publishes, damages or cuts what lies there, and asks what the verifier makes of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from deploy.access import product_topics
from deploy.verify.difference import Verdict
from deploy.verify.topics import TopicCounts, check_topics
from schemas.catalogue import Catalogue
from schemas.headers import read_refusal, replay_headers
from schemas.models import Event
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import FACTS
from stream_apps.cutter import Cutter
from stream_apps.engine import Consumed, Partition, Produced
from stream_apps.router.driver import RouterDriver

__all__ = ["DAY_MS", "NOW_MS", "Product"]

DAY_MS = 86_400_000
NOW_MS = 1_764_028_800_000
READERS_KEEP_MS = 90 * DAY_MS
REFERENCE = Reference.load()
NAMES = [topic.name for topic in product_topics(REFERENCE)]


class Product:
    """Topics, and whoever writes to them."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        catalogue = Catalogue.load()
        self.drivers = {
            lane: RouterDriver(lane, reference=REFERENCE, catalogue=catalogue, now_ms=now_ms)
            for lane in ("message", "search")
        }
        self.message = self.drivers["message"]
        self.ids = self.message.ids
        self.cutter = Cutter(catalogue=catalogue, ids=self.ids)
        self.logs: dict[Partition, list[Consumed]] = defaultdict(list)
        self.firsts: dict[Partition, int] = {}

    # --- what a test does ---------------------------------------------------------------------

    def at(self, now_ms: int) -> None:
        """Let time pass."""
        for driver in self.drivers.values():
            driver.now_ms = now_ms

    def event(self, bureau: str, event: Event, **fields: Any) -> Consumed:
        """Publish an event, and route and cut what comes of it."""
        lane = "search" if event.kind == "search" else "message"
        return self.route(self.drivers[lane].record(bureau, event, **fields))

    def route(self, record: Consumed) -> Consumed:
        """Append a source record, and route and cut what comes of it."""
        self.logs[Partition(record.topic, record.partition)].append(record)
        lane = "search" if record.topic.startswith("search.") else "message"
        out = self.drivers[lane].router.process([record])
        self.drivers[lane].router.committed()
        self.take(out)
        return record

    def take(self, out: Iterable[Produced]) -> None:
        """Append what the router wrote, and cut what of it are facts."""
        facts = [self._append(record) for record in out]
        for block in self.cutter.process([record for record in facts if record.topic == FACTS]):
            self._append(block)
        self.cutter.committed()

    def replay(self, code: str) -> None:
        """Put the refused records with this code back."""
        for letter in self.dead_letters():
            why = read_refusal(letter.headers)
            if why.code == code:
                again = self.message.raw("FR", letter.value, key=letter.key)
                headers = replay_headers(letter.headers, f"{letter.topic}/0/{letter.offset}")
                self.route(again._replace(headers=headers))

    def dead_letters(self) -> list[Consumed]:
        return [r for p, log in self.logs.items() if p.topic.startswith("dlq.") for r in log]

    def cut(self, record: Consumed) -> None:
        """Retention takes everything before a source record in its partition."""
        partition = Partition(record.topic, record.partition)
        self.firsts[partition] = record.offset

    # --- the verifier's side ------------------------------------------------------------------

    def verify(
        self,
        now_ms: int | None = None,
        *,
        catalogue: Catalogue | None = None,
        ids: SchemaIds | None = None,
    ) -> tuple[Verdict, TopicCounts]:
        """Compare the topics, by this release's schemas or another's."""
        verdict = Verdict()
        counts = check_topics(
            self, ids or self.ids, verdict, reference=REFERENCE,
            catalogue=catalogue or Catalogue.load(),
            now_ms=self.message.now_ms if now_ms is None else now_ms,
            readers_keep_ms=READERS_KEEP_MS, progress=lambda _stage: None,
        )  # fmt: skip
        return verdict, counts

    def differences(self, now_ms: int | None = None) -> list[str]:
        return [difference.text() for difference in self.verify(now_ms)[0].differences]

    def names(self, *prefixes: str) -> list[str]:
        return [name for name in NAMES if name.startswith(prefixes)]

    def read(self, topics: Iterable[str]) -> Iterator[Consumed]:
        wanted = set(topics)
        for partition, log in sorted(self.logs.items()):
            if partition.topic in wanted:
                first = self.firsts.get(partition, 0)
                yield from (record for record in log if record.offset >= first)

    def first_offsets(self, topics: Iterable[str], *, since_ms: int = 0) -> dict[Partition, int]:
        found = {}
        for topic in topics:
            for partition in (Partition(topic, number) for number in range(6)):
                log, first = self.logs.get(partition, []), self.firsts.get(partition, 0)
                older = [r.offset + 1 for r in log if since_ms > r.timestamp_ms]
                found[partition] = max(first, *older) if older else first
        return found

    def _append(self, record: Produced) -> Consumed:
        partition = max(record.partition, 0)
        log = self.logs[Partition(record.topic, partition)]
        kept = Consumed(
            record.topic, partition, len(log), self.message.now_ms, record.key, record.value,
            record.headers,
        )  # fmt: skip
        log.append(kept)
        return kept

    def records(self, topic: str, partition: int = 0) -> list[Consumed]:
        """A topic's log, to be damaged."""
        return self.logs[Partition(topic, partition)]
