"""`liaison demo`: the whole product shown on simulated traffic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.session import session_of

__all__ = ["demo"]


def demo(
    context: typer.Context,
    messages: Annotated[int, typer.Option(min=1, help="Messages to simulate.")] = 50_000,
    searches: Annotated[int, typer.Option(min=0, help="Searches to simulate.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 2023,
    un_list: Annotated[
        Path | None, typer.Option(help="The UN Security Council's list (XML) to import.")
    ] = None,
    stay: Annotated[
        bool | None,
        typer.Option(help="Stay up until Ctrl-C; on a terminal by default, not in a pipe."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all tables as one JSON document at the end.")
    ] = False,
) -> None:
    """Bring everything up, publish a simulated world, show what became of it, and verify it.

    Example: [bold]liaison demo --messages 5000 --searches 20000[/]
    """
    from deploy.demo.command import demo_command

    raise typer.Exit(
        demo_command(
            session_of(context),
            messages=messages,
            searches=searches,
            seed=seed,
            un_list=un_list,
            stay=stay,
            as_json=as_json,
        )
    )
