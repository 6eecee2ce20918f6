"""How soon a person should look at an event: 0 to 100, in parts that anyone can read and add up.

The parts always sum to the total. What depends on the envelope's stretch alone is separate from
what depends on the identifiers, so that the router can remember the former. A grading F or 6 (or
an unknown scheme) is *unknown*: it neither adds nor takes away, and is never averaged with what is
known; the middle of the scale adds a little. Failed check digits lower the score, they never drop
an event.

    urgency        0 to 40   flash, urgent, routine, bulk; an unknown one counts as urgent
    category       0 to 30   its priority, 1 (now) to 4 (batch), or the override for a subtype
    kind           0 to 15   what may be lost by waiting: a payment, a suspect, a victim
    grading       -8 to 12   known reliability of source and information
    identifiers  -10 to 3    something to search by; less the share that failed its check
    floor                    brings a sum below zero back to zero
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas.reference import Reference
from stream_apps.router.identifiers import Checked

__all__ = ["Parts", "Score", "score", "static_parts", "with_identifiers"]

Parts = tuple[tuple[str, int], ...]

_URGENCY = {"flash": 40, "urgent": 25, "routine": 10, "bulk": 0}
_UNKNOWN_URGENCY = 25
_CATEGORY = {1: 30, 2: 20, 3: 10, 4: 0}
_UNKNOWN_CATEGORY = 10
_KIND = {
    "arrest": 8,
    "diffusion": 8,
    "freeze": 8,
    "hit": 12,
    "indicator": 6,
    "message": 4,
    "notice": 7,
    "operation_report": 3,
    "recall": 12,
    "report": 3,
    "search": 0,
    "seizure": 4,
    "sighting": 12,
    "victim_identified": 10,
}
_SUBTYPE = {
    ("freeze", "stop-payment-request"): 15,
    ("freeze", "stop-payment-result"): 12,
    ("notice", "orange"): 15,
    ("notice", "red"): 10,
    ("notice", "yellow"): 10,
    ("diffusion", "orange"): 15,
    ("diffusion", "red"): 10,
    ("diffusion", "yellow"): 10,
    ("message", "hit-confirmation"): 10,
    ("message", "information-request"): 6,
    ("message", "reminder"): 5,
    ("message", "correspondence"): 2,
    ("message", "acknowledgement"): 0,
}
_GRADING_RANGE = 20
_NEUTRAL_SCORE = 40
"""A known score above it adds, below it takes away; the middle of the scale (50) adds."""
_VALID_BONUS = 3
_INVALID_PENALTY = 10


class Score(NamedTuple):
    """The total and its parts; the parts' points sum to it."""

    total: int
    parts: Parts


def static_parts(
    kind: str,
    subtype: str,
    category: str | None,
    urgency: str,
    gradings: Sequence[Mapping[str, Any]],
) -> Parts:
    """The parts that depend on the stretch; a grading has scheme, source, information."""
    reference = Reference.load()
    known_category = reference.categories.get(category) if category is not None else None
    return (
        ("urgency", _URGENCY.get(urgency, _UNKNOWN_URGENCY)),
        (
            "category",
            _UNKNOWN_CATEGORY
            if known_category is None
            else _CATEGORY[known_category.priority_for(subtype)],
        ),
        ("kind", _SUBTYPE.get((kind, subtype), _KIND.get(kind, 0))),
        _grading_part(gradings, reference),
    )


def _grading_part(gradings: Sequence[Mapping[str, Any]], reference: Reference) -> tuple[str, int]:
    """Mean of the known scores; what one half of a grading leaves unknown halves its weight."""
    known: list[int] = []
    asked = 0
    for grading in gradings:
        asked += 2
        scheme = reference.gradings.get(
            reference.grading_aliases.get(_code(grading, "scheme").lower(), "")
        )
        if scheme is None:
            continue
        for score_ in (
            scheme.source_scores.get(_code(grading, "source").upper()),
            scheme.information_scores.get(_code(grading, "information").upper()),
        ):
            if score_ is not None:
                known.append(score_)
    if not asked:
        return "grading-none", 0
    if not known:
        return "grading-unknown", 0
    mean = sum(known) / len(known)
    return "grading", round((mean - _NEUTRAL_SCORE) * _GRADING_RANGE / 100 * len(known) / asked)


def _code(grading: Mapping[str, Any], name: str) -> str:
    value = grading.get(name)
    return value.strip() if isinstance(value, str) else ""


def with_identifiers(static: Parts, checked: Sequence[Checked]) -> Score:
    """The score of an event whose identifiers were checked."""
    points = 0
    if checked:
        verdicts = [identifier.valid for identifier in checked]
        failed = verdicts.count("invalid")
        points = (_VALID_BONUS if "valid" in verdicts else 0) - (
            _INVALID_PENALTY * failed + len(verdicts) - 1
        ) // len(verdicts)
    parts = (*static, ("identifiers", points))
    total = sum(part[1] for part in parts)
    if total < 0:
        return Score(0, (*parts, ("floor", -total)))
    return Score(total, parts)


def score(
    kind: str,
    subtype: str,
    category: str | None,
    urgency: str,
    gradings: Sequence[Mapping[str, Any]],
    checked: Sequence[Checked],
) -> Score:
    """Both steps at once."""
    return with_identifiers(static_parts(kind, subtype, category, urgency, gradings), checked)
