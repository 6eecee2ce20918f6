"""The whole router without a broker: every output, the state under aborts."""

import gc
import hashlib
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas import wire
from schemas.headers import (
    ORIGIN_HEADER,
    header,
    read_refusal,
)
from schemas.ids import strike_hash
from schemas.models import (
    Grading,
    Identifier,
    Measure,
    Message,
    Notice,
    Recall,
    Search,
    Seizure,
    Supersedes,
)
from schemas.topics import MAX_DERIVED_BYTES, MAX_SOURCE_BYTES, REGIONS
from stream_apps.router.driver import RouterDriver
from stream_apps.router.ledger import AccountKey
from stream_apps.router.refusals import Refused
from tests.unit.stream_apps.router.router_records import (
    NOW,
    NOW_MS,
    an_arrest,
    an_unchecked_arrest,
    refusal_of,
)


def test_an_event_reaches_its_desk_with_the_bureaus_bytes_at_the_end(driver: RouterDriver) -> None:
    event = an_arrest(
        concerned_countries=("BR",),
        further_categories=("terrorism",),
        identifiers=(Identifier(type="iban", value="GB82 WEST 1234 5698 7654 33"),),
        measures=(
            Measure(measure="persons-arrested", value=Decimal(3)),
            Measure(measure="amount-seized", value=Decimal("100.50"), unit="EUR"),
        ),
        gradings=(Grading(scheme="admiralty", source="B", information="2"),),
        urgency="urgent",
    )
    record = driver.record("FR", event)
    out = driver.feed(record)
    desks = {topic for topic in out if topic.startswith("desk.")}
    assert desks == {
        f"desk.{region}.{category}"
        for region in ("europe", "americas")
        for category in ("drug-trafficking", "terrorism")
    }
    (delivered,) = out["desk.europe.terrorism"]
    assert record.value is not None
    assert delivered.value is not None
    assert delivered.value.endswith(record.value[wire.FRAME_BYTES :])
    assert header(delivered.headers, ORIGIN_HEADER) == header(record.headers, ORIGIN_HEADER)
    enrichment = driver.decode(delivered)["enrichment"]
    assert enrichment["event_id"] == str(event.event_id)
    assert enrichment["categories"] == ["drug-trafficking", "terrorism"]
    assert enrichment["category_source"] == "declared"
    assert enrichment["flags"] == ["invalid-identifier"]
    assert enrichment["identifiers"][0]["valid"] == "invalid"
    assert enrichment["score"] == sum(part["points"] for part in enrichment["score_parts"])
    (amount,) = enrichment["amounts_usd"]
    assert int.from_bytes(amount["amount"], "big") > 10_050
    (block,) = out["facts"]
    (fact,) = driver.decode(block)["facts"]
    assert fact["measures"] == ["persons-arrested", "amount-seized"]
    assert fact["amount_usd"] == amount["amount"]
    assert (fact["bureau"], fact["region"], fact["events"], fact["sign"]) == ("FR", "europe", 1, 1)


def test_nothing_of_the_payload_gets_into_a_fact(driver: RouterDriver) -> None:
    secret = "Jean-Valjean-24601"
    event = Notice(
        subtype="red", category="fugitives", title=secret, summary=secret, occurred_at=NOW,
        identifiers=(Identifier(type="person_name", value=secret),), case_ref=secret,
        caveats=(secret,), legal_basis=secret,
        gradings=(Grading(scheme="admiralty", source="B", information="2"),),
    )  # fmt: skip
    out = driver.feed(driver.record("FR", event))
    assert len([t for t in out if t.startswith("desk.")]) == len(REGIONS)
    for topic in ("facts", "ledger.europe"):
        for record in out[topic]:
            assert secret.encode() not in (record.value or b"")


