"""`liaison rates`: changes and rates of a published table, with what they were made from."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import choices
from deploy.cli.figures import FormatOption, print_figures
from deploy.cli.session import session_of
from schemas.rights import RoleName

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from deploy.exports import Published

__all__ = ["rates"]

_YEAR_MONTHS = 12


class _Since(StrEnum):
    PREVIOUS = "previous"
    YEAR = "year"


def rates(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Its name, as events_by_kind.")],
    change: Annotated[
        _Since | None,
        typer.Option(help="Change in per cent: since the previous period, or the same a year ago."),
    ] = None,
    denominator: Annotated[
        str | None,
        typer.Option(
            help="Rate by: members (bureaus of the region on the period's first day), reporting "
            "(bureaus that reported in the period), or a CSV file with the columns area, year, "
            "value, source."
        ),
    ] = None,
    per: Annotated[
        int, typer.Option(min=1, max=10**9, help="A rate is per so many: 100000 inhabitants.")
    ] = 1,
    decimals: Annotated[int, typer.Option(min=0, max=9, help="Digits after the point.")] = 2,
    release: Annotated[int | None, typer.Option(help="Its number; the one that stands.")] = None,
    as_of: choices.AsOf = None,
    lang: Annotated[
        str | None,
        typer.Option(
            help="A column of labels beside each column of codes, in en, fr, es or ar.",
            callback=choices.language,
        ),
    ] = None,
    as_format: FormatOption = None,
) -> None:
    """Print changes or rates of a published table, made from what it shows and nothing else.

    Each stands beside its published figure and its base, or its denominator with year and source.
    Where a figure is hidden there is no value, with Q and C; where the base is 0 or nobody knows
    the denominator, with M. Rates are of the period itself, not made up to a year.

    Example: [bold]liaison rates events_by_category --denominator inhabitants.csv --per 100000[/]
    """
    from deploy.connections import find_clickhouse
    from deploy.exports import find_published

    choices.one_release(release, as_of)
    if (change is None) == (denominator is None):
        raise typer.BadParameter("--change or --denominator, one of them, says what is wanted")
    client = find_clickhouse(session_of(context).settings, RoleName.STATISTICIAN).client()
    try:
        published = find_published(client, dataset, release, as_of)
        if denominator is None:
            columns, rows = _changes(client, published, change, decimals)
        else:
            columns, rows = _rates(client, published, denominator, per, decimals)
        if lang is not None:
            columns, rows = _labelled(client, published, lang, columns, rows)
    finally:
        client.close()
    what = f"change, {change}" if denominator is None else f"per {per}, by {denominator}"
    title = f"{dataset} of release {published.release}: {what}"
    print_figures(columns, rows, as_format, title=title)


_Shown = tuple[list[str], list[list[object]]]


def _changes(client: Client, published: Published, since: _Since | None, decimals: int) -> _Shown:
    from deploy.exports import CHANGE_COLUMNS, changes_of

    months = _YEAR_MONTHS if since is _Since.YEAR else None
    found = changes_of(published, published.rows(client), months=months, decimals=decimals)
    return [*published.dataset.dimensions, *CHANGE_COLUMNS], [[*row[0], *row[1:]] for row in found]


def _rates(
    client: Client, published: Published, denominator: str, per: int, decimals: int
) -> _Shown:
    from deploy.exports import BUREAUS, RATE_COLUMNS, bureaus, rates_of, read_denominators

    if denominator in BUREAUS:
        by = bureaus(client, published.release, denominator)
    else:
        by = read_denominators(Path(denominator))
    found = rates_of(published, published.rows(client), by, per=per, decimals=decimals)
    return [*published.dataset.dimensions, *RATE_COLUMNS], [[*row[0], *row[1:]] for row in found]


def _labelled(
    client: Client,
    published: Published,
    language: str,
    columns: list[str],
    rows: list[list[object]],
) -> _Shown:
    """With a column of labels after each of the dataset's codes; periods name themselves."""
    from sinks.statistics.dataset import TIME

    labels = published.labels(client)
    named = set(published.dataset.dimensions) - {TIME}
    shown: list[list[object]] = []
    for row in rows:
        filled: list[object] = []
        for name, value in zip(columns, row, strict=True):
            filled.append(value)
            if name in named:
                filled.append(labels.get(name, {}).get(str(value), {}).get(language, ""))
        shown.append(filled)
    titles: list[str] = []
    for name in columns:
        titles += [name, f"{name}_label"] if name in named else [name]
    return titles, shown
