"""Check digits as plain functions over ASCII text that the caller has already cleaned.

Each expects only characters of its alphabet; callers match a pattern first.
"""

from __future__ import annotations

from operator import mul

__all__ = [
    "container_digit",
    "imo_ok",
    "isin_ok",
    "luhn_ok",
    "mod97_is_one",
    "mrz_digit",
    "vin_digit",
]

_ZERO = ord("0")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_TWO_DIGITS = {str(n): str(n) for n in range(10)} | {
    chr(ord("A") + n): str(10 + n) for n in range(26)
}
_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MRZ_VALUES = bytes.maketrans(_ALNUM + b"<", bytes(range(36)) + b"\0")
_VIN_VALUES = bytes.maketrans(
    b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
    bytes([*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)]),
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_CONTAINER_VALUES = bytes.maketrans(
    _ALNUM, bytes([*range(10), *(n for n in range(10, 39) if n % 11)])
)
_CONTAINER_WEIGHTS = tuple(2**n for n in range(10))
_IMO_WEIGHTS = (7, 6, 5, 4, 3, 2)


def luhn_ok(digits: str) -> bool:
    """ISO/IEC 7812: payment cards, IMEI."""
    reverse = digits.encode()[::-1]
    total = sum(reverse[::2]) + sum(reverse[1::2].translate(_DOUBLED)) - _ZERO * len(reverse)
    return total % 10 == 0


def _as_digits(alnum: str) -> str:
    return "".join(map(_TWO_DIGITS.__getitem__, alnum))


def mod97_is_one(alnum: str) -> bool:
    """ISO 7064 MOD 97-10 over capital letters and digits: IBAN (rearranged), LEI."""
    return int(_as_digits(alnum)) % 97 == 1


def isin_ok(isin: str) -> bool:
    """ISO 6166: Luhn over the letters written as two digits."""
    return luhn_ok(_as_digits(isin))


def mrz_digit(field: str) -> str:
    """ICAO 9303: weights 7, 3, 1 repeating; A = 10 ... Z = 35, `<` = 0."""
    values = field.encode().translate(_MRZ_VALUES)
    return str((7 * sum(values[::3]) + 3 * sum(values[1::3]) + sum(values[2::3])) % 10)


def vin_digit(vin: str) -> str:
    """49 CFR 565: the character that belongs at position 9."""
    values = vin.encode().translate(_VIN_VALUES)
    rest = sum(map(mul, values, _VIN_WEIGHTS)) % 11
    return "X" if rest == 10 else str(rest)


def container_digit(code: str) -> str:
    """ISO 6346: check digit of owner, category and serial (10 characters)."""
    values = code.encode().translate(_CONTAINER_VALUES)
    return str(sum(map(mul, values, _CONTAINER_WEIGHTS)) % 11 % 10)


def imo_ok(number: str) -> bool:
    """IMO ship number: seven digits, the last is that of the weighted sum of the first six."""
    digits = [ord(char) - _ZERO for char in number]
    return bool(sum(map(mul, digits, _IMO_WEIGHTS)) % 10 == digits[6])