@pytest.mark.parametrize(
    ("text", "language", "category"),
    [
        ("Seizure of cocaine in the harbour", "en", "drug-trafficking"),
        ("Saisie de stupéfiants au port", "fr", "drug-trafficking"),
        ("Incautación de cocaína en el puerto", "es", "drug-trafficking"),
        ("ضبط كوكايين في الميناء", "ar", "drug-trafficking"),
        ("Nothing to see here", "en", "uncategorised"),
    ],
)
def test_an_undeclared_category_is_found_by_keywords(
    driver: RouterDriver, text: str, language: str, category: str
) -> None:
    event = Seizure(what=text, language=language, occurred_at=NOW)
    out = driver.feed(driver.record("FR", event))
    (delivered,) = out[f"desk.europe.{category}"]
    enrichment = driver.decode(delivered)["enrichment"]
    expected = "none" if category == "uncategorised" else "keywords"
    assert enrichment["category_source"] == expected
    assert "undeclared-category" in enrichment["flags"]


def test_an_abort_leaves_no_trace(driver: RouterDriver) -> None:
    record = driver.record("FR", an_arrest(), sequence=1)
    first = driver.feed(record, commit=False)
    again = driver.feed(record)
    assert first == again
    account = driver.router.book.account(
        ("europe", record.partition), AccountKey("FR", "cases", "message", 7)
    )
    assert (account.high, account.accepted, account.repeats) == (1, 1, 0)


def test_a_recall_strikes_the_chain_and_a_correction_the_one(driver: RouterDriver) -> None:
    first, second, recall = uuid4(), uuid4(), uuid4()
    correction = an_arrest(
        event_id=second, root=first,
        supersedes=Supersedes(event_id=first, bureau="FR", kind="arrest"),
    )  # fmt: skip
    out = driver.feed(driver.record("FR", correction))
    strike, link = out["strikes"]
    of_first, of_second = (strike_hash("FR", str(event)) for event in (first, second))
    assert strike.key == f"{of_first}:one".encode()
    assert driver.decode(strike)["successor"] == of_second
    assert link.key == f"{of_second}:of:{of_first}".encode()
    assert driver.decode(link) == {"recorded_at": NOW_MS}
    taken_back = Recall(
        event_id=recall, subtype="error", root=first, occurred_at=NOW,
        supersedes=Supersedes(event_id=second, bureau="FR", kind="arrest"),
    )  # fmt: skip
    out = driver.feed(driver.record("FR", taken_back))
    assert {r.key for r in out["strikes"]} == {
        f"{strike_hash('FR', str(event))}:chain".encode() for event in (first, second)
    }
    assert not [topic for topic in out if topic.startswith("desk.")]
    (fact,) = driver.decode(out["facts"][0])["facts"]
    assert (fact["kind"], fact["subtype"], fact["supersedes_kind"]) == ("recall", "error", "arrest")


def test_a_chain_that_the_general_secretariat_joined_keeps_its_first_bureau(
    driver: RouterDriver,
) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    joined = an_arrest(
        event_id=second, root=first, concerned_countries=("FR",),
        supersedes=Supersedes(event_id=first, bureau="FR", kind="arrest"),
    )  # fmt: skip
    again = an_arrest(
        event_id=third, root=first, root_bureau="FR", concerned_countries=("FR",),
        supersedes=Supersedes(event_id=second, bureau="XP", kind="arrest"),
    )  # fmt: skip
    taken_back = Recall(
        subtype="error", root=first, root_bureau="FR", occurred_at=NOW,
        supersedes=Supersedes(event_id=third, bureau="XP", kind="arrest"),
    )  # fmt: skip
    for event in (joined, again):
        out = driver.feed(driver.record("XP", event))
        (fact,) = driver.decode(out["facts"][0])["facts"]
        assert (fact["root"], fact["root_bureau"]) == (str(first), "FR")
    out = driver.feed(driver.record("XP", taken_back))
    assert {r.key for r in out["strikes"]} == {
        f"{strike_hash(bureau, str(event))}:chain".encode()
        for bureau, event in (("FR", first), ("XP", third))
    }


def test_nobody_else_joins_a_chain(driver: RouterDriver) -> None:
    out = driver.feed(driver.record("FR", an_arrest(root=uuid4(), root_bureau="DE")))
    assert refusal_of(out) == ("not-yours", "rejected")


