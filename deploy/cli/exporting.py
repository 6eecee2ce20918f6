"""`liaison export`: a published table as a file for spreadsheets, notebooks and SDMX tools."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import choices
from deploy.cli.answers import streamed
from deploy.cli.output_files import refuse_same, write_output
from deploy.cli.printing import note, print_bytes
from deploy.cli.session import session_of
from schemas.rights import RoleName

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from deploy.exports import Published

__all__ = ["export"]


class _Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    SDMX_CSV = "sdmx-csv"
    SDMX_ML = "sdmx-ml"

    @property
    def is_sdmx(self) -> bool:
        return self in (_Format.SDMX_CSV, _Format.SDMX_ML)


def export(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Its name, as events_by_kind.")],
    as_format: Annotated[
        _Format, typer.Option("--format", help="sdmx-csv is SDMX-CSV 2.0, sdmx-ml is SDMX-ML 2.1.")
    ] = _Format.CSV,
    release: Annotated[int | None, typer.Option(help="Its number; the one that stands.")] = None,
    as_of: choices.AsOf = None,
    lang: Annotated[
        str | None,
        typer.Option(
            help="csv and parquet: a column of labels beside each column of codes, in en, fr, es "
            "or ar.",
            callback=choices.language,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write, whole or not at all; stdout.")
    ] = None,
    structure: Annotated[
        Path | None,
        typer.Option(
            help="sdmx-csv and sdmx-ml: also write what the codes mean, in four languages, to this "
            "file: code lists, concepts, data structure and dataflow as SDMX-ML."
        ),
    ] = None,
) -> None:
    """Write a published table, of the release that stands or of another, as a statistician sees it.

    A hidden figure has no value and the status Q. The figures of a release never change, so a file
    made again is the same.

    Example: [bold]liaison export events_by_kind --format sdmx-ml --out kinds.xml --structure
    structure.xml[/]
    """
    from deploy.connections import find_clickhouse
    from deploy.exports import find_published

    choices.one_release(release, as_of)
    _refuse_unfit(as_format, lang, out, structure)
    client = find_clickhouse(session_of(context).settings, RoleName.STATISTICIAN).client()
    try:
        published = find_published(client, dataset, release, as_of)
        if as_format.is_sdmx:
            pieces: Iterable[bytes] = [_sdmx(client, published, as_format, structure)]
        else:
            pieces = _plain(client, published, as_format, lang)
        if out is None:
            print_bytes(pieces)
        else:
            write_output(out, pieces)
            note(f"{dataset} of release {published.release} is in {out}")
    finally:
        client.close()


def _refuse_unfit(
    as_format: _Format, lang: str | None, out: Path | None, structure: Path | None
) -> None:
    if as_format.is_sdmx and lang is not None:
        raise typer.BadParameter(
            "SDMX files hold codes alone: --structure FILE writes their labels, in all languages"
        )
    if not as_format.is_sdmx and structure is not None:
        raise typer.BadParameter(
            f"--structure goes with sdmx-csv and sdmx-ml: --lang gives {as_format} its labels"
        )
    if structure is not None:
        refuse_same("--structure", structure, "--out", out or Path("/dev/stdout"))
    if as_format is _Format.PARQUET and out is None and sys.stdout and sys.stdout.isatty():
        raise typer.BadParameter(
            "parquet is binary and stdout is a terminal: name a file with --out, or send it to one"
        )


def _plain(
    client: Client, published: Published, as_format: _Format, lang: str | None
) -> Iterable[bytes]:
    from deploy.exports import CSV_SETTINGS, plain_sql

    name = "CSVWithNames" if as_format is _Format.CSV else "Parquet"
    return streamed(client, plain_sql(published, lang), name, CSV_SETTINGS)


def _sdmx(
    client: Client, published: Published, as_format: _Format, structure_file: Path | None
) -> bytes:
    from deploy.exports import sdmx_csv, sdmx_ml, structure_ml, structure_of

    structure = structure_of(published, published.labels(client))
    write = sdmx_csv if as_format is _Format.SDMX_CSV else sdmx_ml
    written = write(structure, published.rows(client))
    if structure_file is not None:
        write_output(structure_file, structure_ml(structure))
    return written
