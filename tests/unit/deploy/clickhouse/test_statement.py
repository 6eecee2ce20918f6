"""What the service makes of a request's text."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.guard import dictionary_queries, refuse_forbidden
from deploy.clickhouse.lexer import MOST_TOKENS, Token, quote, tokens, unquote
from deploy.clickhouse.statement import Statement, parse_statement

FORMATS = frozenset({"avro", "csv", "json", "native", "tabseparated", "values"})


def parse(text: str | bytes) -> Statement:
    return parse_statement(text.encode() if isinstance(text, str) else text, FORMATS)


@pytest.mark.parametrize(
    ("text", "output_format"),
    [
        ("SELECT 1", None),
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1\n FORMAT Native;", "Native"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON"),
        ("SELECT 'x FORMAT CSV'", None),
        ("SELECT 1 -- FORMAT CSV", None),
        ("SELECT 1 /* FORMAT CSV */", None),
        ("SELECT format csv FROM t", None),
        ("SELECT (SELECT 1 AS format, 2 AS csv)", None),
        ("SELECT 1 FORMAT Nonsense", None),
    ],
)
def test_the_output_format_is_read_where_it_is_a_clause(
    text: str, output_format: str | None
) -> None:
    assert parse(text).output_format == output_format


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2", b"1,2"),
        (b"INSERT INTO t FORMAT CSV 1,2", b"1,2"),
        (b"insert into t (a, b) format Native\n\x02\x00\xff", b"\x02\x00\xff"),
        (b"INSERT INTO t FORMAT Native\n\n\x01", b"\n\x01"),
        (b"INSERT INTO t SETTINGS a = 'FORMAT CSV' FORMAT CSV\n1", b"1"),
        (b"/* c */ INSERT INTO `FORMAT` (`FORMAT CSV`) FORMAT CSV\n1", b"1"),
        (b"INSERT INTO t VALUES (1, ';')", b" (1, ';')"),
        (b"INSERT INTO t FORMAT CSV\n'; DROP TABLE t", b"'; DROP TABLE t"),
        (b"INSERT INTO t FORMAT CSV\n;abc", b";abc"),
        (b"INSERT INTO t FORMAT CSV\r\n;abc", b";abc"),
        (b"INSERT INTO t FORMAT Native\n\x3b\x01\x02", b"\x3b\x01\x02"),
        (b"INSERT INTO t FORMAT CSV;\n;abc", b";abc"),
        (b"INSERT INTO t FORMAT CSV ; \r\n;abc", b";abc"),
        (b"INSERT INTO t FORMAT CSV;", b""),
        (b"INSERT INTO t SELECT a FROM input('a Int8') FORMAT CSV;\n1", b"1"),
        (b"INSERT INTO t FORMAT Values (3)", b"(3)"),
        (b"insert into t (a) format values\n(3), (4)", b"(3), (4)"),
    ],
)
def test_data_begins_right_after_the_format(text: bytes, data: bytes) -> None:
    statement = parse(text)
    assert statement.data_offset is not None
    assert text[statement.data_offset :] == data


def test_an_insert_reads_its_data_from_a_file_before_its_settings() -> None:
    statement = parse("INSERT INTO d.t (a) SETTINGS x = 1 FORMAT CSV\n1")
    assert " ".join(statement.sql_reading("/a'b").split()) == (
        "INSERT INTO d.t (a) FROM INFILE '/a\\'b' SETTINGS x = 1 FORMAT CSV"
    )


def test_input_becomes_a_table_and_its_structure_is_kept() -> None:
    statement = parse(
        "INSERT INTO t (a, p) SELECT a, 7 FROM input('a Array(String), b Enum(\\'x\\' = 1)') "
        "WHERE 3 > (SELECT max(o) FROM m) SETTINGS max_threads = 1\nFORMAT Avro\nObj"
    )
    assert statement.structure == "a Array(String), b Enum('x' = 1)"
    assert statement.data_format == "Avro"
    assert statement.settings_clause.strip() == "SETTINGS max_threads = 1"
    assert "FROM _liaison_input WHERE 3 >" in " ".join(statement.sql.split())
    assert "FORMAT" not in statement.sql


def test_settings_between_table_and_select_are_kept_for_the_input() -> None:
    statement = parse("INSERT INTO t SETTINGS x = 1 SELECT a FROM input('a Int8') FORMAT CSV\n1")
    assert statement.settings_clause.strip() == "SETTINGS x = 1"


def test_an_insert_select_without_input_has_no_data() -> None:
    assert parse("INSERT INTO t SELECT 1").data_offset is None
    assert parse("INSERT INTO t SELECT 1 FORMAT CSV").data_offset is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("KILL QUERY WHERE 1", 497),
        ("kill /* x */ query WHERE 1", 497),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 497),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", 497),
        ("SELECT file('/etc/passwd')", 497),
        ("SELECT * FROM FILE /**/ ('/etc/passwd')", 497),
        ("SELECT `file`('/etc/passwd')", 497),
        ("SELECT `fil\\x65`('/etc/passwd')", 497),
        ("INSERT INTO t SELECT file('/etc/passwd')", 497),
        ("SELECT 1; SELECT 2", 62),
        ("INSERT INTO t SELECT 1; DROP TABLE t", 62),
        ("SELECT 'open", 62),
        ("INSERT INTO t SELECT a FROM input('a Int8')", 62),
        ("CREATE TEMPORARY TABLE t (a Int8)", 48),
        (b"SELECT '\xff'", 62),
        ("SELECT 1 AS a$$ INTO OUTFILE '/tmp/x' -- $$", 497),
        ("SELECT $a b$ ' $a b$ INTO OUTFILE '/tmp/x' -- '", 497),
        ("SELECT 1 // ' \n INTO OUTFILE '/tmp/x' -- '", 497),
        ("SELECT 1 /* /* */ ' */ */ INTO OUTFILE '/tmp/x' -- '", 497),
        ("SELECT 1 PARALLEL WITH KILL QUERY WHERE 1", 497),
        ("SELECT * FROM format(CSV, 'a Int8 DEFAULT 1', '')", 497),
        ("SELECT * FROM format(CSV, concat(format('{}', 'a'), ' Int8'), '')", 497),
        ("SELECT format(format('{}', 'CSV'), (SELECT 'a', 'b', 'c'), '')", 497),
        ("CREATE TABLE t (a Int8) ENGINE = MergeTree SETTINGS disk = disk(type = web)", 497),
        ("CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(HTTP(url 'x')) LAYOUT(FLAT())", 497),
        ("CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(CLICKHOUSE(host 'x'))", 497),
        ("SELECT 1$$ INTO OUTFILE '/tmp/x' -- $$", 62),
        ("SELECT 1\u3000", 62),
        ("SELECT 1\u00a0INTO\u00a0OUTFILE '/tmp/x'", 62),
        ("KILL\u2028QUERY WHERE 1", 62),
        ("SELECT 1\x00", 62),
        ("SELECT $1", 62),
        ("SELECT $x$ 1", 62),
        ("SELECT 1 /* /* */", 62),
        ("INSERT INTO t FORMAT CSV ;1", 62),
        (b"INSERT INTO t SELECT a FROM input('a\xff Int8') FORMAT CSV\n1", 62),
    ],
)
def test_what_makes_no_sense_here_is_refused(text: str | bytes, code: int) -> None:
    with pytest.raises(ClickHouseError) as caught:
        parse(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "structure",
    [
        "a Int8) ENGINE=Memory; DROP TABLE t --",
        "a Int8) AS (SELECT (1",
        "a Int8 # ''\\n) AS SELECT 1 -- ''",
        "a Int8 /* (",
        "a Int8) AS SELECT 1 -- (",
        "a Enum(''x\\'' = 1)",
        "a Int8, `b Int8",
        "a Int8 $x$ ) $x$",
    ],
)
def test_the_structure_of_input_holds_columns_and_no_statement(structure: str) -> None:
    with pytest.raises(ClickHouseError) as caught:
        parse(f"INSERT INTO t SELECT a FROM input('{structure}') FORMAT CSV\n1")
    assert caught.value.code == 62


@pytest.mark.parametrize("text", ["", "  ", "-- nothing", ";"])
def test_an_empty_statement_is_no_error(text: str) -> None:
    assert parse(text).data_offset is None


def test_a_semicolon_and_comments_may_end_a_statement() -> None:
    assert parse("SELECT 1; -- done\n").sql == "SELECT 1"


@pytest.mark.parametrize("text", ["", "a'b", "a\\b", "line\nbreak", "العربية"])
def test_literals_are_read_as_they_were_written(text: str) -> None:
    assert unquote(quote(text).encode()) == text


def test_other_spellings_of_literals_are_read() -> None:
    assert unquote(b"'it''s'") == "it's"
    assert unquote(b"'a\\x41\\n'") == "aA\n"
    assert unquote(b"$x$it's$x$") == "it's"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '\u3000' AS `\u3000`, \u2018x\u2019 /* \u3000 */ -- \u3000",
        "SELECT a$b, $$ INTO OUTFILE $$, $x y$ KILL QUERY $x y$",
        "SELECT 'KILL QUERY' // INTO OUTFILE",
        "SELECT 1 /* /* INTO OUTFILE */ KILL QUERY */",
        "SELECT format('{} {}', 'a', 'b')",
        "SELECT * FROM format(CSV, '1')",
        "SELECT format(a, format('{} {}', b, c)), (1, 2, 3), format(a, [1, 2, 3])",
        "INSERT INTO source (disk) SELECT 1",
        "CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(CLICKHOUSE(QUERY 'SELECT 1' DB 'x'))",
        "CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())",
    ],
)
def test_what_only_looks_forbidden_passes(text: str) -> None:
    assert parse(text).sql


def test_a_comment_that_never_ends_is_refused_at_once() -> None:
    with pytest.raises(ClickHouseError):
        parse("SELECT 1 " + "/*" * 500_000)


class CopiesCounted(list[Token]):
    """Tokens that count what is copied out of them."""

    copied = 0

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        if isinstance(at, slice):
            self.copied += len(found)
        return found


@pytest.mark.parametrize("call", ["f(1)", "format(a, 1)"])
def test_the_rules_read_a_statement_of_many_calls_once(call: str) -> None:
    statement = CopiesCounted(tokens(f"SELECT {','.join([call] * 1000)}".encode()))
    refuse_forbidden(statement, FORMATS)
    assert statement.copied <= len(statement)
    nested = CopiesCounted(tokens(b"SELECT " + b"format(a" * 1000))
    refuse_forbidden(nested, FORMATS)
    assert nested.copied <= len(nested)


def test_the_sources_of_many_dictionaries_are_read_once() -> None:
    source = "DICTIONARY SOURCE(CLICKHOUSE(QUERY 'SELECT 1'))"
    statement = CopiesCounted(tokens(" ".join([source] * 1000).encode()))
    assert dictionary_queries(statement) == ["SELECT 1"] * 1000
    assert statement.copied == 0


def test_a_statement_of_too_many_tokens_is_refused() -> None:
    most = "SELECT " + ",".join(["1"] * (MOST_TOKENS // 2))
    assert parse(most).sql == most
    with pytest.raises(ClickHouseError, match="send long lists as a parameter") as caught:
        parse(f"{most},1")
    assert caught.value.code == 594
    data = b"(1)," * MOST_TOKENS
    assert parse(b"INSERT INTO t VALUES " + data).data_offset is not None


def test_reading_can_be_broken_off() -> None:
    seen = []

    def check() -> None:
        seen.append(True)
        if len(seen) == 2:
            raise ClickHouseError.refused(159, "late")

    with pytest.raises(ClickHouseError, match="late"):
        parse_statement(b"SELECT " + b"1," * 20_000, FORMATS, check)
    assert len(seen) == 2


@pytest.mark.parametrize("quote_sign", ["'", "`", '"'])
@pytest.mark.parametrize("inside", ["x", "\\\\", "''``\"\"", "\u201d"])
def test_a_literal_that_is_not_closed_costs_no_memory_to_read(quote_sign: str, inside: str) -> None:
    text = f"SELECT {quote_sign}{inside * 100_000}"
    tracemalloc.start()
    try:
        with pytest.raises(ClickHouseError, match="not closed|no sign"):
            parse(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_doubled_quote_never_ends_a_literal() -> None:
    with pytest.raises(ClickHouseError, match="not closed"):
        parse("SELECT 'a''")
