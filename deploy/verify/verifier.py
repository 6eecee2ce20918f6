"""`liaison verify`: the recount beside what is there, difference by difference.

1. sent (outbox) = accepted + rejected + quarantined + missing, for each account;
2. every accepted event in exactly the topics that the routing function names, with the bureau's
   very bytes; every refused one in the dead letters with its code; every strike; every account;
3. Σ events from the source through facts and blocks; the ledger's accepted events of each bureau,
   system and lane in the blocks; Σ sign · events and Σ sign · amounts per kind, bureau and month of
   the blocks in ClickHouse; no event twice; the rollups agree with the facts in each of their
   cells; what is booked as struck is compensated once.

Where retention has taken source records, 1 and 3 hold as before, and 2 for the records left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.access import product_topics
from deploy.verify.booked import sent_differences
from deploy.verify.difference import Difference, Verdict, differences
from deploy.verify.found import TopicReader, clickhouse_faults, clickhouse_sums
from deploy.verify.settle import unsettled
from deploy.verify.topics import TopicCounts, check_topics
from schemas.catalogue import Catalogue
from schemas.clock import Clock, SystemClock
from schemas.connections import KafkaConnection
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import Topic

__all__ = ["verify"]


def verify(
    kafka: KafkaConnection,
    client: Client,
    ids: SchemaIds,
    *,
    outboxes: Iterable[Path] = (),
    reference: Reference | None = None,
    clock: Clock | None = None,
    settle_timeout_s: float = 120.0,
    progress: Callable[[str], None] = lambda _stage: None,
) -> Verdict:
    """Wait until nothing is under way, then recount and compare everything.

    Raises:
        RetryableError: `source-cut`: a source topic lost its first records meanwhile.
    """
    reference, clock = reference or Reference.load(), clock or SystemClock()
    verdict = Verdict()
    progress("waiting until nothing is under way")
    waiting = unsettled(kafka, client, clock, timeout_s=settle_timeout_s)
    if waiting is not None:
        verdict.differences.append(
            Difference("settled", f"after {settle_timeout_s:g} s", "nothing under way", waiting)
        )
    declared = product_topics(reference)
    counted = check_topics(
        TopicReader(kafka, declared, clock), ids, verdict, reference=reference,
        catalogue=Catalogue.load(), now_ms=clock.now_ms(),
        readers_keep_ms=_readers_keep_ms(declared), progress=progress,
    )  # fmt: skip
    sent = sent_differences(outboxes, counted.ledger, verdict)
    progress("comparing ClickHouse")
    landed, counting = _clickhouse(client, counted, verdict)
    verdict.counts = {
        "handed over (outboxes)": sent,
        **_counts(counted),
        "events in ClickHouse before recalls": landed,
        "events that count": counting,
    }
    return verdict


def _clickhouse(client: Client, counted: TopicCounts, verdict: Verdict) -> tuple[int, int]:
    """Compare ClickHouse with the blocks; the events landed, and those that count."""
    in_blocks = counted.blocks.counts
    cells, amounts = clickhouse_sums(client)
    landed = _landed_events(client)
    found = verdict.differences
    found += differences("Σ events", {"raw.facts": counted.accepted}, {"raw.facts": landed})
    found += differences("Σ sign·events", in_blocks.cells, cells)
    found += differences("Σ sign·amounts in thousandths", in_blocks.amounts, amounts)
    found += clickhouse_faults(client)
    return landed, sum(cells.values())


def _counts(counted: TopicCounts) -> dict[str, int]:
    """Of all time, but for what only the source topics and readers' topics can tell."""
    ledger, expected = counted.ledger.values(), counted.expected
    return {
        "records in source topics": expected.handed_over,
        "accepted": counted.accepted,
        "repeats dropped": sum(account.repeats for account in ledger),
        "refused": sum(expected.refused.values()),
        "missing": sum(account.missing_count() for account in ledger),
        "accounts": len(ledger),
        "records for readers": counted.delivered,
        "strikes": counted.strikes,
        "events taken out by recalls and corrections": counted.blocks.counts.struck,
    }


def _readers_keep_ms(declared: Iterable[Topic]) -> int:
    """How long topics for readers keep an event, the shortest."""
    return min(
        int(topic.config["retention.ms"])
        for topic in declared
        if topic.name.startswith(("desk.", "bureau."))
    )


def _landed_events(client: Client) -> int:
    ((events,),) = client.query("SELECT sumIf(events, sign = 1) FROM raw.facts").result_rows
    return int(events)
