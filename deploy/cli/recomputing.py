"""`liaison release recompute`: what the facts known at a moment say, for publisher and auditor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.figures import FormatOption, print_figures
from deploy.cli.printing import note
from deploy.cli.session import session_of
from schemas.rights import RoleName

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["recompute"]

_NO_RIGHT = 497
_MARK = "not for publication"


def recompute(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Its name, as events_by_kind.")],
    at: Annotated[str, typer.Option(help="Count facts recorded before this (ISO 8601, UTC).")],
    by: Annotated[
        str | None, typer.Option(help="month or quarter; as the last release unless given.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="First period; as the last release, or of the first fact."),
    ] = None,
    with_open: Annotated[
        bool, typer.Option("--open", help="The year that wasn't over then, too.")
    ] = False,
    as_format: FormatOption = None,
) -> None:
    """Count a dataset as of any moment, from the facts: exact, unprotected, not for publication.

    For publisher and auditor; the embedded ClickHouse is asked as the auditor, outside the login of
    the settings decides. Statisticians have the stored releases: --as-of of show, export, report
    and rates. All periods that were over then have the one cut-off, while a release keeps those of
    periods that no revision is due for. Nothing is hidden, merged, rounded or given noise; what was
    recorded by then and is not in ClickHouse yet is missing. Code lists are those of today. Nothing
    is stored, and conf_status is N.

    Example: [bold]liaison release recompute events_by_kind --at 2026-07-01 --format csv[/]
    """
    from deploy.connections import find_clickhouse
    from deploy.releases.wanted import wanted_periods
    from schemas.reference import Reference
    from sinks.statistics.dataset import find_dataset
    from sinks.statistics.periods import cut_off_text
    from sinks.statistics.recomputing import recomputed
    from sinks.statistics.schema import columns_of

    declared = find_dataset(dataset)
    client = find_clickhouse(session_of(context).settings, RoleName.AUDITOR).client()
    try:
        with _refused_to_others(client, dataset):
            wanted = wanted_periods(client, cut_off=at, by=by, first=first, with_open=with_open)
            moment = cut_off_text(wanted.cut_off)
            _leave_audit_line(client, dataset, moment)
            rows = recomputed(client, wanted, Reference.load(), dataset)
    finally:
        client.close()
    columns = [name for name, _, _ in columns_of(declared) if name != "release"]
    title = f"{dataset}, counted from the facts known at {moment}: {_MARK}"
    if as_format is not None:
        note(title)
    shown = [[*row.codes, *row[1:], _MARK] for row in rows]
    print_figures([*columns, "note"], shown, as_format, title=title)


def _leave_audit_line(client: Client, dataset: str, moment: str) -> None:
    """A statement that says what the next ones are for: the service's audit log keeps it."""
    client.query(
        f"SELECT 'liaison release recompute' AS command, '{dataset}' AS dataset, '{moment}' AS at"
    )


@contextmanager
def _refused_to_others(client: Client, dataset: str) -> Iterator[None]:
    """Rights are ClickHouse's to give; whoever lacks them is told what there is instead."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    from schemas.errors import PermanentError

    try:
        yield
    except DatabaseError as error:
        if getattr(error, "code", None) != _NO_RIGHT:
            raise
        raise PermanentError(
            "recomputing reads single facts, which this login may not: it is for publisher and "
            f"auditor; a release that stood at a moment is shown by `liaison export {dataset} "
            "--as-of`",
            code="not-for-this-role",
        ) from error
