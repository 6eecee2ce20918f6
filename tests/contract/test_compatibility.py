"""The compatibility gate passes what we have, and refuses each change that would break a reader."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from avro.schema import parse

from schemas.catalogue import KINDS, Catalogue, packaged_folders
from schemas.errors import ConfigurationError
from tests.contract.gate import incompatibilities

CATALOGUE = Catalogue.load()
ENVELOPE = "liaison.events.Envelope"
MEASURE = "liaison.events.Measure"
FACT = "liaison.facts.Fact"
ENRICHMENT = "liaison.delivered.Enrichment"

Change = Callable[[dict[str, Any]], object]


def next_version(change: Change, *names: str) -> Catalogue:
    """The packaged catalogue with a version folder more, in which these types are changed."""
    folders = dict(packaged_folders())
    changed = {}
    for name in names or (ENVELOPE,):
        changed[name] = copy.deepcopy(folders[1][name])
        change(changed[name])
    return Catalogue({**folders, max(folders) + 1: changed})


def field(record: dict[str, Any], name: str) -> dict[str, Any]:
    """A field of a record, by its name."""
    (found,) = (f for f in record["fields"] if f["name"] == name)
    assert isinstance(found, dict)
    return found


def note(record: dict[str, Any]) -> None:
    """Add an optional field."""
    record["fields"].append(
        {"name": "note", "type": ["null", "string"], "default": None, "doc": "A note."}
    )


def test_every_version_reads_every_other() -> None:
    assert incompatibilities(CATALOGUE) == []


def test_the_order_of_the_envelope_is_as_published() -> None:
    (first,) = (s for s in CATALOGUE.versions("liaison.events.Notice") if s.version == 1)
    envelope = first.definition["fields"][0]["type"]
    # What is new in every event, then the stretch that decides: bureaus' own code writes it so.
    assert " ".join(f["name"] for f in envelope["fields"]) == (
        "event_id sequence occurred_at published_at retain_until review_due supersedes root "
        "root_bureau in_reply_to case_ref "
        "bureau sub_bureau system lane epoch producer test subtype category further_categories "
        "offence urgency concerned_countries addressees tlp handling_codes confidentiality pap "
        "restricted_to withheld_from purpose legal_basis caveats gradings operation language"
    )


def test_the_gate_passes_an_added_field_with_a_default() -> None:
    catalogue = next_version(note)
    assert [s.version for s in catalogue.versions("liaison.events.Notice")] == [1, 2]
    assert incompatibilities(catalogue) == []


def test_the_gate_passes_added_symbols_and_fields_in_the_middle() -> None:
    def change(envelope: dict[str, Any]) -> None:
        note(envelope)
        envelope["fields"].insert(3, envelope["fields"].pop())
        field(envelope, "tlp")["type"]["symbols"].append("MAUVE")

    assert incompatibilities(next_version(change)) == []


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
def test_the_gate_refuses_a_breaking_change(change: Change) -> None:
    found = incompatibilities(next_version(change))
    for record in KINDS.values():
        assert any(f"liaison.events.{record} v" in line for line in found)
        assert any(f"liaison.delivered.Delivered{record} v" in line for line in found)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        pytest.param(
            MEASURE, lambda m: field(m, "value")["type"].update(scale=2),
            "scale of .measures[].value was 3, is 2", id="scale",
        ),
        pytest.param(
            MEASURE, lambda m: field(m, "value")["type"].update(precision=20),
            "precision of .measures[].value was 18, is 20", id="precision",
        ),
        pytest.param(
            FACT, lambda f: field(f, "amount_usd")["type"][1].update(scale=3),
            "scale of .amount_usd was 2, is 3", id="scale in a union",
        ),
        pytest.param(
            ENVELOPE,
            lambda e: field(e, "occurred_at")["type"].update(logicalType="timestamp-micros"),
            "logicalType of .envelope.occurred_at was timestamp-millis, is timestamp-micros",
            id="logical type",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "event_id").update(type="string"),
            "logicalType of .envelope.event_id was uuid, is None", id="logical type removed",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "language").update(type="bytes"),
            ".envelope.language was string, is bytes", id="text to bytes",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "case_ref").update(type=["null", "bytes"]),
            ".envelope.case_ref was null|string, is null|bytes", id="text to bytes in a union",
        ),
        pytest.param(
            ENVELOPE, lambda e: e["fields"].insert(0, e["fields"].pop()),
            "order of .envelope was event_id, sequence", id="order",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "tlp")["type"]["symbols"].remove("GREEN"),
            ".envelope.tlp lost GREEN", id="symbol removed",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "tlp")["type"].update(default="CLEAR"),
            "default of .envelope.tlp was unknown, is CLEAR", id="default of an enum",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "test").update(default=True),
            "default of .envelope.test was False, is True", id="default of a field",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "withheld_from").pop("default"),
            "default of .envelope.withheld_from was [], is none", id="default removed",
        ),
        pytest.param(
            ENVELOPE, lambda e: field(e, "tlp")["type"].update(namespace="elsewhere"),
            "was named liaison.events.", id="namespace",
        ),
    ],
)  # fmt: skip
def test_the_gate_refuses_what_avro_lets_pass(name: str, change: Change, reason: str) -> None:
    found = incompatibilities(next_version(change, name))
    assert found
    assert all("changed" in line for line in found), "the avro package saw it, too"
    assert any(reason in line for line in found), found[:3]


def test_the_gate_sees_the_enrichment_in_what_desks_read() -> None:
    assert incompatibilities(next_version(note, ENRICHMENT, ENVELOPE)) == []
    broken = next_version(lambda e: field(e, "score").update(type="string"), ENRICHMENT)
    found = incompatibilities(broken)
    for record in KINDS.values():
        name = f"liaison.delivered.Delivered{record}"
        assert any(f"{name} v1 with enrichment v1 can't read" in line for line in found)


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
