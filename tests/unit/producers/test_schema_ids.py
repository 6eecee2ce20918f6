"""Which ids an outbox is filled with while the registry is away, and which it never is."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from producers import outbox_schema_ids
from schemas import wire
from schemas.catalogue import Catalogue, packaged_folders
from schemas.connections import RegistryConnection
from schemas.errors import ConfigurationError, RetryableError
from tests.serving import serving
from tests.unit.producers.bureau_side import CATALOGUE, message, open_outbox, publisher


class NumberingServer(ThreadingHTTPServer):
    """Numbers what it is asked for, from `first`, as a registry does that was told of it."""

    def __init__(self, first: int) -> None:
        super().__init__(("127.0.0.1", 0), _Lookup)
        self.first = first
        self.numbers: dict[bytes, int] = {}
        self.numbering = threading.Lock()


class _Lookup(BaseHTTPRequestHandler):
    server: NumberingServer

    def do_POST(self) -> None:
        schema = self.rfile.read(int(self.headers["content-length"]))
        with self.server.numbering:
            following = self.server.first + len(self.server.numbers)
            number = self.server.numbers.setdefault(schema, following)
        answer = json.dumps({**json.loads(schema), "id": number, "version": 1}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def registry_numbering(first: int = 1) -> Iterator[RegistryConnection]:
    """There until the end of the block; then its port is closed."""
    with serving(NumberingServer(first)) as port:
        yield RegistryConnection(f"http://127.0.0.1:{port}")


def test_an_event_is_published_while_the_registry_is_away(tmp_path: Path) -> None:
    with registry_numbering(first=501) as registry:
        there = outbox_schema_ids(tmp_path, registry, CATALOGUE)
    away = outbox_schema_ids(tmp_path, registry, CATALOGUE)
    assert away.by_id == there.by_id
    with open_outbox(tmp_path / "o") as outbox:
        publisher(outbox, ids=away).publish(message(1))
        (record,) = outbox.read(0, max_records=9, max_bytes=1 << 20)
    assert wire.schema_id_of(record.value) == there.id_of(CATALOGUE.event("message"))


def test_every_text_of_a_schema_keeps_its_own_id(tmp_path: Path) -> None:
    """A delivered schema has one text for each pair of an event's and the enrichment's version."""
    folders = packaged_folders()
    name = "liaison.delivered.Enrichment"
    note = {"name": "note", "type": ["null", "string"], "default": None, "doc": "New."}
    enrichment = {**folders[1][name], "fields": [*folders[1][name]["fields"], note]}
    catalogue = Catalogue({**folders, len(folders) + 1: {name: enrichment}})
    with registry_numbering(first=501) as registry:
        there = outbox_schema_ids(tmp_path, registry, catalogue)
    away = outbox_schema_ids(tmp_path, registry, catalogue)
    assert [away.id_of(schema) for schema in catalogue] == [there.id_of(s) for s in catalogue]


def test_without_kept_ids_the_registry_is_told_to_be_away(tmp_path: Path) -> None:
    with registry_numbering() as registry:
        pass
    with pytest.raises(RetryableError, match=r"schema-ids\.json holds no ids") as caught:
        outbox_schema_ids(tmp_path, registry, CATALOGUE)
    assert caught.value.code == "registry-away"


def test_ids_of_other_schemas_or_of_another_registry_are_never_used(tmp_path: Path) -> None:
    with registry_numbering() as first, registry_numbering() as second:
        outbox_schema_ids(tmp_path, first, CATALOGUE)
    folders = packaged_folders()
    changed = {**folders[1]["liaison.strikes.Strike"], "doc": "Another text."}
    newer = Catalogue({**folders, len(folders) + 1: {"liaison.strikes.Strike": changed}})
    for registry, catalogue in ((second, CATALOGUE), (first, newer)):
        with pytest.raises(RetryableError):
            outbox_schema_ids(tmp_path, registry, catalogue)
    assert len(list(outbox_schema_ids(tmp_path, first, CATALOGUE))) == len(list(CATALOGUE))


def test_the_last_answer_is_kept_whatever_lay_there(tmp_path: Path) -> None:
    file = tmp_path / "schema-ids.json"
    with registry_numbering(first=1) as registry:
        outbox_schema_ids(tmp_path, registry, CATALOGUE)
        older = json.loads(file.read_text("utf-8"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        older["ids"] = [number + 1000 for number in older["ids"]]
        for found in (json.dumps(older), "", '{"ids": 1}'):
            file.write_text(found)
            there = outbox_schema_ids(tmp_path, registry, CATALOGUE)
    assert outbox_schema_ids(tmp_path, registry, CATALOGUE).by_id == there.by_id
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_folder_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with registry_numbering() as registry, pytest.raises(ConfigurationError) as caught:
        outbox_schema_ids(tmp_path / "no", registry, CATALOGUE)
    assert caught.value.code == "outbox-unusable"
