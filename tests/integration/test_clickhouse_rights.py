"""Each role reaches what is declared for it and nothing else, whichever way it tries."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from deploy.clickhouse import ServiceLimits
from deploy.clickhouse.config import role_settings
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from schemas.rights import KEPT_MEMORY_SETTINGS, ROLES, role_statements
from sinks.clickhouse import Loader, check_own_rights, provision_roles
from tests.integration.clickhouse_process import ROOT, ClickHouseProcess

SECRET = "secret-8c1f"
COLUMN = "held_7c2"
DATABASES = ("raw", "agg", "ref", "meta", "pub", "stage", "audit", "main")
REFUSALS = {"36", "46", "60", "62", "81", "115", "164", "344", "452", "481", "497", "516"}
READABLE = {
    "loader": {"raw"},
    "publisher": {"raw", "agg", "ref", "meta", "pub", "stage", "audit"},
    "statistician": {"pub", "ref"},
    "auditor": {"raw", "agg", "ref", "meta", "pub", "audit"},
    "operator": set(DATABASES),
}
WRITABLE = {
    "loader": {"raw"},
    "publisher": {"pub", "stage", "audit"},
    "statistician": set[str](),
    "auditor": set[str](),
    "operator": set(DATABASES),
}
FORBIDDEN = {"loader": "pub", "publisher": "main", "statistician": "raw", "auditor": "stage"}
"""A database of which a role reads nothing; all of them are tried in the simplest way."""

READS = (
    f"SELECT {COLUMN} FROM {{db}}.t",
    'SELECT * FROM `{db}`."t"',
    "SELECT * FROM {{d:Identifier}}.t",
    "WITH x AS (SELECT * FROM {db}.t) SELECT * FROM x",
    "SELECT (SELECT any(*) FROM {db}.t)",
    f"SELECT throwIf(startsWith({COLUMN}, 'secret')) FROM {{db}}.t",
    f"SELECT * FROM pub.t WHERE throwIf({COLUMN} IN (SELECT * FROM {{db}}.t)) = 0",
    "SELECT count() FROM pub.t WHERE 'x' IN {db}.t",
    "SELECT * FROM pub.t AS p INNER JOIN {db}.t AS q ON 1 = 1",
    "SELECT * FROM merge('{db}', '^t$')",
    "SELECT * FROM merge(REGEXP('^{db}$'), '^t$')",
    "SELECT * FROM view(SELECT * FROM {db}.t)",
    "SELECT * FROM viewIfPermitted(SELECT * FROM {db}.t ELSE null('a String'))",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM {db}.t))",
    "SELECT * FROM remote('127.0.0.1', '{db}.t')",
    "SELECT * FROM cluster('default', '{db}.t')",
    "SELECT * FROM loop({db}.t) LIMIT 1",
    "SELECT * FROM mergeTreeIndex('{db}', 't')",
    "SELECT * FROM mergeTreeProjection('{db}', 't', 'p')",
    "SELECT * FROM eval('SELECT * FROM {db}.t')",
    "SELECT * FROM eval('SELECT * FROM {db}.t') "
    "SETTINGS allow_experimental_eval_table_function = 1",
    "SELECT * FROM dictionary('{db}.d')",
    "SELECT dictGet('{db}.d', 'v', 'k')",
    "SELECT hasColumnInTable('{db}', 't', 'x')",
    "EXPLAIN ESTIMATE SELECT * FROM {db}.t",
    "EXPLAIN PIPELINE SELECT * FROM {db}.t",
    "EXPLAIN indexes = 1 SELECT * FROM {db}.t",
    "EXPLAIN QUERY TREE SELECT * FROM {db}.t",
    "DESCRIBE TABLE {db}.t",
    "SHOW CREATE TABLE {db}.t",
    "EXISTS TABLE {db}.t",
    "CHECK TABLE {db}.t",
    "SELECT * FROM {db}.t SETTINGS readonly = 0",
    "SELECT * FROM {db}.t SETTINGS profile = 'default'",
    "INSERT INTO pub.t SELECT * FROM {db}.t",
    "CREATE TABLE pub.copied ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM {db}.t",
    "CREATE TABLE pub.copied (a String) ENGINE = Merge('{db}', '^t$')",
    "CREATE TABLE pub.copied (a String) ENGINE = Buffer('{db}', 't', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE TABLE pub.copied ENGINE = Alias('{db}', 't')",
    "CREATE VIEW pub.copied AS SELECT * FROM {db}.t",
    "CREATE VIEW pub.copied DEFINER = default SQL SECURITY DEFINER AS SELECT * FROM {db}.t",
    "CREATE VIEW pub.copied SQL SECURITY NONE AS SELECT * FROM {db}.t",
    "CREATE MATERIALIZED VIEW pub.copied ENGINE = MergeTree ORDER BY tuple() DEFINER = default "
    "SQL SECURITY DEFINER POPULATE AS SELECT * FROM {db}.t",
    "CREATE DICTIONARY pub.copied (k String, v String) PRIMARY KEY k "
    "SOURCE(CLICKHOUSE(QUERY 'SELECT * FROM {db}.t')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
    "RENAME TABLE {db}.t TO pub.copied",
)
"""Ways to what lies in a database that is not the role's: all end in a refusal."""

