"""From a bureau's hand to a desk and to SQL, with processes killed on the way; then the verifier.

The tests share one stack and run in this order; the last ones damage it on purpose.
"""

import json
import os
import re
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.cli import exits
from deploy.handover import open_handover, outbox_file
from deploy.releases.wanted import await_landed
from deploy.traffic import play_traffic, simulator_outbox
from producers.simulator import Mix, Simulator, operation_reports
from schemas import wire
from schemas.catalogue import Catalogue
from schemas.clock import SystemClock
from schemas.errors import PermanentError, RetryableError
from schemas.headers import UNATTRIBUTED
from schemas.ids import uuid7
from schemas.models import (
    Arrest,
    Measure,
    Recall,
    Report,
    Seizure,
    Stamp,
    Supersedes,
    encode_event,
)
from schemas.topics import (
    FACTS,
    MAX_SOURCE_BYTES,
    SOURCE_REGIONS,
    desk_topic,
    ledger_topic,
    partition_of,
    source_topic,
)
from stream_apps.cutter import CUTTER_GROUP
from stream_apps.engine import read_topics
from stream_apps.router.worker import router_group
from tests.conftest import Stack
from tests.e2e.world import World
from tests.packed_batches import send_packed
from tests.raw_headers import send_with_header_name
from tests.worker_processes import WorkerProcess

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

REAL_LIST = Path(os.environ.get("LIAISON_REAL_DATA", "")) / "un" / "UN_consolidated.xml"
SAMPLE_LIST = Path(__file__).parent.parent / "unit" / "producers" / "un_list_sample.xml"


@pytest.fixture(scope="module")
def world(stack: Stack, pipeline: dict[str, WorkerProcess]) -> World:
    assert pipeline
    return World(stack)


BUREAUS = ("FR", "JP", "BR", "KE", "EG", "DE", "IN", "US", "CN", "ZA", "MX", "SA")


def decoded(stack: Stack, value: bytes) -> dict[str, Any]:
    schema = stack.ids.by_id[wire.schema_id_of(value)]
    return wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)


def an_arrest(**fields: object) -> Arrest:
    return Arrest.model_validate({"category": "drug-trafficking", **fields})


def new_id() -> UUID:
    return uuid7(SystemClock().now_ms())


def test_a_simulated_day_arrives_whole(world: World) -> None:
    stack = world.stack
    start = datetime.now(UTC) - timedelta(days=2)
    mix = Mix.of("year", 1000, searches=3000, span=timedelta(days=1))
    path = simulator_outbox(world.session)
    with open_handover(path, stack.kafka, stack.ids) as handover:
        played = play_traffic(
            chain(operation_reports(stack.reference), Simulator(stack.reference, 11, start, mix)),
            handover,
            stack.kafka,
        )
    verdict = world.verify()
    assert [difference.text() for difference in verdict.differences] == []
    assert verdict.counts["records in source topics"] == played.records
    assert verdict.counts["repeats dropped"] == played.repeats.total() > 0
    assert verdict.counts["refused"] >= played.unparsable.total() > 0
    assert verdict.counts["handed over (outboxes)"] == played.events
    ((searches,),) = world.sql("SELECT sum(events) FROM agg.searches_by_month")
    assert int(searches) == 3000


def test_the_published_figures_of_two_operations_come_out(world: World) -> None:
    rows = world.sql(
        "SELECT operation, measure, uniqExact(bureau), sum(value) FROM agg.measures_by_month "
        "WHERE operation != '' GROUP BY operation, measure"
    )
    figures = {(operation, measure): (int(n), int(v)) for operation, measure, n, v in rows}
    assert figures["haechi-iv", "persons-arrested"] == (34, 3500)
    assert figures["haechi-iv", "accounts-blocked"] == (34, 82112)
    assert figures["haechi-iv", "amount-seized"] == (34, 300_000_000)
    assert figures["storm-makers-ii", "persons-arrested"] == (27, 281)
    assert figures["storm-makers-ii", "victims-rescued"] == (27, 149)


