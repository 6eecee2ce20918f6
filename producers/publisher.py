"""Where a bureau's system hands its events over.

Invariants: when `publish` returns, the event is durable in the outbox under the number that the
receipt names; when it raises, nothing of the call was taken. A publisher sends nothing itself: a
`Sender` empties the outbox. Publishers are cheap; many of them share one outbox and one sender.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from producers.account import Draft, LaneKey, Receipt
from producers.encoding import EventEncoder
from producers.outbox import Outbox
from schemas.catalogue import Catalogue
from schemas.clock import Clock
from schemas.errors import ConfigurationError, PermanentError
from schemas.headers import SYSTEM_NAME, UNATTRIBUTED
from schemas.models import Event, event_lane
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import source_topic

__all__ = ["PRODUCER", "Publisher", "publish_many"]

PRODUCER = ("liaison-publisher", "1")
"""The software named in an event unless its caller names another."""


class Publisher:
    """One source system of one bureau."""

    def __init__(
        self,
        bureau: str,
        system: str,
        *,
        outbox: Outbox,
        catalogue: Catalogue,
        ids: SchemaIds,
        reference: Reference,
        clock: Clock,
        producer: tuple[str, str] = PRODUCER,
    ) -> None:
        if bureau not in reference.publishers:
            raise ConfigurationError(
                f"{bureau!r} is no member bureau (ISO 3166 alpha-2) or XP: only they publish",
                code="unknown-publisher",
            )
        if not SYSTEM_NAME.match(system) or system == UNATTRIBUTED:
            raise ConfigurationError(
                f"system {system!r} of bureau {bureau}: give 1 to 40 of a-z 0-9 . _ -, "
                f"beginning with a letter or digit, and not {UNATTRIBUTED!r}",
                code="bad-system",
            )
        self.bureau = bureau
        self.system = system
        self.outbox = outbox
        self._catalogue = catalogue
        self._ids = ids
        self._reference = reference
        self._clock = clock
        self._producer = producer
        self._region = -1, ""
        self._encoders: dict[str, tuple[LaneKey, EventEncoder]] = {}

    def publish(self, event: Event) -> Receipt:
        """Hand one event over; durable when this returns. See `publish_many` for errors."""
        return self.publish_many((event,))[0]

    def publish_many(self, events: Iterable[Event]) -> list[Receipt]:
        """Hand events over, all or none, with one fsync; receipts in the events' order.

        Raises:
            PermanentError: `event-id-reused`, `too-large`, `unencodable`.
            RetryableError: `outbox-full`, `outbox-disk-full`, `outbox-io`.
        """
        return publish_many(self.outbox, ((self, event) for event in events))

    def draft(self, event: Event, now_ms: int) -> Draft:
        """The event as the outbox takes it, published at that instant."""
        lane, encoder = self._encoders.get(event.kind) or self._encoder(event)
        content = encoder.content(event, now_ms)
        if self._region[0] != now_ms:
            self._region = now_ms, self._reference.region_of(self.bureau, now_ms)
        return Draft(
            lane,
            event.event_id,
            content.digest,
            source_topic(self._region[1], lane.lane),
            partial(encoder.value, content),
        )

    def _encoder(self, event: Event) -> tuple[LaneKey, EventEncoder]:
        lane = LaneKey(self.bureau, self.system, event_lane(event))
        schema = self._catalogue.event(event.kind)
        try:
            schema_id = self._ids.id_of(schema)
        except KeyError as error:
            raise PermanentError(
                f"the registry's ids name no schema of kind {event.kind}: run `liaison provision`",
                code="unknown-schema",
            ) from error
        made = lane, EventEncoder(schema, schema_id, lane, self._producer)
        self._encoders[event.kind] = made
        return made

    @property
    def now_ms(self) -> int:
        return self._clock.now_ms()


def publish_many(outbox: Outbox, items: Iterable[tuple[Publisher, Event]]) -> list[Receipt]:
    """Hand over events of many publishers of one outbox, all or none, with one fsync.

    Raises:
        ConfigurationError: a publisher has another outbox.
        PermanentError, RetryableError: as `Publisher.publish_many`.
    """
    drafts: list[Draft] = []
    now_ms = 0
    for publisher, event in items:
        if publisher.outbox is not outbox:
            raise ConfigurationError(
                f"publisher {publisher.bureau}/{publisher.system} writes to "
                f"{publisher.outbox.path}, not to {outbox.path}: one call, one outbox"
            )
        now_ms = now_ms or publisher.now_ms
        drafts.append(publisher.draft(event, now_ms))
    return outbox.accept(drafts)
