"""The simulated year has the shape of the model, holds together, and is the same for a seed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from producers.simulator import Handover, Item, Mix, Rates, Repeat, Simulator, Unparsable, shares
from schemas.catalogue import Catalogue
from schemas.errors import ConfigurationError
from schemas.models import MODELS, Event, Stamp, encode_event, event_lane
from schemas.reference import Reference
from schemas.rules import READERLESS_KINDS, named_readers
from stream_apps.router.audience import readers
from stream_apps.router.identifiers import check_identifier
from stream_apps.router.keywords import Classifier

START = datetime(2026, 3, 2, tzinfo=UTC)
REFERENCE = Reference.load()
CATALOGUE = Catalogue.load()
CHECKED = {"container", "crypto_address", "iban", "imei", "lei", "payment_card"} | {
    "travel_document", "vessel_imo", "vin",
}  # fmt: skip


def simulate(messages: int, searches: int = 0, seed: int = 7, **more: object) -> list[Item]:
    mix = Mix.of("messages", messages, searches=searches)
    return list(Simulator(REFERENCE, seed, START, mix, **more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def messages() -> list[Item]:
    return simulate(12_000)


@pytest.fixture(scope="module")
def mixed() -> list[Item]:
    return simulate(1_500, 12_000)


def events(items: list[Item]) -> list[tuple[str, Event]]:
    return [(item.bureau, item.event) for item in items if isinstance(item, Handover)]


def region_of(bureau: str) -> str:
    return REFERENCE.region_of(bureau, int(START.timestamp() * 1000))


def digest(items: list[Item]) -> str:
    """SHA-256 of every record that a stamp of the same number would make."""
    total = hashlib.sha256()
    for number, item in enumerate(items, start=1):
        if isinstance(item, Handover):
            stamp = Stamp(
                item.bureau, item.system, event_lane(item.event), 1, number, 0, "test", "1"
            )
            schema = CATALOGUE.event(item.event.kind)
            total.update(encode_event(schema, item.event, stamp))
        else:
            total.update(repr(item).encode())
    return total.hexdigest()


def near(found: float, expected: float, by: float) -> bool:
    return abs(found - expected) <= by


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    here = digest(simulate(300, 300))
    code = (
        "from tests.unit.producers.test_simulator import digest, simulate\n"
        "print(digest(simulate(300, 300)))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here
    assert digest(simulate(300, 300, seed=8)) != here


def test_a_simulator_can_be_iterated_again() -> None:
    simulator = Simulator(REFERENCE, 3, START, Mix.of("messages", 200))
    assert list(simulator) == list(simulator)


def test_every_event_equals_a_validated_one(messages: list[Item], mixed: list[Item]) -> None:
    for _, event in [*events(messages)[::5], *events(mixed)[::20]]:
        model = MODELS[event.kind]
        lasting = event.model_copy(update={"retain_until": None})  # the wall clock may be past it
        if (
            model.kind not in READERLESS_KINDS
            and named_readers(event.kind, vars(event)) == frozenset()
        ):
            with pytest.raises(ValidationError, match="nobody is left to read"):
                model.model_validate(lasting.model_dump())
        else:
            assert model.model_validate(lasting.model_dump()) == lasting


def test_every_kind_comes(messages: list[Item], mixed: list[Item]) -> None:
    kinds = {event.kind for _, event in [*events(messages), *events(mixed)]}
    assert kinds >= set(MODELS) - {"report"}  # the rarest: one in 4,500


def test_numbers_are_exact_and_time_only_grows(mixed: list[Item]) -> None:
    lanes = Counter(event_lane(event) for _, event in events(mixed))
    assert lanes == {"message": 1_500, "search": 12_000}
    made = [event.event_id.int >> 80 for _, event in events(mixed)]
    assert made == sorted(made)
    assert len({event.event_id for _, event in events(mixed)}) == 13_500


def test_kinds_come_by_the_years_model(messages: list[Item]) -> None:
    found = events(messages)
    kinds = Counter((e.kind, e.subtype) for _, e in found if e.supersedes is None)
    whole = sum(row.messages_per_year for row in REFERENCE.traffic)
    for row in REFERENCE.traffic:
        if row.kind == "message":
            share = row.messages_per_year / whole
            assert near(kinds[row.kind, row.subtype] / len(found), share, 0.02), row.row
    corrections = sum(e.supersedes is not None and e.kind != "recall" for _, e in found)
    assert near(corrections / len(found), 279_000 / 18_000_000, 0.006)


def test_regions_languages_and_categories_have_their_shares(messages: list[Item]) -> None:
    found = [(b, e) for b, e in events(messages) if b != "XP"]
    regions = Counter(region_of(bureau) for bureau, _ in found)
    for region, share in shares.REGIONS.items():
        assert near(regions[region] / len(found), share / 100, 0.03), region
    for region in shares.REGIONS:
        by_bureau = Counter(b for b, _ in found if region_of(b) == region)
        busiest = sum(count for _, count in by_bureau.most_common(10))
        assert busiest / regions[region] > 0.5
    languages = Counter(e.language for _, e in found)
    for language, share in {"en": 0.62, "fr": 0.14, "es": 0.14, "ar": 0.10}.items():
        assert near(languages[language] / len(found), share, 0.04), language
    # a hit or an answer's category is drawn or inherited: the shares hold over all
    declared = [e for _, e in found if e.category and e.kind in ("message", "hit")]
    categories = Counter(e.category for e in declared)
    for category, share in shares.CATEGORIES.items():
        assert near(categories[category] / len(declared), share / 100, 0.025), category
    assert near(sum(bool(e.further_categories) for e in declared) / len(declared), 1 / 3, 0.04)


def test_gradings_follow_their_region(messages: list[Item]) -> None:
    graded = [(region_of(b), e.gradings[0]) for b, e in events(messages) if e.gradings]
    europe = Counter(grading.scheme for region, grading in graded if region == "europe")
    assert near(europe["europol-4x4"] / europe.total(), 0.75, 0.08)
    others = [g for region, g in graded if region != "europe"]
    assert {grading.scheme for grading in others} == {"admiralty"}
    codes = Counter(grading.source + grading.information for grading in others)
    for code, share in {"B2": 0.30, "B3": 0.20, "A1": 0.12, "F6": 0.08}.items():
        assert near(codes[code] / len(others), share, 0.03), code


def test_restrictions_have_their_shares_and_leave_readers(messages: list[Item]) -> None:
    found = [(b, e) for b, e in events(messages) if e.kind != "recall"]
    now_ms = int(START.timestamp() * 1000)
    unread = [
        event
        for bureau, event in found
        if readers(event.kind, event.__dict__, region_of(bureau), now_ms, REFERENCE) is None
    ]
    assert near(len(unread) / len(found), 0.01, 0.004)
    assert near(sum(e.restricted_to is not None for _, e in found) / len(found), 0.22, 0.02)
    assert near(sum(bool(e.withheld_from) for _, e in found) / len(found), 0.06, 0.012)
    for bureau, event in found:
        assert bureau not in event.addressees
    none_unread = simulate(1500, rates=Rates(no_reader=0.0))
    for bureau, event in events(none_unread):
        assert readers(event.kind, event.__dict__, region_of(bureau), now_ms, REFERENCE) is not None


def check_digits(items: list[Item]) -> Counter[str]:
    return Counter(
        check_identifier(found.type, found.value, found.country, bureau).valid
        for bureau, event in events(items)
        for found in event.identifiers
        if found.type in CHECKED
    )


def test_check_digits_are_right_but_for_two_to_four_in_a_hundred(messages: list[Item]) -> None:
    for items in (messages, *(simulate(1000, seed=seed) for seed in range(1, 7))):
        verdicts = check_digits(items)
        assert set(verdicts) == {"valid", "invalid"}
        assert 0.02 < verdicts["invalid"] / verdicts.total() < 0.04
    half = check_digits(simulate(1000, rates=Rates(wrong_check_digits=0.5)))
    assert near(half["invalid"] / half.total(), 0.5, 0.05)
    right = simulate(1000, rates=Rates(wrong_check_digits=0.0))
    for bureau, event in events(right):
        for found in event.identifiers:
            outcome = check_identifier(found.type, found.value, found.country, bureau)
            assert outcome.valid != "invalid", (found.type, found.value)


def test_undeclared_categories_are_in_the_text_in_four_languages(messages: list[Item]) -> None:
    classifier = Classifier.from_reference(REFERENCE)
    results: Counter[tuple[str, bool]] = Counter()
    undeclared = [e for _, e in events(messages) if e.category is None and e.kind != "recall"]
    for event in undeclared:
        texts = (getattr(event, name, None) for name in ("body", "description", "summary", "text"))
        text = " ".join(found for found in texts if found)
        primary = classifier.classify(text, event.language).primary
        results[event.language, primary is not None] += 1
    assert {language for language, found in results if found} == {"en", "fr", "es", "ar"}
    silent = sum(count for (_, found), count in results.items() if not found)
    assert 0.02 < silent / len(undeclared) < 0.2


@pytest.mark.parametrize(
    ("share", "of"),
    [
        (0.05, lambda item: isinstance(item, Repeat)),
        (0.002, lambda item: isinstance(item, Unparsable)),
    ],
    ids=["repeats", "unparsable"],
)
def test_faults_come_on_top(
    mixed: list[Item], messages: list[Item], share: float, of: Callable[[Item], bool]
) -> None:
    items = [*mixed, *messages]
    assert near(sum(map(of, items)) / len(events(items)), share, share / 3 + 0.0005)


def test_a_fault_follows_its_original(mixed: list[Item]) -> None:
    last: Handover | None = None
    for item in mixed:
        if isinstance(item, Handover):
            last = item
            continue
        assert last is not None
        assert (item.bureau, item.lane) == (last.bureau, event_lane(last.event))
        assert item.of in (last.event.event_id, None)
        if isinstance(item, Unparsable) and item.way != "cut":
            assert item.noise[0] != 0


def test_some_happened_more_than_a_day_before(messages: list[Item]) -> None:
    ages = [
        timedelta(milliseconds=event.event_id.int >> 80)
        - (event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC))
        for _, event in events(messages)
        if event.supersedes is None
    ]
    late = sum(age > timedelta(days=1) for age in ages)
    assert near(late / len(ages), 0.01, 0.004)
    assert min(ages) >= timedelta(0)


def test_what_follows_an_event_is_its_bureaus_own_and_keeps_the_chain(
    messages: list[Item],
) -> None:
    seen: dict[object, tuple[str, Event]] = {}
    chains = 0
    for bureau, event in events(messages):
        if event.supersedes is not None:
            named = event.supersedes
            owner, earlier = seen[named.event_id]
            assert owner == bureau == named.bureau
            assert named.kind == earlier.kind
            if event.kind == "recall":
                assert named.event_id == event.root
            else:
                assert event.kind == earlier.kind
                assert event.root == (earlier.root or earlier.event_id)
                chains += earlier.root is not None
        seen[event.event_id] = bureau, event
    assert chains > 0


def test_answers_answer_who_asked(messages: list[Item]) -> None:
    seen: dict[object, tuple[str, Event]] = {}
    answered = 0
    for bureau, event in events(messages):
        if event.in_reply_to is not None and event.supersedes is None:
            asker, asked = seen[event.in_reply_to]
            answered += 1
            if event.subtype != "reminder":
                assert event.addressees == (asker,)
                assert bureau in asked.addressees
        seen[event.event_id] = bureau, event
    replies = sum(e.subtype == "information-reply" for _, e in events(messages))
    assert answered > 0.8 * replies


def test_hits_are_reported_on_searches_that_hit() -> None:
    found = events(simulate(40, 40_000))
    hit = {e.event_id: b for b, e in found if e.kind == "search" and e.measures}
    rate = sum(n for _, n in shares.DATABASES.values()) / 8e9
    assert 0 < len(hit) < 40_000 * rate * 6
    reported = [(b, getattr(e, "searched_event", None)) for b, e in found if e.kind == "hit"]
    for bureau, search in reported:
        assert search is None or hit[search] == bureau


def test_faulty_shares_and_counts_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one event"):
        Mix.of("messages", 0)
    year = Mix.of("year", 18_000)
    assert year.searches == 8_000_000
    assert year.span == timedelta(days=365) / 1000


def test_a_working_day_is_busier_than_its_night() -> None:
    mix = Mix.of("messages", 4000, span=timedelta(days=7))
    made = [
        datetime.fromtimestamp((item.event.event_id.int >> 80) / 1000, UTC)
        for item in Simulator(REFERENCE, 1, START, mix, shape="working-day")
        if isinstance(item, Handover)
    ]
    assert made == sorted(made)
    assert made[0] >= START
    assert made[-1] < START + mix.span
    by_day = sum(when.hour in range(6, 18) for when in made)
    weekend = sum(when.weekday() >= 5 for when in made)
    assert near(by_day / 4000, 0.8, 0.02)
    assert near(weekend / 4000, 2 * 0.4 / 5.8, 0.02)


def test_an_exercise_is_neither_corrected_nor_recalled() -> None:
    found = [event for _, event in events(simulate(1_000, rates=Rates(exercises=0.5)))]
    exercises = {event.event_id for event in found if event.test}
    followed = [event for event in found if event.supersedes is not None]
    assert exercises
    assert followed
    assert not [event for event in followed if event.test]
    assert not exercises & {event.supersedes.event_id for event in followed if event.supersedes}
