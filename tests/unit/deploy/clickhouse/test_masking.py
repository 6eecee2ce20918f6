"""What the audit log tells of a statement: what was read, and no secret."""

from __future__ import annotations

import pytest

from deploy.clickhouse.masking import masked, without_comments, without_data


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE USER x IDENTIFIED BY 'hunter2'",
        "CREATE USER x IDENTIFIED BY $$hunter2$$",
        "CREATE USER x IDENTIFIED BY $tag$hunter2$tag$",
        "CREATE USER x IDENTIFIED BY /* */ 'hunter2'",
        "CREATE USER x IDENTIFIED BY -- \n 'hunter2'",
        "CREATE USER x IDENTIFIED BY \u2018hunter2\u2019",
        "create or replace user x identified with plaintext_password by 'hunter2'",
        "ALTER USER x IDENTIFIED BY hunter2",
        "CREATE USER x IDENTIFIED BY 'hunter2",
        "SELECT 1 PARALLEL WITH CREATE USER x IDENTIFIED WITH plaintext_password BY 'hunter2'",
        "CREATE NAMED COLLECTION c AS anything = 'hunter2'",
        r"SOURCE(CLICKHOUSE(USER 'x' PASSWORD 'a\' hunter2' DB 'd'))",
        "SELECT * FROM remote('h', 'd', 't', 'u', 'hunter2')",
        "SELECT * FROM s3 /* */ ('http://x/', 'key', 'hunter2')",
        "SELECT * FROM url('http://u:hunter2@h/', 'CSV')",
        "CREATE DATABASE d ENGINE = PostgreSQL('h', 'd', 'u', 'hunter2')",
        "CREATE TABLE t (a Int8) ENGINE = X SETTINGS kafka_sasl_password = 'hunter2'",
        "SELECT 1 SETTINGS `kafka_sasl_p\\x61ssword` = 'hunter2'",
        "SELECT encrypt('aes-128-ecb', 'text', 'hunter2hunter2xx')",
        "WITH 'hunter2hunter2xx' AS k SELECT decrypt('aes-128-ecb', a, k) FROM t",
        "SELECT nats_token, 'hunter2'",
        "SELECT \u3000, remote('h', 'd', 't', 'u', 'hunter2')",
    ],
)
def test_a_secret_is_left_out_however_it_is_written(statement: str) -> None:
    assert "hunter2" not in masked(statement)
    assert "[HIDDEN]" in masked(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT /* by ' */ held FROM raw.t WHERE held != ''",
        "SELECT /* password = ' */ held FROM raw.t /* ' */",
        "SELECT held FROM raw.t -- identified by 'x'",
        "SELECT name FROM raw.t ORDER BY 'x' LIMIT 1 BY 'y'",
        "SELECT url, s3 FROM raw.t WHERE url = 'x' AND hasToken(a, 'b')",
        "INSERT INTO raw.t SETTINGS insert_deduplication_token = 'topic-0-1' SELECT 'x'",
        "SELECT 'a password'",
        "SELECT 'open, held FROM raw.t",
    ],
)
def test_what_is_no_secret_stays(statement: str) -> None:
    assert masked(statement) == statement


def test_what_was_read_stays_beside_a_secret() -> None:
    told = masked("SELECT hmac('md5', 'x', 'y') AS /* ' */ password FROM raw.t WHERE held = 'z'")
    assert told.endswith("AS /* ' */ password FROM raw.t WHERE held = '[HIDDEN]'")


def test_comments_are_left_out_and_nothing_else() -> None:
    assert without_comments("/* a */ SELECT  'b /* c */', -- d\n e/* */FROM t /* f */") == (
        "SELECT 'b /* c */', e FROM t"
    )
    assert without_comments("SELECT /* a */ 'open") == "SELECT /* a */ 'open"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("INSERT INTO t FORMAT CSV ;a-row", "INSERT INTO t FORMAT CSV"),
        ("INSERT INTO t VALUES ('a-row", "INSERT INTO t VALUES"),
        ("INSERT INTO t (a) \u3000 FORMAT CSV\na-row", "INSERT INTO t (a)"),
        ("KILL QUERY WHERE 1 FORMAT CSV a-row", "KILL QUERY WHERE 1 FORMAT CSV a-row"),
        ("", ""),
    ],
)
def test_data_behind_an_insert_is_left_out(text: str, told: str) -> None:
    assert without_data(text) == told