HIDDEN = (
    "SELECT name FROM system.tables WHERE database = '{db}'",
    "SELECT total_rows FROM system.tables WHERE database = '{db}'",
    "SELECT name FROM system.columns WHERE database = '{db}'",
    "SELECT name FROM system.dictionaries WHERE database = '{db}'",
    "SELECT column_name FROM information_schema.columns WHERE table_schema = '{db}'",
    "SHOW TABLES FROM {db}",
    "SHOW COLUMNS FROM t FROM {db}",
)
"""Questions to the catalogue about such a database: the answers are empty."""

SYSTEM = (
    "SELECT query FROM system.processes",
    'SELECT query FROM `system`."processes"',
    "SELECT query FROM `s\\x79stem`.processes",
    "SELECT * FROM view(SELECT query FROM system.processes)",
    "SELECT query FROM merge('system', '^processes$')",
    "SELECT query FROM loop(system.processes) LIMIT 1",
    "SELECT query FROM loop('system', 'processes') LIMIT 1",
    "SELECT query FROM cluster('default', system.processes)",
    "SELECT query FROM eval('SELECT query FROM system.processes')",
    "SELECT 1 IN system.processes",
    "SELECT query FROM {{system:Identifier}}.processes",
    "SELECT query FROM {{processes:Identifier}}",
    "SELECT query FROM {{quoted:Identifier}}.processes",
    "SHOW PROCESSLIST",
    "SHOW MERGES",
    "SELECT * FROM system.query_log",
    "SELECT * FROM system.merges",
    "SELECT * FROM system.mutations",
    "SELECT * FROM system.errors",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM system.disks",
    "SELECT * FROM system.detached_parts",
    "SELECT * FROM system.users",
    "SELECT * FROM system.grants",
    "SELECT * FROM system.completions",
)
"""What of `system` nobody but the operator reads: others' statements among it."""

RAISES = (
    "SET ROLE liaison_operator",
    "SET ROLE ALL",
    "SET ROLE DEFAULT",
    "SET ROLE NONE PARALLEL WITH SET ROLE ALL",
    "SET DEFAULT ROLE ALL TO default",
    "SET profile = 'default'",
    "SET max_threads = 1, profile = 'default'",
    "SELECT 1 SETTINGS profile = 'default'",
    "SELECT 1 SETTINGS max_threads = 1, `profile` = 'liaison_operator'",
    "EXECUTE AS default SELECT 1",
    "GRANT liaison_operator TO default",
    "GRANT SELECT ON *.* TO default",
    "REVOKE SELECT ON pub.* FROM liaison_statistician",
    "CREATE USER intruder",
    "CREATE ROLE intruder",
    "CREATE QUOTA intruder",
    "ALTER USER default SETTINGS max_threads = 1",
    "KILL QUERY WHERE 1 ASYNC",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM START LISTEN",
    "BACKUP DATABASE pub TO File('x')",
)
"""What nobody may do here, the operator neither."""

