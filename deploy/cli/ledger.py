"""`liaison ledger`: the account of every bureau, system and lane, as the router booked it.

An account that no client uses any more is retired by a record in the bureau's source topic: so it
has its place in the order of the account's own records, the router acts on it in a transaction, and
`liaison verify` comes to the same.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from deploy.cli import choices
from deploy.cli.printing import note, print_json, print_table, time_text, told_progress
from deploy.cli.sending import send
from deploy.cli.session import session_of
from schemas.errors import PermanentError

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")

_COLUMNS = (
    "bureau", "system", "lane", "epoch", "high", "accepted", "rejected", "quarantined", "missing",
    "repeats", "unchecked", "retired", "recorded",
)  # fmt: skip


@app.callback()
def ledger(
    context: typer.Context,
    bureau: Annotated[
        str | None,
        typer.Option(
            callback=choices.publisher, help="Only this bureau (ISO 3166 alpha-2, or XP)."
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(callback=choices.source_region, help="Only this region's ledger.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Whole entries as JSON.")] = False,
) -> None:
    """Print what became of what each bureau handed over.

    high = accepted + rejected + quarantined + missing; repeats were dropped and are no part of it.
    Those unchecked were too old for their bytes to be compared with the first ones.

    Example: [bold]liaison ledger --bureau FR[/]
    """
    if context.invoked_subcommand is not None:
        return
    from deploy.accounts import newest_entries
    from schemas.clock import SystemClock
    from schemas.topics import SOURCE_REGIONS, ledger_topic
    from stream_apps.engine import read_topics

    session = session_of(context)
    kafka = session.connections.kafka
    ids = session.schema_ids()
    topics = [ledger_topic(name) for name in ([region] if region else SOURCE_REGIONS)]
    with told_progress() as told:
        records = read_topics(kafka, topics, SystemClock(), progress=partial(told, "reading"))
        found = newest_entries(records, ids)
    entries = sorted(
        (entry for entry in found if bureau is None or entry["bureau"] == bureau),
        key=lambda e: (e["bureau"], e["system"], e["lane"], e["epoch"]),
    )
    if as_json:
        print_json(entries)
        return
    print_table(_COLUMNS, [_row(entry) for entry in entries])


@app.command()
def retire(
    context: typer.Context,
    accounts: Annotated[
        list[str], typer.Argument(help="BUREAU/SYSTEM/LANE/EPOCH, as `liaison ledger` has them.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was sent.")] = False,
) -> None:
    """Retire accounts that no client uses any more: each makes room for another of its bureau.

    What comes in such an account afterwards is refused as account-retired; its numbers stay booked,
    and there is no way back. A second time changes nothing. A client that uses it after all begins
    a new epoch when it is started again.

    Example: [bold]liaison ledger retire FR/cases/message/7[/]
    """
    from schemas.clock import SystemClock
    from schemas.headers import RETIRE_HEADER
    from schemas.reference import Reference
    from schemas.topics import partition_of, source_topic
    from stream_apps.engine import Produced
    from stream_apps.router.ledger import AccountKey

    reference, now_ms = Reference.load(), SystemClock().now_ms()
    named = []
    for text in accounts:
        try:
            key = AccountKey.parse(text)
            topic = source_topic(reference.region_of(key.bureau, now_ms), key.lane)
        except (ValueError, KeyError, PermanentError) as error:
            raise typer.BadParameter(f"{text!r} is no account ({error})") from error
        headers = [(RETIRE_HEADER, key.text().encode())]
        record = Produced(topic, key.bureau.encode(), None, headers, partition_of(key.bureau))
        named.append((text, record))
    with told_progress() as told:
        send(session_of(context).connections.kafka, named, told)
    sent = [(text, f"{record.topic}/{record.partition}") for text, record in named]
    if as_json:
        print_json([{"account": text, "sent_to": place} for text, place in sent])
    else:
        print_table(("account", "sent to"), sent)
    note(f"{len(named)} sent; `liaison ledger` shows when they are retired")


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    missing = sum(gap["last"] - gap["first"] + 1 for gap in entry["missing"])
    return (
        entry["bureau"], entry["system"], entry["lane"], str(entry["epoch"]), entry["high"],
        entry["accepted"], entry["rejected"], entry["quarantined"], missing, entry["repeats"],
        entry["repeats_unchecked"], "yes" if entry["retired"] else "",
        time_text(entry["recorded_at"]),
    )  # fmt: skip
