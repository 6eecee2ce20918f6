"""The service as a process: accounts, kill -9, a clean stop, a directory or port that is taken."""

from __future__ import annotations

import base64
import http.client
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.clock import Deadline, SystemClock
from tests.integration.clickhouse_process import ClickHouseProcess

PASSWORDS = {"operator": "right:with:colons", "statistician": "reads"}
ENDLESS = "SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1"


def post(service: ClickHouseProcess, content: bytes = b"", **params: str) -> httpx.Response:
    at = service.connection
    return httpx.post(
        f"http://127.0.0.1:{service.port}/",
        params=params,
        content=content,
        auth=(at.username, at.password),
        timeout=60,
    )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    with ClickHouseProcess(tmp_path_factory.mktemp("guarded"), passwords=PASSWORDS) as process:
        yield process


class TestAccounts:
    def test_each_way_of_naming_an_account_works(self, guarded: ClickHouseProcess) -> None:
        url = f"http://127.0.0.1:{guarded.port}/?query=SELECT+1"
        password = "right:with:colons"
        answers = [
            httpx.get(url, auth=("operator", password)),
            httpx.get(url, headers={"X-ClickHouse-User": "operator", "X-ClickHouse-Key": password}),
            httpx.get(f"{url}&user=operator&password={password}"),
        ]
        assert [answer.text for answer in answers] == ["1\n"] * 3
        client = guarded.connection.client()
        assert client.command("SELECT 1") == 1
        client.close()

    @pytest.mark.parametrize(
        "credentials",
        [
            None,
            ("default", ""),
            ("operator", "wrong"),
            ("operator", "reads"),
            ("other", "reads"),
            ("auditor", ""),
        ],
    )
    def test_others_are_refused(
        self, guarded: ClickHouseProcess, credentials: tuple[str, str] | None
    ) -> None:
        url = f"http://127.0.0.1:{guarded.port}/?query=SELECT+1"
        answer = httpx.get(url, auth=credentials) if credentials else httpx.get(url)
        assert answer.status_code == 403
        assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
        assert httpx.get(f"http://127.0.0.1:{guarded.port}/ping").status_code == 200

    def test_the_reader_reads_and_can_not_write(self, guarded: ClickHouseProcess) -> None:
        client = clickhouse_connect.get_client(
            host="127.0.0.1", port=guarded.port, username="statistician", password="reads"
        )
        assert client.command("SELECT 1") == 1
        assert client.query("SELECT 1", settings={"max_threads": 1}).row_count == 1
        for sql in ("CREATE DATABASE x", "CREATE TABLE t (a Int8) ENGINE = Memory"):
            with pytest.raises(DatabaseError) as caught:
                client.command(sql)
            assert caught.value.code == 497
        for readonly in ("0", "00", "false", "-0", ""):
            url = f"http://127.0.0.1:{guarded.port}/?readonly={readonly}"
            answer = httpx.post(url, content="CREATE DATABASE x", auth=("statistician", "reads"))
            assert answer.status_code >= 400, readonly
        assert post(guarded, b"EXISTS DATABASE x").text == "0\n"
        client.close()

    def test_what_one_may_ask_is_refused_to_another_however_often_it_was_answered(
        self, guarded: ClickHouseProcess
    ) -> None:
        url = f"http://127.0.0.1:{guarded.port}/"
        for refused in (
            "SELECT count() FROM system.processes",
            "SELECT count() FROM processes",  # it depends on the database, too
        ):
            answers = [
                httpx.post(url, params={"database": database}, content=refused, auth=account)
                for account, database in (
                    (("operator", PASSWORDS["operator"]), "system"),
                    (("operator", PASSWORDS["operator"]), "system"),
                    (("statistician", PASSWORDS["statistician"]), "system"),
                    (("statistician", PASSWORDS["statistician"]), "main"),
                )
            ]
            assert [answer.is_success for answer in answers] == [True, True, False, False]

    def test_show_grants_is_answered_to_each_for_itself(self, guarded: ClickHouseProcess) -> None:
        for _ in range(2):
            for user, password in PASSWORDS.items():
                url = f"http://127.0.0.1:{guarded.port}/"
                answer = httpx.post(url, content="SHOW GRANTS", auth=(user, password))
                assert answer.text == f"GRANT liaison_{user} TO {user}\n"


