"""Telephones: numbers, handsets, subscribers, network cards.

Numbering plans are those that `phonenumbers` ships; only its tables are used here, each country's
read once at first need, since its parser is too slow for the stream. A number without country
code is read as one dialled in the issuer's country, else in the reporting bureau's.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from stream_apps.router.folding import ascii_digits
from stream_apps.router.identifiers.checksums import luhn_ok
from stream_apps.router.identifiers.documents import compact
from stream_apps.router.identifiers.outcome import (
    EMPTY,
    MALFORMED,
    Outcome,
    by_check_digit,
    invalid,
    unknown,
    valid,
)

__all__ = ["device_id", "imei", "imsi", "phone_e164"]

_MAX_E164_DIGITS = 15
_MAX_WRITTEN = 64
_PUNCTUATION = {ord(char): None for char in " \t\r\n-.()/\u2010\u2011\u2012\u2013\u2014\u2212[]~"}
_EXTENSION = re.compile(r"[ ,]{0,3}(?:;ext=|ext\.?|x|#)[ :]{0,2}\d{1,7}$", re.IGNORECASE)
_NUMBER = re.compile(r"(\+)?(\d{3,20})")
_IMSI = re.compile(r"(?:[2-7]\d\d|001|901|999)\d{11,12}")
_MAC = re.compile(
    r"[0-9A-F]{2}(?:([:-])[0-9A-F]{2})(?:\1[0-9A-F]{2}){4}|[0-9A-F]{4}(?:\.[0-9A-F]{4}){2}"
)
_NON_GEOGRAPHIC = "001"


@dataclass(frozen=True, slots=True)
class _Plan:
    """How numbers are written and dialled in a country."""

    calling_code: str
    numbers: re.Pattern[str]
    dialled_abroad: re.Pattern[str] | None
    trunk: re.Pattern[str] | None
    trunk_becomes: str | None

    def without_trunk(self, number: str) -> str:
        """The number as seen from abroad."""
        found = self.trunk.match(number) if self.trunk is not None else None
        if found is None or not found.end():
            return number
        if self.trunk_becomes and found.lastindex and found[found.lastindex] is not None:
            stripped = found.expand(self.trunk_becomes) + number[found.end() :]
        else:
            stripped = number[found.end() :]
        if self.numbers.fullmatch(number) and not self.numbers.fullmatch(stripped):
            return number
        return stripped


def _pattern(source: str | None) -> re.Pattern[str] | None:
    return re.compile(source) if source else None


@functools.cache
def _plan_of(country: str, calling_code: int) -> _Plan | None:
    if country == _NON_GEOGRAPHIC:
        metadata = PhoneMetadata.metadata_for_nongeo_region(calling_code)
    else:
        metadata = PhoneMetadata.metadata_for_region(country)
    if metadata is None or metadata.general_desc is None:
        return None
    numbers = _pattern(metadata.general_desc.national_number_pattern)
    if numbers is None:
        return None
    return _Plan(
        calling_code=str(metadata.country_code),
        numbers=numbers,
        dialled_abroad=_pattern(metadata.international_prefix),
        trunk=_pattern(metadata.national_prefix_for_parsing),
        trunk_becomes=metadata.national_prefix_transform_rule,
    )


@functools.cache
def _home_plan(country: str) -> _Plan | None:
    return _plan_of(country, 0) if re.fullmatch("[A-Z]{2}", country) else None


@functools.cache
def _plans_of_code(calling_code: str) -> tuple[_Plan, ...]:
    """Plans that share a country code, the main one first; none for a code not in use."""
    code = int(calling_code)
    found = (_plan_of(region, code) for region in COUNTRY_CODE_TO_REGION_CODE.get(code, ()))
    return tuple(plan for plan in found if plan is not None)


def _by_code(digits: str) -> tuple[tuple[_Plan, ...], str]:
    """Plans for a number that begins with its country code, and the rest of it."""
    if digits and digits[0] != "0":
        for size in (1, 2, 3):
            if int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE:
                return _plans_of_code(digits[:size]), digits[size:]
    return (), digits


def phone_e164(value: str, country: str | None, bureau: str) -> Outcome:
    """`+` and country code; the country's plan decides whether it can exist."""
    text = ascii_digits(value[:_MAX_WRITTEN]).strip().removeprefix("tel:")
    if not text:
        return EMPTY
    if len(value) > _MAX_WRITTEN:
        return MALFORMED
    if not text[-1].isdigit() or any(mark in text for mark in "x#X;") or "ext" in text.lower():
        text = _EXTENSION.sub("", text)
    written = _NUMBER.fullmatch(text.translate(_PUNCTUATION))
    if written is None:
        return MALFORMED
    digits = written[2]
    if written[1] is not None:
        return _from_abroad(digits)
    home = _home_plan(country or bureau)
    if home is None:
        return _from_abroad(digits[2:]) if digits[:2] == "00" else unknown(None, "no-country")
    dialled = home.dialled_abroad.match(digits) if home.dialled_abroad is not None else None
    if dialled is not None and _by_code(digits[dialled.end() :])[0]:
        return _from_abroad(digits[dialled.end() :])
    return _judge(home, _plans_of_code(home.calling_code), digits)


def _from_abroad(digits: str) -> Outcome:
    plans, number = _by_code(digits)
    if not plans:
        return invalid(f"+{digits}", "unknown-country-code") if digits else MALFORMED
    return _judge(plans[0], plans, number)


def _judge(dialled_in: _Plan, plans: tuple[_Plan, ...], written: str) -> Outcome:
    number = dialled_in.without_trunk(written)
    normalised = f"+{dialled_in.calling_code}{number}"
    if len(normalised) - 1 > _MAX_E164_DIGITS:
        return invalid(normalised, "too-long")
    if any(plan.numbers.fullmatch(number) for plan in plans):
        return valid(normalised)
    return invalid(normalised, "not-in-range")


def imei(value: str, country: str | None, bureau: str) -> Outcome:
    """3GPP TS 23.003: 15 digits with a check digit; 16 are an IMEISV, which has none."""
    text = compact(value).removeprefix("IMEI").lstrip(":")
    if not text:
        return EMPTY
    if not (text.isascii() and text.isdigit()):
        return MALFORMED
    if len(text) == 15:
        return by_check_digit(text, luhn_ok(text))
    if len(text) == 16:
        return unknown(text, "imeisv")
    if len(text) == 14:
        return unknown(text, "no-check-digit")
    return invalid(None, "bad-length")


def imsi(value: str, country: str | None, bureau: str) -> Outcome:
    """Country, network, subscriber; no check digit."""
    text = compact(value)
    if not text:
        return EMPTY
    return unknown(text, "no-check-digit") if _IMSI.fullmatch(text) else MALFORMED


def device_id(value: str, country: str | None, bureau: str) -> Outcome:
    """A network card's address, or a serial number in free text."""
    text = ascii_digits(value).strip().upper()
    if not text:
        return EMPTY
    if _MAC.fullmatch(text):
        digits = "".join(char for char in text if char not in ":-.").lower()
        return valid(":".join(digits[n : n + 2] for n in range(0, 12, 2)))
    return unknown(text, "no-check-digit") if len(text) <= 128 else MALFORMED
