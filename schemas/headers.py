"""Record headers: a record's origin, what travels on to desks, why a record was refused.

The origin header lets a record whose body can't be decoded still be booked in its account. The
refusal headers stand in the `__streams.errors.*` family that Kafka Streams writes, so its tools
read them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from schemas.errors import PermanentError

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = [
    "ORIGIN_HEADER",
    "REFUSAL_PREFIX",
    "REPLAY_HEADER",
    "RETIRE_HEADER",
    "SYSTEM_NAME",
    "UNATTRIBUTED",
    "Disposition",
    "Headers",
    "Origin",
    "Refusal",
    "delivered_headers",
    "header",
    "headers_of",
    "read_refusal",
    "refusal_headers",
    "replay_headers",
]

Headers = Sequence[tuple[str, bytes | None]]

ORIGIN_HEADER = "liaison-origin"
REPLAY_HEADER = "liaison-replay-of"
RETIRE_HEADER = "liaison-retire"
"""On a source record without value: the account, as the ledger's key has it, is to be retired."""
REFUSAL_PREFIX = "__streams.errors."
_DELIVERED = (
    "liaison-origin",
    "liaison-signature",
    "liaison-signature-algorithm",
    "liaison-key-id",
    "traceparent",
    "tracestate",
    "baggage",
)
"""What travels on, the indispensable first: `baggage`, which may be of any size, comes last."""
_MAX_DELIVERED_BYTES = 4096
SYSTEM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
"""What a source system at a bureau may be called."""
UNATTRIBUTED = "unattributed"
"""The ledger's name for what no system can be made out of; no system may have it."""
_MAX_ORIGIN_BYTES = 200
# By this call alone. On a name that is no UTF-8 the client returns headers with an error left
# behind; a call from bytecode that CPython has specialised passes that over, and the error comes up
# in whatever is called next.
_call_headers = operator.methodcaller("headers")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who handed a record over, and under which number."""

    bureau: str
    system: str
    lane: str
    epoch: int
    sequence: int
    event_id: str

    def pack(self) -> bytes:
        return (
            f"1;{self.bureau};{self.system};{self.lane};{self.epoch};{self.sequence};{self.event_id}"
        ).encode("ascii")

    @classmethod
    def unpack(cls, packed: bytes) -> Origin:
        """Read a packed origin.

        Raises:
            PermanentError: it is not one.
        """
        try:
            if len(packed) > _MAX_ORIGIN_BYTES:
                raise ValueError(f"{len(packed)} bytes")
            form, bureau, system, lane, epoch, sequence, event_id = packed.decode("ascii").split(
                ";"
            )
            if form != "1" or not SYSTEM_NAME.match(system) or lane not in ("message", "search"):
                raise ValueError("form, system or lane")
            numbers = int(epoch), int(sequence)
            if not all(0 <= n < 1 << 63 for n in numbers) or numbers[1] == 0:
                raise ValueError("epoch or sequence out of range")
        except ValueError as error:
            raise PermanentError(
                f"header {ORIGIN_HEADER} is not "
                f"1;bureau;system;lane;epoch;sequence;event id ({error})"
            ) from error
        return cls(bureau, system, lane, numbers[0], numbers[1], event_id)


class Disposition(StrEnum):
    """Who must act on a refused record: the sender, or an operator."""

    REJECTED = "rejected"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is in a dead-letter queue, and where it came from."""

    code: str
    disposition: Disposition
    reason: str
    stage: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    schema_id: int | None = None
    bytes: int | None = None
    """Of a value that is kept in part: how long it was."""
    sha256: str | None = None
    """Of a value that is kept in part: the digest of the whole, in hex."""


def headers_of(message: Message) -> Headers | None:
    """The headers of a message without error, () if it has none; no other call reads them.

    None if a name is no UTF-8: such a record can't be used. The broker does not check names, and
    a client in another language may send any bytes. Ask once a message: of such a one the client
    has nothing left the second time, and says so by no error.
    """
    try:
        headers = _call_headers(message)
    except UnicodeDecodeError:
        return None
    except SystemError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            return None
        raise
    return cast("Headers", headers or ())


def header(headers: Headers | None, name: str) -> bytes | None:
    """The last value of a header, or None."""
    for key, value in reversed(headers or ()):
        if key == name:
            return value
    return None


def delivered_headers(headers: Headers | None) -> list[tuple[str, bytes | None]]:
    """The source headers that travel on to desks, one of each name, in the order of their rank.

    One that no longer fits within the bound is left out, and those after it are still taken.
    """
    last = dict(headers or ())
    kept: list[tuple[str, bytes | None]] = []
    room = _MAX_DELIVERED_BYTES
    for name in _DELIVERED:
        if name in last:
            value = last[name]
            size = len(name) + len(value or b"")
            if size <= room:
                kept.append((name, value))
                room -= size
    return kept


def refusal_headers(original: Headers | None, refusal: Refusal) -> list[tuple[str, bytes | None]]:
    """The original headers byte for byte, then why the record was refused.

    Every field is written, an empty one too: the last of a name counts, and the sender may have
    written headers of these names.
    """
    fields = {
        "exception": refusal.code,
        "message": refusal.reason[:2000],
        "stage": refusal.stage,
        "disposition": refusal.disposition.value,
        "topic": refusal.topic,
        "partition": str(refusal.partition),
        "offset": str(refusal.offset),
        "timestamp": str(refusal.timestamp_ms),
        "schema-id": "" if refusal.schema_id is None else str(refusal.schema_id),
        "bytes": "" if refusal.bytes is None else str(refusal.bytes),
        "sha256": refusal.sha256 or "",
    }
    added = [(f"{REFUSAL_PREFIX}{name}", value.encode()) for name, value in fields.items()]
    return [*(original or ()), *added]


def read_refusal(headers: Headers | None) -> Refusal:
    """The refusal of a dead-letter record.

    Raises:
        PermanentError: the headers are not those of one.
    """

    def text(name: str) -> str:
        value = header(headers, f"{REFUSAL_PREFIX}{name}")
        if value is None:
            raise PermanentError(
                f"header {REFUSAL_PREFIX}{name} is missing: not a dead-letter record"
            )
        return value.decode("utf-8", "replace")

    # Records of earlier versions lack these two where the value is kept whole.
    kept_in_part = {
        name: header(headers, f"{REFUSAL_PREFIX}{name}") or b"" for name in ("bytes", "sha256")
    }
    try:
        return Refusal(
            code=text("exception"),
            disposition=Disposition(text("disposition")),
            reason=text("message"),
            stage=text("stage"),
            topic=text("topic"),
            partition=int(text("partition")),
            offset=int(text("offset")),
            timestamp_ms=int(text("timestamp")),
            schema_id=int(text("schema-id")) if text("schema-id") else None,
            bytes=int(kept_in_part["bytes"]) if kept_in_part["bytes"] else None,
            sha256=kept_in_part["sha256"].decode("utf-8", "replace") or None,
        )
    except ValueError as error:
        raise PermanentError(f"the refusal headers can't be read: {error}") from error


def replay_headers(headers: Headers | None, replay_of: str) -> list[tuple[str, bytes | None]]:
    """Headers of a replayed record: the refusal stripped, the place it came from added."""
    kept = [
        (key, value)
        for key, value in headers or ()
        if not key.startswith(REFUSAL_PREFIX) and key != REPLAY_HEADER
    ]
    return [*kept, (REPLAY_HEADER, replay_of.encode())]