WRITES = (
    "INSERT INTO {db}.t VALUES ('x')",
    "INSERT INTO {db}.t SELECT 'x'",
    "INSERT INTO {db}.t FORMAT CSV\nx\n",
    "INSERT INTO {db}.t SELECT a FROM input('a String') FORMAT CSV\nx\n",
    "INSERT INTO {db}.t SETTINGS readonly = 0 VALUES ('x')",
)
CHANGES = (
    "CREATE TABLE {db}.made (a Int8) ENGINE = MergeTree ORDER BY a",
    "CREATE TABLE {db}.made AS {db}.t",
    f"ALTER TABLE {{db}}.t DELETE WHERE {COLUMN} = 'x'",
    f"DELETE FROM {{db}}.t WHERE {COLUMN} = 'x'",
    "ALTER TABLE {db}.t ADD COLUMN b Int8",
    "OPTIMIZE TABLE {db}.t FINAL",
    "TRUNCATE TABLE {db}.t",
    "DROP TABLE {db}.t",
    "DETACH TABLE {db}.t",
    "DROP DATABASE {db}",
    "RENAME TABLE {db}.t TO {db}.renamed",
    "CREATE DATABASE made_by_nobody",
    "CREATE FUNCTION made_by_nobody AS (a) -> a",
    "SYSTEM RELOAD DICTIONARIES",
    "SYSTEM FLUSH LOGS",
    "KILL MUTATION WHERE 1",
    "SYSTEM STOP MERGES {db}.t",
)


@dataclass(frozen=True, slots=True)
class Service:
    """The service and a client of it."""

    process: ClickHouseProcess
    client: httpx.Client

    def ask(self, role: str, sql: str, **params: str) -> httpx.Response:
        given = {"param_system": "system", "param_processes": "system.processes"}
        return self.client.post(
            "/",
            params={**given, "param_quoted": "`system`", **params},
            content=sql.encode(),
            auth=(role, f"of the {role}"),
        )

    def code(self, role: str, sql: str, **params: str) -> str:
        """ClickHouse's error code; 0 where it ran."""
        answer = self.ask(role, sql, **params)
        assert SECRET not in answer.text, (role, sql)
        return str(answer.headers.get("X-ClickHouse-Exception-Code", "0"))

    def audited(self) -> list[dict[str, object]]:
        (file,) = sorted((self.process.data_dir / "audit").iterdir())
        return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    passwords = {role: f"of the {role}" for role in ROLES}
    with (
        ClickHouseProcess(tmp_path_factory.mktemp("rights"), passwords=passwords) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=60) as client,
    ):
        made = Service(process, client)
        for database in DATABASES:
            for sql in (
                f"CREATE DATABASE IF NOT EXISTS {database}",
                f"CREATE TABLE {database}.t ({COLUMN} String) ENGINE = MergeTree ORDER BY tuple()",
                f"INSERT INTO {database}.t VALUES ('{SECRET}')",
                f"CREATE DICTIONARY {database}.d (k String, v String) PRIMARY KEY k "
                f"SOURCE(CLICKHOUSE(QUERY 'SELECT ''k'', {COLUMN} FROM {database}.t')) "
                "LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
            )[: 4 if database in {"ref", *FORBIDDEN.values()} else 3]:
                answer = made.ask("operator", sql)
                assert answer.is_success, answer.text
        yield made


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_its_databases_and_no_other(service: Service, role: str) -> None:
    read = {db for db in DATABASES if SECRET in service.ask(role, f"SELECT * FROM {db}.t").text}
    assert read == READABLE[role]


