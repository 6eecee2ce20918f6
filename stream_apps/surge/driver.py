"""Faust's Kafka driver, made to keep what the stream promises.

Three things differ from `faust.transport.drivers.aiokafka`:

- the consumer reads committed records only (Faust's own reads aborted ones too, unless its broken
  exactly-once mode is on), so an aborted transaction of the router raises no count;
- the producer is idempotent and waits for all replicas;
- after an assignment the source is read from where the restored table ends, not from the offsets
  that the group committed: a commit that ran ahead of its table loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import faust
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as base
from yarl import URL

from schemas.errors import ConfigurationError

__all__ = ["CommittedConsumer", "CommittedTransport", "CommittingApp", "IdempotentProducer"]

_COMMITTED = "read_committed"
_ISOLATION = "_isolation_level"

NextOffset = Callable[[str, int], int | None]
"""From a topic and partition to the offset that a table wants next, or None."""


class _CommittedThread(base.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, _ISOLATION):
            raise ConfigurationError(
                "this release of aiokafka keeps its isolation level elsewhere: "
                "pin the release of requirements.lock"
            )
        # Faust offers no setting for it; aiokafka reads it when it starts.
        setattr(consumer, _ISOLATION, _COMMITTED)
        return consumer


class CommittedConsumer(base.Consumer):
    """Reads committed, from where the tables end."""

    def _new_consumer_thread(self) -> Any:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        await super().perform_seek()
        wanted_offset: NextOffset | None = getattr(self.app, "next_offset", None)
        if wanted_offset is None:
            return
        for partition in self.assignment():
            wanted = wanted_offset(partition.topic, partition.partition)
            if wanted is not None and wanted != self._committed_offset.get(ensure_TP(partition)):
                await self.seek(partition, wanted)


class IdempotentProducer(base.Producer):
    """A broker's retry writes nothing twice."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class CommittedTransport(base.Transport):
    """The driver: both of the above."""

    Consumer: ClassVar[Any] = CommittedConsumer
    Producer: ClassVar[Any] = IdempotentProducer


class CommittingApp(faust.App):
    """A Faust application on this driver; `next_offset` is asked after each recovery."""

    next_offset: NextOffset | None = None

    def _new_transport(self) -> Any:
        return CommittedTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return CommittedTransport(self.conf.broker_producer, self)


def broker_urls(bootstrap_servers: str) -> list[URL]:
    """Faust's form of a list of brokers."""
    return [URL(f"kafka://{server.strip()}") for server in bootstrap_servers.split(",") if server]
