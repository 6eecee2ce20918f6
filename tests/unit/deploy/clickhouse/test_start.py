"""What is refused before the service starts: a port that is none, a directory that has an owner."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.clickhouse.__main__ import main
from deploy.embedded import DataDirectory


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_is_none_is_told_in_a_line(
    tmp_path: Path, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--data-dir", str(tmp_path / "data"), f"--port={port}"])
    assert caught.value.code == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith(f"argument --port: {port} is no port: choose 0 to 65535")
    )
    told = CliRunner().invoke(
        app, ["--data-dir", str(tmp_path / "data"), "run", "clickhouse", f"--port={port}"]
    )
    assert told.exit_code == 2
    assert "--port" in told.output
    assert not (tmp_path / "data").exists()


def test_no_password_is_made_in_a_directory_that_has_an_owner(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        before = sorted(tmp_path.iterdir())
        refused = CliRunner().invoke(
            app, ["--data-dir", str(tmp_path), "run", "clickhouse", "--port=0"]
        )
        assert refused.exit_code != 0
        assert getattr(refused.exception, "code", "") == "data-directory-in-use"
        assert sorted(tmp_path.iterdir()) == before
