"""Questions about releases, as a statistician may ask them."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from schemas.errors import PermanentError
from sinks.statistics.periods import cut_off_text, parse_cut_off

__all__ = ["DATASETS_SQL", "release_number"]

DATASETS_SQL = (
    "SELECT dataset, title_en AS title, cells, hidden_percent, hidden_value_percent, protection "
    "FROM pub.datasets WHERE release = {number} ORDER BY dataset"
)


def release_number(client: Client, number: int | None, as_of: str | None) -> int:
    """That release; or the newest that stood at a moment, or stands now.

    A release that was withdrawn later stood until then.

    Raises:
        PermanentError: there is none.
    """
    until = "now()"
    if as_of is not None:
        try:
            until = f"parseDateTimeBestEffort('{cut_off_text(parse_cut_off(as_of))}')"
        except ValueError as error:
            raise PermanentError(
                f"--as-of {as_of!r} is no moment ({error}): write 2026-07-01 or "
                "2026-07-01T12:00:00Z",
                code="bad-moment",
            ) from error
    asked = f"release = {number}" if number is not None else f"published_at <= {until}"
    standing = (
        f"release NOT IN (SELECT release FROM pub.withdrawn_releases WHERE withdrawn_at <= {until})"
    )
    where = asked if number is not None else f"{asked} AND {standing}"
    found = client.query(f"SELECT max(release) FROM pub.releases WHERE {where}").result_rows[0][0]
    if not found:
        which = number if number is not None else f"at {as_of or 'this time'}"
        raise PermanentError(
            f"there is no release {which}: `liaison release list` shows them",
            code="no-such-release",
        )
    return int(found)
