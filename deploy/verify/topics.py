"""Everything that the topics say, each beside what must follow from the others.

Blocks and dead letters are read first, since the recount of a cut partition rests on them; then the
source; then what readers have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from deploy.verify.blocks import InBlocks, read_blocks
from deploy.verify.booked import ledger_differences
from deploy.verify.difference import Difference, Verdict, differences
from deploy.verify.found import (
    Topics,
    delivered_in,
    events_in_facts,
    ledger_entries,
    refused_in,
)
from deploy.verify.recount import AccountPlace, Evidence, Identify, Recount, recount
from deploy.verify.window import SLACK_MS, Window
from schemas.catalogue import Catalogue
from schemas.errors import RetryableError
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import FACT_BLOCKS, FACTS, LANES, SOURCE_REGIONS, STRIKES, source_topic
from stream_apps.router.ledger import Account

__all__ = ["TopicCounts", "check_topics"]

_SOURCES = [source_topic(region, lane) for lane in LANES for region in SOURCE_REGIONS]


@dataclass(frozen=True, slots=True)
class TopicCounts:
    """What was counted on the way."""

    expected: Recount
    blocks: InBlocks
    ledger: Mapping[AccountPlace, Account]
    delivered: int
    strikes: int
    accepted: int
    """Of all time, if source topics are whole by the recount, else by the ledger."""
    window: Window


def check_topics(
    reader: Topics,
    ids: SchemaIds,
    verdict: Verdict,
    *,
    reference: Reference,
    catalogue: Catalogue,
    now_ms: int,
    readers_keep_ms: int,
    progress: Callable[[str], None],
) -> TopicCounts:
    """Recount the source topics and compare whatever other topics hold.

    Raises:
        RetryableError: `source-cut`: a source topic lost its first records meanwhile.
    """
    found = verdict.differences
    kept_since_ms = now_ms - readers_keep_ms + SLACK_MS
    window = Window(reader.first_offsets(_SOURCES, since_ms=kept_since_ms))
    progress("reading dead letters and blocks")
    refused = refused_in(reader)
    found += refused.odd
    blocks = read_blocks(lambda: reader.read([FACT_BLOCKS]), catalogue, window)
    evidence = Evidence(
        window,
        refused.codes(),
        {fact[:3] for fact in blocks.facts if window.is_cut(fact.topic, fact.partition)},
    )
    expected, identify = Recount(), Identify(ids)
    for lane in LANES:
        progress(f"recounting the {lane} lane")
        recount(
            reader.read(source_topic(region, lane) for region in SOURCE_REGIONS),
            lane, expected, reference=reference, catalogue=catalogue, ids=ids,
            identify=identify, evidence=evidence,
        )  # fmt: skip
    cut_now = window.newly_cut(reader.first_offsets(_SOURCES))
    if cut_now:
        raise RetryableError(
            f"retention took the first records of {cut_now[0].topic} [{cut_now[0].partition}] "
            "while they were read: verify again",
            code="source-cut",
        )
    verdict.notes += window.notes()
    found += _facts_differ(expected, blocks, window)
    progress("reading desks and bureaus' topics")
    delivered, unreadable = delivered_in(reader, identify, window)
    found += unreadable
    found += differences("delivered", expected.delivered, delivered)
    found += _cut_by_hand(reader, blocks.counts.oldest, kept_since_ms)
    found += differences(
        "dead letters",
        expected.refused,
        {where: n for where, n in refused.by_router.items() if window.holds(where[:3])},
    )
    verdict.notes += [f"counted, but no surge comes of it: {told}" for told in refused.by_surge]
    progress("reading strikes and ledger")
    strikes = {record.key for record in reader.read([STRIKES]) if record.key is not None}
    known = strikes if window.is_whole else strikes & expected.strikes
    found += differences("strikes", Counter(expected.strikes), Counter(known))
    ledger, unreadable = ledger_entries(reader, catalogue, ids)
    found += unreadable
    found += ledger_differences(ledger, expected, blocks.counts.lanes, window)
    accepted = expected.facts.total if window.is_whole else sum(a.accepted for a in ledger.values())
    in_facts, in_no_block = events_in_facts(reader.read([FACTS]), catalogue, ids, refused)
    found += in_no_block
    stages = {FACT_BLOCKS: blocks.counts.total}
    if any(reader.first_offsets([FACTS]).values()):
        verdict.notes.append(f"left out: the sum over {FACTS}, which has lost its oldest records")
    else:
        stages[FACTS] = in_facts
    found += differences("Σ events", dict.fromkeys(stages, accepted), stages)
    no_links = sum(b":of:" not in key for key in strikes)
    return TopicCounts(
        expected, blocks, ledger, sum(delivered.values()), no_links, accepted, window
    )


def _facts_differ(expected: Recount, blocks: InBlocks, window: Window) -> Iterator[Difference]:
    """The source beside the blocks: each event's fact, and searches in sums."""
    held = {fact: n for fact, n in blocks.facts.items() if window.holds(fact[:3])}
    yield from differences("facts in blocks", expected.facts.facts, held)
    yield from differences("searches in blocks", expected.facts.folded, blocks.folded)


def _cut_by_hand(
    reader: Topics, oldest: Mapping[str, int], kept_since_ms: int
) -> Iterator[Difference]:
    """Topics that begin later than time alone explains.

    A desk of whose category no event is so old that its time is over has lost nothing by time.
    """
    for (topic, partition), first in reader.first_offsets([FACT_BLOCKS]).items():
        if first > 0:
            yield Difference("log start", f"{topic} [{partition}]", 0, first)
    oldest_of_all = min(oldest.values(), default=kept_since_ms)
    desks = reader.first_offsets(reader.names("desk.", "bureau."))
    for (topic, partition), first in desks.items():
        family, _, rest = topic.partition(".")
        first_ms = oldest_of_all
        if family == "desk":
            first_ms = oldest.get(rest.partition(".")[2], kept_since_ms)
        if first > 0 and first_ms >= kept_since_ms:
            yield Difference("log start", f"{topic} [{partition}]", 0, first)
