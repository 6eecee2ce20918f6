"""`liaison dlq …`: refused records, why they were refused, and putting one back.

A record's place is written `dlq.europe/0/12`: topic, partition, offset. A replay sends the very
bytes to the partition that they came from; the router moves the number from refused to accepted
once, so a replay done twice is harmless. What is put back and refused again lies in the queue once
more: of such copies `replay --code` and `--region` send the newest alone. A block that ClickHouse
refused (`dlq.blocks`) is landed there under the token it had, and only while its refusal stands:
once, too. A record that is kept in part only, and one that was counted all the same, are never
replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli import choices, exits
from deploy.cli.printing import Told, note, print_json, print_table, time_text, told_progress
from deploy.cli.sending import send
from deploy.cli.session import Session, session_of

if TYPE_CHECKING:
    from schemas.connections import ClickHouseConnection, KafkaConnection
    from schemas.headers import Refusal
    from stream_apps.engine import Consumed

__all__ = ["app", "newest_of_each"]

app = typer.Typer(
    help="Refused records: list, show, replay. Example: [bold]liaison dlq list --region europe[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Found = list[tuple["Consumed", "Refusal"]]


def _known_code(value: str | None) -> str | None:
    """A code that a record may be refused with, checked while the command line is read."""
    if value is None:
        return None
    from sinks.clickhouse import BLOCK_REFUSED
    from stream_apps.router.refusals import CODES

    known = [*CODES, BLOCK_REFUSED]
    if value not in known:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}")
    return value


def _known_disposition(value: str | None) -> str | None:
    from schemas.headers import Disposition

    known = [item.value for item in Disposition]
    if value is not None and value not in known:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}")
    return value


Region = Annotated[
    str | None, typer.Option(callback=choices.source_region, help="Only this region's queue.")
]
Code = Annotated[
    str | None, typer.Option(callback=_known_code, help="Only refusals with this code.")
]


@app.command("list")
def list_refused(
    context: typer.Context,
    region: Region = None,
    code: Code = None,
    disposition: Annotated[
        str | None,
        typer.Option(
            callback=_known_disposition,
            help="rejected (the sender must act) or quarantined (you must).",
        ),
    ] = None,
    summary: Annotated[bool, typer.Option(help="Counts by code, not records.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List refused records with their reasons; without --region, the blocks that ClickHouse refused
    too.

    Example: [bold]liaison dlq list --code no-reader --json[/]
    """
    session = session_of(context)
    with told_progress() as told:
        found = [
            (record, refusal)
            for record, refusal in _refused(session, region, code, told)
            if disposition is None or refusal.disposition == disposition
        ]
    if summary:
        counts = Counter((refusal.disposition.value, refusal.code) for _, refusal in found)
        rows = [(kind, name, n) for (kind, name), n in sorted(counts.items())]
        if as_json:
            print_json(
                [dict(zip(("disposition", "code", "records"), r, strict=True)) for r in rows]
            )
        else:
            print_table(("disposition", "code", "records"), rows)
    elif as_json:
        print_json([_described(record, refusal) for record, refusal in found])
    else:
        print_table(
            ("place", "recorded", "bureau", "disposition", "code", "reason"),
            [
                (
                    _place(record), time_text(refusal.timestamp_ms), _bureau(record),
                    refusal.disposition.value, refusal.code, refusal.reason,
                )
                for record, refusal in found
            ],
        )  # fmt: skip


