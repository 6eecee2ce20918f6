"""What every event has: who may read it, what it counts, how it is graded.

Codes and rules are checked against the packaged reference data when an event is built, so that an
error is found at the bureau's desk and not in a dead-letter queue: what is accepted here the router
accepts too, but for what depends on the publisher (whose events it corrects, which region's desks
are left). Times are checked against this machine's clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
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
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas import rules
from schemas.catalogue import KINDS
from schemas.ids import uuid7
from schemas.reference import Reference
from schemas.topics import GENERAL_SECRETARIAT

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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_AHEAD = timedelta(milliseconds=rules.MAX_AHEAD_MS)


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


def _kind(value: str) -> str:
    return allowed("kind", value, KINDS.keys())


def _offence(value: str) -> str:
    if not rules.ICCS_CODE.match(value):
        raise ValueError(
            f"{value!r} is no ICCS code; allowed: 2, 4, 5 or 6 digits as text, sections 01 to 11"
        )
    return value


def _language(value: str) -> str:
    if not rules.LANGUAGE.match(value) or len(value) > rules.MAX_LANGUAGE_CHARS:
        raise ValueError(f"{value!r} is no language; allowed: an ISO 639 code such as en or pt-BR")
    return value


def _handling(codes: tuple[str, ...]) -> tuple[str, ...]:
    if "H0" in codes and set(codes) != {"H0"}:
        raise ValueError(f"{', '.join(codes)}: H0 stands alone; allowed: H0, or any of H1, H2, H3")
    return codes


def _now() -> datetime:
    return datetime.now(UTC)


def _occurred(value: datetime) -> datetime:
    latest = _now() + _MAX_AHEAD
    if not _EPOCH <= value <= latest:
        raise ValueError(
            f"{value.isoformat()} is no time of an event; allowed: 1970 to 24 h from now "
            f"({latest:%Y-%m-%d %H:%M} UTC)"
        )
    return value


def _retained(value: datetime) -> datetime:
    if not value >= _now():
        raise ValueError(
            f"{value.isoformat()} has passed: an event that nobody may keep is not sent; allowed: "
            "a time to come, or none"
        )
    return value


def _tlp(value: Any) -> Any:
    text = str(value).upper().replace("+", "_").removeprefix("TLP:")
    return {"WHITE": "CLEAR"}.get(text, text)


Country = Annotated[str, AfterValidator(_country)]
Publisher = Annotated[str, AfterValidator(_publisher)]
Category = Annotated[str, AfterValidator(_category)]
Countries = Annotated[tuple[Country, ...], Field(max_length=rules.MAX_LIST)]
Publishers = Annotated[tuple[Publisher, ...], Field(max_length=rules.MAX_LIST)]
HandlingCodes = Annotated[
    tuple[Literal["H0", "H1", "H2", "H3"], ...],
    Field(max_length=rules.MAX_HANDLING_CODES),
    AfterValidator(_handling),
]
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
        reference = Reference.load()
        allowed("measure", self.measure, reference.measures.keys())
        if not self.unit:
            raise ValueError(f"measure {self.measure!r} needs a unit (a currency for an amount)")
        if reference.measures[self.measure].dimension != "money":
            allowed(f"unit of {self.measure}", self.unit, reference.units.keys())
        elif not rules.CURRENCY.match(self.unit):
            raise ValueError(
                f"{self.unit!r} is no currency of {self.measure}; allowed: an ISO 4217 code, "
                "three capital letters"
            )
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
    kind: Annotated[str, AfterValidator(_kind)]


class Grading(Model):
    """An evaluation, in its own scheme."""

    scheme: Literal["admiralty", "europol-4x4", "uk-3x5x2"]
    source: str = Field(max_length=2)
    information: str = Field(max_length=2)

    @model_validator(mode="after")
    def _known(self) -> Self:
        scheme = Reference.load().gradings[self.scheme]
        allowed(f"source code of {self.scheme}", self.source, scheme.source.keys())
        allowed(f"information code of {self.scheme}", self.information, scheme.information.keys())
        return self


def _new_id() -> UUID:
    return uuid7(time.time_ns() // 1_000_000)


class Event(Model):
    """An event of any kind; build one of its subclasses.

    `root` is the first event of a chain of corrections. Where it is not given it is the event in
    `supersedes`: that is enough, since a chain is followed from event to event; who knows the first
    one names it. `root_bureau`, whose the first event is, is needed only where the two differ and
    the superseded event is the General Secretariat's.
    """

    kind: ClassVar[str]

    event_id: UUID = Field(default_factory=_new_id)
    occurred_at: Annotated[AwareDatetime, AfterValidator(_occurred)] = Field(default_factory=_now)
    retain_until: Annotated[AwareDatetime, AfterValidator(_retained)] | None = None
    review_due: AwareDatetime | None = None
    supersedes: Supersedes | None = None
    root: UUID | None = Field(default=None, validate_default=True)
    root_bureau: Publisher | None = Field(default=None, validate_default=True)
    in_reply_to: UUID | None = None
    case_ref: str | None = Field(default=None, max_length=200)

    sub_bureau: Country | None = None
    test: bool = False
    subtype: str = ""
    category: Category | None = None
    further_categories: Annotated[
        tuple[Category, ...], Field(max_length=rules.MAX_FURTHER_CATEGORIES)
    ] = ()
    offence: Annotated[str, AfterValidator(_offence)] | None = None
    urgency: Literal["flash", "urgent", "routine", "bulk"] = "routine"
    concerned_countries: Countries = ()
    addressees: Publishers = ()
    tlp: Tlp = "AMBER"
    handling_codes: HandlingCodes = ()
    confidentiality: Literal["OFFICIAL_USE_ONLY", "RESTRICTED", "CONFIDENTIAL"] = (
        "OFFICIAL_USE_ONLY"
    )
    pap: Literal["RED", "AMBER", "GREEN", "CLEAR"] = "AMBER"
    restricted_to: Publishers | None = None
    withheld_from: Publishers = ()
    purpose: str = ""
    legal_basis: str | None = None
    caveats: tuple[str, ...] = ()
    gradings: tuple[Grading, ...] = ()
    operation: str | None = None
    language: Annotated[str, AfterValidator(_language)] = "en"

    measures: Annotated[tuple[Measure, ...], Field(max_length=rules.MAX_MEASURES)] = ()
    identifiers: Annotated[tuple[Identifier, ...], Field(max_length=rules.MAX_IDENTIFIERS)] = ()

    @model_validator(mode="before")
    @classmethod
    def _of_a_kind(cls, data: Any) -> Any:
        if not hasattr(cls, "kind"):
            raise ValueError(f"an event without a kind; allowed: a model of {', '.join(KINDS)}")
        return data

    @field_validator("supersedes")
    @classmethod
    def _a_target(cls, value: Supersedes | None) -> Supersedes | None:
        why = None if value is None else rules.why_no_target(cls.kind, value.kind)
        if why is not None:
            raise ValueError(why)
        return value

    @field_validator("root")
    @classmethod
    def _first_of_chain(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        if cls.kind == "search" and value is not None:
            raise ValueError("a search belongs to no chain; leave root out")
        earlier: Supersedes | None = info.data.get("supersedes")
        return earlier.event_id if value is None and earlier is not None else value

    @field_validator("root_bureau")
    @classmethod
    def _whole_root(cls, value: str | None, info: ValidationInfo) -> str | None:
        root: UUID | None = info.data.get("root")
        earlier: Supersedes | None = info.data.get("supersedes")
        if value is not None and root is None:
            raise ValueError("root_bureau is the bureau of root: give root too, or leave it out")
        if (
            value is None
            and earlier is not None
            and rules.needs_root_bureau(root, earlier.event_id, earlier.bureau)
        ):
            raise ValueError(
                f"root {root} is not the event of {GENERAL_SECRETARIAT} that is superseded; "
                "give root_bureau, the bureau of the chain's first event"
            )
        if value is not None and earlier is not None:
            why = rules.why_no_chain(value, earlier.bureau)
            if why is not None:
                raise ValueError(f"{why}; leave root_bureau out")
        return value

    @field_validator("test")
    @classmethod
    def _no_exercise_on_others(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("supersedes") is not None:
            raise ValueError(
                "an exercise can neither recall nor correct; allowed: test or supersedes, not both"
            )
        return value

    @field_validator("further_categories")
    @classmethod
    def _after_a_first(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("category", "") is None:
            raise ValueError(f"{', '.join(value)}: none is allowed without a category")
        return value

    @model_validator(mode="after")
    def _known_codes(self) -> Self:
        reference = Reference.load()
        subtypes = reference.subtypes[self.kind]
        if self.subtype and subtypes == {""}:
            raise ValueError(f"{self.kind} has no subtype; leave out {self.subtype!r}")
        allowed(f"subtype of {self.kind}", self.subtype, subtypes)
        if self.operation is not None:
            allowed("operation", self.operation, reference.operations.keys())
        if self.purpose:
            allowed("purpose", self.purpose, reference.purposes)
        return self

    @model_validator(mode="after")
    def _has_a_reader(self) -> Self:
        if self.kind in rules.READERLESS_KINDS:
            return self
        if rules.named_readers(self.kind, self.__dict__) == frozenset():
            given = {
                name: getattr(self, name)
                for name in ("tlp", "handling_codes", "addressees", "restricted_to")
            }
            told = ", ".join(f"{name} {_shown(value)}" for name, value in given.items())
            raise ValueError(
                f"nobody is left to read this {self.kind} ({told}, withheld_from "
                f"{_shown(self.withheld_from)}); allowed: addressees of whom restricted_to and "
                "withheld_from leave at least one"
            )
        return self


def _shown(value: str | tuple[str, ...] | None) -> str:
    if value is None:
        return "not given"
    if isinstance(value, str):
        return value
    more = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
    return f"[{', '.join(value[:_SHOWN])}{more}]"
