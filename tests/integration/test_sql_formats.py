"""`liaison sql --format`: the same rows whatever the format, as they come, or one line."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.cli import exits
from deploy.cli.app import run
from tests.integration.clickhouse_process import ROOT
from tests.integration.release_world import ReleaseWorld

pytestmark = pytest.mark.release

Capture = pytest.CaptureFixture[bytes]
Rows = list[dict[str, object]]
QUESTION = (
    "SELECT region, kind, obs_value, obs_status FROM pub.events_by_kind_vintages "
    "WHERE release = 1 AND time_period = '2025' ORDER BY region, kind"
)


@pytest.fixture
def statistician(world: ReleaseWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's settings name the world's ClickHouse, and nothing else."""
    for name, value in world.settings_as("statistician").items():
        monkeypatch.setenv(name, value)


def from_csv(data: bytes) -> Rows:
    return [
        row | {"obs_value": int(value) if (value := row["obs_value"]) != "\\N" else None}
        for row in csv.DictReader(io.StringIO(data.decode()))
    ]


def from_json(data: bytes) -> Rows:
    rows: Rows = json.loads(data)
    return rows


def from_parquet(data: bytes) -> Rows:
    rows: Rows = pq.read_table(io.BytesIO(data)).to_pylist()
    return rows


def from_arrow(data: bytes) -> Rows:
    rows: Rows = pa.ipc.open_file(io.BytesIO(data)).read_all().to_pylist()
    return rows


@pytest.mark.usefixtures("statistician")
@pytest.mark.parametrize(
    ("name", "read"),
    [("csv", from_csv), ("json", from_json), ("parquet", from_parquet), ("arrow", from_arrow)],
)
def test_a_format_has_the_rows_that_the_table_has(
    name: str, read: Callable[[bytes], Rows], world: ReleaseWorld, capfdbinary: Capture
) -> None:
    assert run(["sql", "--format", name, QUESTION]) == exits.OK
    answer = world.statistician.query(QUESTION)
    expected = [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]
    assert any(row["obs_value"] is None for row in expected)
    assert read(capfdbinary.readouterr().out) == expected


@pytest.mark.usefixtures("statistician")
def test_json_is_an_array_without_rows_too_and_escapes_what_steers(capfdbinary: Capture) -> None:
    assert run(["sql", "--format", "json", "SELECT code FROM ref.regions WHERE 0"]) == exits.OK
    assert json.loads(capfdbinary.readouterr().out) == []
    steering = "SELECT unhex('C29B') || 'a' AS s, 18446744073709551615 AS n, 0 / 0 AS r"
    assert run(["sql", "--format", "json", steering]) == exits.OK
    shown = capfdbinary.readouterr().out
    assert b"\\u009ba" in shown
    assert json.loads(shown) == [{"s": "\x9ba", "n": 2**64 - 1, "r": None}]


@pytest.mark.usefixtures("statistician")
@pytest.mark.parametrize("name", ["csv", "json", "parquet", "arrow"])
def test_a_refusal_is_one_line_and_no_data(name: str, capfdbinary: Capture) -> None:
    late = "SELECT throwIf(number = 900000) FROM system.one ARRAY JOIN range(1000000) AS number"
    for statement in ("SELECT * FROM raw.facts", late):
        assert run(["sql", "--format", name, statement]) == exits.DIFFERENCE
        shown = capfdbinary.readouterr()
        assert shown.out == b""
        assert shown.err.startswith(b"error[sql]: ClickHouse refused it: ")
        assert shown.err.count(b"\n") == 1


_MEASURED = """
import sys
from pathlib import Path
from deploy.cli.app import run
code = run(sys.argv[1:])
peak = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(peak, file=sys.stderr)
sys.exit(code)
"""


def test_a_million_rows_pass_without_lying_in_memory(world: ReleaseWorld) -> None:
    length = 250
    process = subprocess.Popen(
        [sys.executable, "-c", _MEASURED, "sql", "--format", "csv"]
        + [f"SELECT repeat('x', {length}) FROM system.one ARRAY JOIN range(1000000) AS n"],
        cwd=ROOT,
        env=os.environ | world.settings_as("statistician"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out = process.stdout
    assert out is not None
    lines = sum(piece.count(b"\n") for piece in iter(lambda: out.read(1 << 20), b""))
    _, told = process.communicate()
    assert (process.returncode, lines) == (exits.OK, 1_000_001)
    assert int(told) * 1024 < 1_000_000 * length / 2
