"""`liaison import …`: foreign lists as events."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import exits
from deploy.cli.printing import note, print_json, print_table, told_progress
from deploy.cli.session import session_of

__all__ = ["app"]

app = typer.Typer(
    help="Import foreign lists. Example: [bold]liaison import un-list UN_consolidated.xml[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.callback()
def importing() -> None:
    """Import foreign lists."""


@app.command("un-list")
def un_list(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The consolidated list, as XML.")],
    timeout_s: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for the broker; then 4 is returned.")
    ] = 120.0,
    max_recall_share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Largest part of what was published that may leave; 0.1 unless given.",
        ),
    ] = None,
    state_lost: Annotated[
        bool,
        typer.Option(
            "--state-lost", help="Go on without the state of earlier imports, if it has no copy."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Publish the UN Security Council's list as notices of XP.

    The same file again changes nothing; a newer one corrects what changed and recalls what left
    the list. Exits with 1 if an entry could not be mapped; each is listed with its reason.

    Example: [bold]liaison import un-list UN_consolidated.xml[/]
    """
    from deploy.traffic import import_un_list
    from producers.un_list import MAX_RECALL_SHARE

    session = session_of(context)
    with told_progress() as progress:
        report = import_un_list(
            session,
            file,
            timeout_s=timeout_s,
            max_recall_share=MAX_RECALL_SHARE if max_recall_share is None else max_recall_share,
            state_lost=state_lost,
            progress=progress,
        )
    if as_json:
        print_json(asdict(report))
    else:
        print_table(
            ("what", "entries"),
            [
                ("new", report.new),
                ("corrected", report.corrections),
                ("recalled", report.recalls),
                ("unchanged", report.unchanged),
                ("not mapped", len(report.unmapped)),
                ("held back", len(report.held_back)),
                ("resumed", report.resumed),
            ],
        )
        for item in report.unmapped:
            note(f"not mapped: {item}")
    if report.unmapped:
        raise typer.Exit(exits.DIFFERENCE)
