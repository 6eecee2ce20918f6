"""`liaison up`: the embedded servers, provisioned, with every worker, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.printing import note, print_json, print_table, told_progress
from deploy.cli.session import command_line, session_of

__all__ = ["up"]


def up(
    context: typer.Context,
    workers: Annotated[
        bool, typer.Option(help="Start the workers too, not the servers alone.")
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the addresses as JSON once all is up.")
    ] = False,
) -> None:
    """Start the whole embedded stack and keep it running until Ctrl-C.

    Kafka, registry, ClickHouse service, both routers, cutter, loader and surge detection, on free
    loopback ports. Whoever dies is named and started again. State survives a stop. Ctrl-C or
    SIGTERM, once all is up, is the orderly end (exit code 0).

    Example: [bold]liaison --data-dir /var/lib/liaison up[/]
    """
    from deploy.embedded import interruptible
    from deploy.running import RunningStack

    session = session_of(context)
    with (
        interruptible(),
        RunningStack(
            session.settings, config=session.config, log_level=session.log_level, tell=note
        ) as stack,
    ):
        with told_progress() as told:
            stack.provision(told)
        if workers:
            stack.start_workers()
        if as_json:
            print_json(stack.places())
        else:
            print_table(("what", "where"), list(stack.places().items()))
            data = stack.settings.data_dir
            note(
                "Ctrl-C ends everything. In another terminal: "
                f"{command_line(data, 'simulate')}, {command_line(data, 'ledger')}"
            )
        try:
            stack.wait()
        except KeyboardInterrupt:
            note("stopping: workers first, servers after them")
