"""Documents: travel documents, visas, identity cards, notices, sanctions references.

A travel document's key is `<issuing state, alpha-3>:<number>`; without a known state it is the
bare number, never a guess: an equal number from another state is a different document. A
machine-readable line is taken apart and each of its check digits checked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from schemas.reference import Reference
from stream_apps.router.folding import ascii_digits
from stream_apps.router.identifiers.checksums import mrz_digit
from stream_apps.router.identifiers.outcome import (
    EMPTY,
    MALFORMED,
    Outcome,
    invalid,
    unknown,
    valid,
)

__all__ = [
    "compact",
    "national_id",
    "notice_id",
    "scoped",
    "travel_document",
    "un_sanctions_reference",
    "visa_number",
]

_SEPARATORS = {
    ord(char): None for char in " \t\r\n\v\f-.,/\\_'\u2010\u2011\u2012\u2013\u2014\u2212"
}
_BLANKS = {ord(char): None for char in " \t\r\n\v\f"}
_MRZ = re.compile(r"[A-Z0-9<]{30,90}")
_MRZ_FIELD = re.compile(r"([A-Z0-9]{1,9})<*(\d)")
_WITH_DIGIT = re.compile(r"\s*([A-Z0-9<]{1,22})\s+CD\s*(\d)\s*")
_NOTICE = re.compile(r"((?:19|20)\d\d)[/-](\d{1,7})")
_UN_REFERENCE = re.compile(r"([A-Z]{2,3}?)([IE])\.?(\d{3})")
_LONGEST_NUMBER = 29  # one less than the shortest machine-readable line


def compact(value: str) -> str:
    """Capital letters and digits without the separators that people write between them."""
    if value.isascii() and value.isalnum():
        return value.upper()
    return ascii_digits(value).translate(_SEPARATORS).upper()


@functools.cache
def _alpha3() -> Mapping[str, str]:
    reference = Reference.load()
    return dict(reference.country_iso3) | {reference.general_secretariat.code: "XPO"}


def scoped(scope: str | None, number: str) -> str:
    """A number that means something only beside the country that gave it."""
    return f"{scope}:{number}" if scope else number


def _state(country: str | None) -> str | None:
    return _alpha3().get(country) if country else None


def travel_document(value: str, country: str | None, bureau: str) -> Outcome:
    """A number, a number with its check digit, or the machine-readable zone."""
    text = compact(value)
    if text.isascii() and text.isalnum() and len(text) <= _LONGEST_NUMBER and " " not in value:
        return _plain(text, country)
    upper = ascii_digits(value).upper()
    squeezed = upper.translate(_BLANKS)
    if len(squeezed) >= 30 and _MRZ.fullmatch(squeezed):
        return _zone(squeezed, country)
    split = _WITH_DIGIT.fullmatch(upper)
    if split is None and "<" in squeezed and len(squeezed) == 10:
        split = _MRZ_FIELD.fullmatch(squeezed)
    if split is not None:
        return _judge(split[1], split[2], _state(country), "number")
    return _plain(text.replace("<", ""), country)


def _plain(number: str, country: str | None) -> Outcome:
    if not number:
        return EMPTY
    if len(number) > _LONGEST_NUMBER or not number.isalnum():
        return MALFORMED
    if not any(map(str.isdigit, number)):
        return MALFORMED
    return unknown(scoped(_state(country), number), "no-check-digit")


def _judge(field: str, digit: str, state: str | None, what: str) -> Outcome:
    normalised = scoped(state, field.replace("<", ""))
    if mrz_digit(field) == digit:
        return valid(normalised)
    return invalid(normalised, f"bad-check-digit:{what}")


def _zone(text: str, country: str | None) -> Outcome:
    """Any of the layouts of ICAO 9303, whole or its line with the number."""
    length = len(text)
    if length in (88, 72):
        half = length // 2
        return _long_line(text[half:], text[2:5], country, visa=text[0] == "V")
    if length in (44, 36):
        return _long_line(text, "", country, visa=False)
    if length == 90:
        return _card(text[:30], text[30:60], country)
    if length == 30:
        return _card(text, "", country)
    return MALFORMED


def _issuer(state: str, country: str | None) -> str | None:
    found = state.replace("<", "")
    return "DEU" if found == "D" else found or _state(country)


def _long_line(line: str, state: str, country: str | None, *, visa: bool) -> Outcome:
    """Line 2 of a passport, a two-line card or a visa."""
    number, digit = line[:9], line[9]
    if not digit.isdigit() or not number.strip("<"):
        return MALFORMED
    normalised = scoped(_issuer(state, country), number.replace("<", ""))
    passport = len(line) == 44 and not visa
    fields = [("number", number, digit), ("birth", line[13:19], line[19])]
    fields.append(("expiry", line[21:27], line[27]))
    if passport:
        fields.append(("optional", line[28:42], line[42]))
    if not visa:
        fields.append(("composite", line[:10] + line[13:20] + line[21:-1], line[-1]))
    return _first_fault(normalised, fields)


def _card(line1: str, line2: str, country: str | None) -> Outcome:
    """A three-line card; a number longer than nine characters spills into the optional field."""
    number, digit = line1[5:14], line1[14]
    if digit == "<":
        spilled = line1[15:].split("<", 1)[0]
        number, digit = number + spilled[:-1], spilled[-1:]
    if not digit.isdigit() or not number.strip("<"):
        return MALFORMED
    normalised = scoped(_issuer(line1[2:5], country), number.replace("<", ""))
    fields = [("number", number, digit)]
    if line2:
        fields += [
            ("birth", line2[:6], line2[6]),
            ("expiry", line2[8:14], line2[14]),
            ("composite", line1[5:] + line2[:7] + line2[8:15] + line2[18:29], line2[29]),
        ]
    return _first_fault(normalised, fields)


def _first_fault(normalised: str, fields: list[tuple[str, str, str]]) -> Outcome:
    for what, field, digit in fields:
        expected = mrz_digit(field)
        if expected != digit and not (digit == "<" and not field.strip("<")):
            return invalid(normalised, f"bad-check-digit:{what}")
    return valid(normalised)


def visa_number(value: str, country: str | None, bureau: str) -> Outcome:
    """As a travel document; a machine-readable visa has no composite digit."""
    squeezed = ascii_digits(value).upper().translate(_BLANKS)
    if len(squeezed) in (44, 36) and _MRZ.fullmatch(squeezed):
        return _long_line(squeezed, "", country, visa=True)
    return travel_document(value, country, bureau)


def national_id(value: str, country: str | None, bureau: str) -> Outcome:
    """Each country has its own rule; those are checked where people type, not in the stream."""
    text = compact(value)
    if not text:
        return EMPTY
    if len(text) > 32 or not text.isalnum():
        return MALFORMED
    return unknown(scoped(country, text), "checked-at-entry")


def notice_id(value: str, country: str | None, bureau: str) -> Outcome:
    """`2024/12345` in text and `2024-12345` in addresses are the same notice."""
    found = _NOTICE.fullmatch(ascii_digits(value).translate(_BLANKS))
    if found is None:
        return MALFORMED
    return valid(f"{found[1]}/{found[2].lstrip('0') or '0'}")


def un_sanctions_reference(value: str, country: str | None, bureau: str) -> Outcome:
    """`QDi.001`: regime, i(ndividual) or e(ntity), number."""
    found = _UN_REFERENCE.fullmatch(ascii_digits(value).translate(_BLANKS).upper())
    if found is None:
        return MALFORMED
    return valid(f"{found[1]}{found[2].lower()}.{found[3]}")
