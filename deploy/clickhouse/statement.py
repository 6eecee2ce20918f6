"""What an HTTP request's text asks for: pure functions over bytes.

ClickHouse takes statement and data in one stream, so the statement must be read with its own lexer
up to the point where data begins, and never past it. chDB takes no data beside a statement: an
INSERT's data goes to a file, and the statement is rewritten to read it. What `guard` forbids is
refused here already, before a thread or a file is spent on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.clickhouse.errors import NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from deploy.clickhouse.guard import refuse_forbidden
from deploy.clickhouse.lexer import Token, decode, go_on, quote, tokens, unquote

__all__ = ["Statement", "parse_statement"]

INPUT_TABLE = "_liaison_input"
_NO_COLUMNS = re.compile(r"""--|/\*|[;#$\\`"\x00-\x1f]""")
_DATA_GAP = re.compile(rb"[ \t\f]*(?P<end>;[ \t\f]*(?=\r?\n|\Z))?(?P<line>\r?\n)?")


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


def _check_structure(structure: str) -> None:
    """A list of columns and nothing else: it becomes part of a CREATE TEMPORARY TABLE.

    What may begin a comment, end the statement or hide the end of a string is refused outright, so
    that the engine can't read it otherwise than it is read here.
    """
    depth = lowest = 0
    for token in tokens(structure.encode()):
        depth += {b"(": 1, b")": -1}.get(token.text, 0)
        lowest = min(lowest, depth)
    if lowest < 0 or depth != 0 or _NO_COLUMNS.search(structure):
        raise ClickHouseError.refused(
            SYNTAX_ERROR,
            "Syntax error: the structure of input() is a list of columns with their types, "
            "brackets closed, without comments, semicolons or escapes.",
        )


def parse_statement(
    text: bytes, formats: frozenset[str], check: Callable[[], None] = go_on
) -> Statement:
    """Read a statement from the start of a request's text.

    `formats` holds the lower-case names of the engine's formats: `FORMAT x` is a clause only
    where x is one. `check` may raise to break off (`lexer.tokens`).
    """
    seen: list[Token] = []
    statement = _parse(text, _recorded(tokens(text, check), seen), formats)
    refuse_forbidden(seen, formats)
    return statement


def _recorded(source: Iterator[Token], seen: list[Token]) -> Iterator[Token]:
    for token in source:
        seen.append(token)
        yield token


def _parse(text: bytes, source: Iterator[Token], formats: frozenset[str]) -> Statement:
    first = next(source, None)
    if first is None:
        return Statement("", "")
    head_word = first.text.decode().upper() if first.kind == "word" else ""
    if head_word == "INSERT":
        return _parse_insert(text, source, first, formats)
    previous: Token | None = first
    output_format = None
    before_previous: Token | None = None
    end = first.end
    temporary = False
    for token in source:
        if token.text == b";" and token.depth == 0 and token.kind == "sign":
            trailing = next(source, None)
            if trailing is not None:
                raise _multi_statement()
            break
        temporary = temporary or (head_word == "CREATE" and token.is_word("TEMPORARY"))
        if _ends_with_format(before_previous, previous, token, formats):
            output_format = token.text.decode()
        before_previous, previous, end = previous, token, token.end
    if temporary:
        raise ClickHouseError.refused(
            NOT_IMPLEMENTED, "There are no sessions here, so a temporary table would be lost."
        )
    return Statement(decode(text[:end]), head_word, output_format)


def _parse_insert(
    text: bytes, source: Iterator[Token], first: Token, formats: frozenset[str]
) -> Statement:
    previous: Token | None = first
    before_previous: Token | None = None
    insert_select = False
    infile_at: int | None = None
    cuts: list[tuple[int, int]] = []
    structure: str | None = None
    end = first.end
    settings_from: int | None = None
    settings_to: int | None = None
    for token in source:
        if token.depth == 0 and token.is_word("SETTINGS"):
            settings_from, settings_to = token.start, None
        elif token.depth == 0 and token.is_word("SELECT") and settings_from is not None:
            settings_to = settings_to or token.start
        if token.text == b";" and token.depth == 0 and token.kind == "sign":
            if next(source, None) is not None:
                raise _multi_statement()
            break
        if token.depth == 0 and not insert_select:
            if token.is_word("SELECT") or token.is_word("WITH"):
                insert_select = True
            elif token.is_word("VALUES") and not _ends_with_format(
                before_previous, previous, token, formats
            ):
                at = infile_at if infile_at is not None else token.start
                return Statement(
                    decode(text[: token.start]).rstrip(), "INSERT", None, token.end, "Values",
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
                closing = next(source, None)
                if closing is None or closing.text != b")":
                    raise ClickHouseError.refused(
                        SYNTAX_ERROR, "Syntax error: input() takes one string, the structure."
                    )
                cuts.append((before_previous.start, closing.end))
                before_previous, previous, end = token, closing, closing.end
                continue
        if _ends_with_format(before_previous, previous, token, formats) and previous is not None:
            if insert_select and structure is None:
                # a plain INSERT SELECT with an output format: no data follows
                return Statement(decode(text[: previous.start]), "INSERT")
            sql = text[: previous.start]
            at = infile_at if infile_at is not None else previous.start
            for start, stop in cuts:
                sql = sql[:start] + INPUT_TABLE.encode() + sql[stop:]
            clause = text[settings_from : settings_to or previous.start] if settings_from else b""
            return Statement(
                decode(sql).rstrip(), "INSERT", None, _data_offset(text, token.end),
                token.text.decode(), structure, at, decode(clause),
            )  # fmt: skip
        before_previous, previous, end = previous, token, token.end
    if structure is not None:
        raise ClickHouseError.refused(
            SYNTAX_ERROR, "Syntax error: an INSERT that reads input() must end with FORMAT."
        )
    return Statement(decode(text[:end]), "INSERT")


def _ends_with_format(
    before: Token | None, keyword: Token | None, name: Token, formats: frozenset[str]
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


def _data_offset(text: bytes, format_end: int) -> int:
    """Where data begins after a format's name.

    After its line, or on it after white space. A semicolon that ends the line belongs to the
    statement; what follows the line's end is data, whatever it is.
    """
    gap = _DATA_GAP.match(text, format_end)
    if gap is None:
        return format_end
    offset = gap.end()
    if gap["line"] is None and text[offset : offset + 1] == b";":
        raise ClickHouseError.refused(
            SYNTAX_ERROR, "Syntax error: a semicolon before the data: begin the data on a new line."
        )
    return offset


def _multi_statement() -> ClickHouseError:
    return ClickHouseError.refused(
        SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed): send them one by one."
    )
