"""`liaison provision`: topics, schemas, first positions, rights, ClickHouse's schema and roles."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import exits
from deploy.cli.printing import note, print_json, print_table, told_progress
from deploy.cli.session import session_of

if TYPE_CHECKING:
    from deploy.connections import Connections
    from deploy.provision import ProvisionReport
    from deploy.settings import Settings

__all__ = ["provision_command", "provisioned"]


def provision_command(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Make what workers need and never make themselves; safe to repeat.

    Exits with 1 if something that exists differs from the declarations: it is reported, never
    altered.

    Example: [bold]liaison --config production.toml provision[/]
    """
    session = session_of(context)
    report = provisioned(session.settings, session.connections)
    if as_json:
        print_json({**asdict(report), "is_as_declared": report.is_as_declared})
    else:
        print_table(
            ("what", "done"),
            [
                ("topics made", len(report.topics_created)),
                ("topics found", report.topics_existing),
                ("schemas registered", report.schemas),
                ("first positions set", report.positions_set),
                ("rights granted", report.acls),
                ("migrations", ", ".join(report.migrations) or "none"),
            ],
        )
        for difference in report.differences:
            note(f"differs: {difference}")
    if not report.is_as_declared:
        raise typer.Exit(exits.DIFFERENCE)


def provisioned(settings: Settings, connections: Connections) -> ProvisionReport:
    """Provision with these settings, showing how far it is."""
    from deploy.provision import ProvisionOptions, provision
    from schemas.reference import Reference

    has_clickhouse = connections.clickhouse_at is not None
    if not has_clickhouse:
        note("no ClickHouse is named (LIAISON_CLICKHOUSE__URL): its schema is left alone")
    with told_progress() as progress:
        return provision(
            connections.kafka,
            connections.registry,
            Reference.load(),
            connections.clickhouse_as("operator") if has_clickhouse else None,
            options=ProvisionOptions(
                replicas=settings.kafka.topic_replicas,
                min_insync=settings.kafka.topic_min_insync,
                with_acls=settings.security.acls,
            ),
            progress=progress,
        )
