"""What JDBC's client-v2 and clickhouse-go send and expect: compressed blocks, and a hello."""

from __future__ import annotations

import gzip
import io
import struct
import uuid
from collections.abc import Callable

import httpx
import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.clickhouse.blocks import BlockReader, pack_blocks
from tests.clickhouse_go import QUESTION, VERSION, decode_block
from tests.integration.clickhouse_process import ClickHouseProcess

ROWS = 300_000


@pytest.fixture
def table(service: ClickHouseProcess) -> str:
    name = f"t_{uuid.uuid4().hex}"
    post(
        service, f"CREATE TABLE {name} (a UInt64, s String) ENGINE = MergeTree ORDER BY a".encode()
    )
    return name


def post(
    service: ClickHouseProcess,
    content: bytes = b"",
    headers: dict[str, str] | None = None,
    **params: str,
) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{service.port}/",
        params=params,
        content=content,
        headers=headers,
        timeout=60,
    )


def unpacked(body: bytes) -> bytes:
    reader = BlockReader(io.BytesIO(body), 1 << 27)
    return b"".join(iter(lambda: reader.read(1 << 16), b""))


def zstd_block(data: bytes) -> bytes:
    packed = zstandard.ZstdCompressor().compress(data)
    block = struct.pack("<BII", 0x90, 9 + len(packed), len(data)) + packed
    value = CityHash128(block)
    return struct.pack("<QQ", value >> 64, value & (2**64 - 1)) + block


def csv(rows: int) -> bytes:
    return b"".join(b"%d,x%d\n" % (number, number) for number in range(rows))


def test_an_answer_comes_in_blocks_when_asked_for(service: ClickHouseProcess) -> None:
    sql = f"SELECT number, toString(number) FROM numbers({ROWS})".encode()
    plain = post(service, sql, default_format="Native")
    packed = post(service, sql, default_format="Native", compress="1")
    assert packed.content[16] == 0x82
    assert unpacked(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) > 2 << 20
    assert "Content-Encoding" not in packed.headers
    assert packed.headers["X-ClickHouse-Format"] == "Native"
    assert post(service, b"SELECT 1", compress="0").text == "1\n"


def test_blocks_lie_inside_http_s_encoding(service: ClickHouseProcess, table: str) -> None:
    answer = post(
        service,
        b"SELECT number FROM numbers(1000)",
        {"Accept-Encoding": "gzip"},
        compress="1",
        enable_http_compression="1",
    )
    assert answer.headers["Content-Encoding"] == "gzip"
    assert unpacked(answer.content) == b"".join(b"%d\n" % number for number in range(1000))
    body = gzip.compress(pack_blocks(csv(1000)))
    sent = post(
        service,
        body,
        {"Content-Encoding": "gzip"},
        decompress="1",
        query=f"INSERT INTO {table} FORMAT CSV",
    )
    assert sent.is_success
    assert post(service, f"SELECT count(), max(a) FROM {table}".encode()).text == "1000\t999\n"


@pytest.mark.parametrize("pack", [pack_blocks, zstd_block], ids=["lz4", "zstd"])
def test_an_insert_of_blocks_arrives_whole(
    service: ClickHouseProcess, table: str, pack: Callable[[bytes], bytes]
) -> None:
    data = csv(ROWS)
    body = pack(data[:1_000_000]) + pack(data[1_000_000:])
    answer = post(
        service,
        body,
        query=f"INSERT INTO {table} FORMAT CSV",
        compress="1",
        decompress="1",
    )
    assert (answer.status_code, answer.content) == (200, b"")
    found = post(service, f"SELECT count(), uniqExact(s), sum(a) FROM {table}".encode()).text
    assert found == f"{ROWS}\t{ROWS}\t{ROWS * (ROWS - 1) // 2}\n"


def test_the_statement_itself_may_come_in_blocks(service: ClickHouseProcess, table: str) -> None:
    assert post(service, pack_blocks(b"SELECT 41 + 1"), decompress="1").text == "42\n"
    sql = f"INSERT INTO {table} FORMAT CSV\n".encode()
    assert post(service, pack_blocks(sql) + pack_blocks(b"1,a\n2,b\n"), decompress="1").is_success
    assert post(service, f"SELECT count() FROM {table}".encode()).text == "2\n"


def broken(body: bytes, at: int, to: int) -> bytes:
    return body[:at] + bytes([to]) + body[at + 1 :]


