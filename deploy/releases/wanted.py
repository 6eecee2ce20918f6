"""What the next release is to be, from the command line, the settings and what there is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.cli.session import Session
from deploy.releases.inputs import ledger_counts, read_public_totals, read_waivers
from schemas.clock import SystemClock
from schemas.errors import PermanentError
from schemas.reference import Reference
from sinks.statistics.periods import Frequency, Period, parse_cut_off
from sinks.statistics.planning import Wanted

__all__ = ["wanted_release"]


def wanted_release(
    session: Session,
    client: Client,
    *,
    cut_off: str | None,
    by: str | None,
    first: str | None,
    with_open: bool,
    reason: str,
    waivers: Path | None,
    public: Path | None,
) -> Wanted:
    """The wish, with what the last release had where nothing is said.

    Raises:
        PermanentError: a moment, period or frequency is none.
    """
    last = client.query(
        "SELECT frequency, first_period FROM pub.releases ORDER BY release DESC LIMIT 1"
    ).result_rows
    had_by, had_first = last[0] if last else ("month", "")
    now = datetime.fromtimestamp(SystemClock().now_ms() // 1000, UTC)
    try:
        frequency = Frequency(by or had_by)
        moment = now if cut_off is None else parse_cut_off(cut_off)
        begin = Period.parse(first or had_first or str(_first_year(client, moment)))
    except ValueError as error:
        raise PermanentError(
            f"{error}: --cut-off is a moment (2026-07-01), --by month or quarter, --from a period "
            "(2026-01)",
            code="bad-release",
        ) from error
    if moment > now:
        raise PermanentError(
            f"the cut-off {cut_off} is still to come: what is recorded until then is not known",
            code="bad-release",
        )
    return Wanted(
        cut_off=moment,
        frequency=frequency,
        first=Period.holding(begin.first_day, frequency),
        with_open=with_open,
        reason=reason,
        waivers=() if waivers is None else read_waivers(waivers, Reference.load()),
        public=() if public is None else read_public_totals(public),
        ledger=ledger_counts(session.connections.kafka, session.schema_ids()),
    )


def _first_year(client: Client, otherwise: datetime) -> int:
    """The year in which the first fact was recorded."""
    count, first = client.query("SELECT count(), min(recorded_at) FROM raw.facts").result_rows[0]
    return int(first.year) if count else otherwise.year
