"""`liaison sql`: a statistician's question to ClickHouse, as a table or in a format of files.

A table is for people and is held in memory; formats pass through as they come, however many rows.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from deploy.cli.answers import refusals_told, streamed
from deploy.cli.printing import note, print_bytes, print_table
from deploy.cli.safe_text import json_text
from deploy.cli.session import session_of
from schemas.rights import RoleName

__all__ = ["sql"]

_SHOWN_ROWS = 1000


class _Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    JSON = "json"

    @property
    def is_binary(self) -> bool:
        return self in (_Format.PARQUET, _Format.ARROW)


_NAMES = {
    _Format.CSV: "CSVWithNames",
    _Format.PARQUET: "Parquet",
    _Format.ARROW: "Arrow",
    _Format.JSON: "JSONEachRow",
}
_JSON_SETTINGS = {
    "output_format_json_array_of_rows": "1",
    "output_format_json_quote_64bit_integers": "0",
}


def sql(
    context: typer.Context,
    statement: Annotated[str, typer.Argument(help="One SQL statement, or - to read it.")],
    role: Annotated[
        RoleName | None,
        typer.Option("--as", help="The role to ask in; a statistician unless given."),
    ] = None,
    as_format: Annotated[
        _Format | None,
        typer.Option(
            "--format",
            help="csv with a header line; parquet; arrow, an Arrow IPC file; json, an array of "
            "objects. A table unless given.",
        ),
    ] = None,
    max_rows: Annotated[
        int, typer.Option(min=1, help="The table shows at most this many rows; a format has all.")
    ] = _SHOWN_ROWS,
) -> None:
    """Ask ClickHouse, as a statistician: what is published, the labels and the catalogue.

    Another role of the embedded ClickHouse is chosen with --as; outside, the login of the settings
    decides.

    Example: [bold]liaison sql --format parquet "SELECT * FROM pub.events_by_kind" > k.parquet[/]
    """
    from deploy.connections import find_clickhouse

    text = _read_stdin() if statement == "-" else statement
    if not text.strip():
        raise typer.BadParameter("the statement is empty: write one, or - to read it from stdin")
    if as_format is not None and as_format.is_binary and sys.stdout and sys.stdout.isatty():
        raise typer.BadParameter(
            f"{as_format} is binary and stdout is a terminal: send it to a file (> FILE) or a pipe"
        )
    settings = session_of(context).settings
    if role is not None and settings.clickhouse.url is not None:
        raise typer.BadParameter(
            "--as is for the embedded ClickHouse: set clickhouse.username to a user with that role"
        )
    at = find_clickhouse(settings, role or RoleName.STATISTICIAN)
    if as_format is not None:
        client = at.client()
        try:
            pieces = streamed(client, text, _NAMES[as_format], _JSON_SETTINGS)
            print_bytes(_safe_json(pieces) if as_format is _Format.JSON else pieces)
        finally:
            client.close()
        return
    columns, rows = _asked(at, text)
    print_table(columns, rows[:max_rows])
    if len(rows) > max_rows:
        note(f"{len(rows)} rows, the first {max_rows} shown: use --max-rows, --format or LIMIT")


def _safe_json(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """An array with an object a line, in which nothing steers a terminal."""
    head = b""
    for piece in pieces:
        head += piece
        if head.count(b"\n") > 1:  # the bracket, and the first object
            break
    _each_once(head)
    for text in codecs.iterdecode(_chained(head, pieces), "utf-8", "replace"):
        yield json_text(text).encode()


def _chained(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from pieces


def _each_once(head: bytes) -> None:
    """An object has a name once; a column that went under would be missed by nobody."""
    from schemas.errors import PermanentError

    line = head.split(b"\n")[1].strip().rstrip(b",")
    if not line or line == b"]":
        return
    pairs = json.loads(line.decode("utf-8", "replace"), object_pairs_hook=list)
    twice = sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    if twice:
        raise PermanentError(
            f"several columns are called {', '.join(twice)}, and a JSON object has each name once: "
            "give each its own with AS, or use --format csv",
            code="same-names",
        )


def _read_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise typer.BadParameter(
            f"the statement on stdin is no UTF-8 (byte {error.start}): send it in UTF-8"
        ) from error


def _asked(at: Any, text: str) -> tuple[list[str], list[list[Any]]]:
    client = at.client()
    try:
        with refusals_told():
            answer = client.query(text)
        return list(answer.column_names), [list(row) for row in answer.result_rows]
    finally:
        client.close()
