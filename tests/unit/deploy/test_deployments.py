"""The compose and Kubernetes files say only what the command line and the settings know."""

from __future__ import annotations

import hashlib
import os
import subprocess
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
from stream_apps.engine.reading import FETCH_BYTES
from tests.private_authority import PrivateAuthority

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


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each Kubernetes workload's name, its pod and its only container."""
    for document in DOCUMENTS:
        if document["kind"] in ("StatefulSet", "Job"):
            pod = document["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield document["metadata"]["name"], pod, container


PODS = list(pods())


@pytest.mark.parametrize("words", COMMANDS.values(), ids=list(COMMANDS))
def test_every_container_runs_a_command_that_there_is(words: list[str]) -> None:
    assert run([*words, "--help"]) == exits.OK


def test_each_worker_has_its_container_in_both() -> None:
    assert {f"compose {name}" for name in WORKERS} <= set(COMMANDS)
    assert {f"kubernetes liaison-{name}" for name in WORKERS} <= set(COMMANDS)
    for name, words in WORKERS.items():
        assert COMMANDS[f"compose {name}"] == list(words)


GZIP_RATIO = 1032
ROUTER_ITSELF = 256 << 20


def test_a_router_may_hold_two_fetches_of_each_broker_however_much_they_come_to() -> None:
    fetch = FETCH_BYTES * GZIP_RATIO
    services = COMPOSE["services"]
    for name in ("router-message", "router-search"):
        limit = int(services[name]["mem_limit"].removesuffix("g")) << 30
        assert limit >= 2 * fetch + ROUTER_ITSELF
    settings = next(d["data"] for d in DOCUMENTS if d["kind"] == "ConfigMap")
    brokers = int(settings["LIAISON_KAFKA__REPLICATION_FACTOR"])
    routers = [
        d for d in DOCUMENTS if d["kind"] == "StatefulSet" and "router" in str(d["metadata"])
    ]
    assert len(routers) == 2
    for router in routers:
        (container,) = router["spec"]["template"]["spec"]["containers"]
        limit = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) << 30
        assert limit >= 2 * brokers * fetch + ROUTER_ITSELF


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
    ca_file = PrivateAuthority(tmp_path).ca_file
    for name, value in values.items():
        monkeypatch.setenv(name, str(ca_file) if name.endswith("__CA_FILE") else value)
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
    (job,) = (container for name, _, container in PODS if name == "liaison-provision")
    assert {"name": "LIAISON_CLICKHOUSE__USERNAME", "value": "liaison"} in job["env"]


def test_a_password_is_known_where_it_is_needed_and_nowhere_else() -> None:
    known = {
        name: {
            source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source
        }
        for name, _, container in PODS
    }
    assert known.pop("liaison-provision") == {"liaison", "liaison-provision"}
    assert known.pop("liaison-loader") == {"liaison", "liaison-loader"}
    assert set(map(frozenset, known.values())) == {frozenset({"liaison"})}
    assert "secretKeyRef" not in str(DOCUMENTS)


@pytest.mark.parametrize(("name", "pod", "container"), PODS, ids=[name for name, _, _ in PODS])
def test_a_pod_may_what_it_must_and_nothing_else(
    name: str, pod: dict[str, Any], container: dict[str, Any]
) -> None:
    """Kubernetes' level `restricted`, which the namespace enforces."""
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted.keys() == {"state", "tmp", "ca"}
    assert mounted["ca"] == "/etc/liaison", "where the settings look for it"
    assert {volume["name"] for volume in pod["volumes"]} == mounted.keys()


def test_nothing_on_a_cluster_goes_in_clear_text() -> None:
    values: dict[str, str] = next(d["data"] for d in DOCUMENTS if d["kind"] == "ConfigMap")
    assert values["LIAISON_SECURITY__PROTOCOL"] == "SASL_SSL"
    urls = [value for name, value in values.items() if name.endswith("__URL")]
    assert len(urls) == 2
    assert all(url.startswith("https://") for url in urls)
    files = {value for name, value in values.items() if name.endswith("__CA_FILE")}
    assert files == {"/etc/liaison/ca.pem"}, "in the mounted folder"


