"""A loader as a process of its own that can be told where to die; run by test_loader_kafka."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from typing import Any

from schemas.connections import ClickHouseConnection, KafkaConnection
from sinks.clickhouse import Loader, LoaderSettings
from sinks.clickhouse.chunks import StrikeChunks
from sinks.clickhouse.landing import BlockLander

STEPS: dict[str, tuple[type, str]] = {
    "plan": (StrikeChunks, "_plan"),
    "compensate": (StrikeChunks, "_compensate"),
    "book": (StrikeChunks, "_book"),
    "mark": (BlockLander, "_move_mark"),
}
"""What follows a block's insert, in order: class and method."""


def die_before(step: str, times: int) -> None:
    """kill -9 before this step, when it comes for the n-th time."""
    owner, name = STEPS[step]
    original, calls = getattr(owner, name), itertools.count(1)

    def step_or_death(*arguments: Any) -> Any:
        if next(calls) == times:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(owner, name, step_or_death)


def main() -> None:
    bootstrap, port, password, topic, refused, step, times = sys.argv[1:]
    die_before(step, int(times))
    Loader(
        KafkaConnection(bootstrap),
        ClickHouseConnection("127.0.0.1", int(port), "loader", password),
        settings=LoaderSettings(
            group_id=f"loader-{topic}", blocks_topic=topic, refused_topic=refused
        ),
    ).run(threading.Event())


if __name__ == "__main__":
    main()
