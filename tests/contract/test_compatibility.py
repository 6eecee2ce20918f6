"""The compatibility gate: every version of every schema reads every other's bytes."""

import copy
import itertools
import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.catalogue import KINDS, Catalogue, packaged_folders
from schemas.errors import ConfigurationError

CATALOGUE = Catalogue.load()
ENVELOPE = "liaison.events.Envelope"


def incompatibilities(catalogue: Catalogue) -> list[str]:
    """Every pair of versions that can't read each other, with the reason."""
    found = []
    for name in catalogue.names():
        versions = [(v.version, parse(v.text)) for v in catalogue.versions(name)]
        for (a, reader), (b, writer) in itertools.permutations(versions, 2):
            checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
            result = checker.get_compatibility(reader, writer)
            if result.compatibility is not SchemaCompatibilityType.compatible:
                found.append(f"{name} v{a} can't read v{b}: {result.messages}")
    return found


def next_version(change: Any) -> Catalogue:
    """The packaged catalogue with a version folder more, in which the envelope is changed."""
    folders = dict(packaged_folders())
    envelope = copy.deepcopy(folders[1][ENVELOPE])
    change(envelope)
    return Catalogue({**folders, max(folders) + 1: {ENVELOPE: envelope}})


def test_every_version_reads_every_other() -> None:
    assert incompatibilities(CATALOGUE) == []


def test_the_gate_passes_an_added_field_with_a_default() -> None:
    field = {"name": "note", "type": ["null", "string"], "default": None, "doc": "A note."}
    catalogue = next_version(lambda envelope: envelope["fields"].append(field))
    assert [s.version for s in catalogue.versions("liaison.events.Notice")] == [1, 2]
    assert incompatibilities(catalogue) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda e: e["fields"].append({"name": "note", "type": "string"}), id="no default"
        ),
        pytest.param(lambda e: e["fields"].__delitem__(0), id="required field removed"),
        pytest.param(lambda e: e["fields"][1].update(type="string"), id="type changed"),
        pytest.param(lambda e: e["fields"][0].update(name="id"), id="field renamed"),
    ],
)
def test_the_gate_refuses_a_breaking_change(change: Any) -> None:
    found = incompatibilities(next_version(change))
    assert len(found) >= len(KINDS)


def test_a_prefix_that_does_not_come_first_is_refused() -> None:
    folders = packaged_folders()
    notice = copy.deepcopy(folders[1]["liaison.events.Notice"])
    notice["fields"].reverse()
    with pytest.raises(ConfigurationError, match="put the prefix first"):
        Catalogue({1: {**folders[1], "liaison.events.Notice": notice}})


def test_every_enum_has_unknown_as_its_default() -> None:
    def enums(node: Any) -> Any:
        if isinstance(node, dict):
            if node.get("type") == "enum":
                yield node
            for value in node.values():
                yield from enums(value)
        elif isinstance(node, list):
            for item in node:
                yield from enums(item)

    found = [enum for schema in CATALOGUE for enum in enums(schema.definition)]
    assert found
    assert {enum["default"] for enum in found} == {"unknown"}


def test_every_schema_stands_alone_and_parses_with_both_libraries() -> None:
    for schema in CATALOGUE:
        assert parse(schema.text).fullname == schema.name  # type: ignore[attr-defined]
        assert json.loads(schema.text)["doc"]