WHOLE = pack_blocks(csv(100))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (broken(WHOLE, 0, WHOLE[0] ^ 1), 40),
        (broken(WHOLE, len(WHOLE) - 1, WHOLE[-1] ^ 1), 40),
        (WHOLE + WHOLE[:-1], 33),
        (WHOLE + WHOLE[:7], 33),
        (broken(WHOLE, 16, 0x95), 89),
        (csv(100), 89),
        (broken(WHOLE, 20, 0xFF), 39),
        (broken(WHOLE, 24, 0xFF), 39),
    ],
)
def test_a_wrong_block_is_refused_and_leaves_no_rows(
    service: ClickHouseProcess, table: str, body: bytes, code: int
) -> None:
    query = f"INSERT INTO {table} FORMAT CSV"
    answer = post(service, WHOLE + body, query=query, decompress="1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.status_code == 500
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert post(service, f"SELECT count() FROM {table}".encode()).text == "0\n"


@pytest.mark.parametrize(
    ("sql", "status"),
    [("SELEC 1", 400), ("SELECT nope", 404), ("SELECT throwIf(1)", 500)],
)
def test_errors_that_jdbc_unpacks_come_in_blocks(
    service: ClickHouseProcess, sql: str, status: int
) -> None:
    plain, packed = post(service, sql.encode()), post(service, sql.encode(), compress="1")
    assert packed.status_code == plain.status_code == status
    assert unpacked(packed.content) == plain.content
    assert plain.text.startswith("Code: ")
    code = "X-ClickHouse-Exception-Code"
    assert packed.headers[code] == plain.headers[code]


def test_an_error_before_the_statement_is_read_comes_in_blocks_too(
    service: ClickHouseProcess,
) -> None:
    answer = post(service, b"SELECT 1", compress="1", query_id="é")
    assert answer.status_code == 400
    assert unpacked(answer.content).startswith(b"Code: 36. DB::Exception: ")


@pytest.mark.parametrize(
    ("sql", "password", "status"),
    [("SELECT 1", "wrong", 403), ("KILL QUERY WHERE 1", "", 403), (" " * 1_100_000, "", 413)],
)
def test_errors_that_jdbc_does_not_unpack_come_plain(
    service: ClickHouseProcess, sql: str, password: str, status: int
) -> None:
    answer = post(service, sql.encode(), compress="1", password=password)
    assert answer.status_code == status
    assert answer.text.startswith("Code: ")


def test_a_form_s_answer_comes_in_blocks(service: ClickHouseProcess) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{service.port}/?compress=1",
        files={"query": (None, "SELECT {a:UInt8} + 1"), "param_a": (None, "4")},
    )
    assert unpacked(answer.content) == b"5\n"


def ask_like_clickhouse_go(service: ClickHouseProcess, sql: str, **more: str) -> httpx.Response:
    return post(
        service,
        sql.encode(),
        None,
        database="default",
        default_format="Native",
        client_protocol_version=str(VERSION),
        max_execution_time="60",
        **more,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_clickhouse_go_reads_the_hello_and_then_plain_native(
    service: ClickHouseProcess, packed: bool
) -> None:
    more = {"compress": "1", "network_compression_method": "LZ4"} if packed else {}
    answers = [
        ask_like_clickhouse_go(service, sql, **more)
        for sql in (QUESTION, "SELECT 7 AS n, 'x' AS s")
    ]
    hello, next_one = [unpacked(answer.content) if packed else answer.content for answer in answers]
    greeting = decode_block(hello, VERSION)
    assert list(greeting) == ["displayName()", "version()", "revision()", "timezone()"]
    version = post(service, b"SELECT version()").text.strip()
    assert list(greeting.values()) == [["liaison"], [version], [0], ["UTC"]]
    assert answers[0].headers["X-ClickHouse-Format"] == "Native"
    assert decode_block(next_one, 0) == {"n": [7], "s": ["x"]}


def test_the_hello_obeys_the_request_s_settings_and_database(service: ClickHouseProcess) -> None:
    zone = ask_like_clickhouse_go(service, QUESTION, session_timezone="Asia/Tokyo")
    assert decode_block(zone.content, VERSION)["timezone()"] == ["Asia/Tokyo"]
    unknown = ask_like_clickhouse_go(service, QUESTION, nonsense="1")
    assert unknown.headers["X-ClickHouse-Exception-Code"] == "115"
    nowhere = post(
        service,
        QUESTION.encode(),
        database="nope",
        default_format="Native",
        client_protocol_version=str(VERSION),
    )
    assert nowhere.headers["X-ClickHouse-Exception-Code"] == "81"


def test_others_who_ask_the_same_get_the_engine_s_answer(service: ClickHouseProcess) -> None:
    native = post(service, QUESTION.encode(), default_format="Native")
    revision = decode_block(native.content, 0)["revision()"][0]
    assert isinstance(revision, int)
    assert revision > 54_454
    text = post(service, QUESTION.encode(), client_protocol_version=str(VERSION)).text
    assert text.split("\t")[2] == str(revision)


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 5000])
def test_a_protocol_version_that_is_none_counts_as_none(
    service: ClickHouseProcess, version: str
) -> None:
    assert post(service, b"SELECT 1", client_protocol_version=version).text == "1\n"
