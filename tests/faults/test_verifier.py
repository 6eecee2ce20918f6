"""The verifier finds every error that is planted into what is right."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest

from schemas.models import Arrest, Event, Measure, Message, Recall, Search, Seizure, Supersedes
from tests.chains import event_of, random_chains, struck
from tests.faults.expectation import Account, EventKey, Geography
from tests.faults.found import Copy, Found, Ledger
from tests.faults.verifier import Verdict, compare

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CASES = ("FR", "cases", "message", 7)
SEARCHES = ("FR", "cases", "search", 7)
DESK = "americas"


def the_events() -> list[Event]:
    arrest = Arrest(category="terrorism", concerned_countries=("BR",), event_id=UUID(int=1))
    return [
        arrest,
        Message(
            subtype="information-request", category="terrorism", body="…", event_id=UUID(int=2),
            addressees=("DE", "IT"), withheld_from=("IT",),
        ),
        Seizure(category="drug-trafficking", withheld_from=("DE",), event_id=UUID(int=3)),
        Recall(
            subtype="error", event_id=UUID(int=4),
            supersedes=Supersedes(event_id=arrest.event_id, bureau="FR", kind="arrest"),
        ),
        Search(subtype="sltd", event_id=UUID(int=5)),
        Search(
            subtype="sltd", event_id=UUID(int=6), occurred_at=NOW - timedelta(days=1),
            measures=(Measure(measure="hits", value=Decimal(1)),),
        ),
    ]  # fmt: skip


@pytest.fixture
def account() -> Account:
    account = Account(Geography(NOW.date()))
    for event in the_events():
        account.add("FR", "cases", event)
    return account


@pytest.fixture
def found(account: Account) -> Found:
    """Exactly what must be there."""
    found = Found()
    for event, expected in account.events.items():
        filed = tuple(expected.categories or ())
        found.copies += [Copy(topic, event, filed, True) for topic in expected.topics(filed)]
    for account_key, high in ((CASES, 4), (SEARCHES, 2)):
        found.ledger[account_key] = found.receipts[account_key] = Ledger(high, high, 0, 0, 0)
    struck = account.struck()
    found.facts = {event: (1, int(event in struck)) for event in account.accepted}
    found.searches = {"FR": 2}
    found.raw_by_kind = {"arrest": 0, "seizure": 1}
    found.rollup_by_kind = {"arrest": 0, "seizure": 1}
    found.given.events[key(1)] = 2  # it died once before it acknowledged
    found.surge_counts = {("europe", "terrorism"): 1}
    found.facts_for_surges = {("europe", "terrorism"): 1}
    return found


@pytest.mark.parametrize("seed", range(100))
def test_the_account_knows_what_a_recall_takes_out(seed: int) -> None:
    account, rng = Account(Geography(NOW.date())), Random(seed)
    told = random_chains(rng, "FR")
    rng.shuffle(told)
    for item in told:
        account.add(item.name.bureau, "cases", event_of(item, NOW))
    assert account.struck() == {EventKey(name.bureau, str(name.event_id)) for name in struck(told)}


def key(number: int) -> EventKey:
    return EventKey("FR", str(UUID(int=number)))


def test_what_is_right_has_no_difference(account: Account, found: Found) -> None:
    assert compare(account, found, DESK).all() == []
    assert account.events[key(1)].regions == {"europe", "americas"}
    assert account.events[key(2)].bureaus == {"DE"}
    assert "IT" in account.events[key(3)].bureaus
    assert account.struck() == {key(1)}
    assert len(found.copies) > 10


def remove(found: Found) -> None:
    found.copies.pop()


def double(found: Found) -> None:
    found.copies.append(found.copies[0])


def another_desk(found: Found) -> None:
    found.copies[0] = replace(found.copies[0], topic="desk.mena.terrorism")


def withheld(found: Found) -> None:
    found.copies.append(Copy("bureau.DE", key(3), ("drug-trafficking",), True))


def other_bytes(found: Found) -> None:
    found.copies[0] = replace(found.copies[0], same_bytes=False)


def invented(found: Found) -> None:
    found.copies.append(Copy("bureau.DE", key(99), ("terrorism",), True))


def flipped_sign(found: Found) -> None:
    found.facts[key(3)] = (0, 1)


def not_taken_out(found: Found) -> None:
    found.facts[key(1)] = (1, 0)


def landed_twice(found: Found) -> None:
    found.facts[key(3)] = (2, 0)


def a_search_too_many(found: Found) -> None:
    found.searches["FR"] = 3


def a_receipt(found: Found) -> None:
    found.receipts[CASES] = replace(found.receipts[CASES], accepted=3)


def a_gap(found: Found) -> None:
    found.ledger[CASES] = found.receipts[CASES] = Ledger(5, 4, 0, 0, 1)


def a_repeat_that_counted(found: Found) -> None:
    found.ledger[CASES] = found.receipts[CASES] = Ledger(5, 5, 0, 0, 0)


def a_dead_letter(found: Found) -> None:
    found.dead[key(3), "internal"] += 1


def a_rollup(found: Found) -> None:
    found.rollup_by_kind["seizure"] = 2


def not_given(found: Found) -> None:
    del found.given.events[key(1)]


def given_to_the_wrong_desk(found: Found) -> None:
    found.given.events[key(3)] = 1


def given_again(found: Found) -> None:
    found.given.again.append(key(1))


def an_unreadable_record(found: Found) -> None:
    found.given.unreadable = 1


def a_surge_count(found: Found) -> None:
    found.surge_counts["europe", "terrorism"] = 2


PLANTED: list[tuple[Callable[[Found], None], str]] = [
    (remove, "lost"), (double, "doubled"), (another_desk, "misrouted"), (withheld, "misrouted"),
    (other_bytes, "misrouted"), (invented, "misrouted"), (flipped_sign, "lost"),
    (not_taken_out, "miscounted"), (landed_twice, "doubled"), (a_search_too_many, "miscounted"),
    (a_receipt, "miscounted"), (a_gap, "miscounted"), (a_repeat_that_counted, "miscounted"),
    (a_dead_letter, "miscounted"), (a_rollup, "miscounted"), (not_given, "lost"),
    (given_to_the_wrong_desk, "misrouted"), (given_again, "doubled"),
    (an_unreadable_record, "lost"), (a_surge_count, "miscounted"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "name"), PLANTED, ids=[p.__name__ for p, _ in PLANTED])
def test_a_planted_error_is_found(
    account: Account, found: Found, plant: Callable[[Found], None], name: str
) -> None:
    plant(found)
    verdict: Verdict = compare(account, found, DESK)
    assert getattr(verdict, name)


def test_events_are_named_of_which_the_facts_are_others_than_they_must_be(
    account: Account, found: Found
) -> None:
    assert compare(account, found, DESK).facts == set()
    found.facts[key(1)] = (1, 2)
    found.facts[key(3)] = (2, 0)
    assert compare(account, found, DESK).facts == {key(1), key(3)}
