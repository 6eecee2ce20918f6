"""Who is struck by what: the rule as a table of cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.clickhouse.strikes import CountedFact, FactKey, KnownRecall, Strike, find_strikes

A, B, C, R, OTHER = "a", "b", "c", "r", "x"


def row(event_id: str = A, bureau: str = "FR", offset: int = 0) -> FactKey:
    return FactKey(bureau, event_id, "intel.europe", 0, offset)


def fact(event_id: str = A, bureau: str = "FR", offset: int = 0, **changes: object) -> CountedFact:
    values: dict[str, object] = {
        "row": row(event_id, bureau, offset), "root": None, "kind": "notice", "recorded_at_ms": 10,
    }  # fmt: skip
    return CountedFact(**(values | changes))  # type: ignore[arg-type]


def recall(target: str = A, **changes: object) -> KnownRecall:
    values: dict[str, object] = {
        "bureau": "FR", "target": target, "root": None, "kind": "recall", "reason": "withdrawal",
        "recall_event_id": R, "recorded_at_ms": 20,
    }  # fmt: skip
    return KnownRecall(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "counted", "struck"),
    [
        (recall(A), fact(A), True),
        (recall(A), fact(B), False),
        (recall(A), fact(B, root=("FR", A)), True),
        (recall(B, root=("FR", A)), fact(A), True),
        (recall(B, root=("FR", A)), fact(C, root=("FR", A)), True),
        (recall(B, root=("FR", A)), fact(B, root=("FR", A)), True),
        (recall(A), fact(A, bureau="DE"), False),
        (recall(A), fact(B, root=("DE", A), bureau="DE"), False),
        (recall(A), fact(B, root=("DE", A), bureau="FR"), False),
        (recall(A, root=("FR", A)), fact(B, root=("FR", A), bureau="XP"), True),
        (recall(B, bureau="XP", root=("FR", A)), fact(C, root=("FR", A), bureau="FR"), True),
        (recall(B, bureau="XP", root=("FR", A)), fact(A), True),
        (recall(A, kind="notice"), fact(A), True),
        (recall(A, kind="notice", root=("FR", A)), fact(B, root=("FR", A)), False),
        (recall(B, kind="notice", root=("FR", A)), fact(A), False),
        (recall(A, root=("FR", A)), fact(R, root=("FR", A), kind="recall"), False),
        (recall(A, root=("FR", A)), fact(OTHER, root=("FR", A), kind="recall"), False),
        (recall(OTHER), fact(OTHER, kind="recall"), True),
        (recall(A, kind="notice", root=("FR", A)), fact(R, root=("FR", A)), False),
    ],
    ids=lambda value: repr(value)[:60] if not isinstance(value, bool) else str(value),
)
def test_the_rule(known: KnownRecall, counted: CountedFact, struck: bool) -> None:
    assert bool(find_strikes([known], [counted], set())) is struck


def test_a_struck_copy_is_not_struck_again_and_another_copy_is() -> None:
    assert find_strikes([recall(A)], [fact(A)], {row(A)}) == ()
    assert len(find_strikes([recall(A)], [fact(A)], {row(A, "DE")})) == 1
    (strike,) = find_strikes([recall(A)], [fact(A), fact(A, offset=7)], {row(A)})
    assert strike.row == row(A, offset=7)


def test_it_is_recorded_at_the_later_of_the_two_by_the_earliest_recall() -> None:
    late = recall(A, recall_event_id="late", recorded_at_ms=50)
    early = recall(A, recall_event_id="early", recorded_at_ms=20)
    (strike,) = find_strikes([late, early], [fact(A, recorded_at_ms=10)], set())
    assert strike == Strike(row(A), "early", "recall", "withdrawal", 20)
    (strike,) = find_strikes([late, early], [fact(A, recorded_at_ms=30)], set())
    assert (strike.recall_event_id, strike.recorded_at_ms) == ("early", 30)


@given(st.permutations([fact(A), fact(B, root=("FR", A)), fact(C, root=("FR", A)), fact(A)]))
def test_order_and_repeats_of_the_input_do_not_matter(facts: list[CountedFact]) -> None:
    found = find_strikes([recall(B, root=("FR", A))], facts, set())
    assert [strike.row.event_id for strike in found] == [A, B, C]
