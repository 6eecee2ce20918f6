"""The cutter without a broker: cut once, never again, folded, in blocks of bounded size."""

from typing import Any

import pytest

from schemas import wire
from schemas.catalogue import Catalogue
from schemas.errors import RetryableError
from schemas.headers import REPLAY_HEADER, header, read_refusal, replay_headers
from schemas.registry import SchemaIds
from schemas.topics import CUTS, FACT_BLOCKS, FACTS
from stream_apps.cutter import RANGES_HEADER, ROWS_HEADER, Cutter
from stream_apps.engine import Consumed, Partition, Produced

CATALOGUE = Catalogue.load()
IDS = SchemaIds.numbered(CATALOGUE)
MINI_BLOCK = CATALOGUE.schema("liaison.facts.FactMiniBlock")
FACT = CATALOGUE.schema("liaison.facts.Fact")
PLAIN: dict[Any, Any] = {"string": "x", "int": 1, "long": 5, "boolean": False}


def a_fact(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in FACT.plain["fields"]:
        kind = field["type"]
        if isinstance(kind, list):
            values[field["name"]] = None
        elif isinstance(kind, dict):
            values[field["name"]] = []
        else:
            values[field["name"]] = PLAIN[kind]
    return {**values, "kind": "arrest", "events": 1, "sign": 1, **fields}


def mini_block(offset: int, *facts: dict[str, Any], partition: int = 0) -> Consumed:
    body = wire.encode(MINI_BLOCK.plain, {"facts": facts})
    value = wire.frame(IDS.id_of(MINI_BLOCK), body)
    return Consumed(FACTS, partition, offset, 1000, b"africa", value, ())


def a_cutter() -> Cutter:
    return Cutter(catalogue=CATALOGUE, ids=IDS)


def rows(block: Produced) -> list[dict[str, Any]]:
    assert block.value is not None
    return wire.read_container(block.value)


def blocks_of(out: list[Produced]) -> list[Produced]:
    return [record for record in out if record.topic == FACT_BLOCKS]


def cuts_of(out: list[Produced]) -> list[Consumed]:
    """As a successor reads them back."""
    return [
        Consumed(CUTS, r.partition, 0, 1000, r.key, r.value, ()) for r in out if r.topic == CUTS
    ]


def ranges_of(block: Produced) -> list[tuple[int, int]]:
    ranges = (header(block.headers, RANGES_HEADER) or b"").decode().split(",")
    return [tuple(map(int, r.partition(":")[2].split("-"))) for r in ranges]  # type: ignore[misc]


def test_mini_blocks_of_one_batch_become_one_block_a_partition() -> None:
    out = blocks_of(
        a_cutter().process(
            [
                mini_block(4, a_fact()),
                mini_block(9, a_fact(), partition=2),
                mini_block(3, partition=1),
            ]
        )
    )
    assert sorted(block.partition for block in out) == [0, 1]
    (even,) = [block for block in out if block.partition == 0]
    assert header(even.headers, RANGES_HEADER) == b"0:4-4,2:9-9"
    assert header(even.headers, ROWS_HEADER) == b"2"
    assert len(rows(even)) == 2


def test_the_same_batch_gives_the_same_bytes() -> None:
    batch = [mini_block(n, a_fact(bureau=str(n))) for n in range(5)]
    assert a_cutter().process(batch) == a_cutter().process(batch)


def test_searches_are_folded_again_and_other_facts_are_not() -> None:
    search = {"kind": "search", "subtype": "sltd", "occurred_at": 60_000}
    batch = [
        mini_block(1, a_fact(**search, events=3), a_fact(), a_fact()),
        mini_block(2, a_fact(**search, events=4), a_fact(**search, result="hit", events=1)),
    ]
    (block,) = blocks_of(a_cutter().process(batch))
    found = rows(block)
    assert len(found) == 4
    assert sorted(f["events"] for f in found if f["kind"] == "search") == [1, 7]


def test_what_lies_in_a_block_is_never_cut_again_even_if_offsets_were_lost() -> None:
    first = a_cutter()
    batch = [mini_block(n, a_fact()) for n in range(3)]
    out = first.process(batch)
    first.committed()
    assert first.process(batch) == []
    successor = a_cutter()
    assert successor.state_of([Partition(FACTS, 0)]) == [Partition(CUTS, 0)]
    successor.restore([Partition(FACTS, 0)], cuts_of(out))
    assert successor.process(batch) == []
    (block,) = blocks_of(successor.process([*batch, mini_block(3, a_fact())]))
    assert ranges_of(block) == [(3, 3)]


def test_a_mini_block_that_comes_twice_in_one_batch_is_cut_once() -> None:
    (block,) = blocks_of(a_cutter().process([mini_block(0, a_fact()), mini_block(0, a_fact())]))
    assert len(rows(block)) == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "its successor"])
