"""What every event has: who may read it, what it counts, how it is graded.

Codes are checked against the packaged reference data when an event is built, so that a typing error
is found at the bureau's desk and not in a dead-letter queue.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from schemas.ids import uuid7
from schemas.reference import Reference

__all__ = [
    "Country",
    "Event",
    "Grading",
    "Identifier",
    "Measure",
    "Model",
    "Publisher",
    "Supersedes",
]

_SHOWN = 60


def allowed(what: str, value: str, codes: Iterable[str]) -> str:
    """The value, if it is one of the codes; else an error that lists them."""
    known = codes if isinstance(codes, frozenset | dict) else frozenset(codes)
    if value in known:
        return value
    listed = sorted(known)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    raise ValueError(f"{value!r} is no {what}; allowed: {', '.join(listed[:_SHOWN])}{more}")


def _country(value: str) -> str:
    return allowed("ISO 3166 alpha-2 country code", value, Reference.load().countries)


def _publisher(value: str) -> str:
    return allowed("member bureau (ISO 3166 alpha-2) or XP", value, Reference.load().publishers)


def _category(value: str) -> str:
    return allowed("threat category", value, Reference.load().categories.keys())


def _offence(value: str) -> str:
    if not (value.isdigit() and len(value) in (2, 4, 5, 6)):
        raise ValueError(f"{value!r} is no ICCS code; allowed: 2, 4, 5 or 6 digits as text")
    return value


def _tlp(value: Any) -> Any:
    text = str(value).upper().replace("+", "_").removeprefix("TLP:")
    return {"WHITE": "CLEAR"}.get(text, text)


Country = Annotated[str, AfterValidator(_country)]
Publisher = Annotated[str, AfterValidator(_publisher)]
Category = Annotated[str, AfterValidator(_category)]
Tlp = Annotated[Literal["RED", "AMBER_STRICT", "AMBER", "GREEN", "CLEAR"], BeforeValidator(_tlp)]


class Model(BaseModel):
    """Frozen, and nothing that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Measure(Model):
    """One figure that statistics count."""

    measure: str
    value: Decimal = Field(max_digits=18, decimal_places=3)
    unit: str = ""
    basis: Literal["period", "cumulative"] = "period"

    @model_validator(mode="before")
    @classmethod
    def _default_unit(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("unit"):
            known = Reference.load().measures.get(str(data.get("measure")))
            if known is not None and known.dimension != "money" and known.default_unit:
                return {**data, "unit": known.default_unit}
        return data

    @model_validator(mode="after")
    def _known(self) -> Self:
        allowed("measure", self.measure, Reference.load().measures.keys())
        if not self.unit:
            raise ValueError(f"measure {self.measure!r} needs a unit (a currency for an amount)")
        return self


class Identifier(Model):
    """Something by which a person, object or account can be found again, as received."""

    type: str
    value: str = Field(max_length=4096)
    country: Country | None = None
    role: Literal["subject", "victim", "witness", "beneficiary", "other"] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        allowed("identifier type", self.type, Reference.load().identifier_types.keys())
        return self


class Supersedes(Model):
    """The earlier event that an event recalls or replaces."""

    event_id: UUID
    bureau: Publisher
    kind: str


class Grading(Model):
    """An evaluation, in its own scheme."""

    scheme: Literal["admiralty", "europol-4x4", "uk-3x5x2"]
    source: str = Field(max_length=2)
    information: str = Field(max_length=2)


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> UUID:
    return uuid7(time.time_ns() // 1_000_000)


class Event(Model):
    """An event of any kind; build one of its subclasses."""

    kind: ClassVar[str]

    event_id: UUID = Field(default_factory=_new_id)
    occurred_at: AwareDatetime = Field(default_factory=_now)
    retain_until: AwareDatetime | None = None
    review_due: AwareDatetime | None = None
    supersedes: Supersedes | None = None
    root: UUID | None = None
    root_bureau: Publisher | None = None
    in_reply_to: UUID | None = None
    case_ref: str | None = Field(default=None, max_length=200)

    sub_bureau: Country | None = None
    test: bool = False
    subtype: str = ""
    category: Category | None = None
    further_categories: tuple[Category, ...] = ()
    offence: Annotated[str, AfterValidator(_offence)] | None = None
    urgency: Literal["flash", "urgent", "routine", "bulk"] = "routine"
    concerned_countries: tuple[Country, ...] = ()
    addressees: tuple[Publisher, ...] = ()
    tlp: Tlp = "AMBER"
    handling_codes: tuple[Literal["H0", "H1", "H2", "H3"], ...] = ()
    confidentiality: Literal["OFFICIAL_USE_ONLY", "RESTRICTED", "CONFIDENTIAL"] = (
        "OFFICIAL_USE_ONLY"
    )
    pap: Literal["RED", "AMBER", "GREEN", "CLEAR"] = "AMBER"
    restricted_to: tuple[Publisher, ...] | None = None
    withheld_from: tuple[Publisher, ...] = ()
    purpose: str = ""
    legal_basis: str | None = None
    caveats: tuple[str, ...] = ()
    gradings: tuple[Grading, ...] = ()
    operation: str | None = None
    language: str = "en"

    measures: tuple[Measure, ...] = ()
    identifiers: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _whole_root(self) -> Self:
        if self.root_bureau is not None and self.root is None:
            raise ValueError("root_bureau is the bureau of root: give root too, or leave it out")
        return self

    @model_validator(mode="after")
    def _known_codes(self) -> Self:
        reference = Reference.load()
        subtypes = reference.subtypes.get(self.kind)
        if subtypes:
            allowed(f"subtype of a {self.kind}", self.subtype, subtypes)
        elif self.subtype:
            raise ValueError(f"a {self.kind} has no subtype; leave out {self.subtype!r}")
        if self.operation is not None:
            allowed("operation", self.operation, reference.operations.keys())
        if self.purpose:
            allowed("purpose", self.purpose, reference.purposes)
        return self
