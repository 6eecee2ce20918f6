"""The real registry behind a gate: what a bureau publishes while the gate is shut arrives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from producers import Outbox, Sender, outbox_schema_ids
from schemas import wire
from schemas.catalogue import Catalogue
from schemas.clock import Deadline, SystemClock
from schemas.connections import RegistryConnection
from schemas.errors import RetryableError
from schemas.registry import fetch_schema_ids
from tests.conftest import Stack
from tests.integration.source_records import make_topic, read_topic
from tests.serving import gate
from tests.unit.producers.bureau_side import message, publisher

pytestmark = pytest.mark.stack
CLOCK = SystemClock()
PATIENCE_S = 60.0


@contextmanager
def gate_before(registry: RegistryConnection) -> Iterator[RegistryConnection]:
    """The same registry at another port, until the end of the block."""
    there = urlsplit(registry.url)
    with gate((there.hostname or "", there.port or 80)) as port:
        yield RegistryConnection(there._replace(netloc=f"127.0.0.1:{port}").geturl())


def test_what_is_published_while_the_registry_is_away_arrives_under_its_ids(
    stack: Stack, tmp_path: Path
) -> None:
    catalogue = Catalogue.load()
    topic = make_topic(stack.kafka)
    with gate_before(stack.registry) as registry:
        assert outbox_schema_ids(tmp_path, registry, catalogue).by_id == stack.ids.by_id
    with pytest.raises(RetryableError) as caught:
        fetch_schema_ids(registry, catalogue)
    assert caught.value.code == "registry-away"

    ids = outbox_schema_ids(tmp_path, registry, catalogue)
    with Outbox(tmp_path / "o", CLOCK) as outbox, Sender(outbox, stack.kafka, CLOCK) as sender:
        draft = publisher(outbox, ids=ids).draft(message(1), CLOCK.now_ms())
        outbox.accept([draft._replace(topic=topic)])
        assert sender.drain(Deadline.after(CLOCK, PATIENCE_S)) == 0
    (record,) = read_topic(stack.kafka, topic)
    schema = stack.ids.by_id[wire.schema_id_of(record.value)]
    event = wire.decode(schema.plain, record.value, offset=wire.FRAME_BYTES, whole=True)
    assert event["title"] == "request 1"