def test_nobody_joins_the_chains_of_two_members(driver: RouterDriver) -> None:
    joined = an_arrest(
        root=uuid4(), root_bureau="FR", concerned_countries=("FR",),
        supersedes=Supersedes(event_id=uuid4(), bureau="FR", kind="arrest"),
    )  # fmt: skip
    of_germany = joined.model_copy(update={"root_bureau": "DE"})
    with pytest.raises(ValueError, match="leave root_bureau out"):
        type(of_germany).model_validate(of_germany.model_dump())
    refused = refusal_of(driver.feed(driver.record("XP", of_germany)), "global")
    assert refused == ("bad-envelope", "rejected")
    assert "facts" in driver.feed(driver.record("XP", joined))


def test_the_general_secretariat_may_recall_what_others_published(driver: RouterDriver) -> None:
    recall = Recall(
        subtype="ccf-decision", occurred_at=NOW,
        supersedes=Supersedes(event_id=uuid4(), bureau="FR", kind="notice"),
    )  # fmt: skip
    assert "strikes" in driver.feed(driver.record("XP", recall))


BOUNDS = [
    ("value", {"legal_basis": "x" * (MAX_SOURCE_BYTES + 1)}, ()),
    ("headers", {}, [("baggage", b"x" * (MAX_SOURCE_BYTES + 1))]),
]


@pytest.mark.parametrize(("fields", "headers"), [b[1:] for b in BOUNDS], ids=[b[0] for b in BOUNDS])
def test_what_only_a_compressed_batch_could_carry_is_refused_and_kept_in_part(
    driver: RouterDriver, fields: dict[str, str], headers: list[tuple[str, bytes]]
) -> None:
    good = driver.record("FR", an_arrest(**fields))
    out = driver.feed(good._replace(headers=[*(good.headers or ()), *headers]))
    (letter,) = out["dlq.europe"]
    refusal = read_refusal(letter.headers)
    assert (refusal.code, refusal.disposition.value) == ("too-large", "rejected")
    assert good.value is not None
    assert letter.value == good.value[: 64 * 1024]
    assert refusal.bytes == len(good.value)
    assert refusal.sha256 == hashlib.sha256(good.value).hexdigest()
    assert sum(len(v or b"") for _, v in letter.headers) < 2000
    assert driver.decode(out["ledger.europe"][0])["rejected"] == 1


def test_identifiers_that_grow_when_normalised_are_delivered_as_they_came(
    driver: RouterDriver,
) -> None:
    grows = Identifier(type="person_name", value="\u3300" * 500)  # one sign, four letters
    event = an_arrest(identifiers=(grows,) * 500)
    record = driver.record("FR", event)
    (delivered,) = driver.feed(record)["desk.europe.drug-trafficking"]
    assert len(delivered.value or b"") < MAX_DERIVED_BYTES
    enrichment = driver.decode(delivered)["enrichment"]
    assert "not-normalised" in enrichment["flags"]
    assert {item["normalised"] for item in enrichment["identifiers"]} == {None}


@pytest.mark.parametrize("chars", [600, 870], ids=["large", "the largest"])
def test_what_an_event_comes_to_with_all_its_readers_is_bounded(
    driver: RouterDriver, chars: int
) -> None:
    place = f"https://example.org/{'a' * (chars - 20)}"
    identifiers = (Identifier(type="url", value=place),) * 1000
    publishers = tuple(sorted(driver.reference.publishers))
    for readers, normalised in ((publishers[:1], place), (publishers, None)):
        event = an_arrest(addressees=readers, case_ref=None, identifiers=identifiers)
        record = driver.record("FR", event)
        out = driver.feed(record)
        delivered = [r for topic in out if topic.startswith("bureau.") for r in out[topic]]
        assert len(delivered) == len(readers)
        assert sum(map(len, (r.value or b"" for r in delivered))) < 200_000_000
        enrichment = driver.decode(delivered[0])["enrichment"]
        assert {item["normalised"] for item in enrichment["identifiers"]} == {normalised}


