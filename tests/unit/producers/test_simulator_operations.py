"""The two operations' reports add up to the published figures, exactly."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from producers.simulator import PARTICIPANTS, operation_reports
from schemas.reference import Reference

REFERENCE = Reference.load()


@pytest.mark.parametrize("slug", ["storm-makers-ii", "haechi-iv"])
def test_reports_of_as_many_countries_add_up_to_the_figures(slug: str) -> None:
    reports = [item for item in operation_reports(REFERENCE) if item.event.operation == slug]
    operation = REFERENCE.operations[slug]
    assert len({item.bureau for item in reports}) == len(reports) == operation.countries
    sums: Counter[str] = Counter()
    for item in reports:
        for measure in item.event.measures:
            assert measure.value > 0
            sums[measure.measure] += measure.value  # type: ignore[assignment]
    assert sums == operation.figures


def test_the_figures_are_those_of_the_sources() -> None:
    sums: Counter[tuple[str | None, str]] = Counter()
    for item in operation_reports(REFERENCE):
        for measure in item.event.measures:
            sums[item.event.operation, measure.measure] += int(measure.value)
    assert sums["storm-makers-ii", "persons-arrested"] == 281
    assert sums["storm-makers-ii", "victims-rescued"] == 149
    assert sums["storm-makers-ii", "investigations-opened"] == 360
    assert sums["storm-makers-ii", "checks"] == 270_000
    assert sums["haechi-iv", "persons-arrested"] == 3_500
    assert sums["haechi-iv", "accounts-blocked"] == 82_112
    assert sums["haechi-iv", "virtual-asset-accounts-blocked"] == 367
    assert sums["haechi-iv", "amount-seized-cash"] == 199_000_000
    assert sums["haechi-iv", "amount-seized-virtual"] == 101_000_000
    assert sums["haechi-iv", "amount-seized"] == 300_000_000


def test_a_total_is_the_sum_of_its_parts_in_each_report() -> None:
    for item in operation_reports(REFERENCE):
        found = {measure.measure: measure.value for measure in item.event.measures}
        if item.event.operation == "haechi-iv":
            zero = Decimal(0)
            assert found["amount-seized"] == (
                found.get("amount-seized-cash", zero) + found.get("amount-seized-virtual", zero)
            )


def test_the_same_reports_have_the_same_ids_every_time() -> None:
    assert list(operation_reports(REFERENCE)) == list(operation_reports(REFERENCE))


def test_participants_are_members() -> None:
    for slug, bureaus in PARTICIPANTS.items():
        assert set(bureaus) <= set(REFERENCE.members), slug
        assert len(set(bureaus)) == len(bureaus) == REFERENCE.operations[slug].countries
