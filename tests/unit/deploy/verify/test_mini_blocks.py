"""What the cutter refused stands against a release until it is put back, and was read since."""

from datetime import UTC, datetime

from deploy.verify.mini_blocks import put_back, still_refused
from schemas.catalogue import Catalogue
from schemas.headers import replay_headers
from schemas.models import Arrest
from schemas.registry import SchemaIds
from schemas.topics import FACT_BLOCKS, FACTS
from stream_apps.cutter import Cutter
from stream_apps.engine import Consumed, Produced
from tests.unit.deploy.verify.product import NOW_MS, Product


def mistaken() -> Cutter:
    """A cutter that takes a mini-block for something else, and refuses it."""
    catalogue = Catalogue.load()
    ids, other = SchemaIds.numbered(catalogue), catalogue.schema("liaison.ledger.LedgerEntry")
    ids.by_id = {
        number: other if schema.name == "liaison.facts.FactMiniBlock" else schema
        for number, schema in ids.by_id.items()
    }
    return Cutter(catalogue=catalogue, ids=ids)


def an_arrest() -> Arrest:
    return Arrest(
        category="terrorism",
        concerned_countries=("FR",),
        occurred_at=datetime.fromtimestamp(NOW_MS / 1000, UTC),
    )


def put_again(product: Product, letter: Consumed) -> None:
    headers = replay_headers(letter.headers, f"{letter.topic}/0/{letter.offset}")
    product.take([Produced(FACTS, letter.key, letter.value, headers, 3)])


def blocks(product: Product) -> int:
    return sum(1 for _ in product.read([FACT_BLOCKS]))


def test_a_refused_mini_block_is_missing_until_it_is_taken() -> None:
    product = Product()
    cutter = product.cutter
    product.event("FR", an_arrest())
    assert (blocks(product), still_refused(product, put_back(product))) == (1, [])
    product.cutter = mistaken()
    product.event("FR", an_arrest())
    assert blocks(product) == 1
    before = put_back(product)
    assert still_refused(product, before) == ["dlq.europe/0/0"]
    (letter,) = product.dead_letters()
    put_again(product, letter)
    assert blocks(product) == 1
    assert still_refused(product, put_back(product)) == ["dlq.europe/0/1"]
    product.cutter = cutter
    put_again(product, letter)
    assert blocks(product) == 2
    assert still_refused(product, before) == ["dlq.europe/0/1"], "it may not be in yet"
    assert still_refused(product, put_back(product)) == []
