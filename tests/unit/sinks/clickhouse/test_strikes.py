"""Who is struck by what: the rule as a table of cases, and against random chains."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.clickhouse.strikes import (
    CountedFact,
    EventKey,
    FactKey,
    KnownRecall,
    Link,
    Strike,
    find_strikes,
)
from tests.chains import Named, random_chains, struck

A, B, C, R, OTHER = "a", "b", "c", "r", "x"
B_OF_A = Link(("FR", B), ("FR", A), 10)
C_OF_A = Link(("FR", C), ("FR", A), 10)
C_OF_B = Link(("FR", C), ("FR", B), 10)


def row(event_id: str = A, bureau: str = "FR", offset: int = 0) -> FactKey:
    return FactKey(bureau, event_id, "intel.europe", 0, offset)


def fact(event_id: str = A, bureau: str = "FR", offset: int = 0, **changes: object) -> CountedFact:
    values: dict[str, object] = {
        "row": row(event_id, bureau, offset), "kind": "notice", "recorded_at_ms": 10,
    }  # fmt: skip
    return CountedFact(**(values | changes))  # type: ignore[arg-type]


def recall(target: str = A, **changes: object) -> KnownRecall:
    values: dict[str, object] = {
        "bureau": "FR", "target": target, "root": None, "kind": "recall", "reason": "withdrawal",
        "recall_event_id": R, "recalled_by": "FR", "recorded_at_ms": 20,
    }  # fmt: skip
    return KnownRecall(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "counted", "links", "struck_by_it"),
    [
        (recall(A), fact(A), [], True),
        (recall(A), fact(B), [], False),
        (recall(A), fact(B), [B_OF_A], True),
        (recall(B), fact(A), [B_OF_A], True),
        (recall(B), fact(C), [B_OF_A, C_OF_A], True),
        (recall(A), fact(C), [B_OF_A, C_OF_B], True),
        (recall(C), fact(A), [C_OF_B, B_OF_A], True),
        (recall(C, root=("FR", A)), fact(B), [B_OF_A], True),
        (recall(C, root=("FR", A)), fact(A), [], True),
        (recall(A), fact(A, bureau="DE"), [], False),
        (recall(A), fact(B, bureau="DE"), [Link(("DE", B), ("DE", A), 10)], False),
        (recall(A), fact(B, bureau="XP"), [Link(("XP", B), ("FR", A), 10)], True),
        (recall(B, bureau="XP"), fact(A), [Link(("XP", B), ("FR", A), 10)], True),
        (recall(A, kind="notice"), fact(A), [B_OF_A], True),
        (recall(A, kind="notice", root=("FR", A)), fact(B), [B_OF_A], False),
        (recall(B, kind="notice", root=("FR", A)), fact(A), [B_OF_A], False),
        (recall(A, root=("FR", R)), fact(R, kind="recall"), [], False),
        (recall(A, root=("FR", OTHER)), fact(OTHER, kind="recall"), [], False),
        (recall(OTHER), fact(OTHER, kind="recall"), [], True),
        (recall(A, kind="notice", recall_event_id=A), fact(A), [], False),
        (recall(A, kind="notice", recall_event_id=A, recalled_by="XP"), fact(A), [], True),
    ],
    ids=lambda value: repr(value)[:60] if not isinstance(value, bool) else str(value),
)
def test_the_rule(
    known: KnownRecall, counted: CountedFact, links: list[Link], struck_by_it: bool
) -> None:
    assert bool(find_strikes([known], links, [counted])) is struck_by_it


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_of_a_chain_is_recalled_the_whole_chain_falls(seed: int) -> None:
    rng = Random(seed)
    events = random_chains(rng, "FR")
    rng.shuffle(events)

    def key(name: Named) -> EventKey:
        return name.bureau, str(name.event_id)

    links = [
        Link(key(event.name), key(other), 10)
        for event in events
        for other in (event.supersedes, event.root)
        if other is not None and not event.recall
    ]
    recalls = [
        recall(
            str(event.supersedes.event_id),
            bureau=event.supersedes.bureau,
            root=None if event.root is None else key(event.root),
            kind="recall" if event.recall else "notice",
            recall_event_id=str(event.name.event_id),
            recalled_by=event.name.bureau,
        )
        for event in events
        if event.supersedes is not None
    ]
    facts = [
        fact(
            str(event.name.event_id), event.name.bureau, kind="recall" if event.recall else "notice"
        )
        for event in events
    ]
    found = find_strikes(recalls, links, facts)
    assert {strike.row[:2] for strike in found} == {key(name) for name in struck(events)}


def test_a_chain_of_many_steps_is_one() -> None:
    names = [str(number) for number in range(20_000)]
    links = [Link(("FR", a), ("FR", b), 10) for a, b in zip(names, names[1:], strict=False)]
    found = find_strikes([recall(names[7])], links, map(fact, names))
    assert {strike.row.event_id for strike in found} == set(names)


def test_each_copy_is_struck() -> None:
    found = find_strikes([recall(A)], [], [fact(A), fact(A, offset=7), fact(A)])
    assert [strike.row for strike in found] == [row(A), row(A, offset=7)]


def test_it_is_recorded_at_the_later_of_the_two_by_the_earliest_recall() -> None:
    late = recall(A, recall_event_id="late", recorded_at_ms=50)
    early = recall(A, recall_event_id="early", recorded_at_ms=20)
    (strike,) = find_strikes([late, early], [], [fact(A, recorded_at_ms=10)])
    assert strike == Strike(row(A), "early", "recall", "withdrawal", 20, 20)
    (strike,) = find_strikes([late, early], [], [fact(A, recorded_at_ms=30)])
    assert (strike.recall_event_id, strike.recorded_at_ms) == ("early", 30)


def test_a_strike_by_way_of_a_late_link_is_recorded_when_the_link_was() -> None:
    late = Link(("FR", B), ("FR", A), 70)
    (strike,) = find_strikes([recall(B)], [late], [fact(A)])
    assert strike.recorded_at_ms == 70
    (strike,) = find_strikes([recall(B)], [late, C_OF_A, C_OF_B], [fact(A)])
    assert strike.recorded_at_ms == 20, "by another way it was known earlier"
    direct = recall(A, recall_event_id="direct", recorded_at_ms=50)
    (strike,) = find_strikes([recall(B), direct], [late], [fact(A)])
    assert (strike.recall_event_id, strike.recorded_at_ms) == ("direct", 50)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_recorded_later_changes_nothing_of_what_was_struck_at_a_moment(seed: int) -> None:
    """So a release as of a cut-off stays what it is, in whichever order things land."""
    rng = Random(seed)
    names = [("FR", str(number)) for number in range(7)]
    links = [Link(rng.choice(names), rng.choice(names), rng.randrange(9)) for _ in range(6)]
    facts = [fact(name[1], recorded_at_ms=rng.randrange(9)) for name in names]
    recalls = [
        recall(
            rng.choice(names)[1], kind=rng.choice(("recall", "recall", "notice")),
            root=rng.choice((None, *names)), recall_event_id=rng.choice((R, "s", "0")),
            recorded_at_ms=rng.randrange(9),
        )
        for _ in range(3)
    ]  # fmt: skip
    every = find_strikes(recalls, links, facts)
    for moment in range(10):
        known = find_strikes(
            [one for one in recalls if one.recorded_at_ms < moment],
            [one for one in links if one.recorded_at_ms < moment],
            [one for one in facts if one.recorded_at_ms < moment],
        )
        assert known == tuple(one for one in every if one.recorded_at_ms < moment)
    for given_ in (recalls, links, facts):
        rng.shuffle(given_)
    assert find_strikes(recalls, links, facts) == every


@given(st.permutations([fact(A), fact(B), fact(C), fact(A)]))
def test_order_and_repeats_of_the_input_do_not_matter(facts: list[CountedFact]) -> None:
    found = find_strikes([recall(B)], [B_OF_A, C_OF_A], facts)
    assert [strike.row.event_id for strike in found] == [A, B, C]
