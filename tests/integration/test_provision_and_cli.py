"""Provisioning and the command line on the real servers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.access import product_topics
from deploy.cli import exits
from deploy.cli.app import run
from deploy.cli.sending import send
from deploy.cluster import Cluster
from deploy.positions import set_first_positions
from deploy.provision import provision
from schemas.clock import Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.headers import REPLAY_HEADER, Disposition, Refusal, header, refusal_headers
from schemas.reference import Reference
from schemas.topics import FACTS, MAX_SOURCE_BYTES, Topic, source_topic
from stream_apps.engine import Produced, first_offsets, read_topics
from tests.conftest import Stack, StartWorker
from tests.worker_processes import WorkerProcess

pytestmark = pytest.mark.stack
Capture = pytest.CaptureFixture[str]
PATIENCE_S = 90.0
PROJECT = Path(__file__).parent.parent.parent


def until(done: Callable[[], bool]) -> None:
    clock = SystemClock()
    deadline = Deadline.after(clock, PATIENCE_S)
    while not done():
        assert not deadline.expired(), "waited too long"
        clock.sleep(0.1)


def make_topic(kafka: KafkaConnection, partitions: int = 2) -> Topic:
    topic = Topic(f"try-{uuid.uuid4().hex[:8]}", partitions, "", "", (), ())
    admin = AdminClient(kafka.client_config())
    for future in admin.create_topics([NewTopic(topic.name, partitions, 1)]).values():
        future.result(30)
    return topic


def test_provisioning_again_changes_nothing(stack: Stack) -> None:
    assert stack.provisioned.is_as_declared
    assert stack.provisioned.topics_existing == 0
    again = provision(stack.kafka, stack.registry, stack.reference, stack.clickhouse)
    assert again.topics_created == ()
    assert again.topics_existing == len(product_topics(stack.reference))
    assert (again.positions_set, again.migrations, again.differences) == (0, (), ())


def test_a_topic_that_is_not_as_declared_is_told_and_left_alone(stack: Stack) -> None:
    there = make_topic(stack.kafka, partitions=2)
    declared = Topic(there.name, 3, "", "", (), (), {"retention.ms": "1234"})
    cluster = Cluster(stack.kafka)
    told = cluster.differences([declared], {there.name: 2})
    assert any("has 2 partitions, 3 are declared" in line for line in told)
    assert any("1234 is declared" in line for line in told)
    assert cluster.partitions()[there.name] == 2


def test_a_first_position_is_set_once_and_never_moved(stack: Stack) -> None:
    topic = make_topic(stack.kafka)
    group = f"try-{uuid.uuid4().hex[:8]}"
    assert set_first_positions(stack.kafka, group, [topic]) == 2
    consumer = Consumer(stack.kafka.consumer_config(group))
    try:
        consumer.commit(offsets=[TopicPartition(topic.name, 0, 7)], asynchronous=False)
        assert set_first_positions(stack.kafka, group, [topic]) == 0
        kept = consumer.committed([TopicPartition(topic.name, n) for n in range(2)], timeout=10)
    finally:
        consumer.close()
    assert [at.offset for at in kept] == [7, 0]


def test_more_records_than_the_client_holds_at_once_are_all_sent(stack: Stack) -> None:
    topic, count = make_topic(stack.kafka, partitions=1), 1_001
    small = {**stack.kafka.options, "queue.buffering.max.messages": "100"}
    told: list[int] = []
    record = Produced(topic.name, b"k", b"v", (), 0)
    send(
        KafkaConnection(stack.kafka.bootstrap_servers, small), [("place", record)] * count,
        lambda _stage, done, _total: told.append(done),
    )  # fmt: skip
    assert told[-1] == count
    consumer = Consumer(stack.kafka.consumer_config("liaison-reading"))
    try:
        assert consumer.get_watermark_offsets(TopicPartition(topic.name, 0), 10) == (0, count)
    finally:
        consumer.close()
    admin = AdminClient(stack.kafka.client_config())
    for future in admin.delete_records([TopicPartition(topic.name, 0, 7)]).values():
        future.result(30)
    clock = SystemClock()
    for since_ms, first in ((0, 7), (1, 7), (clock.now_ms() + 3_600_000, count)):
        found = first_offsets(stack.kafka, [topic.name], clock, since_ms=since_ms)
        assert found == {(topic.name, 0): first}


def test_what_a_bureau_publishes_is_found_at_the_desk_in_sql_and_in_the_ledger(
    stack: Stack, pipeline: dict[str, WorkerProcess], capsys: Capture, tmp_path: Path
) -> None:
    def liaison(*arguments: str) -> str:
        code = run(["--data-dir", str(stack.data_dir), *arguments])
        shown = capsys.readouterr()
        assert code == exits.OK, shown.err
        return shown.out

    event_id = str(uuid.uuid4())
    file = tmp_path / "events.jsonl"
    file.write_text(
        json.dumps(
            {
                "kind": "seizure", "event_id": event_id, "category": "drug-trafficking",
                "what": "cocaine", "concerned_countries": ["PT"],
                "occurred_at": "2026-03-01T10:00:00Z",
            }
        )
    )  # fmt: skip
    system = f"s{uuid.uuid4().hex[:8]}"
    published = ("publish", str(file), "--bureau", "PT", "--system", system, "--json")
    first = json.loads(liaison(*published))
    assert [(r["event_id"], r["sequence"]) for r in first] == [(event_id, 1)]
    assert json.loads(liaison(*published)) == first, "the same event again is the same receipt"

    def booked() -> bool:
        entries = json.loads(liaison("ledger", "--bureau", "PT", "--json"))
        return any(e["system"] == system and e["accepted"] == 1 for e in entries)

    until(booked)
    question = f"SELECT count() AS n FROM raw.facts WHERE event_id = '{event_id}'"
    ask = ("sql", "--as", "auditor", "--format")
    until(lambda: json.loads(liaison(*ask, "json", question)) == [{"n": 1}])
    assert liaison(*ask, "csv", question) == '"n"\n1\n'
    lines = liaison(
        "desk", "tail", "--region", "europe", "--category", "drug-trafficking",
        "--since", "1h", "--no-follow", "--jsonl",
    ).splitlines()  # fmt: skip
    assert [e for e in map(json.loads, lines) if e["enrichment"]["event_id"] == event_id]

    recalled = json.loads(
        liaison(
            "recall", "--bureau", "PT", "--system", system, "--event-id", event_id,
            "--kind", "seizure", "--reason", "error", "--json",
        )
    )  # fmt: skip
    assert [r["sequence"] for r in recalled] == [2]
    summed = f"SELECT sum(sign * events) AS n FROM raw.facts WHERE event_id = '{event_id}'"
    until(lambda: json.loads(liaison(*ask, "json", summed)) == [{"n": 0}])

    def accounts() -> list[tuple[bool, int, int]]:
        entries = json.loads(liaison("ledger", "--bureau", "PT", "--json"))
        mine = [e for e in entries if e["system"] == system]
        return sorted((e["retired"], e["high"], e["accepted"]) for e in mine)

    account = f"PT/{system}/message/{first[0]['epoch']}"
    (sent,) = json.loads(liaison("ledger", "retire", account, "--json"))
    assert sent["account"] == account
    assert sent["sent_to"].startswith("intel.europe/")
    until(lambda: accounts() == [(True, 2, 2)])
    file.write_text(
        json.dumps({"kind": "report", "subtype": "analytical-report", "title": "In another epoch"})
    )
    liaison("publish", str(file), "--bureau", "PT", "--system", system)
    until(lambda: accounts() == [(False, 1, 1), (True, 2, 2)])


def test_a_refused_record_is_listed_shown_and_put_back(
    stack: Stack, pipeline: dict[str, WorkerProcess], capsys: Capture, tmp_path: Path
) -> None:
    def liaison(*arguments: str) -> str:
        code = run(["--data-dir", str(stack.data_dir), *arguments])
        shown = capsys.readouterr()
        assert code == exits.OK, shown.err
        return shown.out

    event_id = str(uuid.uuid4())
    file = tmp_path / "events.jsonl"
    file.write_text(
        json.dumps(
            {
                "kind": "report", "subtype": "analytical-report", "event_id": event_id,
                "title": "Nobody may read this", "withheld_from": sorted(Reference.load().members),
            }
        )
    )  # fmt: skip
    liaison("publish", str(file), "--bureau", "IS")

    def refused() -> list[str]:
        found = json.loads(
            liaison("dlq", "list", "--region", "europe", "--code", "no-reader", "--json")
        )
        return [record["place"] for record in found if record["bureau"] == "IS"]

    until(lambda: len(refused()) == 1)
    place = refused()[0]
    shown = json.loads(liaison("dlq", "show", place, "--json"))
    assert shown["event"]["envelope"]["event_id"] == event_id
    assert shown["disposition"] == "quarantined"
    sent = json.loads(liaison("dlq", "replay", place, "--json"))
    assert sent == [{"place": place, "sent_to": shown["came_from"].rpartition("/")[0]}]
    replayed = [
        record
        for record in read_topics(stack.kafka, [source_topic("europe")], SystemClock())
        if header(record.headers, REPLAY_HEADER) == place.encode()
    ]
    assert len(replayed) == 1
    assert (replayed[0].value or b"").hex() == shown["value_hex"]


def test_a_record_that_is_kept_in_part_is_shown_so_and_never_put_back(
    stack: Stack, pipeline: dict[str, WorkerProcess], capsys: Capture
) -> None:
    def liaison(*arguments: str, code: int = exits.OK) -> tuple[str, str]:
        assert run(["--data-dir", str(stack.data_dir), "dlq", *arguments]) == code
        shown = capsys.readouterr()
        return shown.out, shown.err

    value = b"x" * (MAX_SOURCE_BYTES + 1)  # only a compressed batch carries it
    producer = Producer(stack.kafka.producer_config(compression_type="gzip"))
    producer.produce(source_topic("europe"), value, key=b"IS")
    assert producer.flush(PATIENCE_S) == 0
    too_large = ("--region", "europe", "--code", "too-large")

    def refused() -> list[str]:
        listed = json.loads(liaison("list", *too_large, "--json")[0])
        return [record["place"] for record in listed if record["bureau"] == "IS"]

    until(lambda: len(refused()) == 1)
    (place,) = refused()
    shown = json.loads(liaison("show", place, "--json")[0])
    assert shown["whole_bytes"] == len(value)
    assert shown["whole_sha256"] == hashlib.sha256(value).hexdigest()
    assert shown["value_bytes"] < len(value)
    _, told = liaison("replay", place, code=exits.DIFFERENCE)
    assert told.startswith(f"error[not-replayable]: {place}: it is kept in part only")
    _, told = liaison("replay", *too_large, code=exits.DIFFERENCE)
    assert "nothing to replay" in told


def test_a_fact_that_only_surge_detection_refused_is_never_put_back(
    stack: Stack, capsys: Capture
) -> None:
    queue = f"dlq.try-{uuid.uuid4().hex[:8]}"  # of its own: the real ones are recounted
    admin = AdminClient(stack.kafka.client_config())
    admin.create_topics([NewTopic(queue, 1, 1)])[queue].result(PATIENCE_S)
    try:
        refusal = Refusal("internal", Disposition.QUARANTINED, "no", "surge", FACTS, 0, 7, 1)
        producer = Producer(stack.kafka.producer_config())
        producer.produce(queue, b"fact", headers=list(refusal_headers((), refusal)))
        assert producer.flush(PATIENCE_S) == 0
        place = f"{queue}/0/0"
        replay = ["--data-dir", str(stack.data_dir), "dlq", "replay", place]
        assert run(replay) == exits.DIFFERENCE
    finally:
        admin.delete_topics([queue])[queue].result(PATIENCE_S)
    told = capsys.readouterr().err
    assert told.startswith(f"error[not-replayable]: {place}: only the watch for surges refused it")


def test_a_place_without_a_record_is_refused(stack: Stack, capsys: Capture) -> None:
    assert (
        run(["--data-dir", str(stack.data_dir), "dlq", "show", "dlq.europe/0/999999"])
        == exits.DIFFERENCE
    )
    assert "error[no-record]" in capsys.readouterr().err


def test_an_account_that_clickhouse_does_not_know_is_one_line(
    stack: Stack, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = stack.clickhouse
    monkeypatch.setenv("LIAISON_CLICKHOUSE__URL", f"http://{at.host}:{at.port}")
    monkeypatch.setenv("LIAISON_CLICKHOUSE__USERNAME", "nobody")
    for command in (("run", "loader"), ("sql", "SELECT 1")):
        assert run(["--data-dir", str(stack.data_dir), *command]) == exits.CONFIGURATION
        told = capsys.readouterr().err
        assert told.startswith("error[clickhouse-rights]: ")
        assert told.count("\n") == 1


def test_sql_asks_as_a_statistician_unless_told_otherwise(stack: Stack, capsys: Capture) -> None:
    at = ["--data-dir", str(stack.data_dir), "sql"]
    facts = "SELECT count() >= 0 FROM raw.facts"
    assert run([*at, facts]) == exits.DIFFERENCE
    assert "the grant SELECT" in capsys.readouterr().err
    assert run([*at, "SELECT en FROM ref.regions WHERE code = 'mena'"]) == exits.OK
    assert run([*at, "--as", "auditor", facts]) == exits.OK
    assert run([*at, "--as", "auditor", "TRUNCATE TABLE raw.facts"]) == exits.DIFFERENCE


def test_a_statistician_elsewhere_names_clickhouse_alone(
    stack: Stack, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at = stack.connections.clickhouse_as("statistician")
    monkeypatch.setenv("LIAISON_CLICKHOUSE__URL", f"http://{at.host}:{at.port}")
    monkeypatch.setenv("LIAISON_CLICKHOUSE__USERNAME", at.username)
    monkeypatch.setenv("LIAISON_CLICKHOUSE__PASSWORD", at.password)
    asked = "SELECT count() > 0 AS there, 0 / 0 AS ratio FROM ref.regions"
    assert run(["--data-dir", str(tmp_path), "sql", asked, "--format", "json"]) == exits.OK
    (row,) = json.loads(capsys.readouterr().out)
    assert row["there"]
    assert row["ratio"] is None, "JSON has no NaN"


def test_columns_of_one_name_are_refused_where_one_would_be_lost(
    stack: Stack, capsys: Capture
) -> None:
    at = ["--data-dir", str(stack.data_dir), "sql", "SELECT code, en, code FROM ref.regions"]
    assert run([*at, "--format", "json"]) == exits.DIFFERENCE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error[same-names]: several columns are called code")
    assert run([*at, "--format", "csv"]) == exits.OK
    assert capsys.readouterr().out.startswith('"code","en","code"\n')


def test_wrong_sql_is_one_line(stack: Stack, capsys: Capture) -> None:
    assert run(["--data-dir", str(stack.data_dir), "sql", "SELEC 1"]) == exits.DIFFERENCE
    shown = capsys.readouterr()
    assert shown.err.startswith("error[sql]: ClickHouse refused it: Code: 62.")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("name", ["router-message", "cutter", "loader"])
def test_a_worker_ends_in_order_on_sigterm(
    name: str, stack: Stack, start_worker: StartWorker
) -> None:
    # A slot of its own: the module's workers hold the first.
    extra = () if name == "loader" else ("--worker", "sigterm-test")
    worker = start_worker(name, extra=extra)
    until(lambda: worker.running() and _has_begun(worker))
    assert worker.stop(signal.SIGTERM) == 0, worker.log()


def _has_begun(worker: WorkerProcess) -> bool:
    """Its signal handlers stand once its own modules are loaded."""
    maps = Path(f"/proc/{worker.pid}/maps").read_text("utf-8")
    return "librdkafka" in maps


def test_a_worker_makes_its_ready_file_when_it_has_taken_up_its_work(
    stack: Stack, start_worker: StartWorker, tmp_path: Path
) -> None:
    ready_file = tmp_path / "ready"
    ready_file.touch()  # of an earlier run
    worker = start_worker(
        "cutter", extra=("--worker", "ready-test", "--ready-file", str(ready_file))
    )
    until(lambda: not ready_file.exists())
    until(ready_file.exists)
    assert "engine.assigned" in worker.log()


def test_a_ready_file_that_cannot_be_written_is_refused(
    stack: Stack, capsys: Capture, tmp_path: Path
) -> None:
    fifo, notes = tmp_path / "fifo", tmp_path / "notes"
    os.mkfifo(fifo)
    notes.write_text("of somebody")
    for file in (tmp_path / "none" / "ready", fifo, notes, tmp_path):
        given = ("run", "loader", "--ready-file", str(file))
        assert run(["--data-dir", str(stack.data_dir), *given]) == exits.CONFIGURATION
        assert "name another" in capsys.readouterr().err
    assert fifo.is_fifo()
    assert notes.read_text() == "of somebody"
