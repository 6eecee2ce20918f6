"""Changes and rates of a published table, each beside what it was made from.

Whoever reads makes them from figures of one stored release, so they tell nothing that the release
does not: where one of the figures is hidden there is no value, with the status Q and C. Figures
that are shares already have no changes, and only counts and amounts have rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from deploy.exports.published import Published, Row, find_published
from schemas.errors import PermanentError
from sinks.statistics.dataset import TIME, TOTAL, Protected
from sinks.statistics.periods import Period

__all__ = [
    "BUREAUS",
    "CHANGE_COLUMNS",
    "RATE_COLUMNS",
    "Change",
    "Denominator",
    "Denominators",
    "Rate",
    "bureaus",
    "changes_of",
    "rates_of",
]

CHANGE_COLUMNS = (
    "obs_value", "unit_measure", "obs_status", "conf_status", "published_value", "base_period",
    "base_value", "release",
)  # fmt: skip
RATE_COLUMNS = (
    "obs_value", "unit_measure", "obs_status", "conf_status", "published_value", "per",
    "denominator", "denominator_year", "denominator_source", "release",
)  # fmt: skip
PER_CENT = "PT"
BUREAUS = ("members", "reporting")
"""Indicators of `pub.coverage` that events may be divided by."""
_COVERAGE = "coverage"
_DIGITS = 60
"""Of a quotient, before it is rounded."""

Value = int | Decimal | None


class Change(NamedTuple):
    """In per cent of the base; `codes` in the order of the dataset's dimensions."""

    codes: tuple[str, ...]
    obs_value: Decimal | None
    unit_measure: str
    obs_status: str
    conf_status: str
    published_value: Value
    base_period: str
    base_value: Value
    release: int


class Rate(NamedTuple):
    """So many of the published unit per so many of the denominator."""

    codes: tuple[str, ...]
    obs_value: Decimal | None
    unit_measure: str
    obs_status: str
    conf_status: str
    published_value: Value
    per: int
    denominator: Value
    denominator_year: str
    denominator_source: str
    release: int


@dataclass(frozen=True, slots=True)
class Denominator:
    """What a figure is divided by; without a value where that is hidden or was not reported."""

    value: Value
    source: str
    obs_status: str = "A"
    conf_status: str = "F"


Denominators = Callable[[str, Period], Denominator | None]
"""Takes area (a region or bureau; `total` is the world) and period; None: nobody knows it."""


def changes_of(
    published: Published, figures: Iterable[Row], *, months: int | None, decimals: int
) -> Iterator[Change]:
    """Each figure's change since so many months before; None: since the period before.

    Over a break in the series, in whichever period between, the status is B.

    Raises:
        PermanentError: the table has no periods, or holds shares.
    """
    _refuse_unfit(published, shares=published.dataset.unit == PER_CENT)
    place = published.dataset.dimensions.index(TIME)
    rows = {row.codes: row for row in figures}
    for codes, row in rows.items():
        period = Period.parse(codes[place])
        base = period.earlier(period.months if months is None else months)
        series = [
            rows.get((*codes[:place], one.code, *codes[place + 1 :])) for one in _from(base, period)
        ]
        before = series[0]
        is_broken = any(one is not None and one.obs_status == "B" for one in series)
        obs_status, conf_status = _status(row, before, is_broken=is_broken)
        value = None
        if before is not None and before.value and row.value is not None:
            value = _rounded(100 * (row.value - before.value), before.value, decimals)
        yield Change(
            codes,
            value,
            PER_CENT,
            obs_status,
            conf_status,
            row.value,
            base.code,
            None if before is None else before.value,
            published.release,
        )


def rates_of(
    published: Published, figures: Iterable[Row], by: Denominators, *, per: int, decimals: int
) -> list[Rate]:
    """Each figure by the denominator of its area and year.

    Raises:
        PermanentError: the table has no periods, or holds what is no count and no amount; or there
            is no denominator for any of it.
    """
    dataset = published.dataset
    _refuse_unfit(published, shares=dataset.protection is Protected.THRESHOLD)
    found = []
    for row in figures:
        at = dict(zip(dataset.dimensions, row.codes, strict=True))
        area, period = at.get("region", TOTAL), Period.parse(at[TIME])
        below = by(area, period)
        obs_status, conf_status = _status(row, below, is_broken=row.obs_status == "B")
        value = None
        if below is not None and below.value and row.value is not None:
            value = _rounded(per * row.value, below.value, decimals)
        found.append(
            Rate(
                row.codes,
                value,
                row.unit_measure,
                obs_status,
                conf_status,
                row.value,
                per,
                None if below is None else below.value,
                "" if below is None else str(period.year),
                "" if below is None else below.source,
                published.release,
            )
        )
    if found and not any(rate.denominator_source for rate in found):
        first = found[0]
        raise PermanentError(
            f"there is no denominator for any figure of {dataset.name}, as {' '.join(first.codes)}:"
            " areas are the table's codes of regions, `total` is the world; bureaus that reported "
            "are told of the shortest periods alone",
            code="no-denominators",
        )
    return found


def bureaus(client: Client, release: int, indicator: str) -> Denominators:
    """Member bureaus of a region at the beginning of a period, or those that reported in it.

    Which is told by the release itself, for the regions that it has: `pub.coverage`.
    """
    coverage = find_published(client, _COVERAGE, release)
    told: dict[tuple[str, Period], Row] = {}
    for row in coverage.rows(client):
        at = dict(zip(coverage.dataset.dimensions, row.codes, strict=True))
        if at["indicator"] == indicator:
            told[at["region"], Period.parse(at[TIME])] = row
    blocks = sorted({period for _, period in told})

    def of(area: str, period: Period) -> Denominator | None:
        block = period
        if indicator == "members":  # as many as on the period's first day
            within = (one for one in blocks if one.first_day == period.first_day)
            block = next(within, period)
        row = told.get((area, block))
        if row is None:
            return None
        source = f"pub.{_COVERAGE} {indicator} {block.code}"
        return Denominator(row.value, source, row.obs_status, row.conf_status)

    return of


def _status(row: Row, by: Row | Denominator | None, *, is_broken: bool) -> tuple[str, str]:
    """`obs_status` and `conf_status`; B goes before Q, Q before P, as in a release.

    Without a value it is C where a figure is hidden, else O or M.
    """
    told = [row] if by is None else [row, by]
    if any(one.conf_status == "C" for one in told):
        return "B" if is_broken else "Q", "C"
    nothing = [one.obs_status for one in told if one.value is None]
    if nothing:
        return nothing[0], "F"
    if by is None or not by.value:
        return "M", "F"
    is_provisional = any(one.obs_status == "P" for one in told)
    return "B" if is_broken else "P" if is_provisional else "A", "F"


def _rounded(value: int | Decimal, by: int | Decimal, decimals: int) -> Decimal:
    """The quotient; halves go away from zero."""
    with localcontext(prec=_DIGITS):
        quotient = Decimal(value) / Decimal(by)
        return quotient.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def _from(base: Period, last: Period) -> Iterator[Period]:
    period = base
    while period.first_day < last.first_day:
        yield period
        period = period.after()
    yield last


def _refuse_unfit(published: Published, *, shares: bool) -> None:
    name = published.dataset.name
    if TIME not in published.dataset.dimensions:
        raise PermanentError(
            f"{name} has no reference periods, so there is neither a change nor a denominator of "
            "the year",
            code="no-rates",
        )
    if shares:
        raise PermanentError(
            f"the figures of {name} ({published.dataset.unit}) are no counts and no amounts: take "
            "them as they are",
            code="no-rates",
        )
