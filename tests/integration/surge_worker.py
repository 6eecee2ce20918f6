"""A surge detector as a process of its own, to be killed: `python -m … '<settings as JSON>'`.

`fault` makes it one that stands still after its first facts: `reads-nothing` hands no more records
on, `thread-hangs` blocks the consumer's thread for good.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from schemas.connections import KafkaConnection, RegistryConnection
from stream_apps.surge import SurgeSettings, SurgeTopics, run_surge
from stream_apps.surge.driver import CommittedConsumer, CommittedTransport


class ConsumerThatReadsNothing(CommittedConsumer):
    """Reads one batch of facts and nothing after it."""

    done = False

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        records = await super()._getmany(active_partitions, timeout)
        facts = {tp for tp in records if tp.topic == given["facts"]}
        if self.done:
            return {tp: batch for tp, batch in records.items() if tp not in facts}
        self.done = bool(facts)
        return records


class ConsumerWithAThreadThatHangs(CommittedConsumer):
    """Reads one batch of facts; then its thread does nothing for ever."""

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        records = await super()._getmany(active_partitions, timeout)
        if any(tp.topic == given["facts"] for tp in records):
            thread: Any = self._thread
            thread.thread_loop.call_soon_threadsafe(time.sleep, 3600)
        return records


FAULTS = {
    "reads-nothing": ConsumerThatReadsNothing,
    "thread-hangs": ConsumerWithAThreadThatHangs,
}

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    if given["fault"] is not None:
        CommittedTransport.Consumer = FAULTS[given["fault"]]
    run_surge(
        KafkaConnection(given["kafka"]),
        RegistryConnection(given["registry"]),
        Path(given["data_dir"]),
        SurgeSettings(**given["settings"]),
        SurgeTopics(given["app_id"], given["facts"], given["prefix"]),
        session_timeout_s=2.0,
        standstill_s=given["standstill_s"],
    )
