"""Apache Kafka as one process: a KRaft node that is broker and controller.

Invariants: the storage is formatted once (into a folder beside, then renamed, so a start that was
killed half-way leaves nothing half-formatted); it listens on loopback only; it is ready when it
answers for *this* storage's cluster, so a foreign broker on the port never passes for it. What is
set below is for one node and short waits; what a topic needs is declared with the topic.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.embedded.child import Child
from deploy.embedded.java import JavaRuntime
from deploy.embedded.jvm import jvm_environment, jvm_options
from deploy.embedded.ports import LOOPBACK, who_took
from deploy.embedded.tether import tethered
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from schemas.files import replace_file

__all__ = ["KafkaPlace", "broker_settings", "format_storage", "is_answering", "kafka_child"]

_LARGEST_RECORD_BYTES = 9 * 1024 * 1024  # a block of 8 MiB and what surrounds it
_YEAR_MINUTES = 366 * 24 * 60
_HEAP_MIB = 768
_FORMAT_TIMEOUT_S = 60

_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.start.name = kafka.server.KafkaRaftServer
logger.start.level = info
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
"""


@dataclass(frozen=True, slots=True)
class KafkaPlace:
    """Where a broker keeps its state and listens."""

    home: Path
    port: int
    controller_port: int

    @property
    def storage(self) -> Path:
        return self.home / "log"

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"


def broker_settings(place: KafkaPlace) -> dict[str, str]:
    """The broker's properties."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{place.controller_port}",
        "listeners": (
            f"PLAINTEXT://{place.bootstrap},CONTROLLER://{LOOPBACK}:{place.controller_port}"
        ),
        "advertised.listeners": f"PLAINTEXT://{place.bootstrap}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(place.storage),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        # One node.
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        # Short waits: a worker that was killed is fenced and replaced within seconds. But timed-out
        # transactions are looked for every 10 s only, as by default: a coordinator that aborts one
        # while its broker still starts marks it as ended in no partition, and each of them is held
        # up for good (seen at every kill -9 with 1 s; with 5 s at none).
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A killed broker may register again only after its last session: 9 s by default.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
        # A laptop may stay closed for longer than the usual week, and its groups must not forget.
        "offsets.retention.minutes": str(_YEAR_MINUTES),
        # Sizes. Each partition preallocates its indexes: with some 550 topics that counts.
        "message.max.bytes": str(_LARGEST_RECORD_BYTES),
        "replica.fetch.max.bytes": str(_LARGEST_RECORD_BYTES),
        "log.segment.bytes": str(128 * 1024 * 1024),
        "log.index.size.max.bytes": str(512 * 1024),
        "offsets.topic.segment.bytes": str(16 * 1024 * 1024),
        "transaction.state.log.segment.bytes": str(16 * 1024 * 1024),
        # The cleaner's buffer is heap, taken at start: the default is 128 MiB.
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }


def format_storage(place: KafkaPlace, java: JavaRuntime, classpath: str) -> None:
    """Make the storage of a new broker; one that is formatted is left alone."""
    if (place.storage / "meta.properties").is_file():
        return
    fresh = place.home / "log.new"
    shutil.rmtree(fresh, ignore_errors=True)
    settings = broker_settings(place) | {"log.dirs": str(fresh)}
    config = _write_properties(place.home / "format.properties", settings)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    answer = subprocess.run(
        tethered(
            (
                str(java.program),
                *jvm_options(place.home, java, heap_mib=128),
                "-cp",
                classpath,
                "kafka.tools.StorageTool",
                "format",
                "--cluster-id",
                f"L{cluster[1:]}",  # a leading dash would be taken for an option
                "--config",
                str(config),
            )
        ),
        env=jvm_environment(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_FORMAT_TIMEOUT_S,
        check=False,
    )
    if answer.returncode != 0 or not (fresh / "meta.properties").is_file():
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise ConfigurationError(
            f"Kafka could not format its storage {fresh}: {said[-1] if said else 'no word why'}; "
            "free disk space or choose another data directory",
            code="kafka-format",
        )
    fresh.replace(place.storage)


def kafka_child(place: KafkaPlace, java: JavaRuntime, classpath: str, log_path: Path) -> Child:
    """The broker, over a formatted storage."""
    config = _write_properties(place.home / "server.properties", broker_settings(place))
    log4j = place.home / "log4j2.properties"
    replace_file(log4j, _LOG4J.encode(), mode=0o600)
    cluster_id = _read_properties(place.storage / "meta.properties").get("cluster.id", "")
    return Child(
        name="kafka",
        argv=(
            str(java.program),
            *jvm_options(place.home, java, heap_mib=_HEAP_MIB),
            f"-Dlog4j2.configurationFile={log4j.as_uri()}",
            "-cp",
            classpath,
            "kafka.Kafka",
            str(config),
        ),
        log_path=log_path,
        env=jvm_environment(os.environ),
        ready=lambda: is_answering(place.port, cluster_id),
        cwd=place.home,
        explain=lambda: who_took(place.port, place.controller_port),
        start_attempts=2,
        stop_timeout_s=20.0,
    )


def is_answering(port: int, cluster_id: str) -> bool:
    """Whether the broker of that cluster takes requests there."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.5).close()
    except OSError:
        return False  # spares librdkafka's complaints about a refused connection
    connection = KafkaConnection(f"{LOOPBACK}:{port}", options={"log_level": "0"})
    admin = AdminClient(connection.client_config())
    try:
        metadata = admin.list_topics(timeout=2.0)
    except KafkaException:
        return False
    if metadata.brokers and metadata.cluster_id != cluster_id:
        raise ConfigurationError(
            f"another broker (cluster {metadata.cluster_id}) answers on port {port}: "
            "stop it, or let Liaison take any free port",
            code="port-taken",
        )
    return bool(metadata.brokers)


def _write_properties(path: Path, settings: Mapping[str, str]) -> Path:
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, "".join(lines).encode(), mode=0o600)
    return path


def _read_properties(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text("utf-8").splitlines())
    return {name.strip(): value.strip() for name, mark, value in pairs if mark and name[0] != "#"}
