"""What is recalled or corrected stops counting, once, whichever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from schemas.clock import ManualClock
from sinks.clickhouse import migrate
from sinks.clickhouse.landing import BlockLander
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.integration.fact_blocks import (
    FIELDS,
    WHEN,
    correction_of,
    make_block,
    make_fact,
    recall_of,
)
from tests.integration.landing_world import MONEY, Topic, counted, fresh_bureau, totals


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with ClickHouseProcess(tmp_path_factory.mktemp("clickhouse")) as process:
        client = process.connection.client(tz_mode="aware")
        migrate(client)
        yield client
        client.close()


@pytest.fixture
def topic(client: Client) -> Topic:
    return Topic(BlockLander(client, ManualClock()))


class DiesBeforeBooking(BlockLander):
    """A loader that is killed when compensations are in and not booked."""

    def _book(self, strikes: object) -> None:
        raise SystemExit("killed before the strikes were booked")


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


def test_a_recall_twice_strikes_once(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event)
    topic.land(recall_of(event))
    topic.land(recall_of(event), partition=1)
    assert counted(client, event) == [0]


def test_killed_before_the_strike_was_booked_it_strikes_once(client: Client, topic: Topic) -> None:
    event = make_fact(bureau=fresh_bureau())
    topic.land(event)
    position, block = topic.position(), make_block([recall_of(event)])
    with pytest.raises(SystemExit):
        DiesBeforeBooking(client, ManualClock()).land(position, block)
    assert counted(client, event) == [0]
    topic.lander.land(position, block)
    topic.land(recall_of(event))
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
