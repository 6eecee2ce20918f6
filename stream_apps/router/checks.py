"""What makes a record refusable: where it lies, when it happened, what it takes back.

Each check raises :class:`~stream_apps.router.refusals.Refused`, or returns nothing. Rules on the
envelope's stretch alone are in :mod:`stream_apps.router.decision`, where they are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from schemas.catalogue import KINDS
from schemas.errors import PermanentError
from schemas.headers import SYSTEM_NAME, UNATTRIBUTED
from schemas.reference import Reference
from schemas.rules import MAX_AHEAD_MS, needs_root_bureau, why_no_chain, why_no_target
from schemas.topics import GENERAL_SECRETARIAT, partition_of, source_topic
from stream_apps.engine.records import Consumed
from stream_apps.router.ledger import AccountKey
from stream_apps.router.refusals import (
    BAD_ENVELOPE,
    BAD_TIME,
    BUREAU_NOT_KEY,
    NOT_YOURS,
    RETENTION_PAST,
    UNKNOWN_PUBLISHER,
    WRONG_PARTITION,
    WRONG_REGION,
    Refused,
)

__all__ = ["check_event", "check_place"]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


def check_place(
    record: Consumed, region: str, lane: str, key: AccountKey, reference: Reference
) -> None:
    """The record lies where its account's records belong: key, region, partition and lane."""
    bureau = key.bureau
    if record.key != bureau.encode():
        raise Refused(
            BUREAU_NOT_KEY,
            f"the key is {_shown(record.key)}, the envelope's bureau {bureau[:20]!r}",
        )
    if bureau not in reference.publishers:
        raise Refused(
            UNKNOWN_PUBLISHER, f"{bureau[:20]!r} is neither one of the 196 members nor XP"
        )
    try:
        own_region = reference.region_of(bureau, record.timestamp_ms)
    except PermanentError as error:
        raise Refused(UNKNOWN_PUBLISHER, str(error)) from error
    # What was handed over before a bureau changed region, or with a clock that is ahead, keeps its
    # number: elsewhere its account would begin anew. Desks and facts go by the append time alone.
    until_ms = record.timestamp_ms + MAX_AHEAD_MS
    if own_region != region and not reference.has_belonged(bureau, region, until_ms):
        raise Refused(
            WRONG_REGION,
            f"{bureau} belongs to {own_region}: publish to {source_topic(own_region, lane)}, in a "
            "new epoch",
        )
    if partition_of(bureau) != record.partition:
        raise Refused(
            WRONG_PARTITION,
            f"{bureau} belongs to partition {partition_of(bureau)}, not {record.partition}: "
            "set the client's partitioner to murmur2_random",
        )
    if key.lane != lane:
        raise Refused(BAD_ENVELOPE, f"lane is {key.lane!r}, but the topic is of lane {lane!r}")
    if not SYSTEM_NAME.match(key.system) or key.system == UNATTRIBUTED:
        raise Refused(
            BAD_ENVELOPE,
            f"system is {key.system[:40]!r}; allowed: 1 to 40 of a-z 0-9 . _ -, "
            f"not {UNATTRIBUTED!r}",
        )
    if key.epoch < 1:
        raise Refused(BAD_ENVELOPE, f"epoch is {key.epoch}; allowed: a positive number")


def check_event(
    kind: str, bureau: str, head: Mapping[str, Any], now_ms: int, reference: Reference
) -> None:
    """Ids are ids, times are possible at the append time `now_ms`, what is taken back is theirs."""
    for name in ("event_id", "root", "in_reply_to"):
        if head[name] is not None:
            _check_uuid(name, head[name])
    for name in ("occurred_at", "published_at"):
        if not 0 <= head[name] <= now_ms + MAX_AHEAD_MS:
            raise Refused(
                BAD_TIME,
                f"{name} is {head[name]} ms since 1970; allowed: 0 to 24 h after {now_ms}",
            )
    if head["retain_until"] is not None and head["retain_until"] < now_ms:
        raise Refused(RETENTION_PAST, f"retain_until {head['retain_until']} is before {now_ms}")
    _check_root(bureau, head, reference)
    target = head["supersedes"]
    if target is not None:
        _check_target(kind, bureau, target, reference)
    elif kind == "recall":
        raise Refused(BAD_ENVELOPE, "a recall must name its target in supersedes")
    if target is not None and head["root"] is None and kind != "recall":
        raise Refused(
            BAD_ENVELOPE,
            "a correction must name in root the first event of its chain: the one in supersedes, "
            "if it knows of no earlier",
        )
    if kind == "search" and head["root"] is not None:
        raise Refused(BAD_ENVELOPE, "a search belongs to no chain: root must be null")


def root_bureau(bureau: str, head: Mapping[str, Any]) -> str | None:
    """The bureau of a chain's first event; None outside a chain.

    As the event of `bureau` names it; else that of the event superseded, else its own.
    """
    if head["root"] is None:
        return None
    target = head["supersedes"]
    named: str | None = head["root_bureau"]
    return named or (bureau if target is None else target["bureau"])


def _check_root(bureau: str, head: Mapping[str, Any], reference: Reference) -> None:
    named, target = head["root_bureau"], head["supersedes"]
    if named is None:
        if target is not None and needs_root_bureau(
            head["root"], target["event_id"], target["bureau"]
        ):
            raise Refused(
                BAD_ENVELOPE,
                f"root_bureau must say whose event {head['root']} is: a chain in which "
                f"{GENERAL_SECRETARIAT} published may be another bureau's",
            )
        return
    if head["root"] is None or named not in reference.publishers:
        raise Refused(BAD_ENVELOPE, "root_bureau names no bureau, or stands without a root")
    why_not = None if target is None else why_no_chain(named, target["bureau"])
    if why_not is not None:
        raise Refused(BAD_ENVELOPE, why_not)
    if bureau not in (named, GENERAL_SECRETARIAT):
        raise Refused(NOT_YOURS, f"{bureau} may not join a chain of {named}")


def _check_target(kind: str, bureau: str, target: Mapping[str, Any], reference: Reference) -> None:
    _check_uuid("supersedes", target["event_id"])
    if target["bureau"] not in reference.publishers or target["kind"] not in KINDS:
        raise Refused(BAD_ENVELOPE, "supersedes names an unknown bureau or kind")
    why_not = why_no_target(kind, target["kind"])
    if why_not is not None:
        raise Refused(BAD_ENVELOPE, why_not)
    if bureau not in (target["bureau"], GENERAL_SECRETARIAT):
        raise Refused(NOT_YOURS, f"{bureau} may not recall or correct events of {target['bureau']}")


def _check_uuid(name: str, value: str) -> None:
    if not _UUID.match(value):
        raise Refused(BAD_ENVELOPE, f"{name} {value[:40]!r} is no UUID in lower case")


def _shown(key: bytes | None) -> str:
    return "missing" if key is None else repr(key[:20].decode("ascii", "replace"))
