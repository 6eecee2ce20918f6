"""`liaison verify`: the recount beside what is there, difference by difference.

1. sent (outbox) = accepted + rejected + quarantined + missing, for each account;
2. every accepted event in exactly the topics that the routing function names, with the bureau's
   very bytes; every refused one in the dead letters with its code; every strike; every account;
3. Σ events from the source through facts and blocks; Σ sign · events and Σ sign · amounts per kind,
   bureau and month in ClickHouse; no event twice; the rollups agree with the facts in each of their
   cells; what is booked as struck is compensated once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.access import product_topics
from deploy.verify.difference import Difference, Verdict, differences
from deploy.verify.found import (
    TopicReader,
    clickhouse_faults,
    clickhouse_sums,
    delivered_in,
    events_in_blocks,
    events_in_facts,
    ledger_entries,
    refused_in,
)
from deploy.verify.recount import AccountPlace, Identify, Recount, recount
from deploy.verify.settle import unsettled
from producers.outbox import read_accounts
from schemas.catalogue import Catalogue
from schemas.clock import Clock, SystemClock
from schemas.connections import KafkaConnection
from schemas.headers import UNATTRIBUTED
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import FACTS, LANES, SOURCE_REGIONS, STRIKES, source_topic
from stream_apps.router.ledger import Account, AccountKey
from stream_apps.router.refusals import INTERNAL, UNKNOWN_SCHEMA

__all__ = ["verify"]

_OUR_DELAY = frozenset({UNKNOWN_SCHEMA.code, INTERNAL.code})


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
    """Wait until nothing is under way, then recount and compare everything."""
    reference, clock = reference or Reference.load(), clock or SystemClock()
    catalogue = Catalogue.load()
    verdict = Verdict()
    progress("waiting until nothing is under way")
    waiting = unsettled(kafka, client, clock, timeout_s=settle_timeout_s)
    if waiting is not None:
        verdict.differences.append(
            Difference("settled", f"after {settle_timeout_s:g} s", "nothing under way", waiting)
        )
    reader = TopicReader(kafka, product_topics(reference), clock)
    refused = refused_in(reader)
    our_delay = {
        (topic, partition, offset): code
        for topic, partition, offset, code in refused.by_router
        if code in _OUR_DELAY
    }
    expected, identify = Recount(), Identify(ids)
    for lane in LANES:
        progress(f"recounting the {lane} lane")
        recount(
            reader.read(source_topic(region, lane) for region in SOURCE_REGIONS),
            lane, expected, reference=reference, catalogue=catalogue, ids=ids,
            identify=identify, our_delay=our_delay,
        )  # fmt: skip
    progress("reading desks and bureaus' topics")
    delivered, unreadable = delivered_in(reader, identify)
    verdict.differences += unreadable
    verdict.differences += differences("delivered", expected.delivered, delivered)
    progress("reading dead letters, strikes and ledger")
    verdict.differences += refused.odd
    verdict.differences += differences("dead letters", expected.refused, refused.by_router)
    verdict.notes += [f"counted, but no surge comes of it: {told}" for told in refused.by_surge]
    strikes = {record.key for record in reader.read([STRIKES]) if record.key is not None}
    verdict.differences += differences("strikes", Counter(expected.strikes), Counter(strikes))
    ledger = ledger_entries(reader, catalogue)
    verdict.differences += _ledger_differences(expected.accounts, ledger)
    sent = _sent(outboxes, ledger, verdict.differences)
    progress("comparing ClickHouse")
    facts = expected.facts
    landed, amounts = clickhouse_sums(client)
    in_facts, in_no_block = events_in_facts(reader.read([FACTS]), catalogue, refused)
    verdict.differences += in_no_block
    stages = {
        "facts": in_facts,
        "fact-blocks": events_in_blocks(reader, catalogue),
        "raw.facts": _landed_events(client),
    }
    for stage, events in stages.items():
        if events != facts.total:
            verdict.differences.append(Difference("Σ events", stage, facts.total, events))
    verdict.differences += differences("Σ sign·events", facts.cells(), landed)
    verdict.differences += differences("Σ sign·amounts in thousandths", facts.amounts(), amounts)
    verdict.differences += clickhouse_faults(client)
    verdict.counts = {
        "handed over (outboxes)": sent,
        "records in source topics": expected.handed_over,
        "accepted": expected.outcomes["accepted"],
        "repeats dropped": expected.outcomes["repeat"],
        "refused": sum(expected.refused.values()),
        "missing": sum(account.missing_count() for account in ledger.values()),
        "accounts": len(ledger),
        "records for readers": sum(delivered.values()),
        "strikes": len(strikes),
        "events in ClickHouse before recalls": stages["raw.facts"],
        "events taken out by recalls and corrections": facts.struck(),
        "events that count": sum(landed.values()),
    }
    return verdict


def _ledger_differences(
    expected: dict[AccountPlace, Account], found: dict[AccountPlace, Account]
) -> Iterator[Difference]:
    for place in sorted({*expected, *found}):
        mine, theirs = _balance(expected.get(place)), _balance(found.get(place))
        if mine != theirs:
            yield Difference("ledger", f"{place[0]} [{place[1]}] {place[2]}", mine, theirs)
        elif expected[place].repeats > found[place].repeats:  # more: records were read again
            yield Difference(
                "repeats", f"{place[0]} [{place[1]}] {place[2]}",
                expected[place].repeats, found[place].repeats,
            )  # fmt: skip
    for place, account in found.items():
        if account.key.system != UNATTRIBUTED:
            booked = account.accepted + account.rejected + account.quarantined
            if booked + account.missing_count() != account.high:
                yield Difference("ledger sum", place[2], account.high, _balance(account))


def _balance(account: Account | None) -> str:
    if account is None:
        return "no account"
    return (
        f"high {account.high} accepted {account.accepted} rejected {account.rejected} "
        f"quarantined {account.quarantined} missing {account.missing_count()}"
        f"{' retired' if account.retired else ''}"
    )


def _sent(
    outboxes: Iterable[Path], ledger: dict[AccountPlace, Account], found: list[Difference]
) -> int:
    by_key = {account.key.text(): account for account in ledger.values()}
    total = 0
    for path in outboxes:
        for count in read_accounts(path):
            sent = count.last_sequence - count.pending
            total += sent
            if not count.last_sequence:
                continue
            name = AccountKey(count.bureau, count.system, count.lane, count.epoch).text()
            account = by_key.get(name)
            booked = 0
            if account is not None:
                booked = account.accepted + account.rejected + account.quarantined
                booked += account.missing_count()
            if booked != sent:
                found.append(Difference("sent = booked", name, sent, booked))
    return total


def _landed_events(client: Client) -> int:
    ((events,),) = client.query("SELECT sumIf(events, sign = 1) FROM raw.facts").result_rows
    return int(events)