@pytest.mark.parametrize("role", FORBIDDEN)
def test_no_way_leads_to_another_s_database(service: Service, role: str) -> None:
    database = FORBIDDEN[role]
    codes = {sql: service.code(role, sql.format(db=database), param_d=database) for sql in READS}
    assert {sql: code for sql, code in codes.items() if code not in REFUSALS} == {}


@pytest.mark.parametrize("role", FORBIDDEN)
def test_the_catalogue_is_silent_about_another_s_database(service: Service, role: str) -> None:
    told = {sql: service.ask(role, sql.format(db=FORBIDDEN[role])).text for sql in HIDDEN}
    assert {sql: text for sql, text in told.items() if text} == {}


def test_the_catalogue_names_what_a_statistician_may_read(service: Service) -> None:
    sql = "SELECT DISTINCT database FROM system.columns WHERE name = 'held_7c2' ORDER BY database"
    assert service.ask("statistician", sql).text == "pub\nref\n"
    merge_trees = (
        "SELECT count() FROM system.tables WHERE engine = 'MergeTree' AND database = 'pub'"
    )
    assert service.ask("statistician", merge_trees).text == "1\n"
    assert service.ask("statistician", "SELECT dictGet('ref.d', 'v', 'k')").text == f"{SECRET}\n"
    assert service.code("statistician", "SELECT name, value FROM system.settings LIMIT 1") == "0"


@pytest.mark.parametrize("role", FORBIDDEN)
def test_only_the_operator_reads_what_of_system_is_no_catalogue(
    service: Service, role: str
) -> None:
    codes = {sql: service.code(role, sql.format()) for sql in SYSTEM}
    assert {sql: code for sql, code in codes.items() if code not in REFUSALS} == {}
    assert service.code(role, "SELECT query FROM processes", database="system") == "497"
    assert service.code("operator", "SELECT query FROM system.processes") == "0"


@pytest.mark.parametrize("role", ROLES)
def test_nobody_gets_more_than_his_role(service: Service, role: str) -> None:
    codes = {sql: service.code(role, sql) for sql in RAISES}
    assert {sql: code for sql, code in codes.items() if code not in REFUSALS} == {}
    for name, value in (("profile", "default"), ("profile", "liaison_operator")):
        assert service.code(role, "SELECT 1", **{name: value}) == "497"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_into_its_databases_and_no_other(service: Service, role: str) -> None:
    wrote = {db for db in DATABASES if service.code(role, WRITES[0].format(db=db)) == "0"}
    assert wrote == WRITABLE[role]
    codes = {sql: service.code(role, sql.format(db="raw")) for sql in WRITES}
    if "raw" in wrote:
        assert set(codes.values()) == {"0"}, codes
    else:
        assert set(codes.values()) <= REFUSALS, codes


@pytest.mark.parametrize("role", FORBIDDEN)
def test_a_role_makes_and_changes_nothing_that_is_not_its_own(service: Service, role: str) -> None:
    database = "ref" if role == "publisher" else "pub"
    codes = {sql: service.code(role, sql.format(db=database)) for sql in CHANGES}
    assert {sql: code for sql, code in codes.items() if code not in REFUSALS} == {}


def test_a_publisher_makes_and_drops_tables_of_releases(service: Service) -> None:
    for sql in (
        "CREATE TABLE stage.release (a Int8) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO stage.release VALUES (1)",
        "CREATE TABLE pub.release ENGINE = MergeTree ORDER BY a AS SELECT * FROM stage.release",
        "ALTER TABLE pub.release MODIFY COMMENT 'one'",
        "TRUNCATE TABLE stage.release",
        "DROP TABLE stage.release",
        "DROP TABLE pub.release",
    ):
        assert service.code("publisher", sql) == "0", sql
    buffer = "CREATE TABLE pub.b AS raw.t ENGINE = Buffer(raw, t, 1, 1, 1, 1, 1, 1, 1)"
    assert service.code("publisher", buffer) == "497"


