"""The real broker and registry: they survive kill -9 and restarts, and none is left behind.

These tests kill what they start, so they have stacks of their own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from deploy.embedded import (
    Addresses,
    ChildStartError,
    DataDirectory,
    EmbeddedStack,
    EventKind,
    RestartPolicy,
    StackOptions,
    SupervisorEvent,
)
from deploy.embedded.ports import LOOPBACK
from schemas.clock import Deadline, SystemClock
from schemas.errors import ConfigurationError

pytestmark = pytest.mark.timeout(300)

PATIENCE_S = 60.0
TOPIC = "survivors"
SCHEMA = Schema('{"type": "record", "name": "Survivor", "fields": []}', "AVRO")


class Events:
    """Collects what the supervisor tells; waits for one thing."""

    def __init__(self) -> None:
        self.seen: list[SupervisorEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: SupervisorEvent) -> None:
        with self._changed:
            self.seen.append(event)
            self._changed.notify_all()

    def wait_for(self, kind: EventKind, child: str, count: int) -> SupervisorEvent:
        def found() -> list[SupervisorEvent]:
            return [event for event in self.seen if (event.kind, event.child) == (kind, child)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENCE_S), self.seen
            return found()[count - 1]


def _all_gone(*pids: int) -> bool:
    deadline = Deadline.after(SystemClock(), PATIENCE_S)
    while any(psutil.pid_exists(pid) for pid in pids) and not deadline.expired():
        SystemClock().sleep(0.05)
    return not any(psutil.pid_exists(pid) for pid in pids)


def _create_topic(addresses: Addresses) -> None:
    admin = AdminClient(addresses.kafka.client_config())
    for future in admin.create_topics([NewTopic(TOPIC, 1, 1)]).values():
        future.result(PATIENCE_S)


def _produce(addresses: Addresses, values: list[bytes], *, commit: bool) -> None:
    producer = Producer(addresses.kafka.producer_config(transactional_id="test"))
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    for value in values:
        producer.produce(TOPIC, value)
    producer.flush(PATIENCE_S)
    if commit:
        producer.commit_transaction(PATIENCE_S)
    else:
        producer.abort_transaction(PATIENCE_S)


def _leave_open(addresses: Addresses) -> Producer:
    """A transaction that nobody ends, of a time that is over before a broker is back."""
    settings = addresses.kafka.producer_config(transactional_id="left", transaction_timeout_ms=1000)
    producer = Producer(settings)
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(TOPIC, b"left open")
    producer.flush(PATIENCE_S)
    return producer


def _committed_in_time(addresses: Addresses, expected: list[bytes]) -> list[bytes | None]:
    """What is committed, once it is that, or when patience is over."""
    deadline = Deadline.after(SystemClock(), PATIENCE_S)
    while (found := _committed(addresses)) != expected and not deadline.expired():
        SystemClock().sleep(0.5)
    return found


def _committed(addresses: Addresses) -> list[bytes | None]:
    """Every committed record of the topic, up to its end."""
    settings = addresses.kafka.consumer_config(
        "test", auto_offset_reset="earliest", enable_partition_eof=True
    )
    consumer = Consumer(settings)
    consumer.subscribe([TOPIC])
    found: list[bytes | None] = []
    deadline = Deadline.after(SystemClock(), PATIENCE_S)
    try:
        while not deadline.expired():
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error():
                return found  # the end of the partition
            found.append(message.value())
    finally:
        consumer.close()
    raise AssertionError("the end of the topic was not reached")


def _schema_id(addresses: Addresses) -> int:
    with SchemaRegistryClient({"url": addresses.registry.url}) as registry:
        return int(registry.register_schema("survivor", SCHEMA))


def test_data_and_ids_survive_kill_9_of_each_server_and_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data of a stack"
    events = Events()
    quick = RestartPolicy(first_pause_s=0.01)
    with EmbeddedStack(data, on_event=events, policy=quick) as stack:
        addresses = stack.addresses
        assert DataDirectory(data).find_running() == addresses
        with pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}"):
            EmbeddedStack(data).start()

        _create_topic(addresses)
        _produce(addresses, [b"one", b"two"], commit=True)
        _produce(addresses, [b"aborted"], commit=False)
        first_id = _schema_id(addresses)
        before = stack.pids()
        left_open = _leave_open(addresses)

        for server in ("kafka", "registry"):
            os.kill(before[server], signal.SIGKILL)
            died = events.wait_for(EventKind.DIED, server, 1)
            assert f"{server} was killed by SIGKILL" in died.message
            events.wait_for(EventKind.READY, server, 2)
        after = stack.pids()
        assert set(before.values()).isdisjoint(after.values())

        assert _committed(addresses) == [b"one", b"two"]
        _produce(addresses, [b"three"], commit=True)
        everything = [b"one", b"two", b"three"]
        assert _committed_in_time(addresses, everything) == everything
        del left_open
        assert _schema_id(addresses) == first_id
    assert _all_gone(*before.values(), *after.values())

    with EmbeddedStack(data) as stack:
        assert stack.addresses == addresses
        assert _committed(addresses) == [b"one", b"two", b"three"]
        assert _schema_id(addresses) == first_id
        last = stack.pids()
    assert _all_gone(*last.values())
    with pytest.raises(ConfigurationError, match="no stack is running"):
        DataDirectory(data).find_running()


UP = """
import sys
from pathlib import Path
from deploy.embedded import EmbeddedStack, interruptible
with interruptible():
    try:
        with EmbeddedStack(Path(sys.argv[1])) as stack:
            worker = stack.worker("worker", [sys.executable, "-c", "import time; time.sleep(600)"])
            stack.start_workers(worker)
            print(*stack.pids().values(), flush=True)
            stack.wait()
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL])
def test_no_process_outlives_the_one_that_supervises(tmp_path: Path, end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", UP, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 3
        assert all(psutil.pid_exists(pid) for pid in pids)
        process.send_signal(end)
        code = process.wait(PATIENCE_S)
        said = process.stdout.read()
    assert (code, said) == ((-9, "") if end is signal.SIGKILL else (0, "stopped\n"))
    assert _all_gone(*pids)
    DataDirectory(tmp_path).acquire()  # given up, in whatever way it ended


def test_a_server_that_cannot_start_is_said_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    events = Events()
    broken = tmp_path / "kafka" / "log"
    broken.mkdir(parents=True)
    (broken / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=7\n")
    with pytest.raises(ChildStartError, match=r"kafka ended by itself.*node.?id") as failed:
        EmbeddedStack(tmp_path, on_event=events).start()
    assert "\n" not in str(failed.value)
    assert str(tmp_path / "logs" / "kafka.log") in str(failed.value)
    assert _all_gone(*(event.pid for event in events.seen if event.pid))
    DataDirectory(tmp_path).acquire()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (StackOptions(java=Path("/nowhere/java")), "no-java"),
        (StackOptions(min_free_bytes=1 << 60), "no-disk"),
        (StackOptions(cache_dir=Path("/dev/null")), "cache-unusable"),
    ],
)
def test_what_is_wrong_before_the_start_is_said_before_the_start(
    tmp_path: Path, options: StackOptions, code: str
) -> None:
    events = Events()
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedStack(tmp_path, options=options, on_event=events).start()
    assert refused.value.code == code
    assert "\n" not in str(refused.value)
    assert events.seen == []


def test_a_port_that_is_taken_is_refused_before_the_start(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        options = StackOptions(registry_port=port)
        with pytest.raises(ConfigurationError, match=f"port {port}.*is taken by") as refused:
            EmbeddedStack(tmp_path, options=options).start()
    assert refused.value.code == "port-taken"
