"""Identifiers as criminals and clerks use them: invented, with right check digits, or wrong ones.

A maker gives a value whose check digit is right; `wrong` replaces one character so that it no
longer is. Nothing here looks at a real document: numbers come from the seeded generator alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from random import Random

__all__ = ["CHECKED", "MAKERS", "mrz_digit", "wrong"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"
_ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VIN_CHARS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
        (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CONTAINER_VALUES = dict(
    zip(_ALNUM, (*range(10), *(n for n in range(10, 39) if n % 11)), strict=True)
)
_MRZ_VALUES = {char: number for number, char in enumerate(_ALNUM)} | {"<": 0}
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_IBAN_LAYOUTS = {
    "DE": "n18", "ES": "n20", "BE": "n12", "PL": "n24", "PT": "n21", "NL": "a4n10", "GB": "a4n14",
    "SA": "n20", "AE": "n19", "TN": "n20", "LT": "n16", "AT": "n16", "DK": "n14", "CH": "n17",
}  # fmt: skip
_PHONES = {
    "+447700900": 3,
    "+3363998": 4,
    "+120255501": 2,
    "+61491570": 3,
}
"""Ranges kept for fiction, and how many digits follow."""
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_HOSTS = ("mail.example", "post.example", "secure-pay.example", "jobs-abroad.example")


def _digits(rng: Random, count: int) -> str:
    return f"{rng.randrange(10**count):0{count}}"


def _letters(rng: Random, count: int) -> str:
    return "".join(rng.choices(_CONSONANTS, k=count))


def luhn_digit(digits: str) -> str:
    """The digit that makes a Luhn number of these digits."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        number = int(char)
        if place % 2 == 0:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return str(-total % 10)


def mod97_digits(alnum: str) -> str:
    """The two digits that make the remainder 1 when they follow."""
    number = int("".join(str(int(char, 36)) for char in alnum) + "00")
    return f"{98 - number % 97:02}"


def mrz_digit(field: str) -> str:
    """ICAO 9303: weights 7, 3, 1."""
    total = sum(_MRZ_VALUES[char] * (7, 3, 1)[place % 3] for place, char in enumerate(field))
    return str(total % 10)


def iban(rng: Random) -> str:
    country, layout = rng.choice(tuple(_IBAN_LAYOUTS.items()))
    bank = ""
    if layout.startswith("a4"):
        bank, layout = _letters(rng, 4), layout[2:]
    account = bank + _digits(rng, int(layout[1:]))
    return f"{country}{mod97_digits(account + country)}{account}"


def payment_card(rng: Random) -> str:
    digits = rng.choice(("400000", "510510", "601100")) + _digits(rng, 9)
    return digits + luhn_digit(digits)


def imei(rng: Random) -> str:
    digits = "35" + _digits(rng, 12)
    return digits + luhn_digit(digits)


def vin(rng: Random) -> str:
    chars = [rng.choice("1245LWVZSJKY"), *rng.choices(_VIN_CHARS, k=16)]
    total = sum(
        _VIN_VALUES[char] * weight for char, weight in zip(chars, _VIN_WEIGHTS, strict=True)
    )
    chars[8] = "0123456789X"[total % 11]
    return "".join(chars)


def vessel_imo(rng: Random) -> str:
    digits = str(rng.randrange(700_000, 999_999))
    total = sum(int(char) * weight for char, weight in zip(digits, (7, 6, 5, 4, 3, 2), strict=True))
    return f"{digits}{total % 10}"


def container(rng: Random) -> str:
    code = _letters(rng, 3) + "U" + _digits(rng, 6)
    total = sum(_CONTAINER_VALUES[char] << place for place, char in enumerate(code))
    return f"{code}{total % 11 % 10}"


