"""What moves, and what it carries: vehicles, ships, containers, aircraft, firearms."""

from __future__ import annotations

import re

from stream_apps.router.identifiers.checksums import container_digit, imo_ok, vin_digit
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

__all__ = [
    "aircraft_registration",
    "container",
    "engine_number",
    "firearm_serial",
    "flight_number",
    "mmsi",
    "vehicle_plate",
    "vessel_imo",
    "vin",
]

_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_VIN_HINT = str.maketrans("IOQ", "100")
_DIGIT_MANDATORY = frozenset("12345L")
"""First characters of North America (1 to 5) and China (L)."""
_IMO = re.compile(r"\d{7}")
_MMSI = re.compile(r"\d{9}")
_CONTAINER = re.compile(r"[A-Z]{3}[UJZ]\d{7}")
_AIRCRAFT = re.compile(r"[A-Z0-9]{3,8}")
_FLIGHT = re.compile(r"([A-Z][A-Z0-9]{1,2}?|[0-9][A-Z])(\d{1,4})([A-Z]?)")
_CYRILLIC_TWINS = str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX")
_ARABIC_FORMS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ی": "ي", "ک": "ك"})


def vin(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO 3779. The check digit binds in North America and China only."""
    text = compact(value)
    if not text:
        return EMPTY
    if not (text.isascii() and text.isalnum()) or len(text) > 17:
        return MALFORMED
    if len(text) < 17:
        return unknown(text, "pre-1981-length") if len(text) >= 5 else MALFORMED
    if not _VIN.fullmatch(text):
        return invalid(text.translate(_VIN_HINT), "ioq-mapped")
    if vin_digit(text) == text[8]:
        return valid(text)
    if text[0] in _DIGIT_MANDATORY:
        return invalid(text, "bad-check-digit")
    return unknown(text, "check-digit-not-mandatory")


def vehicle_plate(value: str, country: str | None, bureau: str) -> Outcome:
    """No checksum. Cyrillic plates use only letters with a Latin twin: written Latin here."""
    text = compact(value)
    if not text:
        return EMPTY
    if len(text) > 20 or not text.isalnum():
        return MALFORMED
    if not text.isascii():
        text = text.translate(_CYRILLIC_TWINS).translate(_ARABIC_FORMS)
    return unknown(scoped(country, text), "no-check-digit")


def _serial(value: str) -> Outcome:
    text = compact(value)
    if not text:
        return EMPTY
    if len(text) > 64:
        return MALFORMED
    return unknown(text, "no-check-digit")


def engine_number(value: str, country: str | None, bureau: str) -> Outcome:
    return _serial(value)


def firearm_serial(value: str, country: str | None, bureau: str) -> Outcome:
    """Serials repeat across makers: compare only beside make, model and calibre. Zeros stay."""
    return _serial(value)


def vessel_imo(value: str, country: str | None, bureau: str) -> Outcome:
    text = compact(value).removeprefix("IMO").lstrip(":")
    if not text:
        return EMPTY
    if not _IMO.fullmatch(text):
        return MALFORMED
    return by_check_digit(text, imo_ok(text))


def mmsi(value: str, country: str | None, bureau: str) -> Outcome:
    """A ship's number begins with its country (201 to 775); others are stations and beacons."""
    text = compact(value).removeprefix("MMSI").lstrip(":")
    if not text:
        return EMPTY
    if not _MMSI.fullmatch(text):
        return MALFORMED
    if 201 <= int(text[:3]) <= 775:
        return valid(text)
    return unknown(text, "not-a-ship")


def container(value: str, country: str | None, bureau: str) -> Outcome:
    """ISO 6346."""
    text = compact(value)
    if not text:
        return EMPTY
    if not _CONTAINER.fullmatch(text):
        return MALFORMED
    if container_digit(text[:10]) == text[10]:
        return valid(text)
    return invalid(text, "bad-check-digit")


def aircraft_registration(value: str, country: str | None, bureau: str) -> Outcome:
    """Nationality mark and suffix, written without the hyphen; military marks differ."""
    text = compact(value)
    if not text:
        return EMPTY
    if not _AIRCRAFT.fullmatch(text):
        return MALFORMED
    return unknown(text, "no-check-digit")


def flight_number(value: str, country: str | None, bureau: str) -> Outcome:
    """Airline, number without leading zeros, suffix. It says little without a date."""
    text = compact(value)
    if not text:
        return EMPTY
    found = _FLIGHT.fullmatch(text)
    if found is None:
        return MALFORMED
    return unknown(f"{found[1]}{found[2].lstrip('0') or '0'}{found[3]}", "needs-date")
