"""The answer to clickhouse-go's opening question, decoded as its source decodes it."""

from __future__ import annotations

import pytest

from deploy.clickhouse.hello import hello_block, is_hello
from tests.clickhouse_go import QUESTION, VERSION, decode_block

ROW = b"some host\t26.9.2.1\t54515\tUTC\n"


def test_clickhouse_go_reads_version_time_zone_and_revision_zero() -> None:
    assert decode_block(hello_block(ROW), VERSION) == {
        "displayName()": ["liaison"],
        "version()": ["26.9.2.1"],
        "revision()": [0],
        "timezone()": ["UTC"],
    }


def test_long_texts_have_lengths_of_several_bytes() -> None:
    zone = b"Z" * 70_000
    answer = decode_block(hello_block(b"h\t1\t2\t" + zone + b"\n"), VERSION)
    assert answer["timezone()"] == [zone.decode()]


@pytest.mark.parametrize("row", [b"", b"\n", b"h\t1\t2\n"])
def test_an_answer_without_its_row_is_an_empty_block(row: bytes) -> None:
    assert decode_block(hello_block(row), VERSION) == {
        "displayName()": [],
        "version()": [],
        "revision()": [],
        "timezone()": [],
    }


def test_settings_may_end_lines_otherwise() -> None:
    assert hello_block(ROW.replace(b"\n", b"\r\n")) == hello_block(ROW)


@pytest.mark.parametrize(
    ("sql", "output_format", "version", "expected"),
    [
        (QUESTION, "Native", VERSION, True),
        (f" {QUESTION}\n", "native", 54454, True),
        (QUESTION, "Native", 0, False),
        (QUESTION, "Native", 54453, False),
        (QUESTION, "JSON", VERSION, False),
        (f"{QUESTION} WHERE 0", "Native", VERSION, False),
        ("SELECT version(), timezone()", "Native", VERSION, False),
    ],
)
def test_only_that_question_of_such_a_client_is_answered_by_hand(
    sql: str, output_format: str, version: int, expected: bool
) -> None:
    assert is_hello(sql, output_format, version) is expected
