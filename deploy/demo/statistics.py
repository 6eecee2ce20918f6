"""The demo's last part: a release by quarter, what it hides, an SQL session, and the report.

The same calls as `liaison release create`, `liaison sql` and `liaison report`; the year that runs
is published, too, since the demo's traffic is of these weeks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from deploy.cli.answers import server_s_words
from deploy.cli.release import opened
from deploy.cli.report import write_report
from deploy.cli.session import Session
from deploy.demo.shown import Shown
from deploy.embedded import DataDirectory
from deploy.releases.wanted import wanted_release
from schemas.clock import Clock
from sinks.statistics.manifest import Manifest

__all__ = ["make_release", "show_release", "write_reports"]

_REPORT_LANGUAGES = ("en", "ar")

_PROTECTION_SQL = """SELECT dataset, sum(nonzero) AS figures_not_zero, sum(hidden) AS hidden,
    ceil(100 * hidden / figures_not_zero) AS hidden_percent, sum(primary_cells) AS sensitive,
    sum(by_whole_rows) AS hidden_by_whole_rows,
    ceil(100 * sum(hidden_value) / sum(value)) AS value_percent
FROM audit.losses WHERE release = {number} AND nonzero > 0 GROUP BY dataset ORDER BY dataset"""
_PROOFS_SQL = """SELECT count() AS other_tables, sum(length(proves)) AS proofs,
    uniqExactArray(arrayMap(p -> p.reader, proves)) AS readers
FROM audit.proofs WHERE release = {number}"""
_SESSION = (
    """SELECT dictGet('ref.code_labels', 'en', ('region', region)) AS region_label, time_period,
    obs_value, unit_measure, obs_status, conf_status
FROM pub.events_by_kind
WHERE kind = 'total' AND obs_status != 'O' AND obs_status != 'M' ORDER BY time_period, region""",
    """SELECT dictGet('ref.code_labels', 'ar', ('category', category)) AS category_label, obs_value,
    obs_status
FROM pub.events_by_category
WHERE region = 'total' AND category != 'total' AND obs_value > 0
ORDER BY time_period DESC, obs_value DESC LIMIT 5""",
    "SELECT bureau, count() FROM raw.facts GROUP BY bureau",
    "SELECT codes, value FROM audit.cells WHERE is_hidden",
)
"""What a statistician asks; the last two are refused."""


def make_release(session: Session, clock: Clock, span: timedelta) -> Manifest:
    """Of the quarters since the year in which the traffic began."""
    begin = datetime.fromtimestamp(clock.now_ms() / 1000, UTC) - span
    with opened(session) as releases:
        wanted = wanted_release(
            session, releases.publisher,
            cut_off=None, by="quarter", first=f"{begin.year}-Q1", with_open=True, reason="demo",
            waivers=None, public=None, tell=releases.tell,
        )  # fmt: skip
        return releases.create(wanted)


def show_release(session: Session, manifest: Manifest, shown: Shown) -> None:
    """Its protection, and a session as a statistician with two refusals."""
    auditor = session.connections.clickhouse_as("auditor").client()
    statistician = session.connections.clickhouse_as("statistician").client()
    try:
        for name, sql, title in (
            ("protection", _PROTECTION_SQL, "Release: what protection hides, beside whole rows"),
            ("proofs", _PROOFS_SQL, "Release: other tables that nobody can tell from the truth"),
        ):
            answer = auditor.query(sql.format(number=manifest.number))
            shown.table(name, answer.column_names, list(answer.result_rows), title=title)
        for number, sql in enumerate(_SESSION, 1):
            _ask(statistician, number, sql, shown)
    finally:
        statistician.close()
        auditor.close()


def write_reports(session: Session, manifest: Manifest, shown: Shown) -> None:
    """The release as a page in two languages, in the data directory."""
    folder = DataDirectory(session.settings.data_dir).folder("reports").resolve()
    rows = []
    for language in _REPORT_LANGUAGES:
        page = folder / f"release-{manifest.number}.{language}.html"
        for path in write_report(session, manifest.number, language, out=page, figures=None):
            rows.append((language, str(path)))
    shown.table("report", ("language", "file"), rows, title="Release: the report, pages to open")


def _ask(client: Client, number: int, sql: str, shown: Shown) -> None:
    title = f"A statistician asks\n{sql}"
    try:
        answer = client.query(sql)
    except DatabaseError as error:
        shown.table(f"session-{number}", ("refused",), [(server_s_words(error),)], title=title)
        return
    shown.table(f"session-{number}", answer.column_names, list(answer.result_rows), title=title)
