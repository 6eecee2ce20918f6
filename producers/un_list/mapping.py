"""From an entry of the consolidated list to the notice (`unsc-special`) that XP publishes.

Nothing the entry says is lost: what has no field of its own stands as text in the subject's
description. Nothing is made up: a year stays a year, a country that is not known stays text, a
document of a kind that identifies nobody (a ration card) becomes no identifier. The same entry
always gives the same notice; whoever changes what comes out raises `MAPPING_VERSION`, so that the
next import publishes corrections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal, TypeVar
from uuid import UUID

from pydantic import ValidationError

from producers.un_list.countries import country_code
from producers.un_list.documents import identifier_of
from producers.un_list.entry import Alias, BirthDateText, Entry
from schemas.errors import PermanentError
from schemas.models import BirthDate, Identifier, Name, Notice, Subject, Supersedes
from schemas.topics import GENERAL_SECRETARIAT

__all__ = ["MAPPING_VERSION", "Predecessor", "to_notice"]

MAPPING_VERSION = 1

_PURPOSE = "alert-on-person-event-or-modus-operandi"
_SEX: dict[str, Literal["F", "M"]] = {"male": "M", "female": "F"}
_MAX_NAME = 1000
_YEAR_DIGITS = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Regime:
    """What a sanctions list is about. `category` None: left to the router's keywords."""

    legal_basis: str
    category: str | None = None


# Committees' resolutions: general knowledge. A category is declared only where the whole list is
# about one threat; embargoes on states, on proliferation or on spoilers of a peace are about none.
_REGIMES = {
    "Al-Qaida": Regime("Security Council resolutions 1267, 1989 and 2253", "terrorism"),
    "Taliban": Regime("Security Council resolution 1988", "terrorism"),
    "Haiti": Regime("Security Council resolution 2653", "transnational-organized-crime"),
    "CAR": Regime("Security Council resolution 2745"),
    "DPRK": Regime("Security Council resolution 1718"),
    "DRC": Regime("Security Council resolution 1533"),
    "GB": Regime("Security Council resolution 2048"),
    "Iran": Regime("Security Council resolution 1737"),
    "Iraq": Regime("Security Council resolution 1518"),
    "Libya": Regime("Security Council resolution 1970"),
    "Somalia": Regime("Security Council resolutions 751 and 2713"),
    "SouthSudan": Regime("Security Council resolution 2206"),
    "Sudan": Regime("Security Council resolution 1591"),
    "Yemen": Regime("Security Council resolution 2140"),
}
_UNKNOWN_REGIME = Regime("Security Council sanctions")


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The notice that a correction replaces, and the first of its chain."""

    event_id: UUID
    root: UUID

    def superseded(self) -> Supersedes:
        return Supersedes(event_id=self.event_id, bureau=GENERAL_SECRETARIAT, kind=Notice.kind)


def to_notice(entry: Entry, event_id: UUID, predecessor: Predecessor | None = None) -> Notice:
    """The notice of an entry.

    Raises:
        PermanentError: the entry can't be a notice; the message says why.
    """
    regime = _REGIMES.get(entry.list_type, _UNKNOWN_REGIME)
    person = entry.kind == "individual"
    try:
        return Notice(
            event_id=event_id,
            occurred_at=_listed_at(entry),
            supersedes=None if predecessor is None else predecessor.superseded(),
            root=None if predecessor is None else predecessor.root,
            root_bureau=None if predecessor is None else GENERAL_SECRETARIAT,
            case_ref=entry.reference,
            subtype="unsc-special",
            category=regime.category,
            concerned_countries=_countries(entry),
            tlp="CLEAR",
            pap="CLEAR",
            purpose=_PURPOSE,
            legal_basis=regime.legal_basis,
            language="en",
            identifiers=tuple(_identifiers(entry)),
            reference=entry.reference,
            title=f"UN Security Council sanctions: {entry.name[:_MAX_NAME]}",
            summary=entry.comments or None,
            subjects=(
                Subject(
                    type="person" if person else "entity",
                    names=tuple(_names(entry)),
                    birth_dates=tuple(_distinct(map(_birth_date, entry.birth_dates))),
                    sex=_SEX.get(entry.gender.lower()),
                    nationalities=tuple(
                        dict.fromkeys(country_code(name) or name for name in entry.nationalities)
                    ),
                    places=tuple(_places(entry)),
                    description="\n".join(_description(entry)) or None,
                ),
            ),
            references=tuple(
                text
                for text in (
                    f"UN list {entry.list_type}" if entry.list_type else "",
                    f"DATAID {entry.data_id}" if entry.data_id else "",
                    f"version {entry.version}" if entry.version else "",
                )
                if text
            ),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PermanentError(
            f"{entry.reference}: {where}: {first['msg'].removeprefix('Value error, ')}",
            code="un-list-unmapped",
        ) from error


def _listed_at(entry: Entry) -> datetime:
    """Start of the day of listing; of the first update where that is missing."""
    for text in (entry.listed_on, *sorted(entry.updated_on)):
        day = _day(text)
        if day is not None:
            return datetime.combine(day, time(), UTC)
    raise PermanentError(
        f"{entry.reference}: neither LISTED_ON ({entry.listed_on!r}) nor LAST_DAY_UPDATED is a "
        "date, so it can't be said when it was listed",
        code="un-list-unmapped",
    )


def _day(text: str) -> date | None:
    """A date; what follows it (`-05:00`, `T00:00:00`) says nothing about the day."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _countries(entry: Entry) -> tuple[str, ...]:
    """The countries it concerns: nationality, and for an entity where it is."""
    names = entry.nationalities or tuple(address.country for address in entry.addresses)
    return tuple(sorted({code for code in map(country_code, names) if code}))


