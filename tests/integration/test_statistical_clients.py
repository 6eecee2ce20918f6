"""What statisticians have at home reads the published tables, and nothing else: real clients.

A client that is no Python package is asked by a program of its own in `tests/clients/`, which tells
as JSON what it was told; where its tools are not installed, or nothing can be fetched, the test is
left out and says why.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import clickhouse_connect
import pandas as pd
import pytest
import sqlalchemy
from clickhouse_connect.driver.exceptions import DatabaseError
from sqlalchemy.exc import DBAPIError

from deploy.embedded.jars import JarCache, default_cache_dir
from deploy.embedded.pins import parse_sums
from schemas.connections import ClickHouseConnection
from schemas.errors import ConfigurationError
from schemas.reference import Reference
from tests.integration.clickhouse_process import ROOT
from tests.integration.release_world import ReleaseWorld

pytestmark = pytest.mark.release

Told = dict[str, Any]
CLIENTS = ROOT / "tests" / "clients"
NOTHING_FETCHED = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "dial tcp")
FIGURES = (
    "SELECT region, obs_value FROM pub.events_by_kind_vintages "
    "WHERE release = 1 AND time_period = '2025' AND kind = 'arrest' ORDER BY region"
)
NOT_ALLOWED, READ_ONLY, NOT_LET_IN = 497, 164, 516


@pytest.fixture(scope="module")
def at(world: ReleaseWorld) -> ClickHouseConnection:
    """Where, and as whom."""
    return world.service.connection_as("statistician")


@pytest.fixture(scope="module")
def figures(world: ReleaseWorld) -> list[list[object]]:
    """What every client is to read; the publisher's client says it."""
    rows = [list(row) for row in world.publisher.query(FIGURES).result_rows]
    assert None in [value for _, value in rows]
    assert len(rows) == 6
    return rows


def refused(told: Told, name: str) -> int:
    """The code that a client gives for a refusal which it tells in words."""
    assert "error" in told[name], told[name]
    return int(told[name]["code"])


def test_clickhouse_connect(at: ClickHouseConnection, figures: list[list[object]]) -> None:
    client = at.client()
    assert [list(row) for row in client.query(FIGURES).result_rows] == figures
    frame = client.query_df(FIGURES)
    assert list(frame["region"]) == [region for region, _ in figures]
    assert client.query_arrow(FIGURES).column("obs_value").to_pylist() == [v for _, v in figures]
    with client.query_rows_stream("SELECT arrayJoin(range(100000))") as rows:
        assert sum(1 for _ in rows) == 100_000
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM raw.facts")
    assert caught.value.code == NOT_ALLOWED
    with pytest.raises(DatabaseError) as caught:
        client.insert("pub.releases", [[9]], ["release"])
    client.close()


def test_clickhouse_connect_async(at: ClickHouseConnection, figures: list[list[object]]) -> None:
    async def ask() -> tuple[list[Any], BaseException]:
        client = await clickhouse_connect.get_async_client(
            host=at.host, port=at.port, username=at.username, password=at.password,
            autogenerate_session_id=False,
        )  # fmt: skip
        try:
            answers = await asyncio.gather(*(client.query(FIGURES) for _ in range(8)))
            (error,) = await asyncio.gather(
                client.query("SELECT * FROM raw.facts"), return_exceptions=True
            )
            assert isinstance(error, BaseException)
            return [[list(row) for row in answer.result_rows] for answer in answers], error
        finally:
            await client.close()

    read, error = asyncio.run(ask())
    assert read == [figures] * 8
    assert isinstance(error, DatabaseError)
    assert error.code == NOT_ALLOWED


def test_sqlalchemy_with_pandas(at: ClickHouseConnection, figures: list[list[object]]) -> None:
    engine = sqlalchemy.create_engine(
        sqlalchemy.URL.create(
            "clickhousedb", at.username, at.password, at.host, at.port, database="pub"
        )
    )
    with engine.connect() as connection:
        frame = pd.read_sql(sqlalchemy.text(FIGURES), connection)
        assert list(frame["region"]) == [region for region, _ in figures]
        assert [None if pd.isna(value) else int(value) for value in frame["obs_value"]] == [
            value for _, value in figures
        ]
        inspector = sqlalchemy.inspect(connection)
        assert {"pub", "ref"} <= set(inspector.get_schema_names())
        assert "raw" not in inspector.get_schema_names()
        assert "events_by_kind_vintages" in inspector.get_table_names("pub")
        columns = [column["name"] for column in inspector.get_columns("events_by_kind", "pub")]
        assert columns[:4] == ["time_period", "region", "kind", "obs_value"]
        by_name = sqlalchemy.Table(
            "events_by_kind_vintages", sqlalchemy.MetaData(), schema="pub", autoload_with=connection
        )
        chosen = sqlalchemy.select(by_name.c.region, by_name.c.obs_value).where(
            by_name.c.release == 1, by_name.c.time_period == "2025", by_name.c.kind == "arrest"
        )
        rows = connection.execute(chosen.order_by(by_name.c.region))
        assert [list(row) for row in rows] == figures
        with pytest.raises((DBAPIError, DatabaseError), match="Not enough privileges"):
            connection.execute(sqlalchemy.text("SELECT * FROM raw.facts"))
    engine.dispose()


