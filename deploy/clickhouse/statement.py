"""What an HTTP request's text asks for: pure functions over bytes.

ClickHouse takes statement and data in one stream, so the statement must be read with its own lexer
(strings, comments, quoted names) up to the point where data begins, and never past it. chDB takes
no data beside a statement: an INSERT's data goes to a file, and the statement is rewritten to read
it. Statements that only make sense inside the engine's process (KILL QUERY, INTO OUTFILE, reading
files) are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.clickhouse.errors import (
    ACCESS_DENIED,
    NOT_IMPLEMENTED,
    SYNTAX_ERROR,
    ClickHouseError,
)

__all__ = ["Statement", "parse_statement", "quote"]

INPUT_TABLE = "_liaison_input"
_NO_COLUMNS = re.compile(r"""--|/\*|[;#$\\`"\x00-\x1f]""")

_TOKEN = re.compile(
    rb"""(?P<space>\s+)
    |(?P<comment>--[^\n]*|\#[!\ ][^\n]*|/\*.*?\*/)
    |(?P<string>'(?:[^'\\]|\\.|'')*'|\xe2\x80\x98.*?\xe2\x80\x99|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<name>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*"|\xe2\x80\x9c.*?\xe2\x80\x9d)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][A-Za-z0-9_.]*)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_SIMPLE_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v",
}  # fmt: skip
_DATA_GAP = re.compile(rb"[ \t\r\f\v]*\n?")
_FILE_READERS = frozenset({"FILE", "FILECLUSTER"})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.upper() == word.encode()


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the engine gets it.

    `data_offset` is where data begins in the request's text, None where there is none. With data,
    `before_data` and `after_data` are the statement around `FROM INFILE '…'` (or the whole
    statement, if it reads `input()`, whose `structure` is then given).
    """

    sql: str
    first_word: str
    output_format: str | None = None
    data_offset: int | None = None
    data_format: str = ""
    structure: str | None = None
    infile_at: int = 0
    settings_clause: str = ""

    def sql_reading(self, path: str) -> str:
        """The INSERT, reading its data from a file."""
        text = self.sql.encode()
        head, tail = text[: self.infile_at].decode(), text[self.infile_at :].decode()
        return f"{head} FROM INFILE {quote(path)} {tail} FORMAT {self.data_format}"


def quote(text: str) -> str:
    """A ClickHouse string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def unquote(literal: bytes) -> str:
    """The text of a string literal."""
    text = literal.decode()
    if text.startswith("$"):
        tag = text[: text.index("$", 1) + 1]
        return text[len(tag) : -len(tag)]
    inner = text[1:-1].replace("''", "'")
    return re.sub(
        r"\\(x[0-9A-Fa-f]{2}|.)",
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 3 else _SIMPLE_ESCAPES.get(m[1], m[1]),
        inner,
        flags=re.DOTALL,
    )


def _tokens(text: bytes) -> Iterator[_Token]:
    """Tokens that mean something, one at a time: what follows the last one taken is never read."""
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "sign"
        if kind == "tag":
            kind = "string"
        if kind in ("space", "comment"):
            continue
        value = match.group()
        if value in (b")", b"]", b"}"):
            depth = max(0, depth - 1)
        if kind == "sign" and value in (b"'", b"`", b'"'):
            raise ClickHouseError.refused(
                SYNTAX_ERROR, f"Syntax error: a quote at byte {match.start()} is not closed."
            )
        yield _Token(kind, value, match.start(), match.end(), depth)
        if value in (b"(", b"[", b"{"):
            depth += 1


def _refuse_if_forbidden(previous: _Token | None, token: _Token) -> None:
    if previous is None:
        return
    pair = (previous.text.upper(), token.text.upper())
    if pair == (b"KILL", b"QUERY"):
        raise ClickHouseError.refused(
            ACCESS_DENIED, "KILL QUERY is not available: all handles of the service are one user."
        )
    if pair in ((b"INTO", b"OUTFILE"), (b"FROM", b"INFILE")):
        raise ClickHouseError.refused(
            ACCESS_DENIED, f"{b' '.join(pair).decode()} is not allowed over HTTP."
        )
    if token.text == b"(" and previous.kind in ("word", "name"):
        name = previous.text.strip(b'`"').decode(errors="replace")
        if name.upper() in _FILE_READERS or (previous.kind == "name" and "\\" in name):
            raise ClickHouseError.refused(
                ACCESS_DENIED, f"The function {name} reads the server's files: not allowed."
            )


def _check_structure(structure: str) -> None:
    """A list of columns and nothing else: it becomes part of a CREATE TEMPORARY TABLE.

    What may begin a comment, end the statement or hide the end of a string is refused outright, so
    that the engine can't read it otherwise than it is read here.
    """
    depth = lowest = 0
    for token in _tokens(structure.encode()):
        depth += {b"(": 1, b")": -1}.get(token.text, 0)
        lowest = min(lowest, depth)
    if lowest < 0 or depth != 0 or _NO_COLUMNS.search(structure):
        raise ClickHouseError.refused(
            SYNTAX_ERROR,
            "Syntax error: the structure of input() is a list of columns with their types, "
            "brackets closed, without comments, semicolons or escapes.",
        )


def parse_statement(text: bytes, formats: frozenset[str]) -> Statement:
    """Read a statement from the start of a request's text.

    `formats` holds the lower-case names of the engine's formats: `FORMAT x` is a clause only
    where x is one.
    """
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None:
        return Statement("", "")
    head_word = first.text.decode(errors="replace").upper() if first.kind == "word" else ""
    if head_word == "INSERT":
        return _parse_insert(text, tokens, first, formats)
    previous: _Token | None = first
    output_format = None
    before_previous: _Token | None = None
    end = first.end
    temporary = False
    for token in tokens:
        if token.text == b";" and token.depth == 0 and token.kind == "sign":
            trailing = next(tokens, None)
            if trailing is not None:
                raise _multi_statement()
            break
        _refuse_if_forbidden(previous, token)
        temporary = temporary or (head_word == "CREATE" and token.is_word("TEMPORARY"))
        if _ends_with_format(before_previous, previous, token, formats):
            output_format = token.text.decode()
        before_previous, previous, end = previous, token, token.end
    if temporary:
        raise ClickHouseError.refused(
            NOT_IMPLEMENTED, "There are no sessions here, so a temporary table would be lost."
        )
    return Statement(_decode(text[:end]), head_word, output_format)


def _parse_insert(
    text: bytes, tokens: Iterator[_Token], first: _Token, formats: frozenset[str]
) -> Statement:
    previous: _Token | None = first
    before_previous: _Token | None = None
    insert_select = False
    infile_at: int | None = None
    cuts: list[tuple[int, int]] = []
    structure: str | None = None
    end = first.end
    settings_from: int | None = None
    settings_to: int | None = None
    for token in tokens:
        if token.depth == 0 and token.is_word("SETTINGS"):
            settings_from, settings_to = token.start, None
        elif token.depth == 0 and token.is_word("SELECT") and settings_from is not None:
            settings_to = settings_to or token.start
        if token.text == b";" and token.depth == 0 and token.kind == "sign":
            if next(tokens, None) is not None:
                raise _multi_statement()
            break
        _refuse_if_forbidden(previous, token)
        if token.depth == 0 and not insert_select:
            if token.is_word("SELECT") or token.is_word("WITH"):
                insert_select = True
            elif token.is_word("VALUES"):
                at = infile_at if infile_at is not None else token.start
                return Statement(
                    _decode(text[: token.start]).rstrip(), "INSERT", None, token.end, "Values",
                    None, at,
                )  # fmt: skip
            elif token.is_word("SETTINGS"):
                infile_at = token.start
        if insert_select and structure is None and token.kind == "string":
            opened = (
                previous is not None
                and previous.text == b"("
                and before_previous is not None
                and before_previous.is_word("INPUT")
            )
            if opened and before_previous is not None:
                structure = unquote(token.text)
                _check_structure(structure)
                closing = next(tokens, None)
                if closing is None or closing.text != b")":
                    raise ClickHouseError.refused(
                        SYNTAX_ERROR, "Syntax error: input() takes one string, the structure."
                    )
                cuts.append((before_previous.start, closing.end))
                before_previous, previous, end = token, closing, closing.end
                continue
        if _ends_with_format(before_previous, previous, token, formats) and previous is not None:
            offset = token.end
            gap = _DATA_GAP.match(text, offset)
            offset = gap.end() if gap else offset
            if text[offset : offset + 1] == b";" and structure is None:
                offset += 1
            if insert_select and structure is None:
                # a plain INSERT SELECT with an output format: no data follows
                return Statement(_decode(text[: previous.start]), "INSERT")
            sql = text[: previous.start]
            at = infile_at if infile_at is not None else previous.start
            for start, stop in cuts:
                sql = sql[:start] + INPUT_TABLE.encode() + sql[stop:]
            clause = text[settings_from : settings_to or previous.start] if settings_from else b""
            return Statement(
                _decode(sql).rstrip(), "INSERT", None, offset, token.text.decode(), structure, at,
                _decode(clause),
            )  # fmt: skip
        before_previous, previous, end = previous, token, token.end
    if structure is not None:
        raise ClickHouseError.refused(
            SYNTAX_ERROR, "Syntax error: an INSERT that reads input() must end with FORMAT."
        )
    return Statement(_decode(text[:end]), "INSERT")


def _ends_with_format(
    before: _Token | None, keyword: _Token | None, name: _Token, formats: frozenset[str]
) -> bool:
    return (
        keyword is not None
        and name.kind == "word"
        and name.depth == 0
        and keyword.is_word("FORMAT")
        and name.text.decode().lower() in formats
        and before is not None
        and before.text not in (b",", b".", b"SELECT", b"select")
    )


def _multi_statement() -> ClickHouseError:
    return ClickHouseError.refused(
        SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed): send them one by one."
    )


def _decode(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise ClickHouseError.refused(
            SYNTAX_ERROR, f"Syntax error: the statement is not UTF-8 at byte {error.start}."
        ) from None
