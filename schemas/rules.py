"""Rules of an event that both ends hold: the models when it is built, the router when it comes.

Pure, and on plain values: `envelope` is a decoded envelope or a model's fields, whose names are the
same. What a rule needs beyond the event (who publishes it, on which day, in which region) is the
router's alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from schemas.topics import GENERAL_SECRETARIAT

__all__ = [
    "CURRENCY",
    "DIRECT_KINDS",
    "ICCS_CODE",
    "LANGUAGE",
    "MAX_AHEAD_MS",
    "MAX_FURTHER_CATEGORIES",
    "MAX_HANDLING_CODES",
    "MAX_IDENTIFIERS",
    "MAX_LANGUAGE_CHARS",
    "MAX_LIST",
    "MAX_MEASURES",
    "READERLESS_KINDS",
    "UNIT",
    "is_for_named_readers_only",
    "named_readers",
    "needs_root_bureau",
    "why_no_target",
]

ICCS_CODE = re.compile(r"(0[1-9]|1[01])([0-9]{2}[0-9]{0,2})?\Z")
"""A section of 2 digits, 01 to 11; below it 4, 5 or 6 digits."""
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
"""ISO 639, with BCP 47's further parts; MAX_LANGUAGE_CHARS long at most."""
MAX_LANGUAGE_CHARS = 35
CURRENCY = re.compile(r"[A-Z]{3}\Z")
"""ISO 4217."""
UNIT = re.compile(r"[A-Za-z0-9%/._-]{1,16}\Z")
"""What a unit or currency may look like, whether it is known or not."""
MAX_AHEAD_MS = 86_400_000
"""How far after now an event may have occurred: clocks differ."""
MAX_LIST = 300
"""Countries or bureaus in one list."""
MAX_FURTHER_CATEGORIES = 10
MAX_HANDLING_CODES = 16
MAX_MEASURES = 100
MAX_IDENTIFIERS = 1000

READERLESS_KINDS = frozenset({"search", "recall"})
"""Kinds that no desk reads, whatever their lists say."""
DIRECT_KINDS = frozenset({"message", "freeze", "hit"})
"""Kinds that go to the bureaus named and to no desk."""
_OPEN_HANDLING_CODES = frozenset({"H0", "H1", "H3"})
_OPEN_TLP = frozenset({"AMBER_STRICT", "AMBER", "GREEN", "CLEAR"})


def is_for_named_readers_only(envelope: Mapping[str, Any]) -> bool:
    """TLP:RED, handling code H2, or a code that nobody knows: addressees only."""
    return envelope["tlp"] not in _OPEN_TLP or not _OPEN_HANDLING_CODES.issuperset(
        envelope["handling_codes"]
    )


def named_readers(kind: str, envelope: Mapping[str, Any]) -> frozenset[str] | None:
    """The bureaus that the event's own lists leave; None: no list is given, desks may read it.

    An empty set is nobody. Not for READERLESS_KINDS.
    """
    lists = [frozenset(envelope["addressees"])] if envelope["addressees"] else []
    if is_for_named_readers_only(envelope) and not lists:
        return frozenset()
    if envelope["restricted_to"] is not None:
        lists.append(frozenset(envelope["restricted_to"]))
    if lists:
        return frozenset.intersection(*lists).difference(envelope["withheld_from"])
    return frozenset() if kind in DIRECT_KINDS else None


def needs_root_bureau(root: UUID | str | None, target: UUID | str, target_bureau: str) -> bool:
    """Whether an event that supersedes `target` must say whose event `root` is.

    A chain in which the General Secretariat published may have begun with another bureau.
    """
    return target_bureau == GENERAL_SECRETARIAT and root not in (None, target)


def why_no_chain(root_bureau: str, target_bureau: str) -> str | None:
    """Why an event of `target_bureau` can't be in a chain that `root_bureau` began; None: it can.

    Else a recall by one member would strike the other's events, as those of one chain.
    """
    if target_bureau in (root_bureau, GENERAL_SECRETARIAT):
        return None
    return f"root_bureau is {root_bureau}, but an event of {target_bureau} is in no chain of others"


def why_no_target(kind: str, target_kind: str) -> str | None:
    """Why an event of a kind can't recall or replace one of `target_kind`; None: it can."""
    if "search" in (kind, target_kind):
        return "a search can neither be recalled nor corrected"
    if kind not in ("recall", target_kind):
        return f"a {kind} can't correct a {target_kind}: a correction has its kind"
    return None
