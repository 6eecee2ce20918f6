"""`liaison dictionary` and `liaison quality`: what the tables are, and how good their figures."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deploy.cli import choices
from deploy.cli.printing import print_json, print_table, print_text
from deploy.cli.session import session_of
from schemas.rights import RoleName

__all__ = ["dictionary", "quality"]

_TABLES_SQL = (
    "SELECT database, name AS table, comment FROM system.tables "
    "WHERE database IN ('pub', 'ref') ORDER BY database, name"
)
_COLUMNS_SQL = (
    "SELECT database, table, name AS column, type, comment FROM system.columns "
    "WHERE database IN ('pub', 'ref') ORDER BY database, table, position"
)


def dictionary(
    context: typer.Context,
    table: Annotated[
        str | None, typer.Argument(help="One table, as pub.events_by_kind; all of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Tables and columns as JSON.")] = False,
) -> None:
    """Print the data dictionary: every published table, its columns and what they mean.

    Example: [bold]liaison dictionary pub.events_by_kind[/]
    """
    from deploy.connections import find_clickhouse
    from schemas.errors import PermanentError

    client = find_clickhouse(session_of(context).settings, RoleName.STATISTICIAN).client()
    try:
        tables: list[Any] = list(client.query(_TABLES_SQL).result_rows)
        columns: list[Any] = list(client.query(_COLUMNS_SQL).result_rows)
    finally:
        client.close()
    if table is not None:
        tables = [row for row in tables if f"{row[0]}.{row[1]}" == table]
        columns = [row for row in columns if f"{row[0]}.{row[1]}" == table]
        if not tables:
            raise PermanentError(
                f"there is no table {table}: `liaison dictionary` lists them", code="no-such-table"
            )
    if as_json:
        keys = ("database", "table", "column", "type", "comment")
        print_json([dict(zip(keys, row, strict=True)) for row in columns])
        return
    print_table(("database", "table", "meaning"), tables)
    print_table(("database", "table", "column", "type", "meaning"), columns)


def quality(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Its name, as events_by_kind.")],
    lang: Annotated[
        str,
        typer.Option(help="Of title and description: en, fr, es or ar.", callback=choices.language),
    ] = "en",
) -> None:
    """Print a dataset's quality sheet (the ESMS headings) as Markdown; its figures are generated.

    Example: [bold]liaison quality events_by_kind > events_by_kind.md[/]
    """
    from deploy.connections import find_clickhouse
    from deploy.releases.quality import quality_sheet

    client = find_clickhouse(session_of(context).settings, RoleName.STATISTICIAN).client()
    try:
        print_text(quality_sheet(client, dataset, lang))
    finally:
        client.close()