def test_a_record_whose_outputs_are_never_taken_is_booked_as_refused(driver: RouterDriver) -> None:
    record = driver.record("FR", an_arrest())
    driver.router.process([record])
    driver.router.aborted()
    letter, receipt, entry = driver.router.refuse(record, "the broker does not take it")
    assert [r.topic for r in (letter, receipt, entry)] == [
        "dlq.europe", "receipts.FR", "ledger.europe",
    ]  # fmt: skip
    refusal = read_refusal(letter.headers)
    assert (refusal.code, refusal.disposition.value) == ("unwritable", "quarantined")
    assert (letter.value, refusal.sha256) == (record.value, None), "kept whole, to be replayed"
    assert driver.decode(entry)["quarantined"] == 1


def flipped(value: bytes, offset: int, byte: int) -> bytes:
    return value[:offset] + bytes([byte]) + value[offset + 1 :]


def test_a_negative_symbol_does_not_open_what_is_red(driver: RouterDriver) -> None:
    """fastavro reads the index -1 as the last symbol: CLEAR, for TLP."""
    event = an_arrest(tlp="RED", addressees=("DE",), case_ref=None)
    good = driver.record("FR", event, sequence=1)
    assert good.value is not None
    refused = 0
    for offset in range(wire.FRAME_BYTES, len(good.value)):
        try:
            read = driver.router.reader.read(flipped(good.value, offset, 0x01), NOW_MS)
        except Refused:
            refused += 1
            continue
        topics = () if read.decision is None else read.decision.topics
        assert not [topic for topic in topics if topic.startswith("desk.")]
    assert refused


@pytest.mark.parametrize("name", ["head", "stretch", "counted"])
def test_what_decides_is_read_in_the_shortest_form_only(driver: RouterDriver, name: str) -> None:
    measure = Measure(measure="persons-arrested", value=Decimal(3))
    good = driver.record("FR", an_arrest(measures=(measure,)), sequence=1)
    assert good.value is not None
    schema = driver.catalogue.event("arrest")
    _, stretch = wire.decode_at(schema.head, good.value, wire.FRAME_BYTES)
    _, counted = wire.decode_at(schema.stretch, good.value, stretch)
    _, end = wire.decode_at(schema.counted, good.value, counted)
    at = {"head": stretch, "stretch": counted, "counted": end}[name] - 1
    assert good.value[at] < 0x80
    longer = good.value[:at] + bytes([good.value[at] | 0x80, 0]) + good.value[at + 1 :]
    out = driver.feed(good._replace(value=longer))
    assert refusal_of(out) == ("undecodable", "rejected")


def test_an_amount_is_written_as_short_as_it_can_be_and_never_as_nothing(
    driver: RouterDriver,
) -> None:
    measure = Measure(measure="persons-arrested", value=Decimal(3))
    good = driver.record("FR", an_arrest(measures=(measure,)), sequence=1)
    unscaled = (3000).to_bytes(2, "big")
    assert good.value is not None
    assert good.value.count(b"\x04" + unscaled) == 1
    longer = good.value.replace(b"\x04" + unscaled, b"\x08\0\0" + unscaled)
    (block,) = driver.feed(good._replace(value=longer))["facts"]
    assert driver.decode(block)["facts"][0]["measure_values"] == [unscaled]
    empty = good.value.replace(b"\x04" + unscaled, b"\0")
    out = RouterDriver(now_ms=NOW_MS).feed(good._replace(value=empty))
    assert refusal_of(out) == ("bad-envelope", "rejected")


def test_searches_that_differ_in_what_statistics_ask_are_not_folded() -> None:
    driver = RouterDriver("search", now_ms=NOW_MS)
    asked: list[dict[str, Any]] = [
        {}, {"language": "fr"}, {"urgency": "urgent"}, {"withheld_from": ("DE",)},
        {"concerned_countries": ("BR",)}, {"offence": "0101"},
    ]  # fmt: skip
    records = [
        driver.record("FR", Search(subtype="sltd", occurred_at=NOW, **fields)) for fields in asked
    ]
    records.append(
        driver.record("FR", Search(subtype="sltd", occurred_at=NOW))._replace(
            timestamp_ms=NOW_MS + 60_000
        )
    )
    facts = driver.decode(driver.feed(*records)["facts"][0])["facts"]
    assert [fact["events"] for fact in facts] == [1] * len(records)


