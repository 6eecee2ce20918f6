"""Addresses and transactions of crypto-assets.

The comparison form keeps base58 exactly (lower-casing it destroys the address) and lower-cases
what is hexadecimal or bech32. Where a chain has a checksum it is checked; a chain that is not
known here is `unknown`.
"""

from __future__ import annotations

import hashlib
import re

from Crypto.Hash import keccak

from stream_apps.router.folding import ascii_digits
from stream_apps.router.identifiers.outcome import (
    EMPTY,
    MALFORMED,
    Outcome,
    invalid,
    unknown,
    valid,
)

__all__ = ["crypto_address", "transaction_hash"]

_URI = re.compile(r"(?:bitcoin|ethereum|litecoin|tron|monero|dogecoin):(?://)?", re.IGNORECASE)
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE = {char: n for n, char in enumerate(_BASE58)}
_BASE58_TEXT = re.compile(f"[{_BASE58}]+")
_CHECKSUMMED_LENGTHS = range(25, 36)
_CHECKSUMMED_FIRST = frozenset("13T")
"""Bitcoin and Tron: what begins so and fails its checksum is wrong, not another chain's."""
_KNOWN_VERSIONS = frozenset({0x00, 0x05, 0x41})
_EVM = re.compile(r"0[xX]([0-9a-fA-F]{40})")
_BECH32 = re.compile(r"([a-z]{1,10})1([qpzry9x8gf2tvdw0s3jn54khce6mua7l]{6,110})")
_BECH32_VALUE = {char: n for n, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_SEGWIT_PREFIXES = frozenset({"bc", "tb", "bcrt", "ltc", "tltc"})
_BECH32_CONST, _BECH32M_CONST = 1, 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_MONERO_LENGTHS = (95, 106)
_MONERO_LAST_BLOCK = {7: 5, 11: 8}
_OTHER = re.compile(r"[A-Za-z0-9:_-]{20,128}")
_HEX_HASH = re.compile(r"(?:0x)?([0-9a-f]{64})", re.IGNORECASE)


def _xor_table() -> tuple[int, ...]:
    table = []
    for top in range(32):
        mask = 0
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                mask ^= generator
        table.append(mask)
    return tuple(table)


_BECH32_XOR = _xor_table()


def crypto_address(value: str, country: str | None, bureau: str) -> Outcome:
    """The chain is told by the form."""
    text = ascii_digits(value).strip()
    if len(text) > 256:
        return MALFORMED
    if ":" in text:
        text = _URI.sub("", text, count=1).partition("?")[0]
    if not text:
        return EMPTY
    evm = _EVM.fullmatch(text)
    if evm is not None:
        return _evm(evm[1])
    if len(text) in _MONERO_LENGTHS and text[0] in "48" and _BASE58_TEXT.fullmatch(text):
        return _monero(text)
    if len(text) in _CHECKSUMMED_LENGTHS and _BASE58_TEXT.fullmatch(text):
        return _base58(text)
    if text.islower() or text.isupper():
        bech32 = _BECH32.fullmatch(text.lower())
        if bech32 is not None:
            return _bech32(text.lower(), bech32[1], bech32[2])
    elif text[:3].lower() == "bc1":
        return invalid(None, "mixed-case")
    if text[:2].lower() == "0x" or text[:3].lower() == "bc1" or not _OTHER.fullmatch(text):
        return MALFORMED
    return unknown(text, "unknown-chain")


def _base58(text: str) -> Outcome:
    number = 0
    for char in text:
        number = number * 58 + _BASE58_VALUE[char]
    ours = text[0] in _CHECKSUMMED_FIRST
    zeros = len(text) - len(text.lstrip("1"))
    size = (number.bit_length() + 7) // 8
    if size + zeros == 25:
        raw = number.to_bytes(25, "big")
        digest = hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()
        if digest[:4] == raw[21:]:
            return valid(text, "ok" if raw[0] in _KNOWN_VERSIONS else f"version-{raw[0]:#04x}")
    return invalid(text, "bad-checksum") if ours else unknown(text, "unknown-chain")


def _evm(digits: str) -> Outcome:
    lower = digits.lower()
    normalised = f"0x{lower}"
    if digits == lower or digits == digits.upper():
        return valid(normalised, "no-checksum")
    digest = keccak.new(digest_bits=256, data=lower.encode()).hexdigest()
    for char, nibble in zip(digits, digest, strict=False):
        if char.isalpha() and char.isupper() != (nibble >= "8"):
            return invalid(normalised, "bad-checksum")
    return valid(normalised)


def _polymod(prefix: str, values: list[int]) -> int:
    state = 1
    for value in (
        *(ord(char) >> 5 for char in prefix),
        0,
        *(ord(char) & 31 for char in prefix),
        *values,
    ):
        state = (state & 0x1FFFFFF) << 5 ^ value ^ _BECH32_XOR[state >> 25]
    return state


def _bech32(text: str, prefix: str, data: str) -> Outcome:
    values = [_BECH32_VALUE[char] for char in data]
    constant = _polymod(prefix, values)
    if prefix not in _SEGWIT_PREFIXES:
        if constant in (_BECH32_CONST, _BECH32M_CONST):
            return valid(text, f"prefix-{prefix}")
        return unknown(text, "unknown-chain")
    version, program = values[0], values[1:-6]
    wanted = _BECH32_CONST if version == 0 else _BECH32M_CONST
    if constant != wanted:
        return invalid(text, "bad-checksum")
    size, padding = divmod(len(program) * 5, 8)
    padded_well = bool(program) and padding < 5 and not program[-1] & (1 << padding) - 1
    if version > 16 or not padded_well or not 2 <= size <= 40 or len(text) > 90:
        return invalid(text, "bad-program")
    if version == 0 and size not in (20, 32):
        return invalid(text, "bad-program")
    return valid(text)


def _monero(text: str) -> Outcome:
    raw = bytearray()
    for start in range(0, len(text), 11):
        block = text[start : start + 11]
        number = 0
        for char in block:
            number = number * 58 + _BASE58_VALUE[char]
        size = _MONERO_LAST_BLOCK.get(len(block))
        if size is None or number >> 8 * size:
            return invalid(text, "bad-checksum")
        raw += number.to_bytes(size, "big")
    digest = keccak.new(digest_bits=256, data=bytes(raw[:-4])).digest()
    return valid(text) if digest[:4] == raw[-4:] else invalid(text, "bad-checksum")


def transaction_hash(value: str, country: str | None, bureau: str) -> Outcome:
    """64 hexadecimal digits; it says little without its chain."""
    text = ascii_digits(value).strip()
    if not text:
        return EMPTY
    found = _HEX_HASH.fullmatch(text)
    if found is not None:
        return valid(found[1].lower())
    if 86 <= len(text) <= 88 and _BASE58_TEXT.fullmatch(text):
        return unknown(text, "unknown-chain")
    return MALFORMED
