"""Nobody reaches out of the database: no files, commands, servers or other people's statements."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.integration.clickhouse_process import ROOT, ClickHouseProcess
from tests.integration.hostile_statements import HOSTILE, HOSTILE_SETTINGS

SECRET = "secret-8c1f"
REFUSALS = {"62", "164", "452", "481", "497"}
ACCOUNTS = pytest.mark.parametrize("account", [("operator", "writes"), ("statistician", "reads")])


@dataclass(frozen=True, slots=True)
class World:
    """What a hostile statement names."""

    secret: Path
    written: Path
    listener: socket.socket

    def fill(self, template: str) -> str:
        return template.format(
            secret=self.secret, written=self.written, port=self.listener.getsockname()[1]
        )

    def was_connected_to(self) -> bool:
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield World(tmp_path / "secret", tmp_path / "written", listener)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    passwords = {"operator": "writes", "statistician": "reads"}
    with ClickHouseProcess(tmp_path_factory.mktemp("guarded"), passwords=passwords) as process:
        client = process.connection.client()
        client.command("CREATE TABLE main.t (a String) ENGINE = MergeTree ORDER BY a")
        client.close()
        yield process


def ask(
    service: ClickHouseProcess, account: tuple[str, str], sql: str, **settings: str
) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{service.port}/",
        content=sql.encode(),
        params=settings,
        auth=account,
        timeout=60,
    )


def refused_and_without_effect(answer: httpx.Response, world: World) -> None:
    assert answer.headers["X-ClickHouse-Exception-Code"] in REFUSALS, answer.text
    assert SECRET not in answer.text
    assert not world.written.exists()
    assert not world.was_connected_to()


@ACCOUNTS
@pytest.mark.parametrize("template", HOSTILE)
def test_a_statement_stays_inside_the_database(
    service: ClickHouseProcess, world: World, account: tuple[str, str], template: str
) -> None:
    refused_and_without_effect(ask(service, account, world.fill(template)), world)


@ACCOUNTS
@pytest.mark.parametrize(("name", "value"), HOSTILE_SETTINGS)
def test_a_setting_stays_inside_the_database(
    service: ClickHouseProcess, world: World, account: tuple[str, str], name: str, value: str
) -> None:
    answer = ask(service, account, "SELECT * FROM system.one", **{name: world.fill(value)})
    refused_and_without_effect(answer, world)


def test_the_engine_refuses_what_the_service_did_not_read(tmp_path: Path, world: World) -> None:
    statements = [world.fill(template) for template in HOSTILE if "input(" not in template]
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.engine_guard_worker", str(tmp_path / "data")],
        input=json.dumps(statements),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    codes = json.loads(child.stdout.splitlines()[-1])
    ran = [sql for sql, code in zip(statements, codes, strict=True) if str(code) not in REFUSALS]
    assert ran == []
    assert not world.written.exists()
    assert not world.was_connected_to()


def test_what_only_looks_hostile_runs(service: ClickHouseProcess) -> None:
    writer = ("operator", "writes")
    assert ask(service, writer, "SELECT 'INTO OUTFILE ''x''', $$KILL QUERY$$").is_success
    assert ask(service, writer, "SELECT format('{} file(', 'a', 'b')").is_success
    assert ask(service, writer, "SELECT * FROM format(CSV, '1,2')").text == "1\t2\n"
    assert ask(service, writer, "SELECT a$b FROM (SELECT 1 AS a$b)").text == "1\n"
    assert ask(service, writer, "SELECT 'é\u3000' AS `ü\u3000` -- \u3000").text == "é\u3000\n"
    for sql in (
        "CREATE TABLE main.source (file String, disk Int8) ENGINE = Memory",
        "INSERT INTO main.source (file, disk) VALUES ('a', 1)",
        "CREATE DICTIONARY main.words (a String, b Int8) PRIMARY KEY a "
        "SOURCE(CLICKHOUSE(QUERY 'SELECT source.file, disk FROM main.source')) "
        "LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
    ):
        assert ask(service, writer, sql).is_success, ask(service, writer, sql).text
    answer = ask(service, writer, "SELECT source.file, dictGet('main.words', 'b', 'a') FROM source")
    assert answer.text == "a\t1\n"


def test_the_kernel_keeps_the_process_in_its_directory(
    service: ClickHouseProcess, tmp_path: Path, world: World
) -> None:
    inside = tmp_path / "inside"
    (inside / "a").mkdir(parents=True)
    port = str(world.listener.getsockname()[1])
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.confined_worker"]
        + [str(inside), str(world.written), port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    outcomes = json.loads(child.stdout)
    if not outcomes:
        pytest.skip("no Landlock in this kernel")
    assert outcomes == {
        "write and rename inside": "done",
        "write outside": "PermissionError",
        "move out": "PermissionError",
        "run a program": "PermissionError",
        "connect": "PermissionError",
    }
    assert not world.written.exists()
    assert not world.was_connected_to()
    assert "NoNewPrivs:\t1" in Path(f"/proc/{service.process.pid}/status").read_text()
