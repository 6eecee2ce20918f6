"""Errors, split first by what the caller can do about them.

    LiaisonError
    ├── RetryableError      the same call may succeed later: broker away, time-out
    ├── PermanentError      the same call will fail again: wrong bytes, a refused record
    ├── FencedError         somebody else took our place: stop, never retry
    └── ConfigurationError  a person must change something: settings, disk, ports

Each has a stable `code`, the same in logs, metrics and DLQ headers. Messages say what was wrong,
where, and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "FencedError",
    "LiaisonError",
    "PermanentError",
    "RetryableError",
]


class LiaisonError(Exception):
    """Base of every error that Liaison raises on purpose."""

    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class RetryableError(LiaisonError):
    """The same call may succeed later."""

    code = "retryable"


class PermanentError(LiaisonError):
    """The same call with the same input will fail again."""

    code = "permanent"


class FencedError(LiaisonError):
    """A successor took over; whoever holds this must stop without writing."""

    code = "fenced"


class ConfigurationError(LiaisonError):
    """Settings or surroundings are wrong; the message names the remedy."""

    code = "configuration"
