"""A group's offsets into a transaction, within a time.

Where a broker that coordinates the group is shut down in order, librdkafka 2.16 forgets the call,
and the time that it was given (its issues 5511 and 5456): it never comes back. So the call has a
thread of its own, which is left behind then. The broker has aborted the transaction by that time,
and what helps is a restart of the process.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from schemas.errors import RetryableError

__all__ = ["send_offsets"]

_GRACE_S = 1.0


def send_offsets(
    producer: Producer, offsets: Sequence[TopicPartition], group: Any, timeout_s: float
) -> None:
    """Put offsets of a group (its metadata, as a consumer gives it) into the transaction.

    Raises:
        KafkaException: it can't be done.
        RetryableError: librdkafka does not come back (`offsets-not-taken`).
    """
    raised: list[BaseException] = []

    def send() -> None:
        try:
            producer.send_offsets_to_transaction(list(offsets), group, timeout_s)
        except BaseException as error:  # noqa: BLE001 - raised below, where it is waited for
            raised.append(error)

    call = threading.Thread(target=send, name="send-offsets", daemon=True)
    call.start()
    call.join(timeout_s + _GRACE_S)
    error = raised[0] if raised else None
    if call.is_alive() or _is_time_out(error):
        raise RetryableError(
            f"the broker took no offsets of the group for {timeout_s:g} s, as may be after a "
            "broker's restart: restart the worker, which goes on from its last commit",
            code="offsets-not-taken",
        ) from error
    if error is not None:
        raise error


def _is_time_out(error: BaseException | None) -> bool:
    """The broker may take them yet, into the next transaction of this producer."""
    if not isinstance(error, KafkaException):
        return False
    return bool(error.args[0].code() == KafkaError._TIMED_OUT)  # noqa: SLF001
