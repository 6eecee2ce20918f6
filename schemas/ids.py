"""Event ids: UUIDv7 for new events, ids derived from a source's own key for imported ones.

The same source key always gives the same id, so that an import done twice publishes nothing twice.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid

__all__ = ["derived_id", "is_derived", "strike_hash", "uuid7"]

_RANDOM_BITS = 74


def uuid7(now_ms: int, random_bits: int | None = None) -> uuid.UUID:
    """A UUID version 7 (RFC 9562) for this millisecond; `random_bits` makes it repeatable."""
    bits = secrets.randbits(_RANDOM_BITS) if random_bits is None else random_bits
    high, low = bits >> 62 & 0xFFF, bits & (1 << 62) - 1
    return uuid.UUID(int=(now_ms & (1 << 48) - 1) << 80 | 7 << 76 | high << 64 | 2 << 62 | low)


def derived_id(source: str, key: str, version: str) -> uuid.UUID:
    """A UUID version 8 made of SHA-256 of a source's name, its own key and its version."""
    digest = hashlib.sha256("\x1f".join((source, key, version)).encode()).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 8 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 2 << 62)


def is_derived(event_id: uuid.UUID) -> bool:
    """Whether it is an id as :func:`derived_id` makes them: the same event has it for ever."""
    return event_id.version == 8


def strike_hash(bureau: str, event_id: str) -> str:
    """What a strike is keyed by: it names an event to those who hold it and to nobody else."""
    return hashlib.sha256(f"{bureau}/{event_id}".encode()).hexdigest()
