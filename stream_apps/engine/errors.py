"""Kafka's errors, told apart by what the loop must do."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import FencedError, LiaisonError, PermanentError, RetryableError

__all__ = ["classify", "is_unwritable", "must_abort"]

_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - librdkafka's local codes are named so
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_RETRYABLE = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._NOENT,  # noqa: SLF001 - no leader yet, said by ListOffsets
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
_UNWRITABLE = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD}
)


def _error_of(error: Exception) -> KafkaError | None:
    found = error.args[0] if error.args else None
    return found if isinstance(found, KafkaError) else None


def must_abort(error: KafkaException) -> bool:
    """The transaction is lost, but the producer may begin another."""
    found = _error_of(error)
    return found is not None and found.txn_requires_abort()


def is_unwritable(error: KafkaError) -> bool:
    """The broker, or the client before it, will never take this record."""
    return error.code() in _UNWRITABLE


def classify(error: Exception, doing: str) -> LiaisonError:
    """A Liaison error for one of Kafka's, saying what was being done."""
    found = _error_of(error)
    text = f"while {doing}: {error}"
    if found is None:
        return PermanentError(text)
    if found.code() in _FENCED:
        return FencedError(f"{text}; a successor took over, this worker stops")
    if found.retriable() or found.code() in _RETRYABLE:
        return RetryableError(text)
    return PermanentError(text, code="kafka-fatal" if found.fatal() else "kafka")