def test_a_mini_block_that_is_put_back_twice_is_cut_once(restarted: bool) -> None:
    cutter = a_cutter()
    first = mini_block(5, a_fact())
    (letter, cut) = cutter.refuse(first, "too large for now")
    cutter.committed()
    headers = replay_headers(letter.headers, "dlq.africa/0/0")
    out = cutter.process([first._replace(offset=6, headers=headers)])
    assert len(blocks_of(out)) == 1
    cutter.committed()
    if restarted:
        cutter = a_cutter()
        cutter.restore([Partition(FACTS, 0)], cuts_of([cut, *out]))
    again = replay_headers(letter.headers, "dlq.africa/0/1")
    out = cutter.process(
        [
            first._replace(offset=7, headers=again),
            mini_block(8, a_fact(), a_fact()),
            mini_block(9, a_fact(), a_fact()),
        ]
    )
    (block,) = blocks_of(out)
    assert len(rows(block)) == 4


def test_a_replay_that_is_refused_again_may_be_put_back_again() -> None:
    cutter = a_cutter()
    garbage = mini_block(5)._replace(value=b"?", headers=[(REPLAY_HEADER, b"dlq.africa/0/0")])
    for offset in (5, 6):
        out = cutter.process([garbage._replace(offset=offset)])
        assert out[0].topic == "dlq.africa"
        cutter.committed()


def test_a_block_that_the_broker_does_not_take_is_kept_with_its_reason() -> None:
    cutter = a_cutter()
    letter, cut = cutter.refuse(mini_block(7, a_fact()), "too large")
    assert (letter.topic, read_refusal(letter.headers).reason) == ("dlq.africa", "too large")
    assert (cut.topic, cut.value) == (CUTS, b"8")


def test_an_aborted_block_is_cut_again() -> None:
    cutter = a_cutter()
    batch = [mini_block(0, a_fact())]
    first = cutter.process(batch)
    cutter.aborted()
    assert cutter.process(batch) == first


def test_a_block_stays_within_its_size() -> None:
    facts = [a_fact(bureau=f"{n}" * 80) for n in range(1000)]
    batch = [mini_block(n, *facts) for n in range(16)]
    out = blocks_of(a_cutter().process(batch))
    assert len(out) > 1
    assert all(len(block.value or b"") < 8 * 1024 * 1024 for block in out)
    ranges = [r for block in out for r in ranges_of(block)]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == 15
    assert all(ranges[n][1] + 1 == ranges[n + 1][0] for n in range(len(ranges) - 1))


def test_an_unreadable_mini_block_is_quarantined_and_blocks_nobody() -> None:
    broken = mini_block(1)
    broken = broken._replace(value=(broken.value or b"")[: wire.FRAME_BYTES] + b"nonsense")
    out = a_cutter().process([mini_block(0, a_fact()), broken, mini_block(2, a_fact())])
    (letter,) = [record for record in out if record.topic == "dlq.africa"]
    assert letter.value == broken.value
    assert read_refusal(letter.headers).stage == "cutter"
    (block,) = [record for record in out if record.topic == FACT_BLOCKS]
    assert len(rows(block)) == 2


def test_a_mini_block_of_another_kind_is_quarantined() -> None:
    other = wire.frame(IDS.id_of(FACT), b"")
    (letter, _) = a_cutter().process([mini_block(0)._replace(value=other)])
    assert "liaison.facts.Fact" in read_refusal(letter.headers).reason


def test_nothing_goes_past_a_schema_that_is_unknown_until_the_registry_is_asked_anew() -> None:
    cutter = a_cutter()
    newer = mini_block(1, a_fact())
    numbers = {schema: number for number, schema in IDS.by_id.items()}
    newer = newer._replace(value=wire.frame(99_999, (newer.value or b"")[wire.FRAME_BYTES :]))
    with pytest.raises(RetryableError, match="facts/0/1"):
        cutter.process([mini_block(0, a_fact()), newer])
    successor = Cutter(catalogue=CATALOGUE, ids=SchemaIds({**numbers, MINI_BLOCK: 99_999}))
    (block,) = blocks_of(successor.process([newer]))
    assert len(rows(block)) == 1
