"""Servers outside, whose certificates no public authority signed, are reached by settings alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.cli import exits
from deploy.cli.app import run
from deploy.connections import find_connections
from deploy.settings import load_settings
from schemas.catalogue import Catalogue
from schemas.errors import ConfigurationError
from schemas.registry import SchemaIds, fetch_schema_ids
from tests.integration.clickhouse_process import ClickHouseProcess
from tests.private_authority import PrivateAuthority
from tests.serving import serving

Capture = pytest.CaptureFixture[str]
CATALOGUE = Catalogue.load()
LOGIN = ("liaison", "swordfish:2")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIAISON_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")


@pytest.fixture
def authority(tmp_path: Path) -> PrivateAuthority:
    return PrivateAuthority(tmp_path)


@pytest.fixture
def registry_url(authority: PrivateAuthority) -> Iterator[str]:
    """A registry that knows every schema and asks for a login, over TLS."""
    by_id = SchemaIds.numbered(CATALOGUE).by_id
    numbers = {schema.name: number for number, schema in by_id.items()}
    login = "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode()

    class Registry(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            name = self.path.partition("?")[0].rpartition("/")[2]
            if self.headers["authorization"] != login:
                status, told = 401, dict[str, object](message="who are you?")
            else:
                status, told = 200, {"subject": name, "version": 1, "id": numbers[name], **asked}
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with (
        serving(ThreadingHTTPServer(("127.0.0.1", 0), Registry)) as inside,
        authority.before(inside) as port,
    ):
        yield f"https://127.0.0.1:{port}"


@pytest.fixture
def outside(registry_url: str, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings that reach the registry, but for whose certificate to trust."""
    monkeypatch.setenv("LIAISON_REGISTRY__URL", registry_url)
    monkeypatch.setenv("LIAISON_REGISTRY__USERNAME", LOGIN[0])
    monkeypatch.setenv("LIAISON_REGISTRY__PASSWORD", LOGIN[1])
    return monkeypatch


def test_a_registry_with_a_login_and_an_authority_of_its_own_answers(
    outside: pytest.MonkeyPatch, authority: PrivateAuthority
) -> None:
    outside.setenv("LIAISON_REGISTRY__CA_FILE", str(authority.ca_file))
    settings = load_settings()
    at = find_connections(settings).registry
    assert set(fetch_schema_ids(at, CATALOGUE).by_id.values()) == set(CATALOGUE)
    assert LOGIN[1] not in f"{settings!r} {at!r}"


def test_a_registry_whose_certificate_is_not_trusted_is_one_line_with_the_remedy(
    outside: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text('{"kind": "seizure", "what": "cocaine"}\n')
    assert run(["publish", str(file), "--bureau", "FR"]) == exits.CONFIGURATION
    told = capsys.readouterr().err
    assert told.startswith("error[registry-certificate]: the certificate of the registry at https:")
    assert "registry.ca_file" in told
    assert told.count("\n") == 1
    assert LOGIN[1] not in told


def test_a_registry_that_does_not_know_the_login_says_which_settings_to_correct(
    outside: pytest.MonkeyPatch, authority: PrivateAuthority
) -> None:
    outside.setenv("LIAISON_REGISTRY__CA_FILE", str(authority.ca_file))
    outside.setenv("LIAISON_REGISTRY__PASSWORD", "guessed")
    at = find_connections(load_settings()).registry
    with pytest.raises(ConfigurationError, match=r"'liaison'; HTTP 401.*registry\.pass") as caught:
        fetch_schema_ids(at, CATALOGUE)
    assert caught.value.code == "registry-rights"
    assert "guessed" not in str(caught.value)


def test_clickhouse_over_tls_is_trusted_by_its_authority_and_not_without(
    authority: PrivateAuthority, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIAISON_REGISTRY__URL", "http://127.0.0.1:1")
    with (
        ClickHouseProcess(tmp_path / "clickhouse") as process,
        authority.before(process.port) as port,
    ):
        monkeypatch.setenv("LIAISON_CLICKHOUSE__URL", f"https://127.0.0.1:{port}")
        assert run(["sql", "SELECT 1 AS one", "--format", "json"]) == exits.CONFIGURATION
        told = capsys.readouterr().err
        assert told.startswith("error[clickhouse-certificate]: ")
        assert "clickhouse.ca_file" in told
        assert told.count("\n") == 1
        monkeypatch.setenv("LIAISON_CLICKHOUSE__CA_FILE", str(authority.ca_file))
        assert run(["sql", "SELECT 1 AS one", "--format", "json"]) == exits.OK
        assert json.loads(capsys.readouterr().out) == [{"one": 1}]
