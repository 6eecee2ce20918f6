"""What the next release is to be, from the command line, the settings and what there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.access import product_topics
from deploy.cli.session import Session
from deploy.releases.inputs import ledger_counts, read_public_totals, read_waivers
from deploy.verify.found import TopicReader
from deploy.verify.mini_blocks import put_back, still_refused
from deploy.verify.settle import not_landed
from schemas.clock import Clock, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import PermanentError, RetryableError
from schemas.reference import Reference
from sinks.statistics.periods import Frequency, Period, cut_off_text, parse_cut_off
from sinks.statistics.planning import Wanted

__all__ = ["await_landed", "wanted_periods", "wanted_release"]

_LANDING_S = 300.0
_CLOCKS_DIFFER_S = 2.0
"""Between this machine and the brokers, which give records their time."""


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
    tell: Callable[[str], None],
) -> Wanted:
    """The wish, with what the last release had where nothing is said, once its facts are there.

    Raises:
        PermanentError: a moment, period or frequency is none, or facts before it can't land.
        RetryableError: facts before it have not landed yet.
    """
    wanted = wanted_periods(client, cut_off=cut_off, by=by, first=first, with_open=with_open)
    await_landed(session.connections.kafka, client, SystemClock(), wanted.cut_off, tell=tell)
    return replace(
        wanted,
        reason=reason,
        waivers=() if waivers is None else read_waivers(waivers, Reference.load()),
        public=() if public is None else read_public_totals(public),
        ledger=ledger_counts(session.connections.kafka, session.schema_ids()),
    )


def wanted_periods(
    client: Client, *, cut_off: str | None, by: str | None, first: str | None, with_open: bool
) -> Wanted:
    """Which periods, as of which moment (now); what the last release had where nothing is said.

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
            f"{error}: the cut-off is a moment (2026-07-01), --by month or quarter, --from a "
            "period (2026-01)",
            code="bad-release",
        ) from error
    if moment > now:
        raise PermanentError(
            f"the cut-off {cut_off} is still to come: what is recorded until then is not known",
            code="bad-release",
        )
    return Wanted(moment, frequency, Period.holding(begin.first_day, frequency), with_open)


def await_landed(
    kafka: KafkaConnection,
    client: Client,
    clock: Clock,
    cut_off: datetime,
    *,
    timeout_s: float = _LANDING_S,
    tell: Callable[[str], None] = lambda _line: None,
) -> None:
    """Wait until ClickHouse has every fact that was recorded before the cut-off.

    One that landed later would be missing in the release, and be in it when it is made again.

    Raises:
        RetryableError: something is still behind when the time is up.
        PermanentError: blocks or mini-blocks were refused, so their facts can't land.
    """
    reader = TopicReader(kafka, product_topics(Reference.load()), clock)
    again = put_back(reader)  # first: what is put back while this waits may not be in at the end
    tell("waiting until all facts before the cut-off are in ClickHouse")
    clock.sleep(cut_off.timestamp() + _CLOCKS_DIFFER_S - clock.now_ms() / 1000)
    waiting = not_landed(kafka, client, clock, timeout_s=timeout_s)
    if waiting is not None:
        raise RetryableError(
            f"not everything recorded before {cut_off_text(cut_off)} is in ClickHouse after "
            f"{timeout_s:g} s: {waiting}; see that it runs and let it get through, then try again",
            code="not-landed",
        )
    refused = client.query(
        "SELECT block_partition, block_offset FROM raw.refused_blocks FINAL WHERE NOT resolved "
        "ORDER BY block_partition, block_offset"
    ).result_rows
    if refused:
        partition, offset = refused[0]
        raise PermanentError(
            f"ClickHouse refused {len(refused)} blocks, the first fact-blocks/{partition}/{offset}:"
            " their facts are missing, and would come in later; mend the reason, land them with "
            "`liaison dlq replay`, then try again",
            code="blocks-refused",
        )
    places = still_refused(reader, again)
    if places:
        raise PermanentError(
            f"the cutter refused {len(places)} mini-blocks, the first {places[0]}: their facts are "
            "missing, and would come in later; mend the reason, put them back with "
            f"`liaison dlq replay {' '.join(places[:3])}`, then try again",
            code="mini-blocks-refused",
        )


def _first_year(client: Client, otherwise: datetime) -> int:
    """The year in which the first fact was recorded."""
    count, first = client.query("SELECT count(), min(recorded_at) FROM raw.facts").result_rows[0]
    return int(first.year) if count else otherwise.year
