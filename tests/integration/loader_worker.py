"""A loader as a process of its own that can be told where to die; run by test_loader_kafka."""

from __future__ import annotations

import os
import signal
import sys
import threading

from schemas.connections import ClickHouseConnection, KafkaConnection
from sinks.clickhouse import Loader, LoaderSettings
from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.statements import BlockPosition


def die_after_inserts(blocks: int) -> None:
    """kill -9 once this many blocks are inserted, before the last one's mark."""
    move_mark = BlockLander._move_mark
    seen: list[BlockPosition] = []

    def moved(self: BlockLander, position: BlockPosition) -> None:
        seen.append(position)
        if len(seen) == blocks:
            os.kill(os.getpid(), signal.SIGKILL)
        move_mark(self, position)

    BlockLander._move_mark = moved  # type: ignore[method-assign]


def main() -> None:
    bootstrap, port, topic, refused, blocks = sys.argv[1:]
    die_after_inserts(int(blocks))
    Loader(
        KafkaConnection(bootstrap),
        ClickHouseConnection("127.0.0.1", int(port)),
        settings=LoaderSettings(
            group_id=f"loader-{topic}", blocks_topic=topic, refused_topic=refused
        ),
    ).run(threading.Event())


if __name__ == "__main__":
    main()