def test_a_header_name_that_is_no_utf_8_is_refused_under_its_number_and_stops_nobody(
    world: World,
) -> None:
    stack, schema = world.stack, Catalogue.load().event("arrest")
    stamp = Stamp("IS", "odd", "message", 7, 1, SystemClock().now_ms(), "test", "1")
    value = wire.frame(stack.ids.id_of(schema), encode_event(schema, an_arrest(), stamp))
    send_with_header_name(stack.kafka, source_topic("europe"), b"IS", value, b"cl\xe9")
    world.publish("IS", an_arrest(case_ref="after it"))
    world.assert_no_difference()
    listed = json.loads(world.liaison("dlq", "list", "--code", "undecodable", "--json").stdout)
    (place,) = [record["place"] for record in listed if record["bureau"] == "IS"]
    shown = json.loads(world.liaison("dlq", "show", place, "--json").stdout)
    assert shown["value_hex"] == value.hex()
    assert world.liaison("dlq", "replay", place).returncode == 0
    world.assert_no_difference()
    entries = [
        decoded(stack, record.value or b"")
        for record in read_topics(stack.kafka, [ledger_topic("europe")], SystemClock())
        if record.key == b"IS/odd/message/7"
    ]
    assert (entries[-1]["accepted"], entries[-1]["rejected"]) == (1, 0)


def test_a_batch_that_can_t_be_decompressed_is_kept_as_it_lies_there_and_stops_nobody(
    world: World,
) -> None:
    topic, place = source_topic("europe"), partition_of("IS")
    halves = [(topic, place, b"IS", bytes(51_000_000))] * 2  # together over the client's bound
    send_packed(world.stack.kafka, "zstd", *halves)
    world.publish("IS", an_arrest(case_ref="behind it"))
    world.assert_no_difference()
    listed = json.loads(world.liaison("dlq", "list", "--code", "unreadable-batch", "--json").stdout)
    (kept,) = listed
    assert kept["came_from"].startswith(f"{topic}/{place}/")
    assert kept["disposition"] == "quarantined"
    assert "a batch of 2 records" in kept["reason"]
    assert 0 < kept["value_bytes"] == kept["whole_bytes"] < MAX_SOURCE_BYTES
    replay = world.liaison("dlq", "replay", kept["place"])
    assert replay.returncode == exits.DIFFERENCE
    assert "not-replayable" in replay.stderr


def test_kill_9_of_the_router_between_produce_and_commit_loses_and_doubles_nothing(
    world: World,
) -> None:
    deadline = time.monotonic() + 90
    sent = 0
    with world.faulty("router_between_produce_and_commit") as faulty:
        while faulty.poll() is None and time.monotonic() < deadline:
            world.publish_one_each({bureau: an_arrest(case_ref="router") for bureau in BUREAUS})
            sent += len(BUREAUS)
    assert faulty.returncode == -signal.SIGKILL
    world.assert_no_difference()
    assert sent > 0


def test_kill_9_of_the_loader_between_insert_and_mark_counts_nothing_twice(
    world: World, pipeline: dict[str, WorkerProcess]
) -> None:
    pipeline["loader"].kill()
    event = an_arrest(case_ref="loader")
    world.publish("FR", event)
    world.killed_at("loader_between_insert_and_mark")
    assert world.events_that_count(event.event_id) == 1
    pipeline["loader"].start()
    world.assert_no_difference()
    assert world.events_that_count(event.event_id) == 1


def test_a_release_waits_until_all_that_was_recorded_before_its_cut_off_has_landed(
    world: World, pipeline: dict[str, WorkerProcess]
) -> None:
    pipeline["loader"].stop()
    (receipt,) = world.publish("NL", an_arrest())
    cut_off, client = datetime.now(UTC), world.stack.clickhouse.client()
    told = ""
    while "the loader has not loaded all blocks" not in told:
        with pytest.raises(RetryableError) as caught:
            await_landed(world.stack.kafka, client, SystemClock(), cut_off, timeout_s=1)
        assert caught.value.code == "not-landed"
        told = str(caught.value)
    pipeline["loader"].start()
    await_landed(world.stack.kafka, client, SystemClock(), cut_off, timeout_s=60)
    assert world.events_that_count(receipt.event_id) == 1
    refused = "SELECT 't', 9, 9, 'bad', 'test', now64(3), "
    client.command(f"INSERT INTO raw.refused_blocks {refused} false")
    with pytest.raises(PermanentError) as refusal:
        await_landed(world.stack.kafka, client, SystemClock(), cut_off)
    assert refusal.value.code == "blocks-refused"
    client.command(f"INSERT INTO raw.refused_blocks {refused} true")
    await_landed(world.stack.kafka, client, SystemClock(), cut_off)
    client.close()


def test_kill_9_of_the_publisher_between_outbox_and_broker_loses_nothing(world: World) -> None:
    assert world.killed_at("publisher_between_outbox_and_broker") == "50"
    path = outbox_file(world.session.outbox_folder, "killed")
    with open_handover(path, world.stack.kafka, world.stack.ids) as handover:
        handover.finish(60)
    world.assert_no_difference()
    ((arrived,),) = world.sql("SELECT count() FROM raw.facts WHERE system = 'killed'")
    assert arrived == 50


