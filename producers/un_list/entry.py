"""One entry of the UN Security Council's consolidated list, as it stands in the file.

Text is as received, only runs of white space (line breaks inside values do occur) are one space.
Nothing is interpreted here: what a value means is decided by :mod:`producers.un_list.mapping`.
`content` is a digest of everything the entry says, so that a change of any of it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Alias", "BirthDateText", "Document", "Entry", "Place", "Unmapped"]


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name; `quality` is Good or Low (people), a.k.a. or f.k.a. (entities) or empty."""

    name: str
    quality: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BirthDateText:
    """A birth date as it stands: EXACT, APPROXIMATELY, BETWEEN or nothing, with its parts."""

    type: str = ""
    date: str = ""
    year: str = ""
    from_year: str = ""
    to_year: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it stands; every part may be empty."""

    type: str = ""
    type_detail: str = ""
    number: str = ""
    issuing_country: str = ""
    country_of_issue: str = ""
    city_of_issue: str = ""
    date_of_issue: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        issued = ", ".join(
            part for part in (self.date_of_issue, self.city_of_issue, self.country_of_issue) if part
        )
        parts = (
            self.type,
            self.type_detail,
            self.number,
            self.issuing_country,
            f"issued {issued}" if issued else "",
            self.note,
        )
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Place:
    """An address or a place of birth, from the smallest part to the country."""

    parts: tuple[str, ...] = ()
    country: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        place = ", ".join(part for part in (*self.parts, self.country) if part)
        return " ".join(part for part in (place, f"({self.note})" if self.note else "") if part)


@dataclass(frozen=True, slots=True)
class Entry:
    """One person or entity on the list."""

    reference: str
    kind: Literal["individual", "entity"]
    data_id: str
    version: str
    list_type: str
    name: str
    content: str
    line: int
    original_script: str = ""
    listed_on: str = ""
    updated_on: tuple[str, ...] = ()
    gender: str = ""
    titles: tuple[str, ...] = ()
    designations: tuple[str, ...] = ()
    nationalities: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    addresses: tuple[Place, ...] = ()
    birth_places: tuple[Place, ...] = ()
    birth_dates: tuple[BirthDateText, ...] = ()
    documents: tuple[Document, ...] = ()
    comments: str = ""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """An entry that can't become a notice, and why. `reference` is empty if it has none."""

    reference: str
    reason: str
    line: int = 0
