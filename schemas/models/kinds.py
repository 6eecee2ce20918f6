"""One model a kind, in the order of the payload's fields in its Avro file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import ClassVar, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from schemas.models.event import Country, Event, Model, Publisher

__all__ = [
    "MODELS",
    "Arrest",
    "BirthDate",
    "Charge",
    "Diffusion",
    "Freeze",
    "Hit",
    "Indicator",
    "Message",
    "Name",
    "Notice",
    "OperationReport",
    "Recall",
    "Report",
    "Search",
    "Seizure",
    "Sighting",
    "Subject",
    "VictimIdentified",
]


class Name(Model):
    """One name of a subject, as received."""

    full: str
    kind: Literal["primary", "alias", "original_script"] = "primary"
    quality: str | None = None


class BirthDate(Model):
    """A birth date or a span of them."""

    earliest: date | None = None
    latest: date | None = None
    precision: Literal["exact", "approximate", "between", "year"] = "exact"


class Subject(Model):
    """A person, entity or object that a notice or diffusion is about."""

    type: Literal["person", "entity", "object", "modus_operandi", "asset"] = "person"
    names: tuple[Name, ...] = ()
    birth_dates: tuple[BirthDate, ...] = ()
    sex: Literal["F", "M", "X"] | None = None
    nationalities: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    description: str | None = None


class Charge(Model):
    """A charge as text."""

    country: str
    text: str
    translation: str | None = None


class Notice(Event):
    """Alert published at a bureau's request; the subtype is its colour, or `unsc-special`."""

    kind: ClassVar[str] = "notice"
    reference: str | None = None
    title: str = ""
    summary: str | None = None
    subjects: tuple[Subject, ...] = ()
    charges: tuple[Charge, ...] = ()
    references: tuple[str, ...] = ()


class Diffusion(Event):
    """Alert that a bureau circulates itself; the subtype is its colour."""

    kind: ClassVar[str] = "diffusion"
    title: str = ""
    summary: str | None = None
    subjects: tuple[Subject, ...] = ()
    text: str | None = None


class Message(Event):
    """A message between bureaus; the subtype says which kind of message."""

    kind: ClassVar[str] = "message"
    title: str = ""
    body: str | None = None
    outcome: str | None = None
    deadline: AwareDatetime | None = None


class Search(Event):
    """One query against a database, which is its subtype; never its result."""

    kind: ClassVar[str] = "search"
    key_hash: bytes = b""
    query_by: str = ""
    unit: str | None = None


class Hit(Event):
    """A search in a database (the subtype) that found a record."""

    kind: ClassVar[str] = "hit"
    record_ref: str = ""
    match_quality: int = Field(default=0, ge=0, le=100)
    searched_event: UUID | None = None
    owner: Publisher | None = None


class Sighting(Event):
    """Something or somebody was seen."""

    kind: ClassVar[str] = "sighting"
    what: str = ""
    place: str | None = None
    country: Country | None = None
    certainty: int | None = Field(default=None, ge=0, le=100)
    description: str | None = None


class Indicator(Event):
    """An indicator; its values stand in `identifiers`."""

    kind: ClassVar[str] = "indicator"
    indicator_type: str = ""
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    description: str | None = None
    references: tuple[str, ...] = ()


class Seizure(Event):
    """Things or money seized; the figures stand in `measures`."""

    kind: ClassVar[str] = "seizure"
    what: str = ""
    place: str | None = None
    description: str | None = None


class Arrest(Event):
    """A person was arrested or located."""

    kind: ClassVar[str] = "arrest"
    place: str | None = None
    notice_ref: str | None = None
    description: str | None = None


class VictimIdentified(Event):
    """A victim was identified; the identity stays at the bureau."""

    kind: ClassVar[str] = "victim_identified"
    age_group: Literal["minor", "adult", "unknown"] | None = None
    description: str | None = None


class Freeze(Event):
    """Asset freeze, stop-payment request or its result, by subtype."""

    kind: ClassVar[str] = "freeze"
    institution: str | None = None
    status: str | None = None
    outcome: Literal["withheld-full", "withheld-partial", "already-gone", "refused"] | None = None
    value_date: AwareDatetime | None = None
    victim_report_ref: str | None = None
    description: str | None = None


class OperationReport(Event):
    """Figures of an operation."""

    kind: ClassVar[str] = "operation_report"
    period_from: AwareDatetime | None = None
    period_until: AwareDatetime | None = None
    text: str | None = None


class Report(Event):
    """Modus operandi or analytical report, by subtype."""

    kind: ClassVar[str] = "report"
    title: str = ""
    text: str = ""
    references: tuple[str, ...] = ()


class Recall(Event):
    """Takes back the event named in `supersedes`; the subtype is the reason.

    With it goes its whole chain: all that hang together by `supersedes` or `root`, in any number
    of steps, whichever of them is named.
    """

    kind: ClassVar[str] = "recall"
    explanation: str | None = None

    @model_validator(mode="after")
    def _names_its_target(self) -> Self:
        if self.supersedes is None:
            raise ValueError("a recall needs `supersedes`: the event that is taken back")
        return self


MODELS: Mapping[str, type[Event]] = {
    model.kind: model
    for model in (
        Notice, Diffusion, Message, Search, Hit, Sighting, Indicator, Seizure, Arrest,
        VictimIdentified, Freeze, OperationReport, Report, Recall,
    )
}  # fmt: skip
"""Kind slug to model."""
