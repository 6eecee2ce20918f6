"""The HTTP service as clickhouse-connect and plain HTTP see it: a real process, real clients."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import threading
import uuid
from collections.abc import Iterator

import clickhouse_connect
import fastavro
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.clickhouse.masking import masked
from tests.integration.clickhouse_process import ClickHouseProcess

ROWS = 300_000


@pytest.fixture(scope="module")
def client(service: ClickHouseProcess) -> Iterator[Client]:
    client = service.connection.client()
    client.command("CREATE DATABASE test")
    yield client
    client.close()


@pytest.fixture
def table(client: Client) -> str:
    name = f"test.t_{uuid.uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (a UInt64, s String) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


def count(client: Client, table: str) -> int:
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])


def avro(rows: int) -> bytes:
    schema = fastavro.parse_schema(
        {
            "type": "record",
            "name": "r",
            "fields": [{"name": "a", "type": "long"}, {"name": "s", "type": "string"}],
        }
    )
    buffer = io.BytesIO()
    fastavro.writer(buffer, schema, ({"a": n, "s": f"x{n}"} for n in range(rows)))
    return buffer.getvalue()


def post(service: ClickHouseProcess, content: bytes = b"", **params: str) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{service.port}/", params=params, content=content, timeout=60
    )


def test_it_answers_a_sign_of_life(service: ClickHouseProcess, client: Client) -> None:
    base = f"http://127.0.0.1:{service.port}"
    assert client.ping()
    assert httpx.get(f"{base}/ping").text == "Ok.\n"
    assert httpx.get(f"{base}/").text == "Ok.\n"
    assert httpx.get(f"{base}/nowhere").status_code == 404


def test_parameters_arrive_as_they_were(client: Client) -> None:
    values = {"a": "it's\ta\n\\العربية", "b": None, "c": ["x'y", "z"], "d": -3}
    rows = client.query(
        "SELECT {a:String}, {b:Nullable(Int32)}, {c:Array(String)}, {d:Int64}", parameters=values
    ).result_rows
    assert rows == [(values["a"], None, ["x'y", "z"], -3)]


def test_a_request_s_settings_and_database_are_its_own(
    service: ClickHouseProcess, client: Client
) -> None:
    sql = "SELECT getSetting('max_threads'), currentDatabase()"
    usual = client.query(sql).result_rows
    assert client.query(sql, settings={"max_threads": 7}).result_rows == [(7, "main")]
    inside = service.connection.client(database="test")
    assert inside.query("SELECT currentDatabase()").result_rows == [("test",)]
    inside.close()
    named = service.connection.client(database="default")
    assert named.query("SELECT currentDatabase()").result_rows == [("main",)]
    named.close()
    assert client.query(sql).result_rows == usual


def test_a_failed_query_s_output_does_not_reach_the_next(client: Client) -> None:
    with pytest.raises(DatabaseError):
        client.command("SELECT throwIf(number = 900000) FROM numbers(1000000)")
    assert client.command("SELECT 41 + 1") == 42


@pytest.mark.parametrize("compression", ["", "lz4", "zstd", "gzip"])
def test_an_insert_of_many_frames_arrives_whole(
    service: ClickHouseProcess, table: str, compression: str
) -> None:
    writer = clickhouse_connect.get_client(
        host="127.0.0.1", port=service.port, compress=compression or False
    )
    rows = [(n, f"x{n}") for n in range(ROWS)]
    summary = writer.insert(table, rows, ["a", "s"])
    assert summary.written_rows == ROWS
    found = writer.query(f"SELECT count(), uniqExact(a), sum(a) FROM {table}").result_rows
    assert found == [(ROWS, ROWS, ROWS * (ROWS - 1) // 2)]
    assert writer.query(f"SELECT * FROM {table}").row_count == ROWS
    writer.close()


def test_avro_goes_in_raw_plain_and_compressed(client: Client, table: str) -> None:
    assert client.raw_insert(table, ["a", "s"], avro(1000), fmt="Avro").written_rows == 1000
    client.raw_insert(table, ["a", "s"], gzip.compress(avro(10)), fmt="Avro", compression="gzip")
    assert count(client, table) == 1010


def test_an_insert_can_select_from_its_input_and_is_dropped_when_repeated(
    client: Client, table: str
) -> None:
    sql = (
        f"INSERT INTO {table} (a, s) SELECT a + 1, s FROM input('a UInt64, s String') "
        "WHERE a >= 500 SETTINGS insert_deduplication_token = 'once', max_insert_threads = 1\n"
        "FORMAT Avro\n"
    ).encode()
    for _ in range(2):
        client.raw_insert("", insert_block=sql + avro(1000), fmt="Avro")
    assert client.query(f"SELECT count(), min(a), max(a) FROM {table}").result_rows == [
        (500, 501, 1000)
    ]


def test_a_token_may_be_a_setting_of_the_request(client: Client, table: str) -> None:
    for rows in (10, 20):
        client.raw_insert(
            table, ["a", "s"], avro(rows), fmt="Avro", settings={"insert_deduplication_token": "t"}
        )
    assert count(client, table) == 10


def test_a_broken_body_leaves_no_rows(
    service: ClickHouseProcess, client: Client, table: str
) -> None:
    body = gzip.compress(b"1,a\n" * 100_000)
    answer = httpx.post(
        f"http://127.0.0.1:{service.port}/",
        params={"query": f"INSERT INTO {table} FORMAT CSV"},
        content=body[:-100],
        headers={"Content-Encoding": "gzip"},
    )
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "117")
    with pytest.raises(DatabaseError):
        client.raw_insert(table, ["a", "s"], avro(1000)[:-30], fmt="Avro")
    assert count(client, table) == 0


def test_queries_come_in_the_url_the_body_or_both(service: ClickHouseProcess, table: str) -> None:
    assert post(service, b"SELECT 1").text == "1\n"
    assert post(service, query="SELECT 2").text == "2\n"
    assert post(service, b"+ 1", query="SELECT 2").text == "3\n"
    assert post(service, b"1,'a'\n", query=f"INSERT INTO {table} FORMAT CSV").status_code == 200
    assert post(service, f"INSERT INTO {table} VALUES (2, 'b'), (3, 'c;')".encode()).is_success
    assert post(service, b" (4, 'd')", query=f"INSERT INTO {table} VALUES").is_success
    assert post(service, f"SELECT count(), max(s) FROM {table}".encode()).text == "4\td\n"


def test_an_answer_says_what_it_is(service: ClickHouseProcess) -> None:
    answer = post(service, b"SELECT 1 AS x FORMAT JSON", query_id="mine")
    assert answer.json()["data"] == [{"x": 1}]
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "1"
    assert post(service, b"SELECT 1", default_format="CSVWithNames").text == '"1"\n1\n'


def test_answers_are_compressed_only_when_asked_for(service: ClickHouseProcess) -> None:
    url = f"http://127.0.0.1:{service.port}/"
    query = {"query": "SELECT number FROM numbers(1000)"}
    plain = httpx.get(url, params=query, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    small = httpx.get(
        url, params={**query, "enable_http_compression": "1"}, headers={"Accept-Encoding": "gzip"}
    )
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.text == plain.text


def test_parameters_may_come_as_a_form(service: ClickHouseProcess) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{service.port}/",
        files={"query": (None, "SELECT {a:UInt8} + 1"), "param_a": (None, "4")},
    )
    assert answer.text == "5\n"


@pytest.mark.parametrize("query_id", ["é", "\u3000", "a\r\nX-More: 1", "x" * 257])
def test_an_id_that_fits_no_header_is_refused(service: ClickHouseProcess, query_id: str) -> None:
    answer = post(service, b"SELECT 1", query_id=query_id)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "36")
    assert answer.headers["X-ClickHouse-Query-Id"] != query_id


@pytest.mark.parametrize("name", ["é", "CSV\r\nX-More: 1"])
def test_a_format_that_fits_no_header_is_refused(
    service: ClickHouseProcess, table: str, name: str
) -> None:
    answer = post(service, f"INSERT INTO {table} SELECT 1, 'x'".encode(), default_format=name)
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (404, "73")


def test_a_structure_that_is_no_utf_8_is_refused(service: ClickHouseProcess, table: str) -> None:
    sql = f"INSERT INTO {table} SELECT a, 'x' FROM input('a\\xff UInt64') FORMAT CSV\n1\n"
    answer = post(service, sql.encode().replace(b"\\xff", b"\xff"))
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "62")


@pytest.mark.parametrize(
    ("statement", "data"),
    [
        ("FORMAT CSV\n", b";abc\n"),
        ("FORMAT CSV;\n", b";abc\n"),
        ("FORMAT RowBinary\n", b"\x04;abc"),
    ],
)
def test_data_may_begin_with_a_semicolon(
    service: ClickHouseProcess, client: Client, table: str, statement: str, data: bytes
) -> None:
    sql = f"INSERT INTO {table} (s) SETTINGS deduplicate_insert = 'disable' {statement}"
    assert post(service, sql.encode() + data).is_success
    assert post(service, data, query=sql.rstrip()).is_success
    assert client.query(f"SELECT s FROM {table}").result_rows == [(";abc",)] * 2


def test_rows_follow_format_values(service: ClickHouseProcess, client: Client, table: str) -> None:
    assert post(
        service, f"INSERT INTO {table} FORMAT Values (3, 'x'), (4, 'y')".encode()
    ).is_success
    assert client.query(f"SELECT a, s FROM {table} ORDER BY a").result_rows == [(3, "x"), (4, "y")]


def test_a_form_is_bounded_even_without_a_length(service: ClickHouseProcess) -> None:
    def form() -> Iterator[bytes]:
        for number in range(16):
            head = f'--B\r\nContent-Disposition: form-data; name="param_a{number}"\r\n\r\n'
            yield head.encode() + b"x" * (1 << 20) + b"\r\n"
        yield b"--B--\r\n"

    answer = httpx.post(
        f"http://127.0.0.1:{service.port}/?query=SELECT+1",
        content=form(),
        headers={"Content-Type": "multipart/form-data; boundary=B"},
        timeout=60,
    )
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "290")


def test_a_form_that_is_none_is_refused(service: ClickHouseProcess) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{service.port}/",
        content=b"nonsense",
        headers={"Content-Type": "multipart/form-data; boundary=B"},
    )
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "117")


@pytest.mark.parametrize(
    ("charset", "value"), [("undefined", b"SELECT 1"), ("unicode_escape", b"SELECT '\\ud800'")]
)
def test_a_form_in_an_encoding_that_makes_no_text_is_refused(
    service: ClickHouseProcess, charset: str, value: bytes
) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="query"\r\n\r\n'
    answer = httpx.post(
        f"http://127.0.0.1:{service.port}/",
        content=head + value + b"\r\n--B--\r\n",
        headers={"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"},
    )
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (400, "117")


def test_a_get_can_not_write(service: ClickHouseProcess, table: str) -> None:
    answer = httpx.get(
        f"http://127.0.0.1:{service.port}/", params={"query": f"INSERT INTO {table} SELECT 1, 'x'"}
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    answer = httpx.get(
        f"http://127.0.0.1:{service.port}/",
        params={"query": f"INSERT INTO {table} VALUES (1, 'x')"},
    )
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    assert "neither a read-only role nor a GET sends data" in answer.text


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT nope", 404, 47),
        ("SELEC 1", 400, 62),
        ("SELECT * FROM nope.t", 404, 81),
        ("SELECT * FROM nope", 404, 60),
        ("SELECT 1; SELECT 2", 400, 62),
        ("KILL QUERY WHERE 1", 403, 497),
        ("SYSTEM SHUTDOWN", 403, 497),
        ("SELECT file('/etc/passwd')", 403, 497),
        ("SELECT * FROM '/etc/passwd'", 404, 60),
        ("SELECT * FROM url('http://127.0.0.1:9/', 'CSV', 'a Int8')", 403, 497),
        ("SELECT 1 SETTINGS max_result_bytes = 0", 500, 452),
        ("SELECT 1 SETTINGS nonsense = 1", 404, 115),
    ],
)
def test_an_error_has_clickhouse_s_code_and_status(
    service: ClickHouseProcess, sql: str, status: int, code: int
) -> None:
    answer = post(service, sql.encode())
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.status_code == status
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_an_unknown_setting_is_named(service: ClickHouseProcess) -> None:
    assert post(service, b"SELECT 1", nonsense="1").headers["X-ClickHouse-Exception-Code"] == "115"
    assert "nonsense" in post(service, b"SELECT 1", nonsense="1").text


def test_other_formats_and_shapes_come_out(client: Client) -> None:
    data = client.raw_query("SELECT number AS n FROM numbers(10)", fmt="Parquet")
    assert data[:4] == data[-4:] == b"PAR1"
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")
    assert client.query_arrow("SELECT 1 AS a").num_rows == 1
    assert len(client.query_df("SELECT number FROM numbers(5)")) == 5
    with client.query_row_block_stream("SELECT number FROM numbers(100000)") as stream:
        assert sum(len(block) for block in stream) == 100_000


def test_the_async_client_works_twenty_at_once(service: ClickHouseProcess, table: str) -> None:
    async def work() -> int:
        client = await clickhouse_connect.get_async_client(host="127.0.0.1", port=service.port)
        await client.insert(table, [[n, f"x{n}"] for n in range(30_000)], ["a", "s"])
        answers = await asyncio.gather(
            *(client.query(f"SELECT count() + {n} FROM {table}") for n in range(20))
        )
        await client.close()
        return sum(int(answer.result_rows[0][0]) for answer in answers)

    assert asyncio.run(work()) == 30_000 * 20 + sum(range(20))


def test_reads_go_on_while_an_insert_runs(service: ClickHouseProcess, table: str) -> None:
    sql = f"INSERT INTO {table} SELECT number, sleepEachRow(1) FROM numbers(2)"
    insert = threading.Thread(
        target=post,
        args=(service, sql.encode()),
        kwargs={"max_block_size": "1"},
    )
    insert.start()
    answers = [post(service, b"SELECT 1").text for _ in range(5)]
    was_running = insert.is_alive()
    insert.join()
    assert answers == ["1\n"] * 5
    assert was_running


def test_no_temporary_file_is_left(service: ClickHouseProcess, client: Client) -> None:
    client.command("SELECT 1")
    assert list((service.data_dir / "service" / "incoming").iterdir()) == []


def test_of_every_table_function_and_engine_a_string_is_masked_or_it_stays_inside(
    client: Client,
) -> None:
    """Those of a newer ClickHouse come out here: does it take secrets?"""
    functions = client.query("SELECT DISTINCT name FROM system.table_functions").result_rows
    told = {
        name for (name,) in functions if "[HIDDEN]" not in masked(f"SELECT 1, {name}('x') AS y")
    }
    patterns = "mergeTree|timeSeries|generate|numbers|zeros|fuzz|view|(SQLStandardV|v)alues$"
    rest = {name for name in told if re.match(patterns, name) is None}
    assert rest == {
        "dictionary", "file", "filesystem", "format", "input", "loop", "merge", "null", "primes",
        "sqlite",
    }  # fmt: skip
    engines = client.query(
        "SELECT name FROM system.table_engines UNION DISTINCT SELECT name "
        "FROM system.database_engines"
    ).result_rows
    told = {
        name
        for (name,) in engines
        if "[HIDDEN]" not in masked(f"CREATE TABLE t (a Int8) ENGINE = {name}('x')")
    }
    assert {name for name in told if not name.endswith(("MergeTree", "Log"))} == {
        "Alias", "Atomic", "Buffer", "Dictionary", "Distributed", "EmbeddedRocksDB", "File",
        "FuzzJSON", "FuzzQuery", "GenerateRandom", "Join", "KeeperMap", "Loop", "MaterializedView",
        "Memory", "Merge", "Null", "Ordinary", "Replicated", "Set", "TimeSeries", "View",
    }  # fmt: skip