def test_a_worker_s_pod_is_ready_when_it_says_so() -> None:
    workers = {name: container for name, _, container in PODS if name != "liaison-provision"}
    assert len(workers) == len(WORKERS)
    for container in workers.values():
        words = container["args"]
        file = words[words.index("--ready-file") + 1]
        assert container["readinessProbe"]["exec"]["command"] == ["test", "-e", file]


def test_all_that_there_is_is_applied_into_a_namespace_that_is_made() -> None:
    (applied,) = (d for d in DOCUMENTS if d["kind"] == "Kustomization")
    names = {path.name for path in (FOLDER / "kubernetes").glob("*.yaml")}
    assert {*applied["resources"], "kustomization.yaml"} == names
    (made,) = (d for d in DOCUMENTS if d["kind"] == "Namespace")
    assert made["metadata"]["name"] == applied["namespace"]
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_compose_publishes_each_server_on_loopback_and_starts_all_again() -> None:
    services: dict[str, dict[str, Any]] = COMPOSE["services"]
    published = {name: service.get("ports", []) for name, service in services.items()}
    assert {name for name, ports in published.items() if ports} == {
        "kafka", "registry", "clickhouse"
    }  # fmt: skip
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    outside = published["kafka"][0].rpartition(":")[2]
    listeners = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"HOST://127.0.0.1:{outside}" in listeners
    ending = {"provision": "on-failure", "registry-folder": None}
    assert {name: service.get("restart") for name, service in services.items()} == {
        name: ending.get(name, "unless-stopped") for name in services
    }


def test_the_registry_can_write_to_its_volume() -> None:
    services = COMPOSE["services"]
    (volume,) = services["registry"]["volumes"]
    folder = volume.partition(":")[2]
    url = services["registry"]["environment"]["APICURIO_DATASOURCE_URL"]
    assert url.startswith(f"jdbc:h2:file:{folder}/")
    before = services["registry-folder"]
    assert before["entrypoint"] == ["chown", "1001:0", folder], "the image's user"
    assert (before["user"], before["volumes"]) == ("0", [volume])
    assert before["image"] == services["registry"]["image"]
    after = services["registry"]["depends_on"]["registry-folder"]["condition"]
    assert after == "service_completed_successfully"


def test_passwords_reach_clickhouse_neither_by_arguments_nor_unquoted(tmp_path: Path) -> None:
    """The script with the image's client away: what it would be told."""
    client = tmp_path / "clickhouse-client"
    client.write_text('#!/bin/bash\nprintf "%s\\n" "$@" > "$OUT/arguments"\ncat > "$OUT/sql"\n')
    client.chmod(0o755)
    script = FOLDER / "compose" / "clickhouse-users.sh"
    assert os.access(script, os.X_OK), "else the image sources it, `set` and all"
    hostile = "o'; DROP USER liaison; --\\"
    subprocess.run(
        [script],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "OUT": str(tmp_path),
            "CLICKHOUSE_USER": "liaison", "CLICKHOUSE_PASSWORD": "secret of liaison",
            "LOADER_PASSWORD": hostile,
        },
        check=True,
    )  # fmt: skip
    assert (tmp_path / "arguments").read_text() == "--multiquery\n"
    sql = (tmp_path / "sql").read_text()
    digest = hashlib.sha256(hostile.encode()).hexdigest()
    assert sql.count(f"IDENTIFIED WITH sha256_hash BY '{digest}';") == 2
    assert "DROP" not in sql
    assert "secret" not in sql


def test_the_image_is_built_from_the_sources_alone() -> None:
    root = FOLDER.parent
    rules = [
        line
        for line in (root / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*", "nothing but what is named: no state, no environment, no history"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        word
        for line in (FOLDER / "compose" / "Dockerfile").read_text("utf-8").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert allowed == copied
    assert all((root / name).exists() for name in allowed)
