"""The operations whose figures were published, as the reports that would add up to them.

One report a country and operation, over its whole period, so that the sums over all reports are the
reference data's figures exactly. How a figure spreads over the countries is invented [design]. So
are the lists of countries: the sources print 27 and 34 names, which are not in our files; those
below are a plausible choice of as many members and say nothing about who took part. [design]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from random import Random

from producers.simulator.choice import zipf
from producers.simulator.items import Handover
from producers.simulator.population import Population
from schemas.ids import derived_id
from schemas.models import Measure, OperationReport
from schemas.reference import Operation, Reference

__all__ = ["PARTICIPANTS", "operation_reports"]

PARTICIPANTS: Mapping[str, tuple[str, ...]] = {
    "storm-makers-ii": (
        "AE", "AO", "BD", "BN", "BR", "CN", "GH", "ID", "IN", "JP", "KE", "KH", "KR", "LA", "LK",
        "MM", "MY", "NP", "PE", "PH", "PK", "SG", "TH", "TR", "UG", "VN", "ZA",
    ),
    "haechi-iv": (
        "AE", "AR", "AU", "BN", "CN", "ES", "GB", "GH", "ID", "IE", "IN", "JP", "KG", "KH", "KR",
        "LA", "LI", "MU", "MV", "MY", "NG", "NZ", "PH", "PK", "PL", "RO", "SC", "SE", "SG", "SI",
        "TH", "US", "VN", "ZA",
    ),
}  # fmt: skip

_TOTAL = "amount-seized"
_PARTS = ("amount-seized-cash", "amount-seized-virtual")


def operation_reports(reference: Reference) -> Iterator[Handover]:
    """The reports of all operations; the same events, with the same ids, whenever it is called."""
    for operation in reference.operations.values():
        yield from _reports(operation)


def _unit(measure: str) -> str:
    """The published amounts are in dollars; other measures have a unit of their own."""
    return "USD" if measure == _TOTAL or measure in _PARTS else ""


def _reports(operation: Operation) -> Iterator[Handover]:
    bureaus = PARTICIPANTS[operation.slug]
    shares = _shares(operation, len(bureaus))
    begin = datetime.combine(operation.starts_on, time(), UTC)
    end = datetime.combine(operation.ends_on, time(18), UTC)
    primary, *further = operation.categories
    for place, bureau in enumerate(bureaus):
        measures = tuple(
            Measure(measure=measure, value=Decimal(parts[place]), unit=_unit(measure))
            for measure, parts in shares.items()
            if parts[place]
        )
        event = OperationReport(
            event_id=derived_id("operation", operation.slug, bureau),
            occurred_at=end,
            case_ref=f"{operation.slug}/{bureau}",
            category=primary,
            further_categories=tuple(further),
            concerned_countries=(bureau,),
            tlp="GREEN",
            purpose="threat-and-trend-analysis",
            operation=operation.slug,
            measures=measures,
            period_from=begin,
            period_until=end,
            text=f"Results of {operation.labels['en']}.",
        )
        yield Handover(bureau, Population.system(bureau), event)


def _shares(operation: Operation, count: int) -> dict[str, list[int]]:
    """Each figure in `count` whole parts that add up to it; a total is the sum of its parts."""
    order = Random(_seed(operation.starts_on))
    shares: dict[str, list[int]] = {}
    for measure, figure in operation.figures.items():
        weights = zipf(count)
        order.shuffle(weights)
        shares[measure] = _split(int(figure), weights)
    if all(part in shares for part in _PARTS):
        cash, virtual = (shares[part] for part in _PARTS)
        shares[_TOTAL] = [a + b for a, b in zip(cash, virtual, strict=True)]
    return shares


def _seed(day: date) -> int:
    return day.toordinal()


def _split(total: int, weights: list[float]) -> list[int]:
    """Largest remainders: whole parts by weight, with exactly this sum."""
    exact = [total * weight for weight in weights]
    parts = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda n: exact[n] - parts[n], reverse=True)
    for place in by_remainder[: total - sum(parts)]:
        parts[place] += 1
    return parts
