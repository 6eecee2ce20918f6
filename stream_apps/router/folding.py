"""One way to fold text before comparing it: the steps of the domain's note on matching names, 3.1.

Case, accents, Arabic vowel signs, tatweel, bidi marks and look-alike Arabic letters do not count;
digits are ASCII. Folding loses what a person reads: keep the raw text beside it. Linear in the
length of the text: marks are dropped *before* normalising, since normalising sorts a run of marks
in quadratic time.
"""

from __future__ import annotations

import functools
import unicodedata
from itertools import chain

__all__ = ["ascii_digits", "fold"]

_LETTERS = {
    "ى": "ي",
    "ة": "ه",
    "ٱ": "ا",
    "ک": "ك",
    "ی": "ي",
    "ہ": "ه",
    "ھ": "ه",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ł": "l",
    "ı": "i",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
}
_HONORIFICS = (0xFDFA, 0xFDFB)
"""One sign each for a whole phrase: no part of a name, and eighteen times longer when unfolded."""
_SPACES = "\u200c\u00a0\u2028\u2029"  # ZWNJ parts words in Persian


@functools.cache
def _tables() -> tuple[dict[int, None], dict[int, str | None]]:
    """Code points to drop before normalising; and those to drop or replace after it."""
    marks: dict[int, None] = {}
    after: dict[int, str | None] = {}
    for code in chain(range(0x1F000), range(0xE0000, 0xE0200)):  # no mark or digit elsewhere
        category = unicodedata.category(chr(code))
        if category in ("Mn", "Me"):
            marks[code] = None
            after[code] = None
        elif category == "Cf":
            after[code] = None
        elif category == "Cc":
            after[code] = " "
        elif category == "Nd" and code > 0x7F:
            after[code] = str(unicodedata.decimal(chr(code)))
    after[0x640] = None  # tatweel
    marks.update(dict.fromkeys(_HONORIFICS))
    after.update({ord(space): " " for space in _SPACES})
    after.update({ord(letter): plain for letter, plain in _LETTERS.items()})
    return marks, after


def fold(text: str) -> str:
    """The form in which texts are compared."""
    if text.isascii():
        return text.lower()
    marks, after = _tables()
    plain = unicodedata.normalize("NFKD", text.translate(marks))
    return unicodedata.normalize("NFKD", plain.casefold()).translate(after)


def ascii_digits(text: str) -> str:
    """Compatibility forms unified, digits of any script as ASCII, invisible characters dropped.

    For codes and numbers: letters keep their case and accents.
    """
    if text.isascii():
        return text
    marks, codes = _tables()[0], _code_table()
    return unicodedata.normalize("NFKC", text.translate(marks)).translate(codes)


@functools.cache
def _code_table() -> dict[int, str | None]:
    """As after folding, but letters stay: only digits are replaced, the invisible dropped."""
    return {
        code: None if plain == " " else plain
        for code, plain in _tables()[1].items()
        if plain is None or plain == " " or plain.isdigit()
    }
