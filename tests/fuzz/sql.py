"""SQL and bodies for the ClickHouse service's own readers: the statement, compressed frames."""

from __future__ import annotations

import gzip
import io
import zlib
from random import Random

import lz4.frame
import zstandard

from deploy.clickhouse.bodies import BoundedReader, choose_encoding, decoder, encode
from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.statement import parse_statement
from tests.fuzz.case import Case, Finding
from tests.fuzz.mutate import TEXTS, spoil_bytes, spoil_text

__all__ = ["ENCODINGS", "BodyTarget", "StatementTarget", "a_body", "a_statement"]

_FORMATS = frozenset(
    {"tabseparated", "tsv", "jsoneachrow", "csv", "values", "avro", "native", "null", "rowbinary"}
)
_STATEMENTS = (
    "SELECT 1", "SELECT 1 FORMAT JSON", "SELECT * FROM raw.facts WHERE a = 'x' SETTINGS b = 1",
    "INSERT INTO t VALUES (1, 'a')", "INSERT INTO t (a) FORMAT TSV\n1\n2\n",
    "INSERT INTO t SELECT * FROM input('a UInt8, b String') WHERE a > 1 FORMAT Avro",
    "INSERT INTO t SETTINGS async_insert = 0 FORMAT JSONEachRow {\"a\":1}",
    "WITH x AS (SELECT 1) SELECT * FROM x", "CREATE TABLE t (a UInt8) ENGINE = Memory",
    "SELECT {a:UInt8} -- comment\n", "SELECT $tag$ text $tag$",
    "SELECT `a`.\"b\" /* c */ FORMAT CSV",
    "SELECT ‘curly’, “name”", "KILL QUERY WHERE 1", "SELECT * FROM file('/etc/passwd')",
    "SELECT 1 INTO OUTFILE 'x'", "DESCRIBE TABLE t", "EXPLAIN SELECT 1", "SHOW GRANTS", "",
)  # fmt: skip
_TOKENS = (
    "'", '"', "`", "\\", "$", "$a$", "--", "/*", "*/", "#", "# ", "#!", "(", ")", "[", "]", "{",
    "}", ";", ",",
    ".", "\n", "\0", "‘", "’", "“", "”", " FORMAT ", " SETTINGS ", " SELECT ", " VALUES ",
    " input(",
    "INSERT INTO ", " FROM INFILE 'x' ", " INTO OUTFILE 'x' ", "''", "\\'", "\\x41", "\\xZZ", "\\",
    "file(", "`fi\\x6ce`(", "TEMPORARY ", "WITH ", "\xa0", "\u200b", "UNION ALL ", "TSV",
    "JSONEachRow",
)  # fmt: skip
ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate", "lz4", "zstd", "br", "snappy", "\0")
_LIMIT_BYTES = 4 * 1024 * 1024


def a_statement(rng: Random) -> bytes:
    """A statement with pieces put in, cut, repeated or spoiled; rarely very long."""
    text = rng.choice(_STATEMENTS)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 6, 12))):
        at = rng.randint(0, len(text))
        piece = rng.choice(_TOKENS) if rng.random() < 0.8 else spoil_text(rng)[:300]
        cut = rng.choice((0, 0, 0, 1, 5))
        text = text[:at] + piece + text[at + cut :]
    if rng.random() < 0.01:
        piece = rng.choice(_TOKENS)
        at = rng.randint(0, len(text))
        text = text[:at] + piece * (rng.choice((1000, 30_000, 500_000)) // len(piece)) + text[at:]
    data = text.encode()
    return spoil_bytes(rng, data)[:1_000_000] if rng.random() < 0.15 else data


def a_body(rng: Random, encoding: str, data: bytes) -> bytes:
    """`data` in frames of the encoding, at times many, at times spoiled, or a bomb."""
    if rng.random() < 0.02:
        data = b"\0" * rng.choice((1 << 20, 3 << 20, 8 << 20))
    if encoding in ("gzip", "x-gzip"):
        packed = gzip.compress(data, 1)
    elif encoding == "deflate":
        packed = zlib.compress(data, 1)
    elif encoding == "lz4":
        packed = lz4.frame.compress(data)
    elif encoding == "zstd":
        packed = zstandard.ZstdCompressor(level=1).compress(data)
    else:
        packed = data
    packed *= rng.choice((1, 1, 1, 2, 20))
    return spoil_bytes(rng, packed) if rng.random() < 0.7 else packed


class StatementTarget:
    """Statements: parsed, or refused as ClickHouse would."""

    name = "statement"

    def make(self, rng: Random) -> Case:
        return {"text": a_statement(rng)}

    def run(self, case: Case) -> list[str]:
        text: bytes = case["text"]
        try:
            statement = parse_statement(text, _FORMATS)
        except ClickHouseError as refused:
            return [f"refused-{refused.code}"]
        if statement.data_offset is None:
            return ["statement"]
        if not 0 <= statement.data_offset <= len(text):
            raise Finding(f"data begins at {statement.data_offset} of {len(text)} bytes")
        statement.sql_reading("/x").encode()
        return ["input" if statement.structure is not None else "insert"]

    def close(self) -> None:
        """Nothing is open."""


class BodyTarget:
    """Compressed bodies: read whole, or refused; never more than the limit."""

    name = "body"

    def make(self, rng: Random) -> Case:
        encoding = rng.choice(ENCODINGS)
        data = rng.choice((b"", b"a", a_statement(rng)[:2000], rng.randbytes(3000), b"x" * 70_000))
        accept = ",".join(
            rng.choice(("gzip", "zstd;q=0", "lz4", "*", ";;", ";q=", "deflate;q=1e9", *TEXTS[:9]))
            for _ in range(rng.randint(0, 4))
        )
        return {"encoding": encoding, "body": a_body(rng, encoding, data), "accept": accept}

    def run(self, case: Case) -> list[str]:
        body: bytes = case["body"]
        chosen = choose_encoding(case["accept"])
        encode(body[:100], chosen)
        total = 0
        try:
            reader = BoundedReader(
                decoder(io.BytesIO(body), case["encoding"]), _LIMIT_BYTES, case["encoding"]
            )
            while chunk := reader.read(1 << 20):
                total += len(chunk)
        except ClickHouseError as refused:
            return [f"refused-{refused.code}"]
        if total > _LIMIT_BYTES:
            raise Finding(f"{total} bytes were read under a limit of {_LIMIT_BYTES}")
        return ["read"]

    def close(self) -> None:
        """Nothing is open."""
