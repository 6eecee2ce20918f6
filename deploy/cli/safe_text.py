"""Foreign text on a terminal: what a sender wrote is shown, and never obeyed.

A terminal takes C0 and C1 control characters as commands (move up, erase, set the title), and
characters that steer the writing direction let a text stand for another. Both are shown as an
escape. Letters are left alone, in whatever script.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = [
    "FIRST_STRONG_ISOLATE",
    "POP_ISOLATE",
    "has_right_to_left",
    "json_text",
    "shown",
    "shown_lines",
]

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"

# C0, DEL and C1; marks, embeddings, overrides and isolates of the writing direction; the two
# separators that some take for a line's end; surrogates, which no stream can encode.
_STEERING = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f"[\x00-\x1f{_STEERING}]")
_UNSAFE_IN_JSON = re.compile(f"[{_STEERING}]")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(text: str) -> str:
    """A text on one line, in which nothing steers a terminal."""
    return _UNSAFE.sub(_escape, text)


def shown_lines(text: str) -> str:
    """The same, but the lines stay lines."""
    return "\n".join(map(shown, text.split("\n")))


def json_text(document: str) -> str:
    """A JSON document as another that means the same, in which nothing steers a terminal.

    Line ends between values stay; C0 in strings is escaped in any JSON.
    """
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def has_right_to_left(text: str) -> bool:
    """Whether a terminal that knows writing directions would turn a part of this round."""
    return not text.isascii() and any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _NAMED.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
