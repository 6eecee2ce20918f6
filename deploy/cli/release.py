"""`liaison release`: statistical releases, from plan to publication, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli import choices
from deploy.cli.printing import note, print_json, print_table
from deploy.cli.session import Session, session_of
from schemas.rights import RoleName

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from deploy.releases.releases import Releases

__all__ = ["app"]

app = typer.Typer(
    help="""Statistical releases: make, show, compare, withdraw.

    Example: [bold]liaison release create --by quarter && liaison release list[/]
    """,
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.command()
def create(
    context: typer.Context,
    cut_off: Annotated[
        str | None,
        typer.Option(help="Count facts recorded before this (ISO 8601, UTC); now unless given."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="month, or quarter where traffic is thin; as before unless given."),
    ] = None,
    first: Annotated[
        str | None,
        typer.Option("--from", help="First period; as before, or the year of the first fact."),
    ] = None,
    with_open: Annotated[
        bool, typer.Option("--open", help="Publish the year that isn't over, too: a preview.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why: shown with the release.")] = "calendar",
    waivers: Annotated[
        Path | None, typer.Option(help="YAML list of bureaus that waived confidentiality.")
    ] = None,
    public: Annotated[
        Path | None,
        typer.Option(help="YAML list of figures that others published: measure, at, low, high."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count, protect, attack, and only then make current the next release.

    Nothing is published if the attack finds anything: exit code 1.

    Example: [bold]liaison release create --by quarter --cut-off 2026-07-01[/]
    """
    from deploy.releases.wanted import wanted_release

    session = session_of(context)
    with opened(session) as releases:
        wanted = wanted_release(
            session, releases.publisher,
            cut_off=cut_off, by=by, first=first, with_open=with_open, reason=reason,
            waivers=waivers, public=public, tell=note,
        )  # fmt: skip
        manifest = releases.create(wanted)
        if as_json:
            print_json({"release": manifest.number, "cut_off": manifest.cut_off})
            return
        note(f"release {manifest.number} is current")
        _print_datasets(releases, manifest.number)


@app.command("list")
def list_releases(context: typer.Context, as_json: Json = False) -> None:
    """Print every release, withdrawn ones too.

    Example: [bold]liaison release list[/]
    """
    _print_answer(
        session_of(context),
        "SELECT release, published_at, cut_off, frequency, reason, if(release IN (SELECT release "
        "FROM pub.withdrawn_releases), 'withdrawn', '') AS state FROM pub.releases "
        "ORDER BY release",
        as_json=as_json,
    )


@app.command()
def show(
    context: typer.Context,
    release: Annotated[int | None, typer.Argument(help="Its number; the newest.")] = None,
    as_of: choices.AsOf = None,
    as_json: Json = False,
) -> None:
    """Print what a release has, and how much of it is hidden.

    Example: [bold]liaison release show --as-of 2026-07-01[/]
    """
    from deploy.releases.asking import DATASETS_SQL, release_number

    choices.one_release(release, as_of)
    session = session_of(context)
    with _statistician(session) as client:
        number = release_number(client, release, as_of)
    _print_answer(session, DATASETS_SQL.format(number=number), as_json=as_json)


@app.command()
def diff(
    context: typer.Context,
    earlier: Annotated[int, typer.Argument(help="Number of a release.")],
    later: Annotated[int, typer.Argument(help="Number of another one.")],
    as_json: Json = False,
) -> None:
    """Print every published figure that is another in a later release, or hidden in one of them.

    Example: [bold]liaison release diff 3 4[/]
    """
    from deploy.releases.asking import diff_rows, release_number

    with _statistician(session_of(context)) as client:
        for number in (earlier, later):
            release_number(client, number, None)
        rows = list(diff_rows(client, earlier, later))
    columns = ("dataset", "cell", "before", "after", "status before", "status after")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


@app.command()
def withdraw(
    context: typer.Context,
    release: Annotated[int, typer.Argument(help="Its number.")],
    notice: Annotated[str, typer.Option(help="What is wrong, and what to use instead.")],
) -> None:
    """Say that a release is wrong: the one before it is current again, until the next is made.

    Its figures were read, so they stay in the vintages, and in what later releases are held to.

    Example: [bold]liaison release withdraw 4 --notice "Seizures of May counted twice; use 3"[/]
    """
    with opened(session_of(context)) as releases:
        releases.withdraw(release, notice)
    note(f"release {release} is withdrawn")


@app.command()
def replay(context: typer.Context) -> None:
    """Make every release again that ClickHouse lacks, from the manifests: after a rebuild.

    All facts must be loaded first. Exits with 3 if a release would come out otherwise than it was.

    Example: [bold]liaison release replay[/]
    """
    with opened(session_of(context)) as releases:
        done = releases.replay()
    note(f"made again: {', '.join(map(str, done)) or 'none was missing'}")


@app.command()
def calendar(
    context: typer.Context,
    months: Annotated[int, typer.Option(min=1, max=60, help="How far ahead.")] = 12,
    as_json: Json = False,
) -> None:
    """Print from which day on which period is counted first, revised, and final.

    Example: [bold]liaison release calendar --months 6[/]
    """
    from datetime import UTC, datetime

    from deploy.releases.asking import calendar_rows
    from schemas.clock import SystemClock

    today = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC).date()
    with _statistician(session_of(context)) as client:
        rows = calendar_rows(client, today, months)
    columns = ("from", "period", "what")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows)


def _print_answer(session: Session, sql: str, *, as_json: bool) -> None:
    with _statistician(session) as client:
        answer = client.query(sql)
    if as_json:
        rows = answer.result_rows
        print_json([dict(zip(answer.column_names, row, strict=True)) for row in rows])
        return
    print_table(answer.column_names, answer.result_rows)


def _print_datasets(releases: Releases, number: int) -> None:
    from deploy.releases.asking import DATASETS_SQL

    answer: Any = releases.statistician.query(DATASETS_SQL.format(number=number))
    print_table(answer.column_names, answer.result_rows)


@contextmanager
def _statistician(session: Session) -> Iterator[Client]:
    """Whoever asks what is published: ClickHouse is all that it takes."""
    from deploy.connections import find_clickhouse

    client = find_clickhouse(session.settings, RoleName.STATISTICIAN).client()
    try:
        yield client
    finally:
        client.close()


@contextmanager
def opened(session: Session) -> Iterator[Releases]:
    """Whoever makes releases, logged in as the publisher and, to attack them, a statistician."""
    from deploy.releases.manifests import ManifestFolder
    from deploy.releases.releases import Releases
    from schemas.clock import SystemClock
    from schemas.reference import Reference

    publisher = session.connections.clickhouse_as("publisher").client()
    statistician = session.connections.clickhouse_as("statistician").client()
    folder = ManifestFolder(session.settings.releases_folder)
    try:
        yield Releases(publisher, statistician, folder, Reference.load(), SystemClock(), note)
    finally:
        statistician.close()
        publisher.close()
