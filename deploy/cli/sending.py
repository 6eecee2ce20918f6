"""Records that an operator sends: all taken by the broker, or an error that names those that are
not. Whoever sends says under which word each is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deploy.cli.printing import Told

if TYPE_CHECKING:
    from confluent_kafka import Producer

    from schemas.connections import KafkaConnection
    from stream_apps.engine import Produced

__all__ = ["send"]

_PATIENCE_S = 30.0
_STEP_S = 0.1
_NAMED = 5


def send(
    kafka: KafkaConnection,
    named: Sequence[tuple[str, Produced]],
    told: Told,
    *,
    patience_s: float = _PATIENCE_S,
) -> None:
    """Send records, each beside its name; as many as the client holds at once, and so on.

    Raises:
        RetryableError: the broker took none for `patience_s`, or refused some.
    """
    from confluent_kafka import Producer

    from producers.stream import quiet_logger
    from schemas.errors import RetryableError

    producer = Producer(kafka.producer_config(), logger=quiet_logger())
    sending = _Sending(producer, named, told, patience_s)
    left = sending.all_but()
    failed = sending.failed
    if left or failed:
        more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        raise RetryableError(
            f"{left + len(failed)} of {len(named)} records were not taken "
            f"({'; '.join(failed[:_NAMED]) or 'the broker did not answer'}{more}): send again, it "
            "is harmless",
            code="not-sent",
        )


class _Sending:
    """How far one sending is: how many the broker took, and what it refused."""

    def __init__(
        self,
        producer: Producer,
        named: Sequence[tuple[str, Produced]],
        told: Told,
        patience_s: float,
    ) -> None:
        self._producer = producer
        self._named = named
        self._told = told
        self._patience_s = patience_s
        self._answered = 0
        self.failed: list[str] = []

    def all_but(self) -> int:
        """Send all; how many are without an answer when the broker has been silent for too long."""
        for name, record in self._named:
            while not self._is_queued(name, record):
                if not self._waited_well():
                    return len(self._named) - self._answered
        while self._answered < len(self._named) and self._waited_well():
            pass
        return len(self._named) - self._answered

    def _is_queued(self, name: str, record: Produced) -> bool:
        """Whether the client had room for a record."""

        def delivered(error: Any, _sent: Any) -> None:
            self._answered += 1
            if error is not None:
                self.failed.append(f"{name}: {error}")

        try:
            self._producer.produce(
                record.topic, record.value, record.key, record.partition,
                headers=list(record.headers), on_delivery=delivered,
            )  # fmt: skip
        except BufferError:
            return False
        self._producer.poll(0)
        return True

    def _waited_well(self) -> bool:
        """Wait for the next answer; False if none came in time."""
        from schemas.clock import Deadline, SystemClock

        before, patience = self._answered, Deadline.after(SystemClock(), self._patience_s)
        while self._answered == before and not patience.expired():
            self._producer.poll(min(_STEP_S, patience.remaining()))
        self._told("sending", self._answered, len(self._named))
        return self._answered > before
