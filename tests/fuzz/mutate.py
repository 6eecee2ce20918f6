"""Ways to spoil bytes, texts and decoded records, all drawn from the random numbers given."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from schemas import wire

__all__ = ["HUGE_CHARS", "NUMBERS", "TEXTS", "spoil_bytes", "spoil_record", "spoil_text", "varint"]

HUGE_CHARS = 800 * 1024

NUMBERS = (
    0, 1, -1, 2, 7, 63, 64, 127, 128, 255, 256, 8191, 8192, 65_535, 2**31 - 1, 2**31, -(2**31),
    -(2**31) - 1, 2**32, 2**53, 2**62, 2**63 - 1, -(2**63), -(2**63) + 1, 1_000_001, 10**15,
    -62_135_596_800_000, -62_167_219_200_000, 253_402_300_799_999, 253_402_300_800_000,
    4_294_967_295_000, -2_208_988_800_000, 1_764_028_800_000,
)  # fmt: skip
"""Where counters, lengths and times break: bounds of integers, the years 0, 1, 1900, 2106, 9999."""

TEXTS = (
    "", " ", "\0", "\n", "\r\n", "\u200b\u200c\u200d\ufeff", "\u202ereversed\u202c",
    "\u2066x\u2069",
    "e\u0301" * 40, "a" + "\u0300" * 500, "\ufdfa" * 50, "\U0010ffff", "\ud7ff\ue000", "\uffff",
    "İıſK", "ß" * 30, "\u0660\u0661\u0662", "１２３", "𝟙𝟚𝟛", "null", "NaN", "-0", "1e999", "9" * 40,
    "'; DROP TABLE raw.facts; --", "${jndi:x}", "../../../etc/passwd", "%s%n", "{{7*7}}", "<!--",
    "\x1b[2J", "\u2028", "\x85", "ﬀ" * 20, "FR", "fr", "XP", "ZZ", "unknown", "other",
    "intel.europe",
    "00000000-0000-0000-0000-000000000000", "GB82WEST12345698765432", "+" + "1" * 60, "((((",
    "*" * 40,
    "a@b.c", "http://[::1", "xn--" + "a" * 60, "2001:db8::1", "0x" + "f" * 64, "\\", '"', "`",
)  # fmt: skip

_PIECES = (
    "a", "0", "9", " ", "-", ".", "/", ":", "@", "+", "\u0301", "\u200b", "\u202e", "\ufdfa", "ß",
    "ﷺ", "é",
    "ab", "0-", "a.", "1 ", "((", "\n", "م", "İ", "aA1", "%41", "[", "xn--", "漢", "𝟙",
)  # fmt: skip


def varint(number: int) -> bytes:
    """Avro's zigzag form of a long."""
    rest = (number << 1) ^ (number >> 63) if number < 0 else number << 1
    return wire.base128(rest & (1 << 64) - 1)