def _base58check(payload: bytes) -> str:
    checksum = hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number = int.from_bytes(payload + checksum, "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    zeros = len(payload) - len(payload.lstrip(b"\0"))
    return "1" * zeros + text


def crypto_address(rng: Random) -> str:
    """A Bitcoin or a Tron address."""
    version = rng.choice((b"\x00", b"\x05", b"\x41"))
    return _base58check(version + b"\x01" + rng.randbytes(19))


def travel_document(rng: Random) -> str:
    """A number with its check digit, as read from the machine-readable zone."""
    number = rng.choice(_CONSONANTS) + _digits(rng, 8)
    return f"{number} CD {mrz_digit(number)}"


def lei(rng: Random) -> str:
    body = _digits(rng, 4) + "00" + "".join(rng.choices(_ALNUM, k=12))
    return body + mod97_digits(body)


def phone(rng: Random) -> str:
    prefix = rng.choice(tuple(_PHONES))
    return prefix + _digits(rng, _PHONES[prefix])


def _host(rng: Random) -> str:
    return f"{_letters(rng, 6).lower()}.{rng.choice(_HOSTS)}"


MAKERS: Mapping[str, Callable[[Random], str]] = {
    "aircraft_registration": lambda rng: f"{rng.choice(('F-G', 'D-E', 'G-B'))}{_letters(rng, 3)}",
    "bank_account": lambda rng: _digits(rng, 10),
    "bic": lambda rng: f"{_letters(rng, 4)}{rng.choice(('DE', 'FR', 'SG', 'AE'))}FF",
    "company_registration": lambda rng: _digits(rng, 9),
    "container": container,
    "crypto_address": crypto_address,
    "device_id": lambda rng: rng.randbytes(6).hex(":"),
    "domain": _host,
    "email": lambda rng: f"{_letters(rng, 7).lower()}@{_host(rng)}",
    "facial_image": lambda rng: f"face-{rng.randbytes(8).hex()}",
    "file_hash": lambda rng: rng.randbytes(32).hex(),
    "fingerprint": lambda rng: f"nist-{rng.randbytes(6).hex()}",
    "firearm_serial": lambda rng: f"{_letters(rng, 2)}{_digits(rng, 6)}",
    "flight_number": lambda rng: f"{_letters(rng, 2)}{rng.randrange(10, 9999)}",
    "iban": iban,
    "icse_series_id": lambda rng: f"series-{_digits(rng, 7)}",
    "imei": imei,
    "imsi": lambda rng: f"208{_digits(rng, 12)}",
    "ip_address": lambda rng: f"{rng.choice(_NETWORKS)}.{rng.randrange(1, 255)}",
    "lei": lei,
    "mmsi": lambda rng: f"{rng.randrange(201, 775)}{_digits(rng, 6)}",
    "national_id": lambda rng: _digits(rng, 10),
    "organization_name": lambda rng: f"{_letters(rng, 5).title()} Trading Ltd",
    "payment_card": payment_card,
    "perceptual_hash": lambda rng: f"pdq:{rng.randbytes(32).hex()}",
    "person_name": lambda rng: f"{_letters(rng, 5).title()} {_letters(rng, 7).upper()}",
    "phone_e164": phone,
    "transaction_hash": lambda rng: rng.randbytes(32).hex(),
    "travel_document": travel_document,
    "url": lambda rng: f"https://{_host(rng)}/{_letters(rng, 4).lower()}",
    "username": lambda rng: f"chat:{_letters(rng, 8).lower()}",
    "vehicle_plate": lambda rng: f"{_letters(rng, 2)}-{_digits(rng, 3)}-{_letters(rng, 2)}",
    "vessel_imo": vessel_imo,
    "vin": vin,
    "visa_number": lambda rng: f"{_letters(rng, 1)}{_digits(rng, 8)}",
}
"""A maker for each type that a report may carry."""

CHECKED: Mapping[str, int] = {
    "container": -1,
    "crypto_address": -1,
    "iban": 3,
    "imei": -1,
    "lei": -1,
    "payment_card": -1,
    "travel_document": -1,
    "vessel_imo": -1,
    "vin": 8,
}
"""Types with a check digit, and where a wrong one is put."""


def wrong(type: str, value: str) -> str:
    """The value with a check digit that is not right any more.

    A VIN's digit binds only where it is mandatory, so a wrong one is given such a first character.
    """
    if type == "vin":
        value = vin_from("1", value)
    place = CHECKED[type] % len(value)
    digit = value[place]
    other = "2" if digit == "1" else "1"
    if type == "iban":
        other = str((int(digit) + 1) % 10)
    return value[:place] + other + value[place + 1 :]


def vin_from(first: str, value: str) -> str:
    """The same number of another region, with its right digit."""
    chars = [first, *value[1:]]
    total = sum(
        _VIN_VALUES[char] * weight for char, weight in zip(chars, _VIN_WEIGHTS, strict=True)
    )
    chars[8] = "0123456789X"[total % 11]
    return "".join(chars)
