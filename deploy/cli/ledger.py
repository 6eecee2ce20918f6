"""`liaison ledger`: the account of every bureau, system and lane, as the router booked it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from deploy.cli.printing import print_json, print_table, time_text, told_progress
from deploy.cli.session import session_of

__all__ = ["ledger", "region_option"]

_COLUMNS = (
    "bureau", "system", "lane", "epoch", "high", "accepted", "rejected", "quarantined", "missing",
    "repeats", "recorded",
)  # fmt: skip


def region_option(value: str | None) -> str | None:
    """A region that records come from, checked while the command line is read."""
    from schemas.topics import SOURCE_REGIONS

    if value is not None and value not in SOURCE_REGIONS:
        raise typer.BadParameter(f"choose one of {', '.join(SOURCE_REGIONS)}")
    return value


def ledger(
    context: typer.Context,
    bureau: Annotated[
        str | None, typer.Option(help="Only this bureau (ISO 3166 alpha-2, or XP).")
    ] = None,
    region: Annotated[
        str | None, typer.Option(callback=region_option, help="Only this region's ledger.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Whole entries as JSON.")] = False,
) -> None:
    """Print what became of what each bureau handed over.

    high = accepted + rejected + quarantined + missing; repeats were dropped and are no part of it.

    Example: [bold]liaison ledger --bureau FR[/]
    """
    from schemas import wire
    from schemas.clock import SystemClock
    from schemas.topics import SOURCE_REGIONS, ledger_topic
    from stream_apps.engine import read_topics

    session = session_of(context)
    kafka = session.connections.kafka
    ids = session.schema_ids()
    newest: dict[bytes, dict[str, Any]] = {}
    topics = [ledger_topic(name) for name in ([region] if region else SOURCE_REGIONS)]
    with told_progress() as told:
        for record in read_topics(kafka, topics, SystemClock(), progress=partial(told, "reading")):
            key, value = record.key or b"", record.value
            if value is None:
                newest.pop(key, None)
                continue
            schema = ids.by_id[wire.schema_id_of(value)]
            entry = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
            if bureau is None or entry["bureau"] == bureau:
                newest[key] = entry
    entries = sorted(
        newest.values(), key=lambda e: (e["bureau"], e["system"], e["lane"], e["epoch"])
    )
    if as_json:
        print_json(entries)
        return
    print_table(_COLUMNS, [_row(entry) for entry in entries])


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    missing = sum(gap["last"] - gap["first"] + 1 for gap in entry["missing"])
    return (
        entry["bureau"], entry["system"], entry["lane"], str(entry["epoch"]), entry["high"],
        entry["accepted"], entry["rejected"], entry["quarantined"], missing, entry["repeats"],
        time_text(entry["recorded_at"]),
    )  # fmt: skip
