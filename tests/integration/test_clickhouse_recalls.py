"""What is recalled or corrected stops counting, once, whichever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.verify.facts import BlockCounts, strikes_of
from schemas.clock import ManualClock
from sinks.clickhouse import load_migrations, migrate
from sinks.clickhouse.chunks import StrikeChunks
from sinks.clickhouse.known import HOLDS, KNOWN_FACTS
from sinks.clickhouse.landing import BlockLander
from tests.chains import Told, random_chains, struck
from tests.faults.expectation import EventKey
from tests.faults.rows import rows_of
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.fact_blocks import (
    FIELDS,
    WHEN,
    Fact,
    correction_of,
    make_block,
    make_fact,
    recall_of,
)
from tests.integration.landing_world import MONEY, Topic, counted, fresh_bureau, totals


def kill_at(monkeypatch: pytest.MonkeyPatch, step: str, *, chunk: int, size: int) -> None:
    """The loader is killed before this step of its n-th chunk; chunks hold `size` strikes."""
    monkeypatch.setattr("sinks.clickhouse.chunks._STRIKES_A_CHUNK", size)
    original, calls = getattr(StrikeChunks, step), count(1)

    def step_or_death(*arguments: object) -> object:
        if next(calls) == chunk:
            raise SystemExit(f"killed before {step}")
        return original(*arguments)

    monkeypatch.setattr(StrikeChunks, step, step_or_death)


@pytest.mark.parametrize("partition", [0, 1])
def test_an_event_recalled_after_it_landed_stops_counting(
    client: Client, topic: Topic, partition: int
) -> None:
    bureau = fresh_bureau()
    event = make_fact(bureau=bureau, **MONEY)
    later = WHEN + timedelta(days=40)
    topic.land(event)
    before = totals(client, bureau)
    recall = recall_of(event, recorded_at=later)
    topic.land(recall, partition=partition)
    assert counted(client, event, recall) == [0, 1]
    after = totals(client, bureau)
    assert after["raw"] == after["month"] == (1, 0)
    assert after["measures"] == after["raw measures"] == 0
    assert before["raw"] == before["month"] == (1, Decimal("-1.62"))
    negative = client.query(
        f"SELECT {', '.join(FIELDS)} FROM raw.facts WHERE event_id = {{id:UUID}} AND sign = -1",
        parameters={"id": event["event_id"]},
    ).result_rows
    assert [dict(zip(FIELDS, row, strict=True)) for row in negative] == [
        event | {"sign": -1, "recorded_at": later}
    ]


def test_an_event_recalled_before_it_landed_never_counts(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau(), recorded_at=WHEN + timedelta(days=40))
    topic.land(recall_of(event), partition=1)
    topic.land(event)
    assert counted(client, event) == [0]
    recorded = client.query(
        "SELECT DISTINCT recorded_at FROM raw.facts WHERE event_id = {id:UUID}",
        parameters={"id": event["event_id"]},
    ).result_rows
    assert recorded == [(event["recorded_at"],)]


def test_an_event_and_its_recall_may_be_in_one_block(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event, recall_of(event))
    assert counted(client, event) == [0]


def test_a_correction_strikes_what_it_corrects_and_counts_itself(
    client: Client, topic: Topic
) -> None:
    first = make_fact(bureau=fresh_bureau())
    second = correction_of(first)
    third = correction_of(second)
    topic.land(first)
    topic.land(third)
    assert counted(client, first, third) == [1, 1]
    topic.land(second)
    assert counted(client, first, second, third) == [0, 0, 1]


def test_a_recall_strikes_the_whole_chain_also_what_comes_later(
    client: Client, topic: Topic
) -> None:
    first = make_fact(bureau=fresh_bureau())
    second = correction_of(first)
    topic.land(first, second)
    recall = recall_of(second)
    topic.land(recall, partition=1)
    assert counted(client, first, second, recall) == [0, 0, 1]
    third = correction_of(second)
    topic.land(third)
    assert counted(client, first, second, third, recall) == [0, 0, 0, 1]


def test_a_recall_strikes_the_correction_that_the_general_secretariat_made(
    client: Client, topic: Topic
) -> None:
    first = make_fact(bureau=fresh_bureau())
    corrected = correction_of(first, bureau="XP")
    again = correction_of(corrected)
    of_another = make_fact(root=first["event_id"], root_bureau=fresh_bureau())
    topic.land(first, corrected, again, of_another)
    topic.land(recall_of(first))
    assert counted(client, first, corrected, again, of_another) == [0, 0, 0, 1]


def fact_of(event: Told, **changes: Any) -> Fact:
    named: Fact = {"event_id": event.name.event_id, "bureau": event.name.bureau}
    if event.root is not None:
        named |= {"root": event.root.event_id, "root_bureau": event.root.bureau}
    if event.supersedes is not None:
        earlier = event.supersedes
        named |= {"supersedes_event_id": earlier.event_id, "supersedes_bureau": earlier.bureau}
    return make_fact(**named, kind="recall" if event.recall else "notice", **changes)


def test_whatever_of_a_chain_is_recalled_the_whole_chain_falls_whichever_comes_first(
    client: Client, topic: Topic
) -> None:
    """And each event as of the moment at which all that it needs was recorded."""
    rng, bureaus = Random(1923), [fresh_bureau() for _ in range(60)]
    blocks: list[list[Fact]] = [[] for _ in range(5)]
    facts: list[Fact] = []
    gone = set()
    for bureau in bureaus:
        events = random_chains(rng, bureau)
        gone |= {name.event_id for name in struck(events)}
        for event in events:
            at = WHEN + timedelta(days=rng.randrange(300))
            facts.append(fact_of(event, source_offset=len(facts), recorded_at=at))
            rng.choice(blocks).append(facts[-1])
    assert len(facts) > 200
    for number, block in enumerate(blocks):
        topic.land(*block, partition=number % 2)
    rows = client.query(
        "SELECT event_id, sum(sign * events), count() FROM raw.facts "
        "WHERE event_id IN {ids:Array(UUID)} GROUP BY event_id",
        parameters={"ids": [fact["event_id"] for fact in facts]},
    ).result_rows
    assert {(event_id, int(left), int(n)) for event_id, left, n in rows} == {
        (fact["event_id"], 0, 2) if fact["event_id"] in gone else (fact["event_id"], 1, 1)
        for fact in facts
    }
    expected = BlockCounts()
    named = [row for fact in facts if (row := expected.add(plain(fact))) is not None]
    strikes = strikes_of(expected.chained, named)
    since = client.query(
        "SELECT toString(event_id), toUnixTimestamp64Milli(recorded_at) "
        f"FROM {KNOWN_FACTS} WHERE sign = -1 AND event_id IN {{ids:Array(UUID)}}",
        parameters={"ids": [fact["event_id"] for fact in facts]},
    ).result_rows
    assert dict(map(tuple, since)) == {
        strike.row.event_id: strike.recorded_at_ms for strike in strikes
    }
    by = client.query(
        f"SELECT toString(event_id), argMin(toString(recall_event_id), {HOLDS}) FROM raw.struck "
        "WHERE event_id IN {ids:Array(UUID)} GROUP BY event_id",
        parameters={"ids": [fact["event_id"] for fact in facts]},
    ).result_rows
    assert dict(map(tuple, by)) == {
        strike.row.event_id: strike.recall_event_id for strike in strikes
    }


def plain(fact: Fact) -> Fact:
    """As the verifier reads it of a block: no logical types."""
    named = ("event_id", "root", "supersedes_event_id")
    return fact | {
        **{name: None if fact[name] is None else str(fact[name]) for name in named},
        "recorded_at": round(fact["recorded_at"].timestamp() * 1000),
    }


def test_an_earlier_recall_that_lands_later_is_the_one_that_struck(
    client: Client, topic: Topic
) -> None:
    event = make_fact(bureau=fresh_bureau())
    first, second = WHEN + timedelta(days=20), WHEN + timedelta(days=50)
    topic.land(event)
    topic.land(recall_of(event, bureau="XP", recorded_at=second), partition=1)
    topic.land(recall_of(event, recorded_at=first, subtype="error"))
    assert counted(client, event) == [0]
    known = client.query(
        f"SELECT sum(sign), groupArrayIf(recorded_at, sign = -1) FROM {KNOWN_FACTS} "
        "WHERE event_id = {id:UUID}",
        parameters={"id": event["event_id"]},
    ).result_rows
    assert known == [(0, [first])]


def test_a_recall_found_by_a_late_link_strikes_no_earlier_than_the_link(
    client: Client, topic: Topic
) -> None:
    first, other = make_fact(bureau=fresh_bureau()), make_fact()
    other |= {"bureau": first["bureau"]}
    topic.land(first, other)
    topic.land(recall_of(other, recorded_at=WHEN + timedelta(days=10)))
    link = correction_of(other, root=first["event_id"], recorded_at=WHEN + timedelta(days=90))
    topic.land(link)
    assert counted(client, first, other, link) == [0, 0, 0]
    rows = client.query(
        "SELECT event_id, recorded_at FROM raw.facts WHERE sign = -1 AND bureau = {b:String}",
        parameters={"b": first["bureau"]},
    ).result_rows
    assert {event_id: (at - WHEN).days for event_id, at in rows} == {
        first["event_id"]: 90, other["event_id"]: 10, link["event_id"]: 90,
    }  # fmt: skip


@pytest.mark.parametrize("recalled", [False, True])
def test_a_block_asks_no_more_of_a_long_chain_than_of_a_short_one(
    client: Client, topic: Topic, monkeypatch: pytest.MonkeyPatch, recalled: bool
) -> None:
    monkeypatch.setattr("sinks.clickhouse.landing.IDS_A_QUERY", 10)
    monkeypatch.setattr("sinks.clickhouse.chains.IDS_A_QUERY", 10)
    asked, own = [], 7 + recalled  # blocks of other topics are told apart by their place alone
    for corrections in (3, 60):
        first = make_fact(bureau=fresh_bureau())
        topic.land(first, partition=own)
        if recalled:
            topic.land(recall_of(first), partition=own)
        topic.land(*(correction_of(first) for _ in range(corrections)), partition=own)
        with monkeypatch.context() as patch:
            counts, original = count(), client.query

            def query(*given: Any, counts: count[int] = counts, **more: Any) -> Any:
                next(counts)
                return original(*given, **more)  # noqa: B023

            patch.setattr(client, "query", query)
            topic.land(last := correction_of(first), partition=own)
        asked.append(next(counts))
        assert counted(client, first, last) == [0, 0 if recalled else 1]
    assert asked[0] == asked[1]


def test_a_chain_of_more_steps_than_are_followed_one_by_one_falls_too(
    client: Client, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.clickhouse.chains._QUERIES", 1)
    chain = [make_fact(bureau=fresh_bureau())]
    for number in range(1, 12):
        before = chain[-1] | {"root": None, "root_bureau": None}
        chain.append(correction_of(before, bureau="XP" if number > 8 else before["bureau"]))
    topic.land(*chain[::2])
    topic.land(recall_of(chain[0] | {"root": None, "root_bureau": None}))
    topic.land(*chain[1::2], partition=1)
    assert counted(client, *chain) == [0] * len(chain)


def test_a_recall_twice_strikes_once(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event)
    topic.land(recall_of(event))
    topic.land(recall_of(event), partition=1)
    assert counted(client, event) == [0]


@pytest.mark.parametrize("step", ["_plan", "_compensate", "_book"])
def test_killed_amid_the_strikes_each_strikes_once(
    client: Client, topic: Topic, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    bureau = fresh_bureau()
    events = [make_fact(bureau=bureau, **MONEY) for _ in range(7)]
    topic.land(*events)
    position, block = topic.position(), make_block([recall_of(event) for event in events])
    with monkeypatch.context() as patch:
        kill_at(patch, step, chunk=2, size=3)
        with pytest.raises(SystemExit):
            topic.lander.land(position, block)
    again = [recall_of(event, bureau="XP") for event in events[2:6]]
    topic.land(*again, partition=1)  # another set of the same strikes comes first
    assert counted(client, *events[2:6]) == [0] * 4
    topic.lander.land(position, block)
    topic.lander.land(position, block)
    assert counted(client, *events, *again) == [0] * 7 + [1] * 4
    after = totals(client, bureau)
    assert after["raw"] == after["month"] == (7, 0)
    assert after["measures"] == after["raw measures"] == 0


@pytest.mark.parametrize("crossing", [False, True])
def test_a_chunk_that_comes_again_strikes_once_though_the_facts_have_been_merged_meanwhile(
    client: Client, topic: Topic, monkeypatch: pytest.MonkeyPatch, *, crossing: bool
) -> None:
    bureau = fresh_bureau()
    events = [make_fact(bureau=bureau, **MONEY) for _ in range(6)]
    client.command("SYSTEM STOP MERGES raw.facts")
    for event in events:
        topic.land(event)  # a part each
    later = WHEN + timedelta(days=40 if crossing else 0)
    recalls = [recall_of(e, recorded_at=later if e in events[::2] else WHEN) for e in events]
    position, block = topic.position(), make_block(recalls)
    with monkeypatch.context() as patch:
        kill_at(patch, "_book", chunk=1, size=1000)
        with pytest.raises(SystemExit):
            topic.lander.land(position, block)
    client.command("SYSTEM START MERGES raw.facts")
    client.command("OPTIMIZE TABLE raw.facts FINAL")
    topic.lander.land(position, block)
    assert counted(client, *events) == [0] * 6
    after = totals(client, bureau)
    assert after["raw"] == after["month"] == (6, 0)
    assert after["measures"] == after["raw measures"] == 0


def test_the_rows_of_a_struck_event_are_told_of_each_table(
    service: ClickHouseProcess, topic: Topic
) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event)
    topic.land(recall_of(event))
    name = f"{event['bureau']} {event['event_id']}"
    keys = [EventKey(event["bureau"], str(event["event_id"]))]
    told = rows_of(service.connection, keys)
    assert rows_of(service.connection, []) == []
    assert all(line.startswith(f"{name}: raw.") for line in told)
    assert [line.split(", ")[0].split(": ")[1] for line in told] == [
        "raw.facts", "raw.facts", "raw.strike_chunks", "raw.struck",
    ]  # fmt: skip
    assert sorted("sign -1" in line for line in told) == [False, False, False, True]
    assert all("recorded_at 20" in line for line in told)


def test_a_block_of_more_strikes_than_clickhouse_keeps_tokens_counts_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = "non_replicated_deduplication_window = 4"
    migrations = [
        replace(m, up=tuple(sql.replace(f"{few[:-1]}10000", few) for sql in m.up))
        for m in load_migrations()
    ]
    with ClickHouseProcess(tmp_path_factory.mktemp("few")) as process:
        client = process.connection.client(tz_mode="aware")
        migrate(client, migrations=migrations)
        topic, bureau = Topic(BlockLander(client, ManualClock())), fresh_bureau()
        events = [make_fact(bureau=bureau) for _ in range(12)]
        topic.land(*events)
        position = topic.position()
        block = make_block([correction_of(event) for event in events])
        with monkeypatch.context() as patch:
            kill_at(patch, "_book", chunk=2, size=6)
            with pytest.raises(SystemExit):
                topic.lander.land(position, block)
        topic.lander.land(position, block)
        assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 12
        assert counted(client, *events) == [0] * 12
        client.close()


def test_loaders_that_race_for_the_same_strikes_write_each_once(
    service: ClickHouseProcess, client: Client, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.clickhouse.chunks._STRIKES_A_CHUNK", 2)
    bureau = fresh_bureau()
    events = [make_fact(bureau=bureau) for _ in range(5)]
    blocks = [
        (topic.position(0), make_block(events)),
        (topic.position(1), make_block([recall_of(event) for event in events])),
        (topic.position(2), make_block([recall_of(e, bureau="XP") for e in events[1:4]])),
    ]

    def land(order: int) -> None:
        own = service.connection.client()
        lander = BlockLander(own, ManualClock())
        for position, block in (*blocks[order:], *blocks[:order]):
            lander.land(position, block)
        own.close()

    with ThreadPoolExecutor(len(blocks)) as pool:
        list(pool.map(land, range(len(blocks))))
    assert counted(client, *events) == [0] * 5
    assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 5


def test_a_number_whose_token_is_known_and_whose_rows_are_not_is_passed_by(
    client: Client, topic: Topic
) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event)
    number = client.query("SELECT max(chunk) + 1 FROM raw.strike_chunks").result_rows[0][0]
    row = f"SELECT {number}, 'lost', generateUUIDv4(), '', 0, 0, NULL, '', '', now64(3), now64(3)"
    client.command(
        f"INSERT INTO raw.strike_chunks {row} SETTINGS deduplicate_insert = 'enable', "
        f"insert_deduplication_token = 'strikes/{number}', async_insert = 0"
    )
    client.command(
        f"ALTER TABLE raw.strike_chunks DELETE WHERE chunk = {number} SETTINGS mutations_sync = 2"
    )
    topic.land(recall_of(event))
    assert counted(client, event) == [0]


def test_every_copy_of_a_recalled_event_is_struck_also_one_that_lands_after_the_strike(
    client: Client, topic: Topic
) -> None:
    event = make_fact(bureau=fresh_bureau(), source_offset=1)
    topic.land(event, event | {"source_offset": 2})
    assert counted(client, event) == [2]
    topic.land(recall_of(event))
    assert counted(client, event) == [0]
    topic.land(event | {"source_offset": 3})
    assert counted(client, event) == [0]


def test_another_bureau_s_event_of_the_same_id_stays(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau())
    namesake = event | {"bureau": fresh_bureau()}
    topic.land(event, namesake)
    topic.land(recall_of(event))
    assert counted(client, event, namesake) == [0, 1]


def test_the_general_secretariat_may_recall_for_a_bureau(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event)
    topic.land(recall_of(event, bureau="XP"))
    assert counted(client, event) == [0]


def test_many_recalls_in_one_block_are_all_applied(client: Client, topic: Topic) -> None:
    bureau = fresh_bureau()
    events = [make_fact(bureau=bureau) for _ in range(60)]
    topic.land(*events)
    topic.land(*(recall_of(event) for event in events[:40]))
    assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 20 + 40
