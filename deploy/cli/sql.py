"""`liaison sql`: a statistician's question to ClickHouse, as a table, JSON or CSV."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Annotated, Any

import typer

from deploy.cli.printing import note, print_bytes, print_json, print_table
from deploy.cli.session import session_of
from schemas.rights import RoleName

__all__ = ["server_s_words", "sql"]

_SHOWN_ROWS = 1000
_LONGEST_ERROR = 600


def sql(
    context: typer.Context,
    statement: Annotated[str, typer.Argument(help="One SQL statement, or - to read it.")],
    role: Annotated[
        RoleName | None,
        typer.Option("--as", help="The role to ask in; a statistician unless given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array of objects.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header line.")] = False,
    max_rows: Annotated[
        int, typer.Option(min=1, help="The table shows at most this many rows.")
    ] = _SHOWN_ROWS,
) -> None:
    """Ask ClickHouse, as a statistician: what is published, the labels and the catalogue.

    Another role of the embedded ClickHouse is chosen with --as; outside, the login of the settings
    decides.

    Example: [bold]liaison sql --as auditor "SELECT region, sum(events) FROM agg.events_by_month
    GROUP BY region"[/]
    """
    from deploy.connections import find_clickhouse

    if as_json and as_csv:
        raise typer.BadParameter("choose --json or --csv, not both")
    text = _read_stdin() if statement == "-" else statement
    if not text.strip():
        raise typer.BadParameter("the statement is empty: write one, or - to read it from stdin")
    settings = session_of(context).settings
    if role is not None and settings.clickhouse.url is not None:
        raise typer.BadParameter(
            "--as is for the embedded ClickHouse: set clickhouse.username to a user with that role"
        )
    at = find_clickhouse(settings, role or RoleName.STATISTICIAN)
    if as_csv:
        print_bytes(_asked(at, text, "CSVWithNames"))
        return
    columns, rows = _asked(at, text, None)
    if as_json:
        _each_once(columns)
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    print_table(columns, rows[:max_rows])
    if len(rows) > max_rows:
        note(f"{len(rows)} rows, the first {max_rows} shown: use --max-rows, --csv or LIMIT")


def _each_once(columns: list[str]) -> None:
    """An object has a name once; a column that went under would be missed by nobody."""
    from schemas.errors import PermanentError

    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    if twice:
        raise PermanentError(
            f"several columns are called {', '.join(twice)}, and a JSON object has each name once: "
            "give each its own with AS, or use --csv",
            code="same-names",
        )


def _read_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"the statement on stdin is no UTF-8 (byte {error.start}): send it in UTF-8"
        ) from error


def _asked(at: Any, text: str, text_format: str | None) -> Any:
    from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

    from schemas.errors import PermanentError

    client = at.client()
    try:
        if text_format is not None:
            return client.raw_query(text, fmt=text_format)
        answer = client.query(text)
        return list(answer.column_names), [list(row) for row in answer.result_rows]
    except OperationalError:
        raise  # away: not the statement's fault
    except ClickHouseError as error:
        raise PermanentError(
            f"ClickHouse refused it: {server_s_words(error)}", code="sql"
        ) from error
    finally:
        client.close()


def server_s_words(error: Exception) -> str:
    """What the server said, without the client's frame around it."""
    words = str(error).partition("server response: ")[2] or str(error)
    return words.partition(" (for url ")[0][:_LONGEST_ERROR]
