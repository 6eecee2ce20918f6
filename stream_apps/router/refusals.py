"""Every reason to refuse a record: a stable code, who must act, and what it means.

Rejected: the sender must act. Quarantined: an operator must. The documentation, `liaison topics`
and the tests read this table.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.headers import Disposition

__all__ = ["CODES", "Code", "Refused"]


@dataclass(frozen=True, slots=True)
class Code:
    """One reason."""

    code: str
    disposition: Disposition
    meaning: str


def _rejected(code: str, meaning: str) -> Code:
    return Code(code, Disposition.REJECTED, meaning)


def _quarantined(code: str, meaning: str) -> Code:
    return Code(code, Disposition.QUARANTINED, meaning)


UNDECODABLE = _rejected("undecodable", "The bytes do not follow the schema that they name.")
TOO_LARGE = _rejected("too-large", "The record, or what readers would get, is over the bound.")
UNKNOWN_PUBLISHER = _rejected("unknown-publisher", "Only the 196 members and XP publish.")
BUREAU_NOT_KEY = _rejected("bureau-not-key", "The record's key is not its envelope's bureau.")
WRONG_REGION = _rejected("wrong-region", "The topic's region is not the bureau's region.")
WRONG_PARTITION = _rejected(
    "wrong-partition", "Not the partition that murmur2 gives the bureau: set the partitioner."
)
BAD_TIME = _rejected("bad-time", "occurred_at lies before 1970 or over 24 h after the append time.")
BAD_SEQUENCE = _rejected(
    "bad-sequence", "The number is below 1, jumps by over a million, or opens one gap too many."
)
NOT_YOURS = _rejected("not-yours", "Only the originator or XP may recall or correct an event.")
BAD_ENVELOPE = _rejected("bad-envelope", "A field of the envelope is outside its rules.")
UNKNOWN_SCHEMA = _quarantined("unknown-schema", "This router does not know the schema id.")
NO_READER = _quarantined("no-reader", "After all rules nobody is left who may read it.")
RETENTION_PAST = _quarantined("retention-past", "retain_until lies before the append time.")
TOO_MANY_ACCOUNTS = _quarantined(
    "too-many-accounts", "The bureau's systems and epochs in this lane are at their bound."
)
SEQUENCE_REUSED = _quarantined("sequence-reused", "The number was used with other bytes.")
REPLAY_FORGOTTEN = _quarantined(
    "replay-forgotten", "Replayed too late to tell whether its number was refused or accepted."
)
INTERNAL = _quarantined("internal", "An error of this router; the record itself may be right.")

CODES = {
    code.code: code
    for code in (
        UNDECODABLE, TOO_LARGE, UNKNOWN_PUBLISHER, BUREAU_NOT_KEY, WRONG_REGION, WRONG_PARTITION,
        BAD_TIME, BAD_SEQUENCE, NOT_YOURS, BAD_ENVELOPE, UNKNOWN_SCHEMA, NO_READER, RETENTION_PAST,
        TOO_MANY_ACCOUNTS, SEQUENCE_REUSED, REPLAY_FORGOTTEN, INTERNAL,
    )
}  # fmt: skip


class Refused(Exception):  # noqa: N818 - an outcome of checking, not a fault of the program
    """A record is refused: why, and in words for whoever must act."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
