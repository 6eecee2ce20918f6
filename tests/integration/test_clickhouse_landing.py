"""Blocks land once, whatever fails in between, and what is recalled stops counting."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.clock import ManualClock
from schemas.errors import PermanentError, RetryableError
from sinks.clickhouse import migrate
from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.statements import BlockPosition
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.fact_blocks import (
    FIELDS,
    WHEN,
    Fact,
    make_block,
    make_fact,
    recall_of,
)
from tests.integration.landing_world import MONEY, Topic, counted, fresh_bureau, totals

MILLISECOND = timedelta(milliseconds=1)
EDGES: list[Fact] = [
    {},
    {"occurred_at": datetime(1970, 1, 1, tzinfo=UTC), "published_at": WHEN + MILLISECOND},
    {"occurred_at": datetime(2100, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)},
    MONEY,
    {
        "measures": ["m"] * 3,
        "measure_values": [
            Decimal("999999999999999.999"),
            Decimal("-999999999999999.999"),
            Decimal(0),
        ],
        "measure_units": ["kg", "g", "t"],
        "measure_bases": ["cumulative"] * 3,
        "measure_usd": [Decimal("9999999999999999.99"), Decimal("-9999999999999999.99"), None],
    },
    {"event_id": None, "kind": "search", "result": "hit", "events": 2**40, "lane": "search"},
    {"language": "ar", "operation": "عملية ستورم", "system": "نظام", "sub_bureau": "HK"},
    {"categories": ["a", "b", "c"], "countries": ["FR", "DE", "XK"], "test": True},
    {"root": uuid.uuid4(), "offence": "020311", "rate_date": date(1970, 1, 1)},
    {
        "supersedes_event_id": uuid.uuid4(),
        "supersedes_bureau": "XP",
        "supersedes_kind": "notice",
        "rate_date": date(2100, 12, 31),
    },
    {"source_partition": 2**31 - 1, "source_offset": 2**62, "grading_scheme": "4x4"},
]


def stored(client: Client, position: BlockPosition) -> list[Fact]:
    rows = client.query(
        f"SELECT {', '.join(FIELDS)} FROM raw.facts WHERE block_offset = {position.offset} "
        f"AND sign = 1 AND router_version = '{position.topic_id}'"
    ).result_rows
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


def as_comparable(fact: Fact) -> str:
    """A fact as text: arrays of decimals with their scale, times in UTC."""

    def plain(name: str, value: Any) -> Any:
        if name in ("measure_values", "measure_usd"):
            return [None if item is None else f"{item:.3f}" for item in value]
        return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value

    return repr({name: plain(name, fact[name]) for name in FIELDS})


def test_every_column_arrives_as_it_was(client: Client, topic: Topic) -> None:
    facts = [make_fact(**edge, router_version=topic.topic_id) for edge in EDGES]
    position = topic.land(*facts)
    found = sorted(map(as_comparable, stored(client, position)))
    assert found == sorted(map(as_comparable, facts))


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
times = st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31)).map(
    lambda t: t.replace(tzinfo=UTC, microsecond=t.microsecond // 1000 * 1000)
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_fact_arrives_as_it_was(client: Client, topic: Topic, data: st.DataObject) -> None:
    def number(places: int) -> st.SearchStrategy[Decimal]:
        limit = Decimal(10) ** (18 - places) - Decimal(10) ** -places
        return st.decimals(-limit, limit, places=places)

    facts = []
    for _ in range(data.draw(st.integers(1, 5))):
        size = data.draw(st.integers(0, 3))

        def array(of: st.SearchStrategy[Any], size: int = size) -> list[Any]:
            return data.draw(st.lists(of, min_size=size, max_size=size))

        facts.append(
            make_fact(
                router_version=topic.topic_id,
                event_id=data.draw(st.none() | st.uuids()),
                root=data.draw(st.none() | st.uuids()),
                occurred_at=data.draw(times),
                published_at=data.draw(times),
                kind=data.draw(texts),
                subtype=data.draw(texts),
                operation=data.draw(texts),
                categories=data.draw(st.lists(texts, max_size=3)),
                countries=data.draw(st.lists(texts, max_size=3)),
                test=data.draw(st.booleans()),
                measures=array(texts),
                measure_values=array(number(3)),
                measure_units=array(texts),
                measure_bases=array(texts),
                measure_usd=array(st.none() | number(2)),
                amount=data.draw(st.none() | number(3)),
                amount_usd=data.draw(st.none() | number(2)),
                rate_date=data.draw(st.none() | st.dates(date(1970, 1, 1), date(2100, 12, 31))),
                source_offset=data.draw(st.integers(-(2**63), 2**63 - 1)),
                events=data.draw(st.integers(1, 2**40)),
            )
        )
    position = topic.land(*facts)
    found = sorted(map(as_comparable, stored(client, position)))
    assert found == sorted(map(as_comparable, facts))


def test_a_block_that_comes_again_changes_nothing(client: Client, topic: Topic) -> None:
    bureau = fresh_bureau()
    position = topic.position()
    block = make_block([make_fact(bureau=bureau, **MONEY) for _ in range(1000)])
    topic.lander.land(position, block)
    once = totals(client, bureau)
    assert once["raw"][0] == once["month"][0] == 1000
    topic.lander.land(position, block)
    assert totals(client, bureau) == once


class DiesBeforeMark(BlockLander):
    """A loader that is killed when a block is in and its mark is not."""

    def _move_mark(self, position: BlockPosition) -> None:
        raise SystemExit(f"killed before the mark of {position.token}")


def test_killed_before_the_mark_the_block_counts_once(client: Client, topic: Topic) -> None:
    bureau = fresh_bureau()
    position, block = topic.position(), make_block([make_fact(bureau=bureau) for _ in range(10)])
    with pytest.raises(SystemExit):
        DiesBeforeMark(client, ManualClock()).land(position, block)
    assert topic.lander.marks(topic.topic_id) == {}
    topic.lander.land(position, block)
    assert topic.lander.marks(topic.topic_id) == {0: position.offset}
    assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 10


def test_the_mark_stops_a_loader_whose_token_is_forgotten(client: Client, topic: Topic) -> None:
    bureau = fresh_bureau()
    block = make_block([make_fact(bureau=bureau)])
    first, second = topic.position(), topic.position()
    topic.lander.land(second, block)
    topic.lander.land(first, block)
    assert totals(client, bureau)["raw"][0] == 1
    assert topic.lander.marks(topic.topic_id) == {0: second.offset}


def test_a_view_that_fails_half_way_is_healed_by_the_same_block(
    client: Client, topic: Topic
) -> None:
    bureau = fresh_bureau()
    client.command(
        "CREATE TABLE agg.trap (x Int64) ENGINE = MergeTree ORDER BY x "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    client.command(
        "CREATE MATERIALIZED VIEW agg.trap_mv TO agg.trap AS SELECT "
        f"throwIf(bureau = '{bureau}', 'a view fails')::Int64 AS x FROM raw.facts"
    )
    position, block = topic.position(), make_block([make_fact(bureau=bureau) for _ in range(10)])
    try:
        with pytest.raises(RetryableError) as caught:
            topic.lander.land(position, block)
        assert caught.value.code == "half-landed"
    finally:
        client.command("DROP TABLE agg.trap_mv SYNC")
        client.command("DROP TABLE agg.trap SYNC")
    topic.lander.land(position, block)
    assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 10


def test_an_exercise_is_kept_out_of_the_statistics(client: Client, topic: Topic) -> None:
    bureau = fresh_bureau()
    topic.land(make_fact(bureau=bureau), make_fact(bureau=bureau, test=True))
    shown = client.query(
        "SELECT sum(events) FROM agg.events_by_month WHERE bureau = {b:String}",
        parameters={"b": bureau},
    ).result_rows[0][0]
    assert (totals(client, bureau)["month"][0], shown) == (2, 1)


def test_folded_searches_count_for_what_they_stand(client: Client, topic: Topic) -> None:
    bureau = fresh_bureau()
    search = {"event_id": None, "kind": "search", "subtype": "sltd", "bureau": bureau}
    topic.land(
        make_fact(**search, result="no-hit", events=1000),
        make_fact(**search, result="hit", events=3),
    )
    rows = client.query(
        "SELECT database, result, sum(events) FROM agg.searches_by_month WHERE bureau = {b:String} "
        "GROUP BY database, result ORDER BY result",
        parameters={"b": bureau},
    ).result_rows
    assert rows == [("sltd", "hit", 3), ("sltd", "no-hit", 1000)]


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"no avro",
        make_block([make_fact(bureau="BAD")])[:-20],
        make_block([make_fact(bureau="BAD", measures=["one"])]),
    ],
    ids=["empty", "foreign", "cut", "uneven measures"],
)
def test_a_block_that_can_never_go_in_leaves_nothing(
    client: Client, topic: Topic, block: bytes
) -> None:
    position = topic.position()
    with pytest.raises(PermanentError) as caught:
        topic.lander.land(position, block)
    assert caught.value.code == "block-refused"
    nothing = totals(client, "BAD")
    assert nothing["raw"][0] == nothing["month"][0] == 0
    topic.lander.put_aside(position, caught.value)
    booked = client.query(
        "SELECT block_offset, code, resolved FROM raw.refused_blocks WHERE topic_id = {t:String}",
        parameters={"t": topic.topic_id},
    ).result_rows
    assert booked == [(position.offset, "block-refused", False)]
    assert topic.lander.marks(topic.topic_id) == {0: position.offset}


def put_aside(topic: Topic, partition: int) -> BlockPosition:
    """A place whose block was refused, in a partition that no other test uses."""
    position = topic.position(partition)
    topic.lander.put_aside(position, PermanentError("a table was wrong", code="block-refused"))
    return position


def is_resolved(client: Client, position: BlockPosition) -> bool:
    rows = client.query(
        "SELECT resolved FROM raw.refused_blocks FINAL WHERE topic_id = {t:String}",
        parameters={"t": position.topic_id},
    ).result_rows
    assert len(rows) == 1
    return bool(rows[0][0])


class DiesBeforeBooking(BlockLander):
    """A replay that is killed when a refused block is in and not booked so."""

    def _book_refusal(self, position: BlockPosition, *_: Any, **__: Any) -> None:
        raise SystemExit(f"killed before {position.token} was booked")


def test_a_refused_block_that_is_replayed_lands_once_and_is_refused_no_more(
    client: Client, topic: Topic
) -> None:
    bureau, position = fresh_bureau(), put_aside(topic, 101)
    assert not is_resolved(client, position)
    block = make_block([make_fact(bureau=bureau) for _ in range(10)])
    assert topic.lander.land_refused(101, position.offset, block)
    assert is_resolved(client, position)
    once = totals(client, bureau)
    assert once["raw"][0] == once["month"][0] == 10
    assert not topic.lander.land_refused(101, position.offset, block)
    assert totals(client, bureau) == once
    assert topic.lander.marks(topic.topic_id) == {101: position.offset}


def test_a_replay_that_is_killed_before_it_is_booked_counts_once_when_it_is_repeated(
    client: Client, topic: Topic
) -> None:
    bureau, position = fresh_bureau(), put_aside(topic, 102)
    block = make_block([make_fact(bureau=bureau) for _ in range(10)])
    with pytest.raises(SystemExit):
        DiesBeforeBooking(client, ManualClock()).land_refused(102, position.offset, block)
    topic.land(make_fact(), partition=102)
    assert topic.lander.land_refused(102, position.offset, block)
    assert is_resolved(client, position)
    assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 10


def test_a_replay_that_broke_off_longer_ago_than_tokens_live_is_not_repeated(
    client: Client, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau, position = fresh_bureau(), put_aside(topic, 103)
    block = make_block([make_fact(bureau=bureau)])
    with pytest.raises(SystemExit):
        DiesBeforeBooking(client, ManualClock()).land_refused(103, position.offset, block)
    monkeypatch.setattr("sinks.clickhouse.landing._TOKEN_LIVES_INSERTS", 3)
    for _ in range(4):
        topic.land(make_fact(), partition=103)
    with pytest.raises(PermanentError, match="anew from fact-blocks") as caught:
        topic.lander.land_refused(103, position.offset, block)
    assert caught.value.code == "not-replayable"
    assert totals(client, bureau)["raw"][0] == 1
    assert not is_resolved(client, position)


def test_a_refused_block_waits_for_the_loader_that_could_still_land_it(
    client: Client, topic: Topic
) -> None:
    bureau, position = fresh_bureau(), topic.position(104)
    refusal = PermanentError("a table was wrong", code="block-refused")
    with pytest.raises(SystemExit):
        DiesBeforeMark(client, ManualClock()).put_aside(position, refusal)
    block = make_block([make_fact(bureau=bureau)])
    with pytest.raises(RetryableError, match="let it run") as caught:
        topic.lander.land_refused(104, position.offset, block)
    assert caught.value.code == "loader-behind"
    topic.lander.land(position, block)
    assert topic.lander.land_refused(104, position.offset, block)
    assert totals(client, bureau)["raw"][0] == totals(client, bureau)["month"][0] == 1


def test_a_recall_strikes_what_a_replay_brings_late(client: Client, topic: Topic) -> None:
    position, event = put_aside(topic, 105), make_fact(bureau=fresh_bureau())
    topic.land(recall_of(event), partition=105)
    assert topic.lander.land_refused(105, position.offset, make_block([event]))
    assert counted(client, event) == [0]


def test_a_block_that_still_can_never_go_in_stays_refused(client: Client, topic: Topic) -> None:
    position = put_aside(topic, 106)
    with pytest.raises(PermanentError) as caught:
        topic.lander.land_refused(106, position.offset, b"no avro")
    assert caught.value.code == "block-refused"
    assert not is_resolved(client, position)
    with pytest.raises(PermanentError, match="no refused block"):
        topic.lander.land_refused(106, position.offset + 1, b"no avro")


def test_a_server_that_is_away_is_no_reason_to_refuse(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with ClickHouseProcess(tmp_path_factory.mktemp("away")) as process:
        client = process.connection.client()
        migrate(client)
        lander = BlockLander(client, ManualClock())
        process.kill()
        with pytest.raises(RetryableError) as caught:
            lander.land(BlockPosition("t", 0, 0), make_block([make_fact()]))
        assert caught.value.code == "clickhouse-unavailable"
        client.close()