def spoil_text(rng: Random, text: str = "") -> str:
    """A hostile text, at times grown from the given one; rarely of 800 KiB."""
    choice = rng.random()
    if choice < 0.45:
        return rng.choice(TEXTS)
    if choice < 0.65:
        at = rng.randint(0, len(text))
        return text[:at] + rng.choice(TEXTS) + text[at:]
    if choice < 0.80:
        return rng.choice(_PIECES) * rng.choice((1, 3, 17, 40, 41, 64, 200, 1001))
    if choice < 0.98:
        return "".join(chr(_code_point(rng)) for _ in range(rng.randint(1, 30)))
    if choice < 0.997:
        return rng.choice(_PIECES) * rng.randint(5_000, 40_000)
    piece = rng.choice(_PIECES)
    return piece * (HUGE_CHARS // len(piece.encode()))


def _code_point(rng: Random) -> int:
    top = rng.choice((0x7F, 0x7F, 0x24F, 0x6FF, 0x2FFF, 0x10FFFF))
    code = rng.randint(0, top)
    return 0x3F if 0xD800 <= code <= 0xDFFF else code


def spoil_bytes(rng: Random, data: bytes, other: bytes = b"") -> bytes:
    """One to eight changes: flips, cuts, counts, repeats, pieces of another input."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        at = rng.randint(0, len(out))
        change = rng.randrange(10)
        if change == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif change == 1 and out:
            out[at % len(out)] = rng.randrange(256)
        elif change == 2:
            del out[at:]
        elif change == 3:
            del out[at : at + rng.randint(1, 16)]
        elif change == 4:
            out[at:at] = rng.randbytes(rng.randint(1, 16))
        elif change == 5:
            count = varint(rng.choice(NUMBERS))
            out[at : at + rng.choice((0, 1, len(count)))] = count
        elif change == 6:
            piece = bytes(out[at : at + rng.randint(1, 64)])
            out[at:at] = piece * rng.choice((1, 2, 10, 100))
        elif change == 7 and other:
            begin = rng.randint(0, len(other))
            out[at:] = other[begin:]
        elif change == 8:
            out[at:at] = rng.choice(TEXTS).encode("utf-8", "surrogatepass")
        else:
            size = rng.choice((64, 1024, 1024, 65_536, HUGE_CHARS)) if rng.random() < 0.02 else 8
            out[at:at] = bytes((rng.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFF)),)) * size
    return bytes(out)


def spoil_record(rng: Random, record: Any, other: Any = None) -> Any:
    """A decoded record with one to three values changed; `other` lends values of the same names."""
    out = copy.deepcopy(record)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places: list[tuple[Any, Any]] = []
        _collect(out, places)
        if not places:
            return out
        holder, name = rng.choice(places)
        holder[name] = _spoiled(rng, holder[name], _same(other, name))
    return out


def _collect(node: Any, places: list[tuple[Any, Any]]) -> None:
    items: Any = node.items() if isinstance(node, dict) else enumerate(node)
    for name, value in items:
        places.append((node, name))
        if isinstance(value, dict | list):
            _collect(value, places)


def _same(other: Any, name: Any) -> Any:
    """A value of that name anywhere in the other record."""
    if isinstance(other, dict):
        if name in other:
            return other[name]
        for value in other.values():
            found = _same(value, name)
            if found is not None:
                return found
    return None


def _spoiled(rng: Random, value: Any, lent: Any) -> Any:
    if rng.random() < 0.15:
        return copy.deepcopy(lent)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice(NUMBERS) if rng.random() < 0.8 else value + rng.choice((-1, 1, 1000))
    if isinstance(value, str):
        return spoil_text(rng, value)
    if isinstance(value, bytes):
        return rng.randbytes(rng.choice((0, 1, 7, 8, 9, 16, 400, 5_000)))
    if isinstance(value, list):
        return _spoiled_list(rng, value, lent)
    guesses: Sequence[Callable[[], Any]] = (
        lambda: rng.choice(NUMBERS),
        lambda: spoil_text(rng),
        lambda: copy.deepcopy(lent),
        list,
        lambda: None,
    )
    return rng.choice(guesses)()


def _spoiled_list(rng: Random, value: list[Any], lent: Any) -> list[Any]:
    pool = list(value) + (list(lent) if isinstance(lent, list) else [])
    item = copy.deepcopy(rng.choice(pool)) if pool else spoil_text(rng)
    if isinstance(item, str) and rng.random() < 0.5:
        item = spoil_text(rng, item)
    count = rng.choice((0, 1, 2, 2, 17, 101, 301, 1001))
    if rng.random() < 0.004:
        count = HUGE_CHARS
    count = min(count, 2 * HUGE_CHARS // (16 + len(str(item))))
    # each its own: a change of one that they all were would make a record of a hundred megabytes
    return (value if rng.random() < 0.5 else []) + [copy.copy(item) for _ in range(count)]
