"""The verifier's arithmetic: what counts after recalls, and how differences are named."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import pytest

from deploy.verify.difference import differences
from deploy.verify.facts import BlockCounts, fact_of
from deploy.verify.recount import Evidence, Identify, Recount, _batches, recount
from deploy.verify.window import Window
from schemas.headers import RETIRE_HEADER
from schemas.models import Arrest, Measure, Recall, Supersedes
from schemas.topics import FACTS
from stream_apps.engine import Consumed
from stream_apps.router.driver import RouterDriver
from tests.chains import random_chains, struck

JANUARY, FEBRUARY = 1_767_225_600_000, 1_769_904_000_000
OFFSETS = count()
WHOLE = Evidence(Window({}))


def a_fact(event_id: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": event_id, "root": None, "root_bureau": "FR", "kind": "arrest", "bureau": "FR",
        "subtype": "", "system": "cases", "lane": "message", "categories": ["terrorism"],
        "events": 1, "recorded_at": JANUARY, "supersedes_event_id": None,
        "supersedes_bureau": None, "amount": None, "measure_values": [],
        "source_topic": "intel.europe", "source_partition": 2, "source_offset": next(OFFSETS),
        **fields,
    }  # fmt: skip


def recall(event_id: str, target: str, **fields: Any) -> dict[str, Any]:
    return a_fact(
        event_id,
        **{
            "kind": "recall",
            "supersedes_event_id": target,
            "supersedes_bureau": "FR",
            "recorded_at": FEBRUARY,
            **fields,
        },
    )


def counts_of(*facts: dict[str, Any]) -> BlockCounts:
    counts = BlockCounts()
    for fact in facts:
        counts.add(fact)
    names = counts.unseen()
    counts.strike(fact_of(fact) for fact in facts if (fact["bureau"], fact["event_id"]) in names)
    return counts


def counted(*facts: dict[str, Any]) -> Counter[tuple[str, str, str]]:
    cells = counts_of(*facts).cells
    return Counter({cell: events for cell, events in cells.items() if events})


def test_a_recall_takes_the_event_out_in_the_later_month() -> None:
    expected = {
        ("arrest", "FR", "2026-01"): 1,
        ("arrest", "FR", "2026-02"): -1,
        ("recall", "FR", "2026-02"): 1,
    }
    assert counted(a_fact("a"), recall("r", "a")) == expected
    assert counted(recall("r", "a"), a_fact("a")) == expected


def test_a_recall_of_another_bureaus_id_takes_nothing_out() -> None:
    cells = counted(a_fact("a"), recall("r", "a", supersedes_bureau="DE"))
    assert cells["arrest", "FR", "2026-01"] == 1
    assert ("arrest", "FR", "2026-02") not in cells


def test_a_correction_takes_out_the_one_and_a_recall_the_chain() -> None:
    second = a_fact("b", root="a", supersedes_event_id="a", supersedes_bureau="FR")
    assert counted(a_fact("a"), second) == {("arrest", "FR", "2026-01"): 1}
    cells = counted(a_fact("a"), second, recall("r", "b", root="a", recorded_at=JANUARY))
    assert cells == {("recall", "FR", "2026-01"): 1}


@pytest.mark.parametrize("seed", range(40))
def test_whatever_of_a_chain_is_recalled_the_whole_chain_is_taken_out(seed: int) -> None:
    rng = Random(seed)
    events = random_chains(rng, "FR")
    rng.shuffle(events)
    facts = [
        a_fact(
            str(event.name.event_id),
            bureau=event.name.bureau,
            kind="recall" if event.recall else "arrest",
            root=event.root and str(event.root.event_id),
            root_bureau=event.root and event.root.bureau,
            supersedes_event_id=event.supersedes and str(event.supersedes.event_id),
            supersedes_bureau=event.supersedes and event.supersedes.bureau,
        )
        for event in events
    ]
    assert counts_of(*facts).struck == len(struck(events))


def test_a_recall_reaches_the_correction_that_the_general_secretariat_made() -> None:
    second = a_fact("b", bureau="XP", root="a", supersedes_event_id="a", supersedes_bureau="FR")
    assert counted(a_fact("a"), second) == {("arrest", "XP", "2026-01"): 1}
    cells = counted(a_fact("a"), second, recall("r", "a", root="a", recorded_at=JANUARY))
    assert cells == {("recall", "FR", "2026-01"): 1}


def test_what_was_measured_goes_with_its_event() -> None:
    counts = counts_of(
        a_fact("a", amount=b"\x05", measure_values=[b"\x05", b"\xfe"]),
        a_fact("b", measure_values=[b"\x01\x00"]),
        recall("r", "a"),
    )
    assert counts.struck == 1
    assert counts.amounts == {
        ("arrest", "FR", "2026-01"): 8 + 256,
        ("arrest", "FR", "2026-02"): -8,
        ("recall", "FR", "2026-02"): 0,
    }


def test_a_recall_falls_only_to_one_that_names_it_as_the_loader_has_it() -> None:
    driver = RouterDriver()
    occurred = datetime(2025, 11, 24, tzinfo=UTC)
    first, second = (Arrest(category="terrorism", occurred_at=occurred) for _ in range(2))

    def recall_of(event: Arrest | Recall, **fields: Any) -> Recall:
        target = Supersedes(event_id=event.event_id, bureau="FR", kind=event.kind)
        return Recall(subtype="error", occurred_at=occurred, supersedes=target, **fields)

    one = recall_of(first)
    other = recall_of(second, root=one.event_id)  # the model takes any event as its root
    out = driver.feed(*(driver.record("FR", event) for event in (first, second, one, other)))
    facts = [fact for block in out[FACTS] for fact in driver.decode(block)["facts"]]
    counts = counts_of(*facts)
    assert +counts.cells == {("recall", "FR", "2025-11"): 2}
    assert counts.struck == 2


def test_folded_searches_count_as_many_as_they_hold() -> None:
    search = a_fact(None, kind="search", events=7)
    assert counted(search, search) == {("search", "FR", "2026-01"): 14}


def test_the_router_s_facts_and_records_are_counted_once_each() -> None:
    driver = RouterDriver()
    arrest = Arrest(
        category="drug-trafficking",
        further_categories=("terrorism",),
        occurred_at=datetime(2025, 11, 24, tzinfo=UTC),
        measures=(Measure(measure="amount-seized", value=Decimal("100.50"), unit="EUR"),),
    )
    records = [driver.record("FR", arrest), driver.record("FR", arrest, sequence=1)]
    into, identify = Recount(), Identify(driver.ids)
    recount(
        records, "message", into, reference=driver.reference, catalogue=driver.catalogue,
        ids=driver.ids, identify=identify, evidence=WHOLE,
    )  # fmt: skip
    out = driver.feed(*records)
    desks = [r for topic, records in out.items() if topic.startswith("desk.") for r in records]
    assert into.delivered == Counter(identify(r.topic, r.value) for r in desks)
    assert {(d.topic, d.event_id) for d in into.delivered} == {
        (topic, str(arrest.event_id))
        for topic in ("desk.europe.drug-trafficking", "desk.europe.terrorism")
    }
    (fact,) = into.facts.facts
    assert (fact.cell, fact.amounts) == (("arrest", "FR", "2025-11"), 2 * 100_500)
    assert into.facts.total == into.outcomes["accepted"] == into.outcomes["repeat"] == 1


def test_a_retirement_counts_from_its_place_among_the_account_s_records_on() -> None:
    driver = RouterDriver(now_ms=JANUARY)
    occurred = datetime.fromtimestamp(JANUARY / 1000, UTC)
    first, second = (
        driver.record("FR", Arrest(category="terrorism", occurred_at=occurred)) for _ in range(2)
    )
    retire = driver.raw("FR", None, headers=[(RETIRE_HEADER, b"FR/cases/message/7")])
    into = Recount()
    recount(
        [first, retire, second], "message", into, reference=driver.reference,
        catalogue=driver.catalogue, ids=driver.ids, identify=Identify(driver.ids), evidence=WHOLE,
    )  # fmt: skip
    (account,) = into.accounts.values()
    assert (account.retired, account.high, account.accepted, account.rejected) == (True, 2, 1, 1)
    assert [code for *_, code in into.refused] == ["account-retired"]


def test_differences_name_what_is_more_less_and_absent() -> None:
    found = list(differences("x", {("a", 1): 2, ("b", 1): 1}, {("a", 1): 3, ("c", 1): 1}))
    assert [d.text() for d in found] == [
        "x: a 1: expected 2, found 3",
        "x: b 1: expected 1, found 0",
        "x: c 1: expected 0, found 1",
    ]


def test_large_records_are_recounted_few_at_once_and_none_is_left_out() -> None:
    large, small = (Consumed("intel.europe", 0, 0, 0, b"FR", bytes(n), ()) for n in (3 << 20, 10))
    assert [len(batch) for batch in _batches([small, *[large] * 7, small])] == [4, 3, 2]
    assert [len(batch) for batch in _batches([small] * 5001)] == [5000, 1]
    assert list(_batches([])) == []
