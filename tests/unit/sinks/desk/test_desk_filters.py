from __future__ import annotations

from typing import Any

import pytest

from sinks.desk.filters import Filters, Subscription
from tests.desk_records import RECORDED_MS, enrichment


@pytest.mark.parametrize(
    ("filters", "given", "wanted"),
    [
        (Filters(), {}, True),
        (Filters(categories=frozenset({"terrorism"})), {"categories": ["x", "terrorism"]}, True),
        (Filters(categories=frozenset({"terrorism"})), {"categories": ["x"]}, False),
        (Filters(urgencies=frozenset({"flash", "urgent"})), {"urgency": "urgent"}, True),
        (Filters(urgencies=frozenset({"flash"})), {"urgency": "unknown"}, False),
        (Filters(bureaus=frozenset({"DE"})), {"bureau": "FR"}, False),
        (Filters(kinds=frozenset({"notice"})), {"kind": "notice"}, True),
        (Filters(kinds=frozenset({"notice"})), {"kind": "report"}, False),
        (Filters(tlp=frozenset({"GREEN"})), {"tlp": "AMBER"}, False),
        (Filters(handling_codes=frozenset({"H1"})), {"handling_codes": ["H3", "H1"]}, True),
        (Filters(handling_codes=frozenset({"H1"})), {"handling_codes": []}, False),
        (Filters(min_score=50), {"score": 50}, True),
        (Filters(min_score=51), {"score": 50}, False),
        (Filters(iccs_prefix="0601"), {"offence": "060101"}, True),
        (Filters(iccs_prefix="0601"), {"offence": "0701"}, False),
        (Filters(iccs_prefix="0601"), {"offence": None}, False),
        (Filters(recorded_since_ms=RECORDED_MS), {}, True),
        (Filters(recorded_since_ms=RECORDED_MS + 1), {}, False),
    ],
)
def test_a_filter_decides_on_the_enrichment(
    filters: Filters, given: dict[str, Any], wanted: bool
) -> None:
    assert filters.match(enrichment(**given)) is wanted


@pytest.mark.parametrize("categories", [["a"], ["b", "a"], ["z", "c", "a", "b"], ["a", "b", "c"]])
@pytest.mark.parametrize("subscribed", [{"a"}, {"a", "b"}, {"a", "b", "c"}, {"a", "c"}])
def test_an_event_in_many_topics_is_taken_from_exactly_one(
    categories: list[str], subscribed: set[str]
) -> None:
    event = enrichment(categories=categories)
    subscription = Subscription("europe", frozenset(subscribed), "DE")
    places = [c for c in categories if c in subscribed]
    taken = [place for place in places if subscription.takes(event, place)]
    assert taken == places[:1]
    assert not subscription.takes(event, None), "the bureau's own topic repeats the desk's"


def test_what_no_subscribed_desk_topic_has_is_taken_from_the_bureau_topic() -> None:
    subscription = Subscription("europe", frozenset({"terrorism"}), "DE")
    assert subscription.takes(enrichment(audience_regions=[], audience_bureaus=["DE"]), None)
    assert subscription.takes(enrichment(categories=["cybercrime"]), None)


def test_a_bureau_does_not_get_its_own_events_back() -> None:
    own = enrichment(bureau="DE")
    assert not Subscription("europe", frozenset({"terrorism"}), "DE").takes(own, "terrorism")
    assert Subscription("europe", frozenset({"terrorism"})).takes(own, "terrorism")


def test_the_order_of_categories_does_not_change_what_a_store_is_bound_to() -> None:
    assert (
        Subscription("europe", frozenset(["a", "b"])).identity
        == Subscription("europe", frozenset(["b", "a"])).identity
        != Subscription("europe", frozenset(["a", "b"]), "DE").identity
    )
