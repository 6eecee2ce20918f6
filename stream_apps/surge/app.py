"""The Faust application: facts in, counts in a table with a changelog, alerts out.

One record of `facts` is handled like this, and only then acknowledged: decode it, count it into
its region's state, send the alerts it shows and wait for them, write the state to the table and
wait for its changelog. A crash anywhere repeats the record from the state before it, so it repeats
the same alert ids and the same state.

Only the record that follows on what is counted is counted (see `driver`); any other is read again
in its turn. Each worker so goes along the one possible sequence of states, whatever was lost,
repeated or written late around a rebalance.

The General Secretariat's region has no desk and so no alerts: its records are read, and the state
moves past them uncounted. So it does past a record that can't be counted, which goes to the
dead-letter queue of its region. A failure of Kafka is never a record's fault, nor is a schema that
only another process may know: it is handed to `on_failure`, the record stays unacknowledged, and
whoever runs the application stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import faust
import structlog
from faust.types import TP, EventT

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.errors import LiaisonError, RetryableError
from schemas.headers import Disposition, Refusal, refusal_headers
from schemas.registry import SchemaIds
from schemas.topics import (
    FACTS,
    SOURCE_REGIONS,
    alerts_topic,
    dlq_topic,
)
from stream_apps.engine import Consumed
from stream_apps.surge.counting import count_record, pass_by
from stream_apps.surge.driver import CommittingApp, Source
from stream_apps.surge.watch import Place
from stream_apps.surge.windows import RegionState, Surge, SurgeSettings

__all__ = ["SurgeCounter", "SurgeTopics"]

_TABLE = "windows"
_STAGE = "surge"
_LOOK_EVERY_S = 1.0
_ALERT = "liaison.alerts.Alert"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SurgeTopics:
    """The consumer group and the topics; the defaults are the declared ones."""

    app_id: str = "liaison-surge"
    facts: str = FACTS
    prefix: str = ""
    """Set before the names of alert and dead-letter topics."""

    @property
    def changelog(self) -> str:
        """Named by Faust after application and table; as many partitions as `facts`."""
        return f"{self.app_id}-{_TABLE}-changelog"

    def alerts(self, region: str) -> str:
        return self.prefix + alerts_topic(region)

    def dlq(self, region: str) -> str:
        return self.prefix + dlq_topic(region)


class _AcknowledgedTable(faust.Table[bytes, bytes]):
    """A table that can tell when its last change is on the broker."""

    _unacknowledged: Any = None

    def send_changelog(self, *arguments: Any, **options: Any) -> Any:
        self._unacknowledged = super().send_changelog(*arguments, **options)
        return self._unacknowledged

    async def acknowledged(self) -> None:
        """Wait for the changelog of the last change; raises what the producer raised."""
        if self._unacknowledged is not None:
            await self._unacknowledged
            self._unacknowledged = None


class SurgeCounter:
    """What the agent does with one record; holds the table."""

    def __init__(
        self,
        app: CommittingApp,
        catalogue: Catalogue,
        schema_ids: SchemaIds,
        settings: SurgeSettings,
        topics: SurgeTopics,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._app = app
        self._ids = schema_ids
        self._settings = settings
        self._topics = topics
        self._on_failure = on_failure
        self._alert_schema = catalogue.schema(_ALERT)
        app.conf.Table = _AcknowledgedTable  # type: ignore[assignment]
        self._table: Any = app.Table(
            _TABLE,
            partitions=len(SOURCE_REGIONS),
            key_type=bytes,
            value_type=bytes,
            help="Counts of the last windows, one value a region.",
        )
        app.source = Source(topics.facts, self.next_offset)
        facts = app.topic(
            topics.facts,
            partitions=len(SOURCE_REGIONS),
            key_type=bytes,
            key_serializer="raw",
            value_type=bytes,
            value_serializer="raw",
            allow_empty=True,
        )
        app.agent(facts, name="count-facts")(self._count_all)
        app.timer(_LOOK_EVERY_S)(self._look_for_lost)
        self._seen: dict[int, tuple[int | None, int]] = {}

    def next_offset(self, partition: int) -> int:
        """Where the table wants the facts of a partition to be read from."""
        return self._state(SOURCE_REGIONS[partition]).counted_offset + 1

    def places(self) -> dict[int, Place]:
        """How far each assigned partition is, for a watch; from any thread."""
        app: Any = self._app
        restored = app.tables.recovery.active_offsets
        return {
            partition: Place(
                app.consumer_generation_id,
                self.next_offset(partition),
                restored.get(TP(self._topics.changelog, partition)),
            )
            for partition in app.consumer.handed_out()
        }

    async def _count_all(self, stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await self._count(event)
            except Exception as failure:
                self._on_failure(failure)
                # Never acknowledged: the record is counted after the restart.
                await asyncio.Event().wait()
            await stream.ack(event)

    async def _look_for_lost(self) -> None:
        """Have read again what was handed out to Faust and never came here."""
        consumer: Any = self._app.consumer
        seen = {
            partition: (offset, self.next_offset(partition) - 1)
            for partition, offset in consumer.handed_out().items()
        }
        for partition, (offset, counted) in seen.items():
            lost = offset is None or offset > counted
            unmoved = self._seen.get(partition) == (offset, counted)
            if lost and unmoved and not self._app.rebalancing:
                _log.info("reading again", partition=partition, from_offset=counted + 1)
                await consumer.read_again(partition, counted + 1)
        self._seen = seen

    async def _count(self, event: EventT[Any]) -> None:
        message: Any = event.message
        region = SOURCE_REGIONS[message.partition]
        state = self._state(region)
        consumer: Any = self._app.consumer
        follows_on = consumer.follows_on(message, state.counted_offset)
        if message.offset <= state.counted_offset or follows_on is None:
            return
        if not follows_on:
            await consumer.read_again(message.partition, state.counted_offset + 1)
            return
        record = _consumed(message)
        surges: list[Surge] = []
        try:
            surges = count_record(record, state, self._ids, self._settings)
        except RetryableError:
            raise
        except Exception as error:
            await self._refuse(record, region, error)
            state = self._state(region)
            pass_by(record, state)
        for surge in surges:
            await self._alert(surge)
        self._table[region.encode()] = state.pack()
        await self._table.acknowledged()

    def _state(self, region: str) -> RegionState:
        packed = self._table.data.get(region.encode())
        if packed is None:
            return RegionState(region, self._settings.window_ms)
        return RegionState.unpack(packed, self._settings)

    async def _alert(self, surge: Surge) -> None:
        body = wire.encode(self._alert_schema.plain, surge.record())
        value = wire.frame(self._ids.id_of(self._alert_schema), body)
        await self._send(self._topics.alerts(surge.region), surge.id.encode(), value, None)
        _log.info(
            "surge",
            region=surge.region,
            category=surge.category,
            window_start_ms=surge.window_start_ms,
            observed=surge.observed,
            expected=round(surge.expected, 2),
            p_value=surge.p_value,
        )

    async def _refuse(self, record: Consumed, region: str, error: Exception) -> None:
        code = error.code if isinstance(error, LiaisonError) else "internal"
        refusal = Refusal(
            code=code,
            disposition=Disposition.QUARANTINED,
            reason=f"{type(error).__name__}: {error}",
            stage=_STAGE,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp_ms=record.timestamp_ms,
        )
        headers = refusal_headers(record.headers, refusal)
        await self._send(self._topics.dlq(region), record.key, record.value, headers)
        _log.warning(
            "refused",
            code=code,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )

    async def _send(self, topic: str, key: bytes | None, value: bytes | None, headers: Any) -> None:
        await self._app.producer.send_and_wait(topic, key, value, None, None, headers)


def _consumed(message: Any) -> Consumed:
    return Consumed(
        message.topic,
        message.partition,
        message.offset,
        int((message.timestamp or 0) * 1000),
        message.key,
        message.value,
        list(message.headers or ()),
    )
