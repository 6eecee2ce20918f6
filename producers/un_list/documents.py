"""Which document of an entry identifies somebody, by what number, of which country.

The list writes types in three languages and puts the type, the country and remarks into the number
(`Ruritanian passport number AB123456, issued in Streslau`). The number is taken out of such text;
the whole text stays in the description. Validity is the router's business.
"""

from __future__ import annotations

import re

from producers.un_list.countries import country_code
from producers.un_list.entry import Document
from schemas.models import Identifier

__all__ = ["identifier_of"]

# In this order: "passport" inside "national passport number" decides before "national ... number".
_TYPES = (
    (re.compile(r"passport|passeport|pasaporte|travel document", re.I), "travel_document"),
    (
        re.compile(
            r"birth certificate|ration card|driver|driving|voter|student|certificate of|other id",
            re.I,
        ),
        None,
    ),
    (
        re.compile(
            r"national|identi(?:ty|fication|té|dad)|tazkira|social security|fiscal code|\bid\b",
            re.I,
        ),
        "national_id",
    ),
)
_NUMBER = re.compile(r"(?:\b[A-Z]{1,3}[ -](?=\d))?[^\W_]*\d[^\W_]*(?:[-/.][^\W_]+)*")
_WORDS = re.compile(r"[^\W\d_]{4,}|\bN[or]\b|[,(]", re.I)
_MAX_CHARS = 120


def identifier_of(document: Document) -> Identifier | None:
    """The identifier that a document gives, or None if it gives none."""
    kind = _kind(document)
    number = _number(document.number or document.type_detail)
    if kind is None or number is None:
        return None
    country = (
        country_code(document.issuing_country)
        or country_code(document.country_of_issue)
        or _named_country(document)
    )
    return Identifier(type=kind, value=number, country=country, role="subject")


def _kind(document: Document) -> str | None:
    """The more exact type decides, then the number's own words, then the type."""
    for text in (document.type_detail, document.number, document.type):
        for pattern, kind in _TYPES:
            if text and pattern.search(text):
                return kind
    return None


def _number(text: str) -> str | None:
    """The number in a text: all of it, if it has no words around it."""
    if len(text) > _MAX_CHARS or not any(char.isdigit() for char in text):
        return None
    if not _WORDS.search(text):
        return text
    return max(_NUMBER.findall(text), key=lambda found: sum(map(str.isdigit, found)), default=None)


def _named_country(document: Document) -> str | None:
    """The country that the type's or the number's first words name: `Jordanian national number`."""
    for text in (document.type_detail, document.number):
        words = text.split()
        for length in (3, 2, 1):
            code = country_code(" ".join(words[:length])) if len(words) >= length else None
            if code:
                return code
    return None
