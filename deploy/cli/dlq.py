"""`liaison dlq …`: refused records, why they were refused, and putting one back.

A record's place is written `dlq.europe/0/12`: topic, partition, offset. A replay sends the very
bytes to the partition that they came from; the router moves the number from refused to accepted
once, so a replay done twice is harmless. A record that is kept in part only, and one that was
counted all the same, are never replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli import exits
from deploy.cli.ledger import region_option
from deploy.cli.printing import note, print_json, print_table, time_text
from deploy.cli.session import Session, session_of

if TYPE_CHECKING:
    from schemas.connections import KafkaConnection
    from schemas.headers import Refusal
    from stream_apps.engine import Consumed

__all__ = ["app"]

app = typer.Typer(
    help="Refused records: list, show, replay. Example: [bold]liaison dlq list --region europe[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_SENT_WITHIN_S = 30.0

Region = Annotated[
    str | None, typer.Option(callback=region_option, help="Only this region's queue.")
]
Code = Annotated[str | None, typer.Option(help="Only refusals with this code.")]


@app.command("list")
def list_refused(
    context: typer.Context,
    region: Region = None,
    code: Code = None,
    disposition: Annotated[
        str | None, typer.Option(help="rejected (the sender must act) or quarantined (you must).")
    ] = None,
    summary: Annotated[bool, typer.Option(help="Counts by code, not records.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List refused records with their reasons.

    Example: [bold]liaison dlq list --code no-reader --json[/]
    """
    found = [
        (record, refusal)
        for record, refusal in _refused(session_of(context), region, code)
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
                    _place(record), time_text(refusal.timestamp_ms),
                    (record.key or b"").decode("ascii", "replace"),
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
        for name, value in record.headers
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

    Example: [bold]liaison dlq replay dlq.europe/0/12[/], or all of a kind:
    [bold]liaison dlq replay --code unknown-schema[/]
    """
    from schemas.headers import read_refusal

    if bool(places) == bool(region or code):
        raise typer.BadParameter("name records, or --region/--code for all such, and not both")
    session = session_of(context)
    if places:
        records = [_at(session, place) for place in places]
        found = [(record, read_refusal(record.headers)) for record in records]
    else:
        found = [(r, why) for r, why in _refused(session, region, code) if not _hindrance(why)]
    sent = _replay(session.connections.kafka, found)
    if as_json:
        print_json(sent)
    else:
        print_table(("place", "sent to"), [(s["place"], s["sent_to"]) for s in sent])
        note(f"{len(sent)} sent; `liaison ledger` shows what the router makes of them")
    if not sent:
        note("nothing to replay")
        raise typer.Exit(exits.DIFFERENCE)


def _replay(kafka: KafkaConnection, found: list[tuple[Consumed, Refusal]]) -> list[dict[str, str]]:
    from confluent_kafka import Producer

    from schemas.errors import PermanentError, RetryableError
    from schemas.headers import replay_headers
    from schemas.topics import DLQ_BLOCKS

    if any(record.topic == DLQ_BLOCKS for record, _ in found):
        raise PermanentError(
            f"{DLQ_BLOCKS} holds blocks that ClickHouse refused: mend the table or the loader; "
            "they are loaded again by rebuilding from fact-blocks, not by a replay",
            code="not-replayable",
        )
    hindered = [
        f"{_place(record)}: {hindrance}" for record, why in found if (hindrance := _hindrance(why))
    ]
    if hindered:
        raise PermanentError("; ".join(hindered), code="not-replayable")
    producer = Producer(kafka.producer_config())
    failed: list[str] = []
    for record, refusal in found:
        place = _place(record)

        def delivered(error: Any, _sent: Any, place: str = place) -> None:
            if error is not None:
                failed.append(f"{place}: {error}")

        producer.produce(
            refusal.topic,
            value=record.value,
            key=record.key,
            partition=refusal.partition,
            headers=list(replay_headers(record.headers, place)),
            on_delivery=delivered,
        )
        producer.poll(0)
    left = producer.flush(_SENT_WITHIN_S)
    if left or failed:
        raise RetryableError(
            f"{left + len(failed)} of {len(found)} records were not taken "
            f"({'; '.join(failed) or 'the broker did not answer'}): replay again, it is harmless",
            code="not-sent",
        )
    return [
        {"place": _place(record), "sent_to": f"{refusal.topic}/{refusal.partition}"}
        for record, refusal in found
    ]


def _hindrance(refusal: Refusal) -> str:
    """Why a record can't be put back; empty if it can."""
    from schemas.topics import FACTS

    if refusal.topic == FACTS:
        return (
            "only the watch for surges refused it; it was counted, and a second copy would count "
            "twice: leave it there"
        )
    if refusal.sha256 is not None:
        return (
            f"it is kept in part only (its value was {refusal.bytes} bytes, SHA-256 "
            f"{refusal.sha256}): its bureau must publish it anew, within the bounds"
        )
    return ""


def _refused(
    session: Session, region: str | None, code: str | None
) -> Iterator[tuple[Consumed, Refusal]]:
    from schemas.clock import SystemClock
    from schemas.headers import read_refusal
    from schemas.topics import SOURCE_REGIONS, dlq_topic
    from stream_apps.engine import read_topics

    queues = [dlq_topic(name) for name in ([region] if region else SOURCE_REGIONS)]
    for record in read_topics(session.connections.kafka, queues, SystemClock()):
        refusal = read_refusal(record.headers)
        if code is None or refusal.code == code:
            yield record, refusal


def _described(record: Consumed, refusal: Refusal) -> dict[str, Any]:
    return {
        "place": _place(record),
        "bureau": (record.key or b"").decode("ascii", "replace"),
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
