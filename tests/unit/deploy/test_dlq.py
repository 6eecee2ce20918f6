"""What `liaison dlq replay` puts back, judged by the headers that dead-letter records carry."""

from __future__ import annotations

import pytest

from deploy.cli.dlq import _is_replayable, _replay
from schemas.connections import KafkaConnection
from schemas.errors import PermanentError
from schemas.headers import Disposition, Refusal, read_refusal, refusal_headers
from schemas.models import Arrest
from schemas.topics import FACTS, dlq_topic, region_partition
from stream_apps.engine import Consumed, Produced
from stream_apps.router.driver import RouterDriver

NOBODY = KafkaConnection("127.0.0.1:1")
DRIVER = RouterDriver()


def dead(record: Produced, offset: int) -> Consumed:
    """A dead-letter record as it is read back."""
    return Consumed(
        record.topic, 0, offset, DRIVER.now_ms, record.key, record.value, record.headers
    )


def refused_by_the_router(offset: int) -> Consumed:
    produced = DRIVER.feed(DRIVER.raw("FR", b"no event"))
    return dead(produced[dlq_topic("europe")][0], offset)


def refused_by_surge_alone(offset: int) -> Consumed:
    """A mini-block that the cutter has cut, as the surge worker writes it when it can't read it."""
    arrest = Arrest.model_validate({"occurred_at": "2025-11-01T00:00:00Z"})
    (block,) = DRIVER.feed(DRIVER.record("FR", arrest))[FACTS]
    refusal = Refusal(
        "internal", Disposition.QUARANTINED, "KeyError: 'facts'", "surge", FACTS,
        region_partition("europe"), 7, DRIVER.now_ms,
    )  # fmt: skip
    headers = refusal_headers(block.headers, refusal)
    return dead(Produced(dlq_topic("europe"), block.key, block.value, headers), offset)


def test_what_the_router_refused_may_be_replayed() -> None:
    assert _is_replayable(read_refusal(refused_by_the_router(11).headers))


def test_what_surge_alone_refused_was_counted_and_is_not_replayed() -> None:
    found = [
        (record, read_refusal(record.headers))
        for record in (refused_by_the_router(11), refused_by_surge_alone(12))
    ]
    assert [_is_replayable(refusal) for _, refusal in found] == [True, False]
    with pytest.raises(PermanentError, match=r"^dlq\.europe/0/12: .*count twice") as caught:
        _replay(NOBODY, found)
    assert caught.value.code == "not-replayable"