def _names(entry: Entry) -> Iterator[Name]:
    yield Name(full=entry.name)
    if entry.original_script and entry.original_script != entry.name:
        yield Name(full=entry.original_script, kind="original_script")
    seen = set()
    for alias in entry.aliases:
        if alias.name and (alias.name, alias.quality) not in seen:
            seen.add((alias.name, alias.quality))
            yield Name(full=alias.name, kind="alias", quality=alias.quality or None)


def _identifiers(entry: Entry) -> Iterator[Identifier]:
    yield Identifier(type="un_sanctions_reference", value=entry.reference, role="subject")
    name_type = "person_name" if entry.kind == "individual" else "organization_name"
    names = (entry.name, entry.original_script, *map(_trusted_name, entry.aliases))
    for name in dict.fromkeys(names):
        if name and len(name) <= _MAX_NAME:
            yield Identifier(type=name_type, value=name, role="subject")
    yield from _distinct(map(identifier_of, entry.documents))


def _trusted_name(alias: Alias) -> str:
    """A name that finds somebody: one of low quality finds too many."""
    return "" if alias.quality.lower() == "low" else alias.name


def _distinct(found: Iterable[T | None]) -> Iterator[T]:
    yield from dict.fromkeys(item for item in found if item is not None)


def _year(text: str) -> int | None:
    plain = len(text) <= _YEAR_DIGITS and text.isdecimal()
    return int(text) if plain and 1800 <= int(text) <= 2200 else None


def _birth_date(text: BirthDateText) -> BirthDate | None:
    """A date or a span; None where there is only a note, which stands in the description."""
    start, end = _year(text.from_year), _year(text.to_year)
    if start is not None and end is not None:
        start, end = min(start, end), max(start, end)
        return BirthDate(earliest=date(start, 1, 1), latest=date(end, 12, 31), precision="between")
    exact = text.type.upper() == "EXACT"
    day = _day(text.date)
    if day is not None:
        return BirthDate(earliest=day, latest=day, precision="exact" if exact else "approximate")
    year = _year(text.year) or start or end
    if year is None:
        return None
    return BirthDate(
        earliest=date(year, 1, 1),
        latest=date(year, 12, 31),
        precision="year" if exact else "approximate",
    )


def _places(entry: Entry) -> Iterator[str]:
    for what, places in (("born in", entry.birth_places), ("address", entry.addresses)):
        for place in places:
            yield f"{what}: {place.text}"


def _description(entry: Entry) -> Iterator[str]:
    """Everything that has no field of its own."""
    if entry.titles:
        yield f"Title: {'; '.join(entry.titles)}"
    if entry.designations:
        yield f"Designation: {'; '.join(entry.designations)}"
    for alias in entry.aliases:
        if alias.notes:
            yield f"Alias {alias.name or 'without a name'}: {'; '.join(alias.notes)}"
    for birth in entry.birth_dates:
        if birth.note or _birth_date(birth) is None:
            parts = (birth.type, birth.date, birth.year, birth.from_year, birth.to_year, birth.note)
            yield f"Birth date: {', '.join(part for part in parts if part)}"
    for document in entry.documents:
        yield f"Document: {document.text}"
    if entry.updated_on:
        yield f"Updated on: {', '.join(sorted(entry.updated_on))}"