def test_two_outboxes_of_one_system_at_once_count_each_event_once(world: World) -> None:
    paths = [outbox_file(world.session.outbox_folder, f"twice-{number}") for number in range(2)]
    with ExitStack() as both:
        handovers = [
            both.enter_context(open_handover(path, world.stack.kafka, world.stack.ids))
            for path in paths
        ]
        publishers = [handover.publisher("DK", "twice") for handover in handovers]
        receipts = {
            (receipt.epoch, receipt.sequence)
            for _ in range(20)
            for publisher in publishers
            for receipt in publisher.publish_many([an_arrest()])
        }
        for handover in handovers:
            handover.finish(60)
    assert len(receipts) == 40
    assert {sequence for _, sequence in receipts} == set(range(1, 21))
    world.assert_no_difference()
    ((landed,),) = world.sql("SELECT uniqExact(event_id) FROM raw.facts WHERE system = 'twice'")
    assert landed == 40


def test_an_event_recalled_before_or_after_it_lands_does_not_count(world: World) -> None:
    early, late, kept = (an_arrest(event_id=new_id()) for _ in range(3))

    def recall(event: Arrest) -> Recall:
        target = Supersedes(event_id=event.event_id, bureau="SE", kind="arrest")
        return Recall(subtype="error", supersedes=target)

    world.publish("SE", recall(early))
    world.settle()
    world.publish("SE", early, late, kept)
    world.settle()
    world.publish("SE", recall(late))
    world.assert_no_difference()
    assert world.events_that_count(early.event_id, late.event_id) == 0
    assert world.events_that_count(kept.event_id) == 1
    delivered, _ = world.read_desk("europe", ["drug-trafficking"])
    struck = {item.event_id: item.struck for item in delivered if item.bureau == "SE"}
    assert struck[str(early.event_id)]
    assert struck[str(late.event_id)]
    assert not struck[str(kept.event_id)]


def test_a_recall_strikes_a_whole_chain_of_corrections_the_general_secretariats_too(
    world: World,
) -> None:
    money = (Measure(measure="amount-seized", value=Decimal(100), unit="EUR"),)
    first = Seizure(category="drug-trafficking", measures=money)
    second, third = (
        Seizure(
            category="drug-trafficking", measures=money, root=first.event_id,
            concerned_countries=("PT",),
            supersedes=Supersedes(event_id=first.event_id, bureau="PT", kind="seizure"),
        )
        for _ in range(2)
    )  # fmt: skip
    world.publish("PT", first, second)
    world.publish("XP", third)
    world.settle()
    chain_ids = (first.event_id, second.event_id, third.event_id)
    assert world.events_that_count(*chain_ids) == 2
    target = Supersedes(event_id=second.event_id, bureau="PT", kind="seizure")
    world.publish("PT", Recall(subtype="error", root=first.event_id, supersedes=target))
    world.assert_no_difference()
    assert world.events_that_count(*chain_ids) == 0


def test_a_replay_from_the_dead_letters_done_twice_counts_once(
    world: World, pipeline: dict[str, WorkerProcess]
) -> None:
    pipeline["router-message"].stop()
    report = Report(subtype="modus-operandi", category="cybercrime", title="e2e")
    with world.faulty("router_that_does_not_know_reports") as old:
        world.publish("FI", report)
        world.settle()
        old.terminate()
        assert old.wait(30) == 0
    pipeline["router-message"].start()
    listed = world.liaison("dlq", "list", "--code", "unknown-schema", "--json")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("unknown-schema") == 1
    for _ in range(2):
        replayed = world.liaison("dlq", "replay", "--code", "unknown-schema")
        assert replayed.returncode == 0, replayed.stderr
    world.assert_no_difference()
    assert world.events_that_count(report.event_id) == 1
    delivered, _ = world.read_desk("europe", ["cybercrime"])
    assert [item.event_id for item in delivered].count(str(report.event_id)) == 1


def test_the_same_un_list_imported_twice_changes_nothing(world: World) -> None:
    real = REAL_LIST.is_file()
    file = REAL_LIST if real else SAMPLE_LIST
    first = world.liaison("import", "un-list", str(file), "--json")
    second = world.liaison("import", "un-list", str(file), "--json")
    assert second.returncode == first.returncode, second.stderr
    assert '"new": 0' in second.stdout
    world.assert_no_difference()
    ((notices,),) = world.sql(
        "SELECT sum(sign * events) FROM raw.facts WHERE system = 'un-list' AND kind = 'notice'"
    )
    assert notices == 1003 if real else notices > 0


