"""`liaison report`: a release as a page that anybody can open, and its figures as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import choices
from deploy.cli.output_files import refuse_same, telling, write_output
from deploy.cli.printing import print_text
from deploy.cli.session import Session, session_of

__all__ = ["report", "write_report"]


def report(
    context: typer.Context,
    release: Annotated[int | None, typer.Argument(help="Its number; the newest.")] = None,
    as_of: choices.AsOf = None,
    lang: Annotated[str, typer.Option(help="en, fr, es or ar.", callback=choices.language)] = "en",
    out: Annotated[
        Path | None, typer.Option(help="The page; liaison-release-N.LANG.html unless given.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for the figures as PNG; none unless given.")
    ] = None,
    fonts: Annotated[
        Path | None, typer.Option(help="Folder with fonts for the PNGs, beside the machine's.")
    ] = None,
) -> None:
    """Write a release as one HTML file that needs no network, and its figures as PNG.

    The same release gives the same bytes, until an error notice is added. Prints the files' paths.

    Example: [bold]liaison report 3 --lang ar --out report.html --figures figures[/]
    """
    from deploy.report.drawing import add_fonts

    choices.one_release(release, as_of)
    if out is not None and figures is not None:
        refuse_same("--out", out, "--figures", figures)
    if fonts is not None:
        add_fonts(fonts)
    session = session_of(context)
    for path in write_report(session, release, lang, as_of=as_of, out=out, figures=figures):
        print_text(str(path))


def write_report(
    session: Session,
    release: int | None,
    lang: str,
    *,
    as_of: str | None = None,
    out: Path | None,
    figures: Path | None,
) -> Iterator[Path]:
    """Write the page, then each figure; yields what is written.

    Raises:
        PermanentError: there is no such release, or it was withdrawn.
        ConfigurationError: a file can't be written.
    """
    from deploy.connections import find_clickhouse
    from deploy.report import read_publication, report_of
    from schemas.rights import RoleName

    client = find_clickhouse(session.settings, RoleName.STATISTICIAN).client()
    try:
        publication = read_publication(client, release, lang, as_of)
    finally:
        client.close()
    made = report_of(publication, lang)
    page = out or Path(f"liaison-release-{publication.number}.{lang}.html")
    write_output(page, made.html().encode())
    yield page
    if figures is None:
        return
    with telling(figures):
        figures.mkdir(parents=True, exist_ok=True)
    for name, picture in made.pictures():
        refuse_same("--out", page, "a figure", figures / name)
        write_output(figures / name, picture)
        yield figures / name
