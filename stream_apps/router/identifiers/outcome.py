"""What a check says.

`valid`: a check digit, a checksum or an exact grammar confirms the value. `invalid`: one of them
refutes it. `unknown`: nothing in the value could do either. A failed check lowers confidence; it
never drops an event. `reason` is a short stable code, `ok` or what was noticed, and never holds
any part of the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

__all__ = [
    "EMPTY",
    "MALFORMED",
    "Check",
    "Checked",
    "Outcome",
    "Validity",
    "by_check_digit",
    "invalid",
    "unknown",
    "valid",
]

Validity = Literal["valid", "invalid", "unknown"]


class Checked(NamedTuple):
    """A checked identifier; a tuple, since the router makes several for each event."""

    type: str
    normalised: str | None
    """The form in which values are compared; None where there is none to compare."""
    valid: Validity
    reason: str


class Outcome(NamedTuple):
    """The same, said by a check that does not know its type."""

    normalised: str | None
    valid: Validity
    reason: str


Check = Callable[[str, str | None, str], Outcome]
"""(value, country of the issuer if known, bureau) -> outcome; pure, raises for no string."""


def valid(normalised: str, reason: str = "ok") -> Outcome:
    return Outcome(normalised, "valid", reason)


def invalid(normalised: str | None, reason: str) -> Outcome:
    return Outcome(normalised, "invalid", reason)


def by_check_digit(text: str, is_right: bool) -> Outcome:
    """Of the right shape: the check digit decides."""
    return valid(text) if is_right else invalid(text, "bad-check-digit")


def unknown(normalised: str | None, reason: str) -> Outcome:
    return Outcome(normalised, "unknown", reason)


EMPTY: Final = invalid(None, "empty")
MALFORMED: Final = invalid(None, "bad-format")