def test_limits_are_lowered_by_who_asks_and_never_raised(service: Service) -> None:
    limit = ROLES["statistician"].max_result_rows
    assert limit is not None
    many = f"SELECT number FROM numbers({limit + 1}) FORMAT Null"
    assert service.code("statistician", many) == "396"
    assert service.code("auditor", many) == "0"
    few = "SELECT number FROM numbers(11)"
    assert service.code("statistician", few, max_result_rows="10") == "396"
    for value in ("0", str(limit + 1)):
        assert service.code("statistician", few, max_result_rows=value) == "452"
        assert service.code("statistician", f"{few} SETTINGS max_result_rows = {value}") == "452"
        assert service.code("statistician", few, max_execution_time=value) == "452"
    assert service.code("statistician", few, result_overflow_mode="break") == "452"
    for readonly in ("0", "00", "false", ""):
        assert service.code("statistician", "CREATE DATABASE x", readonly=readonly) != "0"


@pytest.mark.parametrize("role", ROLES)
def test_a_statement_has_its_role_s_memory_and_no_more(service: Service, role: str) -> None:
    limits = ServiceLimits()
    limit = role_settings(ROLES[role], limits)["max_memory_usage"]
    assert limit <= limits.max_memory_bytes // 2
    assert service.ask(role, "SELECT getSetting('max_memory_usage')").text == f"{limit}\n"
    for value in ("0", str(limit + 1)):
        assert service.code(role, "SELECT 1", max_memory_usage=value) == "452"
        assert service.code(role, f"SELECT 1 SETTINGS max_memory_usage = {value}") == "452"
    for name in KEPT_MEMORY_SETTINGS:
        assert service.code(role, "SELECT 1", **{name: "1"}) == "452"
    many = "SELECT length(groupArray(number)) FROM numbers(1000000)"
    assert service.code(role, many, max_memory_usage="5000000") == "241"


def test_readers_leave_half_of_the_memory_to_those_who_write(service: Service) -> None:
    limits = ServiceLimits()
    applied = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"
    assert service.ask("operator", applied).text == f"{limits.max_memory_bytes}\n"
    for role in (role for role in ROLES.values() if role.read_only):
        share = role_settings(role, limits)["max_memory_usage"]
        assert share * limits.reader_requests <= limits.max_memory_bytes // 2


def test_an_answer_of_one_row_is_bounded_too(service: Service) -> None:
    row = "SELECT repeat('x', 5000)"
    assert service.code("statistician", row, max_result_bytes="1000") == "396"
    assert service.code("statistician", row, max_result_bytes="5001") == "0"


def test_a_login_is_told_by_its_own_name_what_it_has_and_may_not(service: Service) -> None:
    refusal = service.ask("statistician", "SELECT * FROM raw.t").text
    assert refusal.startswith("Code: 497. DB::Exception: statistician: Not enough privileges.")
    grants = "GRANT liaison_statistician TO statistician"
    assert service.ask("statistician", "SHOW GRANTS").text == f"{grants}\n"
    asked = "show /* */ grants FOR CURRENT_USER FORMAT JSONEachRow SETTINGS max_threads = 1"
    assert service.ask("statistician", asked).json() == {"GRANTS": grants}
    of_the_role = service.ask("auditor", "SHOW GRANTS FOR liaison_statistician").text
    assert "GRANT SELECT ON pub.* TO liaison_statistician" in of_the_role


