"""Records that an operator sends: all taken by the broker, or an error that names those that are
not. Whoever sends says under which word each is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deploy.cli.printing import Told

if TYPE_CHECKING:
    from schemas.connections import KafkaConnection
    from stream_apps.engine import Produced

__all__ = ["send"]

_SENT_WITHIN_S = 30.0
_STEP_S = 0.1


def send(kafka: KafkaConnection, named: Sequence[tuple[str, Produced]], told: Told) -> None:
    """Send records, each beside its name.

    Raises:
        RetryableError: the broker did not take all of them.
    """
    from confluent_kafka import Producer

    from schemas.clock import Deadline, SystemClock
    from schemas.errors import RetryableError

    producer = Producer(kafka.producer_config())
    failed: list[str] = []
    for name, record in named:

        def delivered(error: Any, _sent: Any, name: str = name) -> None:
            if error is not None:
                failed.append(f"{name}: {error}")

        producer.produce(
            record.topic, record.value, record.key, record.partition,
            headers=list(record.headers), on_delivery=delivered,
        )  # fmt: skip
        producer.poll(0)
    deadline = Deadline.after(SystemClock(), _SENT_WITHIN_S)
    while (left := producer.flush(_STEP_S)) and not deadline.expired():
        told("sending", len(named) - left, len(named))
    if left or failed:
        raise RetryableError(
            f"{left + len(failed)} of {len(named)} records were not taken "
            f"({'; '.join(failed) or 'the broker did not answer'}): send again, it is harmless",
            code="not-sent",
        )
