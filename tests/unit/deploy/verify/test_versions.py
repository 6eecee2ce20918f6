"""The verifier of a later release reads what earlier ones wrote."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.catalogue import Catalogue, Schema, packaged_folders
from schemas.models import Arrest, Search
from schemas.registry import SchemaIds
from tests.unit.deploy.verify.product import NOW_MS, Product

OCCURRED = datetime.fromtimestamp(NOW_MS / 1000, UTC)
NEW_FIELD = {"name": "note", "type": "string", "default": "new", "doc": "A note."}
CHANGED = ("liaison.ledger.LedgerEntry", "liaison.facts.Fact", "liaison.delivered.Enrichment")


def next_release() -> Catalogue:
    """A catalogue in which these have a field more."""
    folders: dict[int, Mapping[str, Any]] = dict(packaged_folders())
    newest = {name: schema for folder in folders.values() for name, schema in folder.items()}
    changed = {name: copy.deepcopy(newest[name]) for name in CHANGED}
    for record in changed.values():
        record["fields"].append(NEW_FIELD)
    return Catalogue({**folders, len(folders) + 1: changed})


def known_to_the_same_registry(earlier: SchemaIds, catalogue: Catalogue) -> SchemaIds:
    """What the registry tells the next release: what was there keeps its id."""
    numbers = {(schema.name, schema.text): number for number, schema in earlier.by_id.items()}
    found: dict[Schema, int] = {}
    for schema in catalogue:
        found[schema] = numbers.setdefault((schema.name, schema.text), len(numbers) + 1)
    return SchemaIds(found)


def test_what_an_earlier_release_wrote_is_read_as_the_newest_sees_it() -> None:
    product = Product()
    for _ in range(2):
        product.event("FR", Arrest(category="terrorism", occurred_at=OCCURRED))
        product.event("FR", Search(subtype="sltd", occurred_at=OCCURRED))
    catalogue = next_release()
    assert catalogue.schema("liaison.facts.FactMiniBlock").version > 1
    ids = known_to_the_same_registry(product.ids, catalogue)
    verdict, counted = product.verify(catalogue=catalogue, ids=ids)
    assert [difference.text() for difference in verdict.differences] == []
    assert counted.blocks.counts.total == sum(a.accepted for a in counted.ledger.values()) == 4


def test_what_a_later_release_wrote_is_told_and_ends_nothing() -> None:
    product = Product()
    product.event("FR", Arrest(category="terrorism", occurred_at=OCCURRED))
    entry = Catalogue.load().schema("liaison.ledger.LedgerEntry")
    numbers = {schema: number for number, schema in product.ids.by_id.items()}
    ids = SchemaIds(
        {schema: n for schema, n in numbers.items() if schema is not entry} | {entry: 9999}
    )
    told = [d.text() for d in product.verify(ids=ids)[0].differences]
    assert any(
        f"schema id {numbers[entry]} is no liaison.ledger.LedgerEntry of this release" in text
        for text in told
    )
