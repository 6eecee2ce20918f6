"""Which cells and changes are sensitive, and the bars of their protection."""

from __future__ import annotations

import pytest

from sinks.statistics.disclosure import Cell, CellId, Reason, Rules, sensitive_change, why_sensitive

RULES = Rules(higher_for=frozenset({("category", "terrorism"), ("category", "child-exploitation")}))
PLAIN = CellId("events", (("category", "fraud"), ("time", "2025-01")), "")
TERROR = CellId("events", (("category", "terrorism"), ("time", "2025-01")), "")
WORLD = CellId("events", (("time", "2025-01"),), "")


@pytest.mark.parametrize(
    ("parts", "reasons"),
    [
        ({}, set()),
        ({"fr": 2, "de": 2, "es": 1}, set()),
        ({"fr": 2, "de": 1, "es": 1}, {Reason.BELOW_MINIMUM}),
        ({"fr": 60, "de": 60}, {Reason.FEW_BUREAUS, Reason.DOMINANCE}),
        ({"fr": 100, "de": 60, "es": 9}, {Reason.DOMINANCE}),
        ({"fr": 100, "de": 60, "es": 10}, set()),
    ],
)
def test_a_count_is_sensitive_by_its_contributors(
    parts: dict[str, int], reasons: set[Reason]
) -> None:
    cell = Cell((), sum(parts.values()), parts)
    assert why_sensitive(PLAIN, cell, True, RULES) == reasons


def test_an_amount_has_no_minimum_count() -> None:
    cell = Cell((), 4, {"fr": 2, "de": 1, "es": 1})
    assert why_sensitive(PLAIN, cell, False, RULES) == set()


@pytest.mark.parametrize(("value", "sensitive"), [(9, True), (10, False)])
def test_terrorism_has_the_higher_minimum(value: int, sensitive: bool) -> None:
    cell = Cell((), value, {"fr": value - 4, "de": 2, "es": 2})
    assert (Reason.BELOW_MINIMUM in why_sensitive(TERROR, cell, True, RULES)) == sensitive


@pytest.mark.parametrize(
    ("restricted", "sensitive"),
    [
        ({}, False),
        ({"fr": 1}, True),
        ({"fr": 2, "de": 1, "es": 1}, True),
        ({"fr": 2, "de": 2, "es": 1}, False),
        ({"fr": 20, "de": 20}, True),
    ],
)
def test_restricted_events_are_counted_on_their_own(
    restricted: dict[str, int], sensitive: bool
) -> None:
    cell = Cell((), 300, {"fr": 100, "de": 100, "es": 100}, restricted)
    assert (Reason.RESTRICTED in why_sensitive(PLAIN, cell, True, RULES)) == sensitive


@pytest.mark.parametrize(
    ("cell_id", "parts", "sensitive"),
    [
        (PLAIN, {}, False),
        (PLAIN, {"fr": 1}, True),
        (PLAIN, {"fr": 2, "de": 2, "es": 2}, False),
        (PLAIN, {"fr": 40, "de": 40}, True),
        (TERROR, {"fr": 2, "de": 2, "es": 2}, True),
        (WORLD, {"fr": 1}, False),
    ],
)
def test_a_change_is_judged_gross_and_the_world_s_month_is_exempt(
    cell_id: CellId, parts: dict[str, int], sensitive: bool
) -> None:
    gross = sum(parts.values())
    assert sensitive_change(cell_id, gross, parts, True, RULES) == sensitive


@pytest.mark.parametrize(
    ("value", "low", "high"), [(0, 0, 3), (1, 1, 4), (2, 1, 5), (5, 2, 8), (31, 27, 35)]
)
def test_bars(value: int, low: int, high: int) -> None:
    assert (RULES.lower_bar(value), RULES.upper_bar(value)) == (low, high)


@pytest.mark.parametrize(("others", "low", "high"), [(1, 1, 2), (2, 1, 3), (31, 27, 35)])
def test_bars_for_who_subtracts_its_own_part(others: int, low: int, high: int) -> None:
    assert RULES.insider_lower_bar(others) == low
    assert RULES.insider_upper_bar(others) == high
