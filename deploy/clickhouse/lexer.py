"""ClickHouse's own lexer over bytes: words, quoted names, strings, numbers and signs.

What ClickHouse would read otherwise than it is read here is refused: white space beyond ASCII,
control characters, a `$` that opens nothing, and whatever isn't closed. Tokens come one at a time,
and what follows the last one taken is never looked at: it may be an INSERT's data. Reading takes
time in proportion to the text, is bounded by a number of tokens, and can be broken off.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.clickhouse.errors import QUERY_IS_TOO_LARGE, SYNTAX_ERROR, ClickHouseError

__all__ = ["MOST_TOKENS", "Token", "decode", "go_on", "quote", "tokens", "unquote"]

MOST_TOKENS = 50_000
"""Of a statement, as many as ClickHouse's tree of it may have elements. Long lists belong into
parameters or data."""
_CHECK_EVERY = 4096

# Possessive repeats: what was read as part of a literal is never tried otherwise, as in ClickHouse,
# and no way back is kept in memory, which cost 300 bytes a sign.
_TOKEN = re.compile(
    rb"""(?P<space>[ \t\n\r\f\v]+|(?:--|//|\#[!\ ])[^\n]*)
    |(?P<comment>/\*)
    |(?P<string>'(?:[^'\\]++|\\.|'')*+'|\xe2\x80\x98.*?\xe2\x80\x99)
    |(?P<heredoc>\$[^$]*\$)
    |(?P<name>`(?:[^`\\]++|\\.|``)*+`|"(?:[^"\\]++|\\.|"")*+"|\xe2\x80\x9c.*?\xe2\x80\x9d)
    |(?P<word>[A-Za-z_][A-Za-z0-9_$]*)
    |(?P<number>[0-9][A-Za-z0-9_.]*(?!\$))
    |(?P<sign>[!#%&()*+,\-./:;<=>?@\[\\\]^{|}~])""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_SIMPLE_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement; `depth` is the number of brackets around it."""

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, word: str) -> bool:
        """Whether it is this word, in any case and not quoted."""
        return self.kind == "word" and self.text.upper() == word.encode()

    @property
    def identifier(self) -> str:
        """The name that it stands for, in lower case; empty for what is no name."""
        if self.kind == "name":
            return unquote(self.text).lower()
        return self.text.decode().lower() if self.kind == "word" else ""


def go_on() -> None:
    """The check of a reader whom nobody breaks off."""


def tokens(text: bytes, check: Callable[[], None] = go_on) -> Iterator[Token]:
    """The tokens that mean something; SYNTAX_ERROR where ClickHouse may read otherwise.

    `check` is called every few milliseconds and may raise to break off.
    """
    depth = at = read = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        kind = match.lastgroup or "sign"
        if kind == "space":
            at = match.end()
            continue
        if kind == "comment":
            at = _comment_end(text, at)
            continue
        end = match.end()
        if kind == "heredoc":
            closed_at = text.find(match.group(), end)
            if closed_at < 0:
                raise _unreadable(text, at)
            kind, end = "string", closed_at + len(match.group())
        read += 1
        if read > MOST_TOKENS:
            raise ClickHouseError.refused(
                QUERY_IS_TOO_LARGE,
                f"The statement has more than {MOST_TOKENS} words and signs: send long lists as a "
                "parameter or as data.",
            )
        if read % _CHECK_EVERY == 0:
            check()
        value = text[at:end]
        if value in (b")", b"]", b"}"):
            depth = max(0, depth - 1)
        yield Token(kind, value, at, end, depth)
        if value in (b"(", b"[", b"{"):
            depth += 1
        at = end


def _comment_end(text: bytes, start: int) -> int:
    """Comments nest."""
    level = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        level += 1 if edge.group() == b"/*" else -1
        if level == 0:
            return edge.end()
    raise _unreadable(text, start)


def _unreadable(text: bytes, at: int) -> ClickHouseError:
    sign = text[at : at + 1]
    if sign in (b"'", b"`", b'"', b"/", b"$"):
        why = f"{sign.decode()} at byte {at} opens what is not closed."
    else:
        why = (
            f"byte {at} (0x{sign.hex()}) is no sign of a statement. Outside strings, comments and "
            "quoted names only ASCII is read, and only ASCII white space."
        )
    return ClickHouseError.refused(SYNTAX_ERROR, f"Syntax error: {why}")


def quote(text: str) -> str:
    """A ClickHouse string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def unquote(literal: bytes) -> str:
    """The text of a string literal or a quoted name; SYNTAX_ERROR if it isn't UTF-8."""
    text = decode(literal)
    if text.startswith("$"):
        tag = text[: text.index("$", 1) + 1]
        return text[len(tag) : -len(tag)]
    inner = text[1:-1].replace(text[0] * 2, text[0])
    return re.sub(
        r"\\(x[0-9A-Fa-f]{2}|.)",
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else _SIMPLE_ESCAPES.get(m[1], m[1]),
        inner,
        flags=re.DOTALL,
    )


def decode(text: bytes) -> str:
    """A statement's bytes as text; SYNTAX_ERROR if they aren't UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ClickHouseError.refused(
            SYNTAX_ERROR, f"Syntax error: the statement is not UTF-8 at byte {error.start}."
        ) from None
