"""`liaison desk tail`: what a regional desk reads, as lines."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import choices
from deploy.cli.printing import time_text
from deploy.cli.safe_text import json_text, shown
from deploy.cli.session import session_of

if TYPE_CHECKING:
    from datetime import datetime

    from sinks.desk import Item

__all__ = ["app", "duration_ms"]

app = typer.Typer(
    help="A regional desk. Example: [bold]liaison desk tail --region europe --since 1h[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+)([smhd])\Z")


@app.callback()
def desk() -> None:
    """A regional desk."""


@app.command()
def tail(
    context: typer.Context,
    region: Annotated[str, typer.Option(callback=choices.desk_region, help="The desk's region.")],
    category: Annotated[
        list[str] | None,
        typer.Option(
            callback=choices.categories, help="A threat category; may be given often; else all."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Begin with what was recorded since, as 90s, 30m, 1h, 7d.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Remember in this file what was read, and go on from there."),
    ] = None,
    bureau: Annotated[
        str | None,
        typer.Option(
            callback=choices.publisher,
            help="Read as this bureau: without its own events, with those to it alone.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(callback=choices.kinds, help="Only these kinds.")
    ] = None,
    urgency: Annotated[
        list[str] | None, typer.Option(callback=choices.urgencies, help="Only these urgencies.")
    ] = None,
    sender: Annotated[
        list[str] | None,
        typer.Option("--from", callback=choices.publishers, help="Only events of these bureaus."),
    ] = None,
    iccs: Annotated[str, typer.Option(help="Only offences whose ICCS code begins so.")] = "",
    min_score: Annotated[int, typer.Option(help="Only this priority score or more.")] = 0,
    follow: Annotated[bool, typer.Option(help="Wait for more, or end with what is there.")] = True,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many records.")] = None,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Whole events, a line each.")] = False,
) -> None:
    """Print events as they reach a desk, each once, recalls included.

    Begins with what was recorded since `--since`; with `--store` where the last reading of that
    file left off; else with what comes from now on. Exits with 1 if records are gone that were
    never read.

    Example: [bold]liaison desk tail --region europe --category terrorism --since 1h --jsonl[/]
    """
    from schemas.clock import SystemClock
    from schemas.reference import Reference
    from sinks.desk import EXIT_OK, Filters, Start, Subscriber, format_item
    from sinks.desk import tail as run_tail

    session = session_of(context)
    now_ms = SystemClock().now_ms()
    since_ms = None if since is None else now_ms - duration_ms(since)
    if store is not None:
        start = Start.resume(since_ms)
    else:
        start = Start.since(now_ms if since_ms is None else since_ms)
    subscriber = Subscriber(
        region,
        category or list(Reference.load().categories),
        kafka=session.connections.kafka,
        schema_ids=session.schema_ids(),
        registry=session.connections.registry,
        bureau=bureau,
        filters=Filters(
            kinds=frozenset(kind or ()),
            urgencies=frozenset(urgency or ()),
            bureaus=frozenset(sender or ()),
            iccs_prefix=iccs,
            min_score=min_score,
        ),
        start=start,
        store=store,
    )
    ended = run_tail(
        subscriber,
        sys.stdout,
        follow=follow,
        limit=limit,
        line_of=(lambda item: json_text(format_item(item))) if as_jsonl else _line,
    )
    if ended != EXIT_OK:
        raise typer.Exit(ended)


def duration_ms(text: str) -> int:
    """`90s`, `30m`, `1h`, `7d` in milliseconds."""
    found = _DURATION.match(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration: write 90s, 30m, 1h or 7d")
    return int(found[1]) * _UNITS_MS[found[2]]


def _line(item: Item) -> str:
    """An item for a person's eye."""
    return shown(_told(item))


def _told(item: Item) -> str:
    from sinks.desk import Delivered, Struck

    if isinstance(item, Delivered):
        told = item.enrichment
        what = f"{item.kind}/{told['subtype']}" if told["subtype"] else item.kind
        marks = " STRUCK" if item.struck else ""
        return (
            f"{_moment(told['recorded_at'])}  {told['urgency']:<8} {item.bureau}  "
            f"{what:<28} {', '.join(told['categories']):<32} score {told['score']:>3}  "
            f"{item.event_id}{marks}"
        )
    if isinstance(item, Struck):
        return (
            f"{time_text(item.strike.recorded_at_ms)}  STRUCK   {item.bureau}  "
            f"{item.strike.reason:<28} {item.event_id}"
        )
    return f"unreadable {item.position.topic}/{item.position.offset}: {item.reason}"


def _moment(recorded_at: datetime) -> str:
    return time_text(int(recorded_at.timestamp() * 1000))
