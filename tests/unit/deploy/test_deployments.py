"""The compose and Kubernetes files say only what the command line and the settings know."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import deploy
from deploy.cli import exits
from deploy.cli.app import run
from deploy.running import WORKERS
from deploy.settings import load_settings
from schemas.rights import ROLES

FOLDER = Path(deploy.__file__).parent
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose" / "compose.yaml").read_text("utf-8"))
DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted((FOLDER / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text("utf-8"))
]


def commands() -> Iterator[tuple[str, list[str]]]:
    for name, service in COMPOSE["services"].items():
        if "command" in service:
            yield f"compose {name}", service["command"]
    for document in DOCUMENTS:
        if document["kind"] in ("StatefulSet", "Job"):
            for container in document["spec"]["template"]["spec"]["containers"]:
                yield f"kubernetes {document['metadata']['name']}", container["args"]


COMMANDS = dict(commands())


@pytest.mark.parametrize("words", COMMANDS.values(), ids=list(COMMANDS))
def test_every_container_runs_a_command_that_there_is(words: list[str]) -> None:
    assert run([*words, "--help"]) == exits.OK


def test_each_worker_has_its_container_in_both() -> None:
    assert {f"compose {name}" for name in WORKERS} <= set(COMMANDS)
    assert {f"kubernetes liaison-{name}" for name in WORKERS} <= set(COMMANDS)
    for name, words in WORKERS.items():
        assert COMMANDS[f"compose {name}"] == list(words)


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_their_settings_can_be_used(
    where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("LIAISON_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    if where == "compose":
        values = COMPOSE["services"]["loader"]["environment"]
    else:
        values = next(d["data"] for d in DOCUMENTS if d["kind"] == "ConfigMap")
        values = {**values, "LIAISON_SECURITY__PASSWORD": "x"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert not settings.kafka.is_embedded
    assert settings.clickhouse.connection is not None
    assert settings.clickhouse.username == "loader"


def test_only_provisioning_logs_in_to_clickhouse_as_another_than_the_loader() -> None:
    by_compose = {
        name: service["environment"]["LIAISON_CLICKHOUSE__USERNAME"]
        for name, service in COMPOSE["services"].items()
        if "LIAISON_CLICKHOUSE__USERNAME" in service.get("environment", {})
    }
    assert {name for name, user in by_compose.items() if user != "loader"} == {"provision"}
    users = (FOLDER / "compose" / "clickhouse-users.sh").read_text("utf-8")
    assert f"GRANT {ROLES['loader'].sql_name} TO loader;" in users
    job = next(d for d in DOCUMENTS if d["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert {"name": "LIAISON_CLICKHOUSE__USERNAME", "value": "liaison"} in container["env"]
