"""Faust's Kafka driver, made to keep what the stream promises.

What differs from `faust.transport.drivers.aiokafka`:

- the consumer reads committed records only (Faust's own reads aborted ones too, unless its broken
  exactly-once mode is on), so an aborted transaction of the router raises no count;
- the producer is idempotent and waits for all replicas;
- a seek is done in the consumer's thread, between two fetches; a partition that was lost since
  needs none, and has no end to ask for either;
- a source is read from where the table ends, not from the offsets that the group committed;
- every record of a source knows which record it follows. Around a rebalance Faust seeks while it
  fetches and empties its queues, and so loses records that it then commits as done (seen: one
  transaction's worth in a third of the runs with two workers). Whoever counts refuses a record
  that does not follow on what was counted, and has it read again from there.

A *run* of a partition is what is read between two seeks; a record of an earlier run is stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import faust
from aiokafka.errors import IllegalStateError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as base
from faust.types import TP
from yarl import URL

from schemas.errors import ConfigurationError

__all__ = ["CommittedConsumer", "CommittedTransport", "CommittingApp", "IdempotentProducer"]

_COMMITTED = "read_committed"
_ISOLATION = "_isolation_level"

NextOffset = Callable[[int], int]
"""From a partition of the source to the offset that the table wants next."""


@dataclass(frozen=True, slots=True)
class _Place:
    """In which run a record was read, and the offset of the record before it, if known."""

    run: int
    follows: int | None


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

    async def seek_here(self, partition: TP, offset: int) -> None:
        """Seek; for this thread's own loop. Nothing is sought in a partition that was lost."""
        try:
            self.seek(partition, offset)
        except (IllegalStateError, AssertionError):
            if partition in self.assignment():
                raise


class CommittedConsumer(base.Consumer):
    """Reads committed, from where the table ends, and tells what follows on what."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._runs: dict[TP, int] = {}
        self._begins: dict[TP, int] = {}
        self._handed_out: dict[TP, int] = {}
        self._places: dict[tuple[TP, int], _Place] = {}
        super().__init__(*arguments, **options)

    def _new_consumer_thread(self) -> Any:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)

    def follows_on(self, message: Any, counted_offset: int) -> bool | None:
        """Whether no record lies between what was counted and this one; None if it is stale."""
        place: _Place = message.place
        if place.run != self._runs.get(message.tp, 0):
            return None
        return place.follows is not None and place.follows <= counted_offset

    def handed_out(self) -> dict[int, int | None]:
        """The last record handed out of each partition of the source; None where not known."""
        return {tp.partition: self._handed_out.get(tp) for tp in self._source_partitions()}

    async def read_again(self, partition: int, offset: int) -> None:
        """Go on reading a partition of the source from this offset."""
        await self.seek(TP(_source_of(self.app).topic, partition), offset)

    async def seek(self, partition: TP, offset: int) -> None:
        tp = ensure_TP(partition)
        # Before and after: what is fetched meanwhile may be of either side.
        self._new_run(tp)
        await super().seek(partition, offset)
        self._new_run(tp)
        self._begins[tp] = offset
        self._handed_out[tp] = offset - 1

    async def _seek(self, partition: TP, offset: int) -> None:
        # Faust's own seeks from its own thread, while the consumer's thread walks the very
        # records that a seek throws away: a KeyError there ends the worker. Its queue of calls is
        # passed by: in a rebalance what stands in it may wait for the assignment.
        thread: Any = self._thread
        done = asyncio.run_coroutine_threadsafe(
            thread.seek_here(partition, offset), thread.thread_loop
        )
        await asyncio.wrap_future(done)

    def highwater(self, tp: TP) -> Any:
        """Where a partition ends; None where it is not known, as in one that was lost."""
        try:
            return super().highwater(tp)
        except (AssertionError, AttributeError):
            if tp in self.assignment():
                raise
            return None

    async def perform_seek(self) -> None:
        for tp in self._source_partitions():
            self._new_run(tp)
        await super().perform_seek()
        wanted = _source_of(self.app).next_offset
        for tp in self._source_partitions():
            begin = wanted(tp.partition)
            await self.seek(tp, begin)
            # Faust commits only what follows on its last commit without a gap: what the table holds
            # beyond that is never read again, and would keep every later commit back.
            self._committed_offset[tp] = begin or None

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        for tp in revoked:
            self._new_run(ensure_TP(tp))
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        for tp in assigned:
            self._new_run(ensure_TP(tp))
        await super().on_partitions_assigned(assigned, generation_id)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        source = _source_of(self.app).topic
        message: Any
        async for tp, message in super().getmany(timeout):
            if tp.topic != source:
                yield tp, message
                continue
            run = message.place.run
            if run != self._runs.get(tp, 0):
                continue
            yield tp, message
            if run != self._runs.get(tp, 0):
                # A seek came while Faust handed it on, and Faust noted its offset after: undo
                # that, or it would drop what is read again below it.
                self._read_offset[tp] = self._begins.get(tp) or None

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        runs = dict(self._runs)
        records = await super()._getmany(active_partitions, timeout)
        source = _source_of(self.app).topic
        self._places = {}
        for partition, batch in (records or {}).items():
            if partition.topic != source:
                continue
            tp = ensure_TP(partition)
            run = runs.get(tp, 0)
            if run != self._runs.get(tp, 0):
                # Nobody can say from which side of the seek these are.
                self._handed_out.pop(tp, None)
            follows = self._handed_out.get(tp)
            for record in batch:
                self._places[tp, record.offset] = _Place(run, follows)
                if follows is not None:
                    follows = record.offset
            if follows is not None:
                self._handed_out[tp] = follows
        return records

    def _to_message(self, tp: TP, record: Any) -> Any:
        message: Any = super()._to_message(tp, record)
        message.place = self._places.pop((ensure_TP(tp), record.offset), _Place(-1, None))
        return message

    def _new_run(self, tp: TP) -> None:
        self._runs[tp] = self._runs.get(tp, 0) + 1
        self._handed_out.pop(tp, None)

    def _source_partitions(self) -> list[TP]:
        source = _source_of(self.app).topic
        return [ensure_TP(tp) for tp in self.assignment() if tp.topic == source]


class IdempotentProducer(base.Producer):
    """A broker's retry writes nothing twice."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class CommittedTransport(base.Transport):
    """The driver: both of the above."""

    Consumer: ClassVar[Any] = CommittedConsumer
    Producer: ClassVar[Any] = IdempotentProducer


@dataclass(frozen=True, slots=True)
class Source:
    """The topic that is counted, and where its table wants each partition to go on."""

    topic: str
    next_offset: NextOffset


class CommittingApp(faust.App):
    """A Faust application on this driver. Set `source` before it starts."""

    source: Source | None = None

    def _new_transport(self) -> Any:
        return CommittedTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return CommittedTransport(self.conf.broker_producer, self)


def broker_urls(bootstrap_servers: str) -> list[URL]:
    """Faust's form of a list of brokers."""
    return [URL(f"kafka://{server.strip()}") for server in bootstrap_servers.split(",") if server]


def _source_of(app: Any) -> Source:
    source: Source | None = app.source
    if source is None:
        raise ConfigurationError("the application has no source: set `app.source`")
    return source
