"""From one XML element of the consolidated list to an entry, or to the reason why there is none.

White space of any kind is one space; words that say nothing (`na`, `none`) are empty. Order and
doubles: values keep the file's order, exact doubles are dropped.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal
from xml.etree.ElementTree import Element  # noqa: S405 - only the type; defusedxml parses

from producers.un_list.entry import Alias, BirthDateText, Document, Entry, Place, Unmapped

__all__ = ["ENTRY_TAGS", "entry_of"]

ENTRY_TAGS: dict[str, Literal["individual", "entity"]] = {
    "INDIVIDUAL": "individual",
    "ENTITY": "entity",
}
_NO_CONTENT = frozenset({"SORT_KEY", "SORT_KEY_LAST_MOD"})
_NAME_PARTS = ("FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME")
_PLACE_PARTS = ("STREET", "CITY", "STATE_PROVINCE", "ZIP_CODE")
_NOTHING = frozenset({"", "na", "n/a", "none", "-"})
_REFERENCE = re.compile(r"\S{1,40}\Z")


def _collapsed(text: str | None) -> str:
    return " ".join((text or "").split())


def _text(element: Element, name: str) -> str:
    found = element.find(name)
    value = "" if found is None else _collapsed(found.text)
    return "" if value.lower() in _NOTHING else value


def _values(element: Element, name: str) -> tuple[str, ...]:
    """Values of `<NAME><VALUE>…` without doubles; blank ones are left out."""
    found = (_collapsed(value.text) for value in element.iterfind(f"{name}/VALUE"))
    return tuple(dict.fromkeys(value for value in found if value.lower() not in _NOTHING))


def _content(element: Element) -> str:
    """A digest of what an entry says: not of its layout, nor of empty elements."""
    digest = hashlib.sha256()

    def feed(node: Element) -> None:
        text = _collapsed(node.text)
        if node.tag in _NO_CONTENT or (not len(node) and not text):
            return
        digest.update(f"<{node.tag}>{text}".encode())
        for child in node:
            feed(child)
        digest.update(b"</>")

    feed(element)
    return digest.hexdigest()


def entry_of(element: Element, line: int) -> Entry | Unmapped:
    """What an INDIVIDUAL or ENTITY element says; `line` is where it began."""
    kind = ENTRY_TAGS[element.tag]
    data_id = _text(element, "DATAID")
    reference = _text(element, "REFERENCE_NUMBER") or data_id
    name = " ".join(part for part in (_text(element, part) for part in _NAME_PARTS) if part)
    original_script = _text(element, "NAME_ORIGINAL_SCRIPT")
    if not reference:
        return Unmapped("", f"an {kind} without REFERENCE_NUMBER and DATAID", line)
    if not _REFERENCE.match(reference):
        return Unmapped(
            reference[:40], "the reference is longer than 40 characters or has a space", line
        )
    if not name and not original_script:
        return Unmapped(reference, f"an {kind} without a name", line)
    prefix = kind.upper()
    return Entry(
        reference=reference,
        kind=kind,
        data_id=data_id,
        version=_text(element, "VERSIONNUM"),
        list_type=_text(element, "UN_LIST_TYPE"),
        name=name or original_script,
        content=_content(element),
        line=line,
        original_script=original_script,
        listed_on=_text(element, "LISTED_ON"),
        updated_on=_values(element, "LAST_DAY_UPDATED"),
        gender=_text(element, "GENDER"),
        titles=_values(element, "TITLE"),
        designations=_values(element, "DESIGNATION"),
        nationalities=_values(element, "NATIONALITY"),
        aliases=tuple(
            alias
            for alias in map(_alias, element.iterfind(f"{prefix}_ALIAS"))
            if alias.name or alias.notes
        ),
        addresses=_places(element, f"{prefix}_ADDRESS"),
        birth_places=_places(element, f"{prefix}_PLACE_OF_BIRTH"),
        birth_dates=tuple(
            found
            for found in map(_birth_date, element.iterfind(f"{prefix}_DATE_OF_BIRTH"))
            if found != BirthDateText(type=found.type)
        ),
        documents=tuple(
            found
            for found in map(_document, element.iterfind(f"{prefix}_DOCUMENT"))
            if found != Document()
        ),
        comments=_text(element, "COMMENTS1"),
    )


def _alias(element: Element) -> Alias:
    notes = (
        ("born", _text(element, "DATE_OF_BIRTH")),
        ("city of birth", _text(element, "CITY_OF_BIRTH")),
        ("country of birth", _text(element, "COUNTRY_OF_BIRTH")),
        ("note", _text(element, "NOTE")),
    )
    return Alias(
        _text(element, "ALIAS_NAME"),
        _text(element, "QUALITY"),
        tuple(f"{what}: {text}" for what, text in notes if text),
    )


def _places(element: Element, name: str) -> tuple[Place, ...]:
    found = (
        Place(
            tuple(part for part in (_text(place, part) for part in _PLACE_PARTS) if part),
            _text(place, "COUNTRY"),
            _text(place, "NOTE"),
        )
        for place in element.iterfind(name)
    )
    return tuple(dict.fromkeys(place for place in found if place != Place()))


def _birth_date(element: Element) -> BirthDateText:
    return BirthDateText(
        _text(element, "TYPE_OF_DATE"),
        _text(element, "DATE"),
        _text(element, "YEAR"),
        _text(element, "FROM_YEAR"),
        _text(element, "TO_YEAR"),
        _text(element, "NOTE"),
    )


def _document(element: Element) -> Document:
    return Document(
        _text(element, "TYPE_OF_DOCUMENT"),
        _text(element, "TYPE_OF_DOCUMENT2"),
        _text(element, "NUMBER"),
        _text(element, "ISSUING_COUNTRY"),
        _text(element, "COUNTRY_OF_ISSUE"),
        _text(element, "CITY_OF_ISSUE"),
        _text(element, "DATE_OF_ISSUE"),
        _text(element, "NOTE"),
    )