class TestReaders:
    """The read-only account never holds up those who write."""

    def test_writers_are_served_while_readers_wait_for_each_other(self, tmp_path: Path) -> None:
        with ClickHouseProcess(tmp_path / "data", passwords=PASSWORDS) as service:
            readers = [reading(service) for _ in range(20)]
            wait_until_running(service, 4)
            client = service.connection.client()
            client.command("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a")
            client.insert("t", [[1]], ["a"])
            assert client.query("SELECT a FROM t").result_rows == [(1,)]
            client.close()
            assert running(service) == 4
            for reader in readers:
                reader.close()
            wait_until_running(service, 0)

    def test_a_statement_ends_after_the_reader_s_time(self, tmp_path: Path) -> None:
        with ClickHouseProcess(
            tmp_path / "data", passwords=PASSWORDS, options=["--reader-timeout-s", "1"]
        ) as service:
            answer = httpx.post(
                f"http://127.0.0.1:{service.port}/",
                content=ENDLESS,
                auth=("statistician", "reads"),
                timeout=60,
            )
            assert answer.headers["X-ClickHouse-Exception-Code"] == "159"
            assert answer.status_code == 408
            assert "may run 1 s" in answer.text

    def test_what_only_reads_ends_with_its_client(self, tmp_path: Path) -> None:
        with ClickHouseProcess(tmp_path / "data") as service:
            gone = reading(service, account="default:")
            wait_until_running(service, 1)
            gone.close()
            wait_until_running(service, 0)

    def test_an_insert_outlives_its_client(self, tmp_path: Path) -> None:
        with ClickHouseProcess(tmp_path / "data") as service:
            post(service, b"CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
            sql = "INSERT INTO t SELECT sleepEachRow(0.5) FROM numbers(5) SETTINGS max_block_size=1"
            gone = reading(service, sql, account="default:")
            wait_until_running(service, 1)
            gone.close()
            wait_until_running(service, 0)
            assert post(service, b"SELECT count() FROM t").text == "5\n"


def reading(
    service: ClickHouseProcess, sql: str = "", account: str = "statistician:reads"
) -> http.client.HTTPConnection:
    """A request whose answer nobody has read yet; endless unless a statement is given."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    token = base64.b64encode(account.encode()).decode()
    connection.request("POST", "/", sql or ENDLESS, {"Authorization": f"Basic {token}"})
    return connection


def running(service: ClickHouseProcess) -> int:
    """How many statements run, this question aside."""
    return int(post(service, b"SELECT count() - 1 FROM system.processes").text)


def wait_until_running(service: ClickHouseProcess, count: int) -> None:
    deadline = Deadline.after(SystemClock(), 60)
    while running(service) != count:
        assert not deadline.expired(), f"{running(service)} statements run instead of {count}"


class TestLife:
    def test_acknowledged_inserts_survive_kill_9(self, tmp_path: Path) -> None:
        service = ClickHouseProcess(tmp_path / "data")
        acknowledged = 0
        with service:
            client = service.connection.client()
            client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
            timer = threading.Timer(1.0, service.kill)
            timer.start()
            try:
                for number in range(1_000_000):
                    client.insert("t", [[number]], ["a"])
                    acknowledged += 1
            except DatabaseError:
                pass
            timer.join()
            client.close()
        with service:
            client = service.connection.client()
            found = client.query("SELECT count(), countIf(a < {n:UInt64}) FROM t",
                                 parameters={"n": acknowledged}).result_rows[0]  # fmt: skip
            client.close()
        assert acknowledged > 0
        assert found[1] == acknowledged
        assert found[0] in (acknowledged, acknowledged + 1)

    def test_an_insert_whose_token_outlived_its_rows_in_a_kill_9_goes_in_when_repeated(
        self, tmp_path: Path
    ) -> None:
        with ClickHouseProcess(tmp_path) as service:
            for name in ("lost", "whole"):
                post(
                    service,
                    f"CREATE TABLE main.{name} (a UInt8) ENGINE = MergeTree ORDER BY a "
                    "SETTINGS non_replicated_deduplication_window = 100".encode(),
                )
                insert_numbers(service, name)
            post(service, b"OPTIMIZE TABLE main.whole FINAL")
            sql = "SELECT path FROM system.parts WHERE table = 'lost' AND name = 'all_3_3_0'"
            path = post(service, sql.encode()).text.strip()
            sql = "SELECT path FROM system.parts WHERE table = 'whole' LIMIT 1"
            whole = Path(post(service, sql.encode()).text.strip()).parent
            service.kill()
            shutil.rmtree(path)  # as a kill between a token and its part leaves it
            (log,) = (whole / "deduplication_logs").iterdir()
            first, second, third = log.read_bytes().splitlines(keepends=True)
            # as a full disk leaves it: with a part of a line before the next one, and at the end
            log.write_bytes(first + second[:9] + second + third + third[:9])
            service.start()
            assert numbers(service, "lost") == ["1", "2"]
            for name in ("lost", "whole"):
                insert_numbers(service, name)
                assert numbers(service, name) == ["1", "2", "3"]

    def test_a_stop_is_clean_even_while_a_query_runs(self, tmp_path: Path) -> None:
        with ClickHouseProcess(tmp_path / "data") as service:
            thread = threading.Thread(
                target=lambda: _ignoring_cut(
                    service,
                    b"SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 1",
                )
            )
            thread.start()
            assert post(service, b"SELECT 1").text == "1\n"
            assert service.stop() == 0
            thread.join()

    def test_a_second_start_on_the_same_directory_says_why(self, tmp_path: Path) -> None:
        with ClickHouseProcess(tmp_path / "data") as service:
            second = ClickHouseProcess(tmp_path / "data").launch()
            said, _ = second.communicate(timeout=60)
            assert second.returncode == 2
            assert "data-dir-locked: Another process has" in said
            assert post(service, b"SELECT 1").text == "1\n"

    def test_a_taken_port_is_named(self, tmp_path: Path) -> None:
        with ClickHouseProcess(tmp_path / "one") as service:
            second = ClickHouseProcess(tmp_path / "two", port=service.port).launch()
            said, _ = second.communicate(timeout=60)
            assert second.returncode == 2
            assert f"Port {service.port} on 127.0.0.1 is taken" in said


def insert_numbers(service: ClickHouseProcess, table: str) -> None:
    """1 to 3, each with a token of its own."""
    for number in (1, 2, 3):
        sql = (
            f"INSERT INTO main.{table} SELECT {number} SETTINGS deduplicate_insert = 'enable', "
            f"insert_deduplication_token = '{number}'"
        )
        assert post(service, sql.encode()).status_code == 200


def numbers(service: ClickHouseProcess, table: str) -> list[str]:
    return post(service, f"SELECT a FROM main.{table} ORDER BY a".encode()).text.split()


def _ignoring_cut(service: ClickHouseProcess, sql: bytes) -> None:
    try:
        post(service, sql)
    except httpx.HTTPError:
        return