@app.command()
def show(
    context: typer.Context,
    place: Annotated[str, typer.Argument(help="As `liaison dlq list` prints it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show one refused record: why, its headers, and what can be decoded of it.

    Example: [bold]liaison dlq show dlq.europe/0/12[/]
    """
    from schemas.headers import read_refusal

    session = session_of(context)
    record = _at(session, place)
    shown = _described(record, read_refusal(record.headers))
    shown["headers"] = [
        {"name": name, "value": (value or b"").decode("utf-8", "replace")}
        for name, value in record.headers or ()
    ]
    shown["event"] = _decoded(session, record.value)
    shown["value_hex"] = (record.value or b"").hex()
    if as_json:
        print_json(shown)
        return
    headers = shown.pop("headers")
    event = shown.pop("event")
    told = [(name, str(value)) for name, value in shown.items() if value is not None]
    print_table(("what", "value"), told, title=place)
    print_table(("header", "value"), [(h["name"], h["value"]) for h in headers])
    if event is not None:
        print_json(event)


@app.command()
def replay(
    context: typer.Context,
    places: Annotated[
        list[str] | None, typer.Argument(help="Records, as `liaison dlq list` prints them.")
    ] = None,
    region: Region = None,
    code: Code = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was sent.")] = False,
) -> None:
    """Put refused records back where they came from, once their reason is gone.

    A block of dlq.blocks is landed in ClickHouse; `liaison verify` no longer counts it as refused.

    Example: [bold]liaison dlq replay dlq.europe/0/12[/], or all of a kind:
    [bold]liaison dlq replay --code unknown-schema[/]
    """
    from schemas.headers import read_refusal

    if bool(places) == bool(region or code):
        raise typer.BadParameter("name records, or --region/--code for all such, and not both")
    session = session_of(context)
    with told_progress() as told:
        if places:
            records = [_at(session, place) for place in places]
            found = [(record, read_refusal(record.headers)) for record in records]
        else:
            refused = newest_of_each(_refused(session, region, None, told))
            found = [
                (record, why)
                for record, why in refused
                if (code is None or why.code == code) and not _hindrance(why)
            ]
        sent = _replay(session, found, told)
    if as_json:
        print_json(sent)
    else:
        print_table(("place", "sent to"), [(s["place"], s["sent_to"]) for s in sent])
        note(f"{len(sent)} sent; `liaison ledger` and `liaison verify` show what became of them")
    if not sent:
        note("nothing to replay")
        raise typer.Exit(exits.DIFFERENCE)


def newest_of_each(refused: Iterable[tuple[Consumed, Refusal]]) -> Found:
    """Of copies of one record, each refused when it was put back, the newest.

    The newest says what stands against the record now. To send all copies would double them at
    each replay that comes too early.
    """
    newest: dict[tuple[object, ...], tuple[Consumed, Refusal]] = {}
    for record, refusal in refused:
        copies = _copies(record, refusal)
        newest.pop(copies, None)  # so that the order is that of the newest
        newest[copies] = record, refusal
    return list(newest.values())


def _copies(record: Consumed, refusal: Refusal) -> tuple[object, ...]:
    """What copies of one record have in common: all that is sent again. A block has no copies."""
    import hashlib

    from schemas.headers import REPLAY_HEADER, replay_headers
    from schemas.topics import DLQ_BLOCKS

    source = record.topic, refusal.stage, refusal.topic, refusal.partition
    if record.topic == DLQ_BLOCKS:
        return *source, refusal.offset
    headers = [item for item in replay_headers(record.headers, "") if item[0] != REPLAY_HEADER]
    digest = hashlib.sha256(record.value or b"").digest()
    return *source, record.key, digest, record.value is None, tuple(headers)


def _replay(session: Session, found: Found, told: Told) -> list[dict[str, str]]:
    from schemas.errors import PermanentError
    from schemas.topics import DLQ_BLOCKS

    hindered = [
        f"{_place(record)}: {hindrance}" for record, why in found if (hindrance := _hindrance(why))
    ]
    if hindered:
        raise PermanentError("; ".join(hindered), code="not-replayable")
    blocks = [(record, why) for record, why in found if record.topic == DLQ_BLOCKS]
    others = [(record, why) for record, why in found if record.topic != DLQ_BLOCKS]
    sent = _send(session.connections.kafka, others, told) if others else []
    if blocks:
        sent += _land(session.connections.clickhouse_as("operator"), blocks, told)
    return sent


def _land(at: ClickHouseConnection, found: Found, told: Told) -> list[dict[str, str]]:
    """Refused blocks into ClickHouse, each once."""
    from schemas.clock import SystemClock
    from sinks.clickhouse import BlockLander

    landed = []
    client = at.client()
    try:
        lander = BlockLander(client, SystemClock())
        for number, (record, refusal) in enumerate(found, start=1):
            is_new = lander.land_refused(refusal.partition, refusal.offset, record.value or b"")
            sent_to = "raw.facts" if is_new else "nowhere: it is in already"
            landed.append({"place": _place(record), "sent_to": sent_to})
            told("landing", number, len(found))
    finally:
        client.close()
    return landed


def _send(kafka: KafkaConnection, found: Found, told: Told) -> list[dict[str, str]]:
    """Refused records to the partitions that they came from."""
    from schemas.headers import replay_headers
    from stream_apps.engine import Produced

    named = []
    for record, refusal in found:
        place = _place(record)
        headers = replay_headers(record.headers, place)
        again = Produced(refusal.topic, record.key, record.value, headers, refusal.partition)
        named.append((place, again))
    send(kafka, named, told)
    return [{"place": place, "sent_to": f"{out.topic}/{out.partition}"} for place, out in named]


def _hindrance(refusal: Refusal) -> str:
    """Why a record can't be put back; empty if it can."""
    if refusal.stage == "surge":
        return (
            "only the watch for surges refused it; it was counted, and a second copy would count "
            "twice: leave it there"
        )
    if refusal.code == "unreadable-batch":
        return "it is a batch of records, as it lay in the log: its bureau must publish them anew"
    if refusal.sha256 is not None:
        return (
            f"it is kept in part only (its value was {refusal.bytes} bytes, SHA-256 "
            f"{refusal.sha256}): its bureau must publish it anew, within the bounds"
        )
    return ""


def _refused(
    session: Session, region: str | None, code: str | None, told: Told
) -> Iterator[tuple[Consumed, Refusal]]:
    """Refused records; without a region, the blocks that ClickHouse refused too."""
    from schemas.headers import read_refusal
    from schemas.topics import SOURCE_REGIONS, dlq_topic

    queues = [dlq_topic(name) for name in ([region] if region else SOURCE_REGIONS)]
    for record in _queued(session.connections.kafka, queues, told, blocks=region is None):
        refusal = read_refusal(record.headers)
        if code is None or refusal.code == code:
            yield record, refusal


def _queued(
    kafka: KafkaConnection, queues: list[str], told: Told, *, blocks: bool
) -> Iterator[Consumed]:
    from schemas.clock import SystemClock
    from schemas.errors import ConfigurationError
    from schemas.topics import DLQ_BLOCKS
    from stream_apps.engine import read_topics

    clock = SystemClock()
    yield from read_topics(kafka, queues, clock, progress=partial(told, "reading"))
    if blocks:
        try:
            found = read_topics(kafka, [DLQ_BLOCKS], clock, progress=partial(told, "blocks"))
        except ConfigurationError as error:
            if error.code != "no-topic":
                raise
            # An auditor may read the other queues and not this one.
            note(f"refused blocks are left out: this user sees no topic {DLQ_BLOCKS}")
            return
        yield from found


def _described(record: Consumed, refusal: Refusal) -> dict[str, Any]:
    return {
        "place": _place(record),
        "bureau": _bureau(record),
        "disposition": refusal.disposition.value,
        "code": refusal.code,
        "reason": refusal.reason,
        "stage": refusal.stage,
        "came_from": f"{refusal.topic}/{refusal.partition}/{refusal.offset}",
        "recorded": time_text(refusal.timestamp_ms),
        "schema_id": refusal.schema_id,
        "value_bytes": len(record.value or b""),
        "whole_bytes": len(record.value or b"") if refusal.bytes is None else refusal.bytes,
        "whole_sha256": refusal.sha256,
    }


def _decoded(session: Session, value: bytes | None) -> dict[str, Any] | None:
    from schemas import wire

    try:
        schema = session.schema_ids().by_id[wire.schema_id_of(value)]
        return wire.decode(schema.parsed, value or b"", offset=wire.FRAME_BYTES)
    except (wire.WireError, KeyError):
        return None


def _bureau(record: Consumed) -> str:
    """Whose record it is, by its key; a block is nobody's."""
    from schemas.topics import DLQ_BLOCKS

    return "" if record.topic == DLQ_BLOCKS else (record.key or b"").decode("ascii", "replace")


def _place(record: Consumed) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def _at(session: Session, place: str) -> Consumed:
    from schemas.clock import SystemClock
    from stream_apps.engine import Partition, read_one

    topic, _, rest = place.partition("/")
    partition, _, offset = rest.partition("/")
    if not (topic.startswith("dlq.") and partition.isdigit() and offset.isdigit()):
        raise typer.BadParameter(
            f"{place!r} is no place: write it as `liaison dlq list` does, dlq.europe/0/12"
        )
    kafka = session.connections.kafka
    return read_one(kafka, Partition(topic, int(partition)), int(offset), SystemClock())