def test_every_request_stands_in_the_audit_log(service: Service) -> None:
    asked = "SELECT number, {p:String} FROM numbers(7)"
    assert service.ask("statistician", asked, param_p="a-secret-parameter").is_success
    assert service.code("statistician", "SELECT * FROM raw.t") == "497"
    assert service.client.post("/", content="SELECT 1", auth=("auditor", "guessed")).is_error
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    service.client.post(
        "/", content="SELECT 2", auth=("auditor", "of the auditor"), headers=headers
    )
    named = "CREATE USER x IDENTIFIED WITH plaintext_password BY 'hunter2'"
    service.ask("operator", named)
    service.ask("loader", "INSERT INTO raw.t FORMAT CSV\nrow-of-data\n")
    last = service.audited()[-6:]
    keys = ("user", "role", "query", "rows", "written_rows", "code")
    assert [tuple(line[key] for key in keys) for line in last] == [
        ("statistician", "statistician", asked, 7, 0, 0),
        ("statistician", "statistician", "SELECT * FROM raw.t", 0, 0, 497),
        ("auditor", "", "", 0, 0, 516),
        ("auditor", "auditor", "SELECT 2", 1, 0, 0),
        ("operator", "operator", "CREATE USER x IDENTIFIED [HIDDEN]", 0, 0, last[4]["code"]),
        ("loader", "loader", "INSERT INTO raw.t", 0, 1, 0),
    ]
    assert all(line["address"] == "127.0.0.1" and line["at"] and line["query_id"] for line in last)
    log = "".join(file.read_text() for file in (service.process.data_dir / "audit").iterdir())
    for hidden in ("a-secret-parameter", "hunter2", "row-of-data", "of the ", "guessed"):
        assert hidden not in log


def test_what_a_login_may_beyond_its_role_is_told_at_the_start(service: Service) -> None:
    loader = ROLES["loader"]
    client = service.process.connection_as("loader").client()
    check_own_rights(client, loader)
    client.close()
    for role, wider in (("statistician", "SELECT ON pub.*"), ("operator", "DROP ON *.*")):
        at = service.process.connection_as(role)
        with pytest.raises(ConfigurationError, match=re.escape(wider)) as caught:
            Loader(KafkaConnection("127.0.0.1:1"), at).run(threading.Event())
        assert caught.value.code == "wider-right"
        assert "liaison_loader alone" in str(caught.value)


def test_provisioning_compares_what_roles_may_with_the_declaration(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = service.process.connection.client()
    assert provision_roles(client) == ()
    narrower = replace(ROLES["auditor"], grants=("SELECT ON pub.*", "SELECT ON other.*"))
    monkeypatch.setitem(ROLES, "auditor", narrower)
    told = provision_roles(client)
    assert "liaison_auditor may also SELECT ON raw.*" in told
    assert "liaison_auditor may not SELECT ON other.*" in told
    assert not any("SELECT ON pub.*" in line for line in told)
    client.close()


def test_a_server_s_parser_takes_what_makes_the_roles(service: Service) -> None:
    statements = [sql for role in ROLES.values() for sql in role_statements(role)]
    client = service.process.connection.client()
    written_down = client.query(
        "SELECT formatQuerySingleLine(arrayJoin({all:Array(String)}))",
        parameters={"all": statements},
    ).result_rows
    client.close()
    assert len(written_down) == len(statements)
    assert any("CREATE QUOTA OR REPLACE liaison_statistician" in row[0] for row in written_down)


@pytest.mark.parametrize(
    ("declared", "applied"),
    [
        ("GRANT SELECT ON pub.*<", "GRANT SELECT ON *.*<"),
        ("GRANT liaison_loader", "GRANT SELECT ON raw.*</query><query>GRANT liaison_loader"),
    ],
    ids=["every database", "the user's own"],
)
def test_an_engine_with_a_wider_right_does_not_start(
    tmp_path: Path, declared: str, applied: str
) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "tests.integration.engine_guard_worker"]
        + [str(tmp_path / "data"), declared, applied],
        input="[]",
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode != 0
    told = child.stderr.splitlines()[-1]
    assert "ConfigurationError: " in told
    assert "may do more than is declared" in told or "would allow more than it should" in told


def test_passwords_are_nowhere_in_the_service_s_folder(service: Service) -> None:
    folder = service.process.data_dir
    assert (folder / "accounts.json").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in (folder / "audit").iterdir())
    holding = [
        file
        for file in folder.rglob("*")
        if file.is_file() and b"of the statistician" in file.read_bytes()
    ]
    assert holding == []
