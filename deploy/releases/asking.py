"""Questions about releases, as a statistician may ask them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from clickhouse_connect.driver.client import Client

from schemas.errors import PermanentError
from sinks.statistics.periods import (
    Frequency,
    Period,
    cut_off_text,
    parse_cut_off,
    release_calendar,
)

__all__ = ["DATASETS_SQL", "calendar_rows", "diff_rows", "release_number"]

DATASETS_SQL = (
    "SELECT release, dataset, title_en AS title, cells, hidden_percent, hidden_value_percent, "
    "protection FROM pub.datasets WHERE release = {number} ORDER BY dataset"
)


def release_number(client: Client, number: int | None, as_of: str | None) -> int:
    """That release; or the newest that stood at a moment, or stands now.

    A release that was withdrawn later stood until then.

    Raises:
        PermanentError: there is none.
    """
    if number is not None:
        where = f"release = {number}"
    elif as_of is None:
        where = "release NOT IN (SELECT release FROM pub.withdrawn_releases)"
    else:
        until = f"parseDateTimeBestEffort('{_moment(as_of)}')"
        where = (
            f"published_at <= {until} AND release NOT IN "
            f"(SELECT release FROM pub.withdrawn_releases WHERE withdrawn_at <= {until})"
        )
    found = client.query(f"SELECT max(release) FROM pub.releases WHERE {where}").result_rows[0][0]
    if not found:
        which = number if number is not None else f"at {as_of or 'this time'}"
        raise PermanentError(
            f"there is no release {which}: `liaison release list` shows them",
            code="no-such-release",
        )
    return int(found)


def _moment(as_of: str) -> str:
    try:
        return cut_off_text(parse_cut_off(as_of))
    except ValueError as error:
        raise PermanentError(
            f"--as-of {as_of!r} is no moment ({error}): write 2026-07-01 or 2026-07-01T12:00:00Z",
            code="bad-moment",
        ) from error


def diff_rows(
    client: Client, earlier: int, later: int, dataset: str = "%"
) -> Iterator[tuple[object, ...]]:
    """Dataset, codes, both figures and both statuses, where a figure is another one."""
    tables = client.query(
        "SELECT DISTINCT dataset, dimensions FROM pub.datasets "
        f"WHERE release IN ({earlier}, {later}) AND dataset LIKE '{dataset}' ORDER BY dataset"
    ).result_rows
    for name, dimensions in tables:
        codes = ", ".join(dimensions)
        rows = client.query(
            f"SELECT [{codes}], anyIf(obs_value, release = {earlier}) AS before, "
            f"anyIf(obs_value, release = {later}) AS after, "
            f"anyIf(obs_status, release = {earlier}), anyIf(obs_status, release = {later}) "
            f"FROM pub.{name}_vintages WHERE release IN ({earlier}, {later}) GROUP BY {codes} "
            f"HAVING NOT (before <=> after) ORDER BY {codes}"
        ).result_rows
        for found, before, after, status, new_status in rows:
            yield name, " ".join(found), before, after, status, new_status


def calendar_rows(client: Client, today: date, months: int) -> list[tuple[str, str, str]]:
    """Day, period and what becomes of it, for releases as they are made so far.

    Raises:
        PermanentError: there is no release yet.
    """
    found = client.query(
        "SELECT frequency, first_period FROM pub.releases ORDER BY release DESC LIMIT 1"
    ).result_rows
    if not found:
        raise PermanentError(
            "there is no release yet, so nothing says whether they are by month or by quarter: "
            "make one (`liaison release create`)",
            code="no-such-release",
        )
    frequency, first = found[0]
    begin = Period.holding(Period.parse(first).first_day, Frequency(frequency))
    return [
        (day.isoformat(), period.code, what)
        for day, period, what in release_calendar(begin, today, months)
    ]
