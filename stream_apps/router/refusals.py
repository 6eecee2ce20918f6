"""Every reason to refuse a record: a stable code, who must act, what it means, and what to do.

Rejected: the sender must act. Quarantined: an operator must. `liaison topics` prints this table,
and the tests have a record for each code.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.headers import Disposition

__all__ = ["CODES", "KEPT_IN_PART", "Code", "Refused"]


@dataclass(frozen=True, slots=True)
class Code:
    """One reason."""

    code: str
    disposition: Disposition
    meaning: str
    remedy: str


def _rejected(code: str, meaning: str, remedy: str) -> Code:
    return Code(code, Disposition.REJECTED, meaning, remedy)


def _quarantined(code: str, meaning: str, remedy: str) -> Code:
    return Code(code, Disposition.QUARANTINED, meaning, remedy)


UNDECODABLE = _rejected(
    "undecodable",
    "The bytes do not follow the schema that they name, or a header's name is no UTF-8.",
    "Mend the client's serializer; publish anew.",
)
TOO_LARGE = _rejected(
    "too-large",
    "The record, or what readers would get, is over the bound.",
    "Publish anew, with less in it.",
)
UNREADABLE_BATCH = _quarantined(
    "unreadable-batch",
    "A compressed batch that is not to be decompressed, or with zstd comes to over 100 MB.",
    "Find in what is kept whose it is; its bureau publishes anew, in smaller batches.",
)
UNKNOWN_PUBLISHER = _rejected(
    "unknown-publisher",
    "Only the 196 members and XP publish.",
    "Set the bureau's ISO 3166 alpha-2 code as bureau and key.",
)
BUREAU_NOT_KEY = _rejected(
    "bureau-not-key",
    "The record's key is not its envelope's bureau.",
    "Set the bureau as the record's key.",
)
WRONG_REGION = _rejected(
    "wrong-region",
    "The topic's region is not the bureau's region, and never was.",
    "Publish to the topic that the reason names, in a new epoch.",
)
WRONG_PARTITION = _rejected(
    "wrong-partition",
    "Not the partition that murmur2 gives the bureau.",
    "Set the client's partitioner to murmur2_random.",
)
BAD_TIME = _rejected(
    "bad-time",
    "occurred_at or published_at lies before 1970 or over 24 h after the append time.",
    "Set the system's clock or the event's time; publish anew.",
)
BAD_SEQUENCE = _rejected(
    "bad-sequence",
    "The number is below 1, jumps by over a million, or opens one gap too many.",
    "Send numbers in order, the missing ones first.",
)
NOT_YOURS = _rejected(
    "not-yours",
    "Only the originator or XP may recall or correct an event.",
    "Ask the bureau that published it.",
)
BAD_ENVELOPE = _rejected(
    "bad-envelope",
    "A field of the envelope is outside its rules.",
    "Mend the field that the reason names; publish anew.",
)
UNKNOWN_SCHEMA = _quarantined(
    "unknown-schema",
    "This router does not know the schema id.",
    "Provision the registry, or update the router; then replay.",
)
NO_READER = _quarantined(
    "no-reader",
    "After all rules nobody is left who may read it.",
    "Tell the bureau; it publishes anew, for somebody.",
)
RETENTION_PAST = _quarantined(
    "retention-past",
    "retain_until lies before the append time.",
    "Tell the bureau; it publishes anew if the event may still be held.",
)
TOO_MANY_ACCOUNTS = _quarantined(
    "too-many-accounts",
    "The bureau's systems and epochs in this lane are at their bound.",
    "Find the client that begins an epoch at each start: it must keep its outbox. Then retire the "
    "accounts that it left.",
)
ACCOUNT_RETIRED = _rejected(
    "account-retired",
    "The account was retired by `liaison ledger retire`.",
    "Start the sender again: it reconciles with its receipts and begins a new epoch (another "
    "client: set one). Publish anew what was refused; a replay would be refused again.",
)
SEQUENCE_REUSED = _quarantined(
    "sequence-reused",
    "The number, one of the account's last 64, was used with other bytes.",
    "Find out whether two clients share an outbox or one was restored; publish anew. Older numbers "
    "can't be compared: they are dropped, and `repeats_unchecked` of the receipt counts them.",
)
REPLAY_FORGOTTEN = _quarantined(
    "replay-forgotten",
    "Replayed too late to tell whether its number was refused or accepted.",
    "Look whether readers have it; if not, the bureau publishes it anew.",
)
UNWRITABLE = _quarantined(
    "unwritable",
    "The broker does not take what follows from the record, however often it is asked.",
    "Let `liaison provision` compare the topics with what is declared, then replay; where they "
    "agree, the bureau publishes anew with less in it.",
)
INTERNAL = _quarantined(
    "internal",
    "An error of this router; the record itself may be right.",
    "Report it with the reason; replay once the router is mended.",
)

CODES = {
    code.code: code
    for code in (
        UNDECODABLE, TOO_LARGE, UNREADABLE_BATCH, UNKNOWN_PUBLISHER, BUREAU_NOT_KEY, WRONG_REGION,
        WRONG_PARTITION, BAD_TIME, BAD_SEQUENCE, NOT_YOURS, BAD_ENVELOPE, UNKNOWN_SCHEMA, NO_READER,
        RETENTION_PAST, TOO_MANY_ACCOUNTS, ACCOUNT_RETIRED, SEQUENCE_REUSED, REPLAY_FORGOTTEN,
        UNWRITABLE, INTERNAL,
    )
}  # fmt: skip

KEPT_IN_PART = frozenset({TOO_LARGE.code, UNWRITABLE.code})
"""Of these the dead letter holds the beginning where no topic takes the whole by itself."""


class Refused(Exception):  # noqa: N818 - an outcome of checking, not a fault of the program
    """A record is refused: why, and in words for whoever must act."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
