"""Rights on a broker that asks for them: bureau, desk, outbox, auditor, operator do no more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from deploy.access import acls, product_topics
from deploy.cli import exits
from deploy.cli.app import run
from deploy.cluster import Cluster
from deploy.embedded import JarCache, Supervisor, default_cache_dir
from deploy.embedded.java import find_java
from deploy.embedded.kafka import KafkaPlace, format_storage, kafka_child
from deploy.embedded.ports import LOOPBACK, choose_port
from producers.reconcile import _records
from schemas.clock import Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from schemas.headers import (
    REPLAY_HEADER,
    Disposition,
    Headers,
    Refusal,
    header,
    refusal_headers,
)
from schemas.models import Report
from schemas.reference import Reference
from schemas.topics import DLQ_BLOCKS, FACTS, SOURCE_REGIONS, dlq_topic
from sinks.desk import Delivered, Item, Subscriber
from stream_apps.engine import read_topics
from stream_apps.router.worker import router_group
from tests.desk_records import delivered, numbered_ids
from tests.packed_batches import send_packed

pytestmark = pytest.mark.timeout(240)

RECOUNTED = (
    "intel.europe", "intel.americas", "desk.europe.terrorism", "bureau.FR", "dlq.europe", "strikes",
)  # fmt: skip
USERS = ("FR", "BR", "liaison-router", "liaison-cutter", "liaison-auditor", "liaison-operator")
TOPICS = (
    "intel.europe", "intel.americas", "desk.europe.terrorism", "desk.americas.terrorism",
    "bureau.FR", "bureau.BR", "receipts.FR", "receipts.BR", *map(dlq_topic, SOURCE_REGIONS),
    DLQ_BLOCKS, FACTS, "fact-blocks", "strikes",
)  # fmt: skip
PASSWORD = "test"
WAIT_S = 20.0


@dataclass(frozen=True)
class GuardedBroker:
    """A broker where nobody may anything that was not granted."""

    port: int

    def user(self, name: str) -> KafkaConnection:
        """A connection under a name."""
        return KafkaConnection(
            f"{LOOPBACK}:{self.port}",
            {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanisms": "PLAIN",
                "sasl.username": name,
                "sasl.password": PASSWORD,
                "log_level": "0",
            },
        )

    def write(
        self,
        user: str,
        topic: str,
        key: bytes = b"FR",
        value: bytes = b"value",
        headers: Headers = (),
    ) -> KafkaError | None:
        """Produce one record; the error, if it was refused."""
        errors: list[KafkaError | None] = []
        producer = Producer(self.user(user).producer_config())
        producer.produce(
            topic, value, key, headers=list(headers),
            on_delivery=lambda error, _m: errors.append(error),
        )  # fmt: skip
        assert producer.flush(WAIT_S) == 0
        (error,) = errors
        return error


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    """A broker of its own with passwords and an authorizer, provisioned through a back door."""
    java = find_java(None, os.environ)
    jars = JarCache(default_cache_dir(os.environ)).ensure()
    classpath = os.pathsep.join(str(jar) for jar in jars.kafka_classpath)
    ports: list[int] = []
    for name in ("kafka", "controller", "guarded"):
        ports.append(choose_port(name, taken=ports))
    place = KafkaPlace(tmp_path_factory.mktemp("guarded-kafka"), ports[0], ports[1])
    format_storage(place, java, classpath)
    child = kafka_child(place, java, classpath, place.home / "kafka.log")
    _guard(place, ports[2])
    with Supervisor() as supervisor:
        supervisor.add(child)
        supervisor.wait_ready()
        _provision(KafkaConnection(place.bootstrap))
        yield GuardedBroker(ports[2])


def _provision(kafka: KafkaConnection) -> None:
    """The topics and the rights that these tests need, as declared."""
    reference = Reference.load()
    cluster = Cluster(kafka)
    cluster.create_topics([t for t in product_topics(reference) if t.name in TOPICS])
    rights = acls(reference, SystemClock().now_ms())
    cluster.grant(rights)
    _wait_for(kafka, len(rights))
    assert cluster.undeclared_rights(rights) == []


def _wait_for(kafka: KafkaConnection, rights: int) -> None:
    """The controller has the rights at once; the authorizer learns of them a moment later."""
    clock = SystemClock()
    admin, deadline = AdminClient(kafka.client_config()), Deadline.after(clock, WAIT_S)
    any_text: Any = None
    everything = AclBindingFilter(
        ResourceType.ANY, any_text, ResourcePatternType.ANY, any_text, any_text,
        AclOperation.ANY, AclPermissionType.ANY,
    )  # fmt: skip
    while len(admin.describe_acls(everything).result(WAIT_S)) < rights:
        assert not deadline.expired()
        clock.sleep(0.05)


def _guard(place: KafkaPlace, port: int) -> None:
    """Add a listener with passwords; whoever comes by the plain one is the administrator."""
    users = " ".join(f'user_{user}="{PASSWORD}"' for user in USERS)
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    added = {
        "listeners": (
            f"PLAINTEXT://{place.bootstrap},CONTROLLER://{LOOPBACK}:{place.controller_port},"
            f"GUARDED://{LOOPBACK}:{port}"
        ),
        "advertised.listeners": (
            f"PLAINTEXT://{place.bootstrap},GUARDED://{LOOPBACK}:{port}"
        ),
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT"
        ),
        "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": f"{module} required {users};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }  # fmt: skip
    # Of a name that is given twice, Java keeps the last.
    with (place.home / "server.properties").open("a", encoding="utf-8") as properties:
        properties.writelines(f"{name}={value}\n" for name, value in added.items())


def test_a_bureau_writes_to_its_own_region_and_is_refused_another(broker: GuardedBroker) -> None:
    assert broker.write("FR", "intel.europe") is None
    for topic in ("intel.americas", "bureau.FR", "bureau.BR", "desk.europe.terrorism"):
        error = broker.write("FR", topic)
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_desk_reads_its_own_region_and_is_refused_another(broker: GuardedBroker) -> None:
    ids = numbered_ids()
    record = delivered(ids, Report(subtype="analytical-report"), bureau="DE")
    for region in ("europe", "americas"):
        topic = f"desk.{region}.terrorism"
        assert broker.write("liaison-router", topic, record.key, record.value) is None
    for bureau, own, other in (("FR", "europe", "americas"), ("BR", "americas", "europe")):
        kafka = broker.user(bureau)
        with Subscriber(own, ["terrorism"], kafka=kafka, schema_ids=ids, bureau=bureau) as desk:
            deadline = Deadline.after(SystemClock(), WAIT_S)
            items: list[Item] = []
            while not items and not deadline.expired():
                items = desk.poll(1.0)
        (item,) = items
        assert isinstance(item, Delivered)
        assert item.event_bytes == record.body
        foreign = Subscriber(other, ["terrorism"], kafka=kafka, schema_ids=ids)
        with pytest.raises(ConfigurationError) as caught:
            foreign.open()
        assert caught.value.code == "forbidden"


def test_an_outbox_reads_its_own_receipts_and_is_refused_another_s(broker: GuardedBroker) -> None:
    assert broker.write("liaison-router", "receipts.FR") is None
    clock = SystemClock()

    def never() -> bool:
        return False

    own = _records(broker.user("FR"), ["receipts.FR"], Deadline.after(clock, WAIT_S), never)
    assert len(list(own)) == 1
    with pytest.raises(ConfigurationError):
        list(_records(broker.user("FR"), ["receipts.BR"], Deadline.after(clock, WAIT_S), never))


def test_the_auditor_reads_what_it_recounts_and_the_positions_of_the_router(
    broker: GuardedBroker,
) -> None:
    auditor = broker.user("liaison-auditor")
    assert broker.write("FR", "intel.europe") is None
    assert list(read_topics(auditor, RECOUNTED, SystemClock()))
    assert _position(auditor).offset < 0


Command = Callable[..., tuple[str, str]]


@pytest.fixture
def liaison(
    broker: GuardedBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """`liaison(user, *arguments)` runs a command as somebody; what it printed, and its notes."""

    def command(user: str, *arguments: str) -> tuple[str, str]:
        for name, value in {
            "KAFKA__BOOTSTRAP_SERVERS": f"{LOOPBACK}:{broker.port}",
            "REGISTRY__URL": "http://127.0.0.1:1",
            "SECURITY__PROTOCOL": "SASL_PLAINTEXT",
            "SECURITY__MECHANISM": "PLAIN",
            "SECURITY__USERNAME": user,
            "SECURITY__PASSWORD": PASSWORD,
        }.items():
            monkeypatch.setenv(f"LIAISON_{name}", value)
        code = run(["--data-dir", str(tmp_path), *arguments])
        shown = capsys.readouterr()
        assert code == exits.OK, shown.err
        return shown.out, shown.err

    return command


def refused_by_the_cutter(broker: GuardedBroker, value: bytes) -> None:
    """A mini-block of europe in its queue."""
    partition = SOURCE_REGIONS.index("europe")
    refusal = Refusal(
        "internal", Disposition.QUARANTINED, "why", "cutter", FACTS, partition, 0, 1_700_000_000_000
    )
    headers = refusal_headers((), refusal)
    queue = dlq_topic("europe")
    assert broker.write("liaison-cutter", queue, b"europe", value, headers) is None


def test_the_auditor_lists_what_was_refused_and_is_told_which_queue_it_may_not_read(
    broker: GuardedBroker, liaison: Command
) -> None:
    refused_by_the_cutter(broker, b"listed")
    out, notes = liaison("liaison-auditor", "dlq", "list", "--json")
    assert {record["code"] for record in json.loads(out)} == {"internal"}
    assert DLQ_BLOCKS in notes


def test_an_operator_puts_back_what_the_cutter_refused_and_writes_nothing_else_of_facts(
    broker: GuardedBroker, liaison: Command
) -> None:
    refused_by_the_cutter(broker, b"put back")
    listed, _ = liaison("liaison-operator", "dlq", "list", "--region", "europe", "--json")
    place = json.loads(listed)[-1]["place"]
    liaison("liaison-operator", "dlq", "replay", place)
    *_, last = read_topics(broker.user("liaison-auditor"), [FACTS], SystemClock())
    assert (last.partition, last.key, last.value) == (
        SOURCE_REGIONS.index("europe"), b"europe", b"put back",
    )  # fmt: skip
    assert header(last.headers, REPLAY_HEADER) == place.encode()
    for topic in ("fact-blocks", "desk.europe.terrorism", dlq_topic("europe")):
        error = broker.write("liaison-operator", topic)
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_what_can_t_be_decompressed_is_fetched_under_the_reader_s_own_login(
    broker: GuardedBroker,
) -> None:
    halves = [("intel.americas", 0, b"BR", bytes(51_000_000))] * 2
    send_packed(broker.user("BR"), "zstd", *halves)
    auditor = broker.user("liaison-auditor")
    (batch,) = read_topics(auditor, ["intel.americas"], SystemClock())
    assert batch.unread is not None
    assert "a batch of 2 records" in batch.unread


def _position(kafka: KafkaConnection) -> TopicPartition:
    """Where the message lane's router stands, as `liaison verify` asks for it."""
    consumer = Consumer(kafka.consumer_config(router_group("message")))
    try:
        (found,) = consumer.committed([TopicPartition("intel.europe", 0)], timeout=WAIT_S)
        return found
    finally:
        consumer.close()