@pytest.mark.skipif(not REAL_LIST.is_file(), reason="LIAISON_REAL_DATA is not set: no real UN list")
def test_the_real_un_list_is_1003_notices_in_sql(world: World) -> None:
    rows = world.sql(
        "SELECT subtype, sum(events) FROM agg.events_by_month WHERE bureau = 'XP' "
        "AND kind = 'notice' AND subtype = 'unsc-special' GROUP BY subtype"
    )
    assert [(subtype, int(n)) for subtype, n in rows] == [("unsc-special", 1003)]


def test_clickhouse_is_rebuilt_from_the_blocks(
    world: World, pipeline: dict[str, WorkerProcess]
) -> None:
    asked = (
        "SELECT kind, bureau, sum(sign * events), sum(sign * amount_usd) FROM raw.facts "
        "GROUP BY kind, bureau ORDER BY kind, bureau"
    )
    before = world.sql(asked)
    pipeline["loader"].stop()
    for database in ("agg", "raw", "ref", "meta", "pub"):
        world.command(f"DROP DATABASE IF EXISTS {database} SYNC")
    provisioned = world.liaison("provision")
    assert provisioned.returncode == 0, provisioned.stderr
    pipeline["loader"].start()
    world.assert_no_difference()
    assert world.sql(asked) == before


def test_group_offsets_that_were_deleted_count_nothing_twice(
    world: World, pipeline: dict[str, WorkerProcess]
) -> None:
    groups = {
        "router-message": router_group("message"),
        "router-search": router_group("search"),
        "cutter": CUTTER_GROUP,
    }
    for name in groups:
        pipeline[name].stop()
    admin = AdminClient(world.stack.kafka.client_config())
    for future in admin.delete_consumer_groups(list(groups.values())).values():
        future.result()
    provisioned = world.liaison("provision")
    assert provisioned.returncode == 0, provisioned.stderr
    for name in groups:
        pipeline[name].start()
    world.publish("PL", an_arrest())
    differences = world.verify().differences
    # what names no account is refused again when it is read again: nothing of it counts
    again = [d for d in differences if d.check == "dead letters" or UNATTRIBUTED in d.where]
    assert [d.text() for d in differences if d not in again] == []
    assert all(int(d.expected) < int(d.found) for d in again if d.check == "dead letters")


def test_verify_finds_a_row_deleted_by_hand(world: World) -> None:
    event = an_arrest()
    world.publish("CH", event)
    world.settle()
    world.command(
        f"ALTER TABLE raw.facts DELETE WHERE event_id = '{event.event_id}' "
        "SETTINGS mutations_sync = 2"
    )
    verdict = world.verify()
    month = datetime.now(UTC).strftime("%Y-%m")
    found = {(d.check, d.where) for d in verdict.differences}
    assert ("Σ sign·events", f"arrest CH {month}") in found
    assert ("Σ events", "raw.facts") in found


def test_verify_finds_a_record_missing_from_a_desk_and_what_is_no_mini_block(world: World) -> None:
    producer = Producer(world.stack.kafka.producer_config())
    producer.produce(FACTS, b"no mini-block", partition=SOURCE_REGIONS.index("europe"))
    assert producer.flush(30) == 0
    topic = desk_topic("europe", "drug-trafficking")
    source, partition = source_topic("africa"), partition_of("KE")
    last = max(
        record.offset
        for record in read_topics(world.stack.kafka, [source], SystemClock())
        if record.partition == partition
    )
    admin = AdminClient(world.stack.kafka.client_config())
    cut = [TopicPartition(topic, 0, 1), TopicPartition(source, partition, last - 5)]
    for future in admin.delete_records(cut).values():
        future.result()
    verdict = world.verify()
    missing = [d for d in verdict.differences if d.check == "delivered" and topic in d.where]
    assert [(d.expected, d.found) for d in missing] == [(1, 0)]
    assert [d.where for d in verdict.differences if d.check == "log start"] == [f"{topic} [0]"]
    # what is gone from a source topic makes no difference, and is told
    assert any(note.startswith("1 of 48 source partitions") for note in verdict.notes)
    ledger = f"ledger.africa [{partition}]"
    assert not [d for d in verdict.differences if source in d.where or ledger in d.where]
    (unused,) = (d for d in verdict.differences if d.check == "mini-blocks")
    assert re.fullmatch(r"dlq\.europe \[0\] \d+: cutter: internal", str(unused.found))
    client = world.stack.clickhouse.client()
    with pytest.raises(PermanentError, match=r"`liaison dlq replay dlq\.europe/0/\d+`") as caught:
        await_landed(world.stack.kafka, client, SystemClock(), datetime.now(UTC))
    assert caught.value.code == "mini-blocks-refused"
    client.close()
