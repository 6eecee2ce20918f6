"""Figures that are no published table, as a table, CSV or JSON; they are held in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer

from deploy.cli.printing import print_bytes, print_json, print_table

__all__ = ["FiguresFormat", "FormatOption", "print_figures"]


class FiguresFormat(StrEnum):
    """Besides a table."""

    CSV = "csv"
    JSON = "json"


FormatOption = Annotated[
    FiguresFormat | None,
    typer.Option(
        "--format",
        help="csv with a header line; json, an array of objects. A table unless given.",
    ),
]


def print_figures(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    as_format: FiguresFormat | None,
    *,
    title: str,
) -> None:
    """On stdout; the title stands over a table alone. CSV is that of `liaison export`."""
    if as_format is None:
        print_table(columns, rows, title=title)
    elif as_format is FiguresFormat.JSON:
        print_json(
            [dict(zip(columns, map(_as_number, row), strict=True)) for row in rows],
        )
    else:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(rows)
        print_bytes([text.getvalue().encode()])


def _as_number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value
