"""What becomes of a registry that is away, or of an address where none is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from schemas.catalogue import Catalogue
from schemas.connections import RegistryConnection
from schemas.errors import ConfigurationError, RetryableError
from schemas.registry import SchemaIds, fetch_schema_ids, register_schemas
from tests.serving import serving

CATALOGUE = Catalogue.load()
Ask = Callable[[RegistryConnection, Catalogue], SchemaIds]
ASK = pytest.mark.parametrize("ask", [fetch_schema_ids, register_schemas])


@contextmanager
def answering(status: int, body: bytes) -> Iterator[RegistryConnection]:
    """A server that says the same to everybody."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Answer)) as port:
        yield RegistryConnection(f"http://127.0.0.1:{port}")


@ASK
def test_a_closed_port_is_a_registry_that_is_away(ask: Ask) -> None:
    with socket.socket() as bound:  # and does not listen: nobody else gets the port meanwhile
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(RetryableError, match="cannot be reached") as caught:
            ask(RegistryConnection(url), CATALOGUE)
    assert caught.value.code == "registry-away"
    assert url in str(caught.value)


def test_a_registry_that_fails_is_away_too() -> None:
    with answering(503, b"<html>later</html>") as registry:
        with pytest.raises(RetryableError) as caught:
            fetch_schema_ids(registry, CATALOGUE)
        assert caught.value.code == "registry-away"


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>welcome</html>"), (200, b"{}"), (404, b"<html>no such page</html>")],
    ids=["page", "other JSON", "missing page"],
)
def test_an_address_where_no_registry_answers_is_for_a_person_to_correct(
    status: int, body: bytes
) -> None:
    with answering(status, body) as registry:
        with pytest.raises(ConfigurationError, match=r"set registry\.url") as caught:
            fetch_schema_ids(registry, CATALOGUE)
        assert caught.value.code == "no-registry"


def test_a_registry_that_does_not_know_a_schema_is_to_be_provisioned() -> None:
    missing = b'{"error_code": 40401, "message": "Subject not found"}'
    with (
        answering(404, missing) as registry,
        pytest.raises(ConfigurationError, match="liaison provision"),
    ):
        fetch_schema_ids(registry, CATALOGUE)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8081", "http://[::1", "https:///x", "httpx://h"])
def test_what_is_no_url_is_refused_with_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"registry\.url"):
        fetch_schema_ids(RegistryConnection(url), CATALOGUE)
