"""What no statement may do here, whatever the grants say: pure rules over tokens.

Grants and settings constraints (`config`) deny tables and sources outside the database. What the
engine has no right for is denied here: INTO OUTFILE and INFILE, which chDB runs with the rights of
the process, the function `file`, the table functions `eval` and `python`, disks of one's own,
dictionaries from elsewhere, KILL QUERY (all handles are one user). The engine applies the rules to
a statement as ClickHouse's own parser wrote it down again, so a spelling that only ClickHouse
understands hides nothing. What depends on the role is in `roles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from deploy.clickhouse.errors import ACCESS_DENIED, ClickHouseError
from deploy.clickhouse.lexer import Token, unquote

__all__ = ["dictionary_queries", "refuse_forbidden", "refuse_passed_functions"]

_FILE_READERS = frozenset({"file", "filecluster"})
_PROCESS_READERS = frozenset({"eval", "python"})
_AFTER_COLUMNS = frozenset({b"SELECT", b"WITH", b"FROM", b"FORMAT", b"SETTINGS", b"VALUES"})
_SOURCE_KEYS = frozenset({"query", "db", "table"})


def refuse_forbidden(
    statement: Sequence[Token], formats: frozenset[str], own_file: str | None = None
) -> None:
    """ACCESS_DENIED for a statement that reaches out of the database.

    `own_file` is the file with the request's own data: the one that INFILE may name.
    """
    before = b""
    for at, (token, after) in enumerate(pairwise(statement)):
        if token.kind == after.kind == "word":
            pair = (token.text.upper(), after.text.upper())
            if pair == (b"KILL", b"QUERY"):
                raise _denied(
                    "KILL QUERY is not available: all handles of the service are one user."
                )
            if pair == (b"INTO", b"OUTFILE"):
                raise _denied("INTO OUTFILE is not allowed over HTTP.")
            if pair == (b"FROM", b"INFILE") and not _is_own(statement[at + 2 : at + 3], own_file):
                raise _denied("FROM INFILE is not allowed over HTTP.")
        if after.text == b"(":
            _refuse_call(token, before)
        before = token.text
    _refuse_structures(statement, formats)
    dictionary_queries(statement)


def refuse_passed_functions(written_down: Sequence[Token]) -> None:
    """ACCESS_DENIED where a function that reads files is named instead of called.

    Such as `APPLY file` or `arrayMap(file, …)`. Holds for statements as ClickHouse writes them
    down: there a declared column is quoted, and one that is used may be qualified.
    """
    before = b""
    for token in written_down[_columns_end(written_down) :]:
        if token.kind == "word" and token.identifier in _FILE_READERS and before != b".":
            raise _denied(
                f"The function {token.identifier} reads the server's files: not allowed. A column "
                "of that name is written with its table's name before it."
            )
        before = token.text


def _columns_end(written_down: Sequence[Token]) -> int:
    """Where an INSERT's table and columns end, which are no expressions; 0 for the others."""
    into_table = written_down[:1] and written_down[0].is_word("INSERT")
    if not into_table or any(token.is_word("FUNCTION") for token in written_down[:3]):
        return 0
    return next(
        (
            at
            for at, token in enumerate(written_down)
            if token.depth == 0 and token.kind == "word" and token.text.upper() in _AFTER_COLUMNS
        ),
        len(written_down),
    )


def dictionary_queries(statement: Sequence[Token]) -> list[str]:
    """The SELECTs that dictionaries' definitions carry as strings.

    ACCESS_DENIED for a source that is no table of this database.
    """
    if not any(token.is_word("DICTIONARY") for token in statement):
        return []
    queries = []
    for at, (token, after) in enumerate(pairwise(statement)):
        if token.is_word("SOURCE") and after.text == b"(":
            queries += _source_queries(statement, at + 2)
    return queries


def _denied(why: str) -> ClickHouseError:
    return ClickHouseError.refused(ACCESS_DENIED, why)


def _is_own(path: Sequence[Token], own_file: str | None) -> bool:
    return own_file is not None and bool(path) and unquote(path[0].text) == own_file


def _refuse_call(function: Token, before: bytes) -> None:
    name = function.identifier
    if name in _FILE_READERS:
        raise _denied(f"The function {name} reads the server's files: not allowed.")
    if name in _PROCESS_READERS:
        raise _denied(f"The table function {name} runs what no rule has read: not allowed.")
    if name == "disk" and before == b"=":
        raise _denied("Tables lie on the service's own disk: disk() is not allowed.")


def _refuse_structures(statement: Sequence[Token], formats: frozenset[str]) -> None:
    """ACCESS_DENIED for the table function format() with three arguments: the second is columns.

    The scalar one begins with a pattern, not with a format. One pass, however they are nested.
    """
    commas: dict[int, int] = {}  # of each open format(), by the depth of its arguments
    for at, (token, after) in enumerate(pairwise(statement)):
        if after.text == b"(":
            commas.pop(after.depth + 1, None)
            first = statement[at + 2] if at + 2 < len(statement) else None
            if token.identifier == "format" and _may_be_format(first, formats):
                commas[after.depth + 1] = 0
        elif after.text == b")":
            commas.pop(after.depth + 1, None)
        elif after.text == b"," and after.depth in commas:
            commas[after.depth] += 1
            if commas[after.depth] > 1:
                raise _denied(
                    "The table function format() takes no structure here, since its defaults are "
                    "expressions: cast the columns instead."
                )


def _may_be_format(first: Token | None, formats: frozenset[str]) -> bool:
    return first is not None and (first.kind != "string" or unquote(first.text).lower() in formats)


def _source_queries(statement: Sequence[Token], at: int) -> list[str]:
    """Those of the source whose kind stands at `at`."""
    kind = statement[at].identifier if at < len(statement) else ""
    if kind == "null":
        return []
    if kind != "clickhouse" or at + 1 >= len(statement) or statement[at + 1].text != b"(":
        raise _denied(
            f"A dictionary's source is CLICKHOUSE or NULL here, not {kind.upper()}: files, "
            "commands and other servers are out of reach."
        )
    queries = []
    for key_at in range(at + 2, len(statement), 2):
        key = statement[key_at]
        if key.text == b")":
            break
        value = statement[key_at + 1] if key_at + 1 < len(statement) else None
        if key.identifier not in _SOURCE_KEYS or value is None or value.kind != "string":
            raise _denied(
                f"{key.identifier.upper()} is not allowed in a dictionary's source: the strings "
                "QUERY, DB and TABLE name what is in this database."
            )
        if key.identifier == "query":
            queries.append(unquote(value.text))
    return queries
