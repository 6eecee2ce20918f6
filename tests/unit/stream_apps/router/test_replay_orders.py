"""What was refused is put back in any order, and more than once: each event counts once."""

from __future__ import annotations

from itertools import permutations

import pytest

from schemas.headers import REPLAY_HEADER
from schemas.registry import SchemaIds
from schemas.topics import partition_of, source_topic
from stream_apps.engine import Consumed, Partition
from stream_apps.router.driver import RouterDriver
from stream_apps.router.router import Router
from tests.unit.stream_apps.router.router_records import an_arrest

REFUSED = 3


@pytest.mark.parametrize("order", [*permutations(range(REFUSED))], ids=str)
def test_dead_letters_put_back_in_any_order_and_twice_count_once(
    driver: RouterDriver, order: tuple[int, ...]
) -> None:
    numbers = {schema: number for number, schema in driver.ids.by_id.items()}
    old = Router(
        lane="message",
        reference=driver.reference,
        catalogue=driver.catalogue,
        ids=SchemaIds({**numbers, driver.catalogue.event("arrest"): 4242}),
    )
    refused = [driver.record("FR", an_arrest()) for _ in range(REFUSED)]
    ledger = [r for r in old.process(refused) if r.topic == "ledger.europe"]
    driver.router.restore(
        [Partition(source_topic("europe", "message"), partition_of("FR"))],
        [Consumed(r.topic, r.partition, 0, 0, r.key, r.value, ()) for r in ledger],
    )
    out = driver.feed(driver.record("FR", an_arrest()))
    desk = out["desk.europe.drug-trafficking"]
    for at in (*order, *order):
        mark = (REPLAY_HEADER, f"dlq.europe/0/{at}".encode())
        back = refused[at]._replace(headers=[*(refused[at].headers or ()), mark])
        out = driver.feed(back)
        desk += out.get("desk.europe.drug-trafficking", [])
    entry = driver.decode(out["ledger.europe"][0])
    assert (entry["high"], entry["accepted"], entry["quarantined"]) == (4, 4, 0)
    assert (entry["missing"], entry["repeats"]) == ([], REFUSED)
    ids = [driver.decode(record)["enrichment"]["event_id"] for record in desk]
    assert len(ids) == len(set(ids)) == REFUSED + 1
