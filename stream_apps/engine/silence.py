"""Where a partition stands still though the log goes on, and the client tells no error.

Of a gzip batch in two members, which a broker takes, librdkafka decompresses the first and says
nothing of what it then can't parse: it fetches the batch again and again, and nothing of the
partition comes after it. Only a second client that is as silent at that offset proves it: any other
reason to stand still (an open transaction, an aborted one at the end, a slow broker) lets it reach
the end or a record. A broker that is away or hangs proves nothing: it must have told that client
where the log ends. And what is not compressed is never stepped over.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.clock import Clock
from schemas.connections import KafkaConnection
from schemas.errors import RetryableError
from stream_apps.engine.records import Consumed, Partition
from stream_apps.engine.unread import step_over

__all__ = ["Silence"]

log = structlog.get_logger(__name__)

_PROOF_S = 10.0
"""How long another client is waited for."""


class Silence:
    """Looks where a consumer's partitions stand, at one a call; `after_s` is how long one may."""

    def __init__(self, kafka: KafkaConnection, clock: Clock, after_s: float) -> None:
        self._kafka = kafka
        self._clock = clock
        self._after_s = after_s
        self._stands: dict[Partition, tuple[int, float, int]] = {}
        """The position, since when, and up to which end somebody looked already."""

    def broken(self, consumer: Consumer, positions: Mapping[Partition, int]) -> list[Consumed]:
        """The batch that the client is silent about, as a record; the consumer is behind it.

        A look takes 10 s and more, in which the consumer is not asked: one a call.
        """
        now_s = self._clock.monotonic_s()
        self._stands = {p: stand for p, stand in self._stands.items() if p in positions}
        for where, position in positions.items():
            offset, since_s, looked = self._stands.get(where, (-1, now_s, -1))
            if offset != position:
                self._stands[where] = (position, now_s, -1)
                continue
            end = consumer.get_watermark_offsets(TopicPartition(*where), cached=True)[1]
            if end <= max(position, looked) or now_s - since_s < self._after_s:
                continue
            self._stands[where] = (position, self._clock.monotonic_s(), end)
            try:
                if _is_silent(self._kafka, where, position):
                    return [step_over(self._kafka, consumer, where, position, "no error told")]
            except (KafkaException, RetryableError) as failure:
                self._stands[where] = (position, self._clock.monotonic_s(), -1)
                log.warning("engine.silence", error=str(failure))
            return []
        return []


def _is_silent(kafka: KafkaConnection, where: Partition, offset: int) -> bool:
    """Whether a client of its own hears nothing from this offset on: no record, error or end.

    And that from a broker that answers it.
    """
    consumer = Consumer(kafka.consumer_config("liaison-reading", enable_partition_eof=True))
    try:
        place = TopicPartition(*where, offset)
        consumer.assign([place])
        if consumer.consume(1, _PROOF_S):
            return False
        _, end = consumer.get_watermark_offsets(place, cached=True)
        return bool(end > offset)
    finally:
        consumer.close()