def test_the_java_driver_as_dbeaver_asks_it(
    at: ClickHouseConnection, figures: list[list[object]]
) -> None:
    pins = CLIENTS / "jdbc.sha256"
    pinned = parse_sums(pins.read_text("ascii").splitlines(), origin=pins.name)
    cache = default_cache_dir(os.environ) / "jdbc"
    try:
        jars = JarCache(cache, pinned=pinned).ensure().kafka_classpath
    except ConfigurationError as error:
        if "could not be downloaded" not in str(error):
            raise
        pytest.skip(f"the Java driver can't be fetched: {error}")
    told = asked(
        [sys.executable, str(CLIENTS / "jdbc.py"), ":".join(map(str, jars))]
        + [f"jdbc:clickhouse:http://{at.host}:{at.port}/", at.username, at.password]
    )
    assert told["product"] == "ClickHouse"
    assert told["alive"] is True
    schemas = [name for (name,) in told["schemas"]]
    assert {"pub", "ref"} <= set(schemas)
    assert not {"raw", "agg", "audit", "stage"} & set(schemas)
    assert ["TABLE"] in told["types"]
    assert told["tables"] == [["events_by_kind", "VIEW"], ["events_by_kind_vintages", "TABLE"]]
    columns = {name: rest for name, *rest in told["columns"]}
    assert columns["obs_value"][:2] == ["Nullable(Int64)", "1"]
    assert columns["region"][:2] == ["LowCardinality(String)", "0"]
    assert all(remarks for _, _, remarks in columns.values())
    assert sorted(told["keys"]) == [["kind"], ["region"], ["release"], ["time_period"]]
    assert ["quantileExact"] in told["functions"]
    assert ["Decimal"] in told["type info"]
    assert told["figures"] == figures
    assert told["labels"] == [[Reference.load().region_labels["europe"]["ar"], 1]]
    assert told["many"] == [["n", 300_000]]
    assert refused(told, "raw") == NOT_ALLOWED
    assert refused(told, "insert") == READ_ONLY
    assert "Unknown expression identifier `nothing`" in told["wrong"]["error"]
    assert refused(told, "login") == NOT_LET_IN


def test_node_s_client(
    at: ClickHouseConnection, figures: list[list[object]], tmp_path: Path
) -> None:
    for name in ("node", "npm"):
        needed(name)
    home = tmp_path / "node"
    shutil.copytree(CLIENTS / "node", home)
    fetched(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], home)
    told = asked(["node", "ask.mjs", f"http://{at.host}:{at.port}", at.username, at.password], home)
    assert told["ping"] is True
    assert [[row["region"], row["obs_value"]] for row in told["figures"]] == figures
    assert told["stream"] == 100_000
    assert refused(told, "raw") == NOT_ALLOWED
    assert refused(told, "insert") == READ_ONLY
    assert refused(told, "login") == NOT_LET_IN


@pytest.mark.timeout(900)  # Go builds its libraries once a machine
def test_clickhouse_go_as_grafana_s_plugin_opens_it(
    at: ClickHouseConnection, figures: list[list[object]], tmp_path: Path
) -> None:
    needed("go")
    program = tmp_path / "ask"
    fetched(
        ["go", "build", "-o", str(program), "."],
        CLIENTS / "go",
        GOTOOLCHAIN="local",
        GOFLAGS="-mod=readonly",
    )
    told = asked([str(program), f"{at.host}:{at.port}", at.username, at.password])
    for packing in ("plain", "lz4", "zstd", "gzip"):
        assert told[f"{packing} ping"] is True, told
        assert told[f"{packing} figures"] == figures
        assert told[f"{packing} many"] == [["n", 300_000]]
        assert refused(told, f"{packing} raw") == NOT_ALLOWED
    assert told["series"] == ["DateTime", "LowCardinality(String)", "Nullable(Int64)"]
    assert refused(told, "insert") == READ_ONLY
    assert refused(told, "login") == NOT_LET_IN


def needed(name: str) -> None:
    """Left out without it."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def fetched(command: list[str], folder: Path, **environment: str) -> None:
    """Run what may fetch packages, each checked by its sum; left out where nothing can be."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(sign in done.stderr for sign in NOTHING_FETCHED):
        pytest.skip(f"`{command[0]}` can't fetch the client: {done.stderr.splitlines()[-1]}")
    if done.returncode and "go.mod requires go >=" in done.stderr:
        pytest.skip(f"the Go here is too old: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


def asked(command: list[str], folder: Path = ROOT) -> Told:
    """What a program told on stdout; what its libraries log goes to stderr."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told: Told = json.loads(done.stdout.splitlines()[-1])
    return told
