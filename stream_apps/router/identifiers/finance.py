"""Accounts, cards and the bodies that hold them.

A payment card is never kept in clear, right or wrong: first six and last four digits, nothing
between. IBAN layouts are the registry's, as python-stdnum ships it.
"""

from __future__ import annotations

import functools
import re

from stdnum import numdb

from stream_apps.router.folding import ascii_digits
from stream_apps.router.identifiers.checksums import isin_ok, luhn_ok, mod97_is_one
from stream_apps.router.identifiers.documents import compact, scoped
from stream_apps.router.identifiers.outcome import (
    EMPTY,
    MALFORMED,
    Outcome,
    by_check_digit,
    invalid,
    unknown,
    valid,
)

__all__ = ["bank_account", "bic", "company_registration", "iban", "isin", "lei", "payment_card"]

_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_LEI = re.compile(r"[A-Z0-9]{18}\d\d")
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CARD = re.compile(r"[0-9]{12,19}")
_MASKED_CARD = re.compile(r"[0-9]{6}[X*•]{2,9}[0-9]{4}")
_PART = re.compile(r"(\d+)!([nac])")
_PART_CLASS = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}


@functools.cache
def _layout(country: str) -> re.Pattern[str] | None:
    """What follows country and check digits, by the registry; None if it has no IBAN."""
    for code, properties in numdb.get("iban").info(country):
        bban = properties.get("bban")
        if code == country and bban:
            return re.compile(
                "".join(f"{_PART_CLASS[kind]}{{{size}}}" for size, kind in _PART.findall(bban))
            )
    return None


def iban(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO 13616: the country's layout, then the check digits."""
    text = compact(value).removeprefix("IBAN").lstrip(":")
    if not text:
        return EMPTY
    if not _IBAN.fullmatch(text):
        return MALFORMED
    layout = _layout(text[:2])
    if layout is not None and not layout.fullmatch(text, 4):
        return invalid(text, "bad-layout")
    if not mod97_is_one(text[4:] + text[:4]):
        return invalid(text, "bad-check-digit")
    return valid(text) if layout is not None else unknown(text, "country-without-iban")


def bank_account(value: str, country: str | None, bureau: str) -> Outcome:
    """No universal rule: kept as text beside its country; an IBAN is checked as one."""
    text = compact(value)
    if not text:
        return EMPTY
    if _IBAN.fullmatch(text) and _layout(text[:2]) is not None:
        return iban(value, country, bureau)
    if len(text) > 40 or not text.replace(":", "").replace("*", "").isalnum():
        return MALFORMED
    return unknown(scoped(country, text), "no-check-digit")


def bic(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO 9362; the head office's XXX is left out."""
    text = compact(value)
    if not text:
        return EMPTY
    if not _BIC.fullmatch(text):
        return MALFORMED
    return valid(text.removesuffix("XXX") if len(text) == 11 else text)


def payment_card(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO/IEC 7812, masked whatever the result."""
    text = compact(value)
    if not text:
        return EMPTY
    if _CARD.fullmatch(text):
        masked = f"{text[:6]}{'*' * (len(text) - 10)}{text[-4:]}"
        return by_check_digit(masked, luhn_ok(text))
    if _MASKED_CARD.fullmatch(text):
        return unknown(f"{text[:6]}{'*' * (len(text) - 10)}{text[-4:]}", "masked")
    return invalid(None, "bad-length") if text.isdigit() else MALFORMED


def lei(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO 17442."""
    text = compact(value)
    if not text:
        return EMPTY
    if not _LEI.fullmatch(text):
        return MALFORMED
    return by_check_digit(text, mod97_is_one(text))


def isin(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO 6166."""
    text = compact(value)
    if not text:
        return EMPTY
    if not _ISIN.fullmatch(text):
        return MALFORMED
    return by_check_digit(text, isin_ok(text))


def company_registration(value: str, country: str | None, bureau: str) -> Outcome:
    """Each country has its own rule; kept beside its country."""
    text = " ".join(ascii_digits(value).upper().split())
    if not text:
        return EMPTY
    return unknown(scoped(country, text), "checked-at-entry") if len(text) <= 64 else MALFORMED