def test_searches_are_folded_by_database_result_and_minute() -> None:
    driver = RouterDriver("search", now_ms=NOW_MS)
    hit = (Measure(measure="hits", value=Decimal(1)),)
    searches = [
        Search(
            subtype="sltd", occurred_at=NOW + timedelta(seconds=n), measures=hit if n == 3 else ()
        )
        for n in range(8)
    ]
    out = driver.feed(*(driver.record("FR", search) for search in searches))
    facts = driver.decode(out["facts"][0])["facts"]
    assert sorted((f["subtype"], f["result"], f["events"]) for f in facts) == [
        ("sltd", "hit", 1),
        ("sltd", "no-hit", 7),
    ]
    assert set(out) == {"facts", "ledger.europe", "receipts.FR"}


@pytest.mark.parametrize(
    ("hits", "result"), [((), "no-hit"), ((0,), "no-hit"), ((1,), "hit"), ((0, 2), "hit")]
)
def test_a_search_is_a_hit_if_it_found_something(hits: tuple[int, ...], result: str) -> None:
    driver = RouterDriver("search", now_ms=NOW_MS)
    measures = tuple(Measure(measure="hits", value=Decimal(n)) for n in hits)
    search = Search(subtype="sltd", occurred_at=NOW, measures=measures)
    (fact,) = driver.decode(driver.feed(driver.record("FR", search))["facts"][0])["facts"]
    assert fact["result"] == result


def test_a_message_withheld_from_one_reaches_the_others(driver: RouterDriver) -> None:
    message = Message(
        subtype="information-request", category="terrorism", body="…", occurred_at=NOW,
        addressees=("DE", "IT", "BR"), withheld_from=("IT",), in_reply_to=UUID(int=5),
    )  # fmt: skip
    out = driver.feed(driver.record("FR", message))
    assert {t for t in out if t.startswith("bureau.")} == {"bureau.DE", "bureau.BR"}


def test_the_memo_gives_the_same_as_a_first_decision(driver: RouterDriver) -> None:
    events = [an_arrest(event_id=UUID(int=n), case_ref="x" * n) for n in range(1, 6)]
    driver.feed(*(driver.record("FR", event) for event in events))
    assert (driver.router.reader.hits, driver.router.reader.misses) == (4, 1)
    for event in events:
        fresh = RouterDriver(now_ms=NOW_MS)
        one = fresh.record("FR", event, sequence=1)
        again = driver.router.reader.read(one.value, NOW_MS)
        first = fresh.router.reader.read(one.value, NOW_MS)
        assert again.decision == first.decision
        assert again.head == first.head


def test_a_remembered_refusal_holds_none_of_the_records_that_it_refused(
    driver: RouterDriver,
) -> None:
    driver.feed(driver.record("FR", an_unchecked_arrest(subtype="no-such")))
    tracemalloc.start()
    try:
        for _ in range(40):
            event = an_unchecked_arrest(subtype="no-such", description="x" * 100_000)
            out = driver.feed(driver.record("FR", event))
            assert refusal_of(out) == ("bad-envelope", "rejected")
        del out
        gc.collect()
        kept_bytes, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 1_000_000


def test_a_grading_in_other_letters_does_not_get_into_a_fact(driver: RouterDriver) -> None:
    gradings = (Grading.model_construct(scheme="admiralty", source="B", information="م"),)
    out = driver.feed(driver.record("FR", an_unchecked_arrest(gradings=gradings)))
    (fact,) = driver.decode(out["facts"][0])["facts"]
    assert (fact["grading_scheme"], fact["grading_information"]) == ("", "")
