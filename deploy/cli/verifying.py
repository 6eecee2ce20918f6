"""`liaison verify`: recounts everything and says what does not agree."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.session import session_of

__all__ = ["verify"]


def verify(
    context: typer.Context,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Instead: the releases, counted anew and attacked.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Recount from the topics and from ClickHouse, and print every difference.

    Sent = accepted + rejected + quarantined + missing, for each bureau and system; each accepted
    event in exactly the topics that the routing names; facts in SQL = the recount. Where retention
    has taken source records, ledger, blocks and SQL are compared for all time, desks for what is
    left, and that is told. Exits with 1 if anything differs.

    Example: [bold]liaison verify --json > findings.json[/]
    """
    from deploy.verify.command import verify_command, verify_statistics_command

    command = verify_statistics_command if statistics else verify_command
    raise typer.Exit(command(session_of(context), as_json=as_json))
