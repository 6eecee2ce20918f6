"""What the router's tests feed it with, and what they read of its dead letters."""

from datetime import UTC, datetime
from typing import Any

from schemas.headers import read_refusal
from schemas.models import Arrest

__all__ = ["NOW", "NOW_MS", "an_arrest", "an_unchecked_arrest", "refusal_of"]

NOW = datetime(2025, 11, 25, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def an_arrest(**fields: Any) -> Arrest:
    return Arrest(**{"category": "drug-trafficking", "occurred_at": NOW, **fields})


def an_unchecked_arrest(**fields: Any) -> Arrest:
    """An arrest as software without our models might send it."""
    return an_arrest().model_copy(update=fields)


def refusal_of(out: dict[str, Any], region: str = "europe") -> tuple[str, str]:
    (record,) = out[f"dlq.{region}"]
    refusal = read_refusal(record.headers)
    return refusal.code, refusal.disposition.value
