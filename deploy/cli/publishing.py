"""`liaison publish`: a bureau's events from JSON lines into its outbox and to the broker."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli import exits
from deploy.cli.printing import error_line, note, print_json, print_table, told_progress
from deploy.cli.session import Session, session_of

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from producers import Receipt
    from schemas.models import Event

__all__ = [
    "BureauOption",
    "SystemOption",
    "TimeoutOption",
    "hand_over",
    "in_words",
    "parse_events",
    "print_receipts",
    "publish",
]

_BATCH_EVENTS = 500
_SHOWN = 20

BureauOption = Annotated[
    str, typer.Option(help="The publishing bureau (ISO 3166 alpha-2, or XP).", show_default=False)
]
SystemOption = Annotated[str, typer.Option(help="The source system: 1 to 40 of a-z 0-9 . _ -")]
TimeoutOption = Annotated[
    float, typer.Option(min=0, help="Seconds to wait for the broker; then 4 is returned.")
]


def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON lines, one event each; - reads stdin.")],
    bureau: BureauOption,
    system: SystemOption = "cli",
    timeout_s: TimeoutOption = 60.0,
    skip_invalid: Annotated[
        bool, typer.Option(help="Publish the valid lines; without it, one wrong line stops all.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print receipts as JSON.")] = False,
) -> None:
    """Hand events over: durable in the outbox first, then sent in order.

    Each line is an object with `kind` and the fields of that kind's model. A line that gives its
    `event_id` and `occurred_at` may be published again: it gets its first receipt and is sent once.

    Example: [bold]echo '{"kind": "seizure", "category": "drug-trafficking", "what": "cocaine"}' |
    liaison publish - --bureau FR[/]
    """
    session = session_of(context)
    events, wrong = parse_events(_lines(file))
    for line, problem in wrong:
        error_line("bad-event", f"line {line}: {problem}")
    if wrong and not skip_invalid:
        note(f"nothing was published: correct {len(wrong)} lines, or use --skip-invalid")
        raise typer.Exit(exits.DIFFERENCE)
    receipts = hand_over(session, bureau, system, events, timeout_s=timeout_s)
    print_receipts(receipts, as_json=as_json)
    if wrong:
        raise typer.Exit(exits.DIFFERENCE)


def hand_over(
    session: Session, bureau: str, system: str, events: list[Event], *, timeout_s: float
) -> list[Receipt]:
    """Publish these from the bureau's outbox and wait for the broker."""
    from deploy.handover import open_handover, outbox_file

    receipts: list[Receipt] = []
    path = outbox_file(session.outbox_folder, f"{bureau}.{system}")
    with (
        told_progress() as progress,
        open_handover(path, session.connections.kafka, session.outbox_schema_ids()) as handover,
    ):
        publisher = handover.publisher(bureau, system)
        for start in range(0, len(events), _BATCH_EVENTS):
            receipts += publisher.publish_many(events[start : start + _BATCH_EVENTS])
            progress("publishing", len(receipts), len(events))
        handover.finish(timeout_s, partial(progress, "sending"))
    return receipts


def parse_events(lines: Iterable[bytes]) -> tuple[list[Event], list[tuple[int, str]]]:
    """Events of JSON lines (UTF-8), and what is wrong with the lines that are none."""
    from pydantic import ValidationError

    from schemas.models import MODELS

    events: list[Event] = []
    wrong: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line.decode("utf-8"))
            if not isinstance(fields, dict):
                raise TypeError("it is no JSON object")
            kind = fields.pop("kind", None)
            if not isinstance(kind, str) or kind not in MODELS:
                raise TypeError(f"kind {kind!r} is none of {', '.join(MODELS)}")
            events.append(MODELS[kind].model_validate_json(json.dumps(fields)))
        except ValidationError as error:
            wrong.append((number, in_words(error, MODELS[kind])))
        except RecursionError:
            wrong.append((number, "it is nested too deeply"))
        except (ValueError, TypeError) as error:
            wrong.append((number, str(error)))
    return events, wrong


def print_receipts(receipts: list[Receipt], *, as_json: bool) -> None:
    """Proof of the hand-over; a long list is shortened for people, never for scripts."""
    rows: list[dict[str, Any]] = [
        {
            "event_id": str(receipt.event_id),
            "bureau": receipt.bureau,
            "system": receipt.system,
            "lane": receipt.lane,
            "epoch": receipt.epoch,
            "sequence": receipt.sequence,
        }
        for receipt in receipts
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("event_id", "bureau", "system", "lane", "epoch", "sequence")
    shown = rows if len(rows) <= _SHOWN else rows[-_SHOWN:]
    print_table(columns, [[*(str(row[c]) for c in columns[:-1]), row["sequence"]] for row in shown])
    if len(shown) < len(rows):
        note(f"the last {len(shown)} of {len(rows)} receipts; --json prints all")
    note(f"{len(rows)} events handed over and acknowledged by the broker")


def _lines(file: Path) -> list[bytes]:
    """The lines as bytes: text would be split inside JSON strings too, at U+2028 and the like."""
    from schemas.errors import ConfigurationError

    if str(file) == "-":
        return sys.stdin.buffer.read().splitlines()
    try:
        return file.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be read ({error.strerror}): name a file of JSON lines, or - for stdin",
            code="no-file",
        ) from error


def in_words(error: ValidationError, model: type[BaseModel]) -> str:
    """All that is wrong with the fields of a model, on one line, and what is allowed."""
    told = []
    for item in error.errors(include_url=False):
        place = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            message = _unknown_field(model, item["loc"])
        given = "" if item["type"] in ("missing", "value_error") else f" (given: {item['input']!r})"
        told.append(f"{place}: {message}{given}" if place else f"{message}{given}")
    return "; ".join(told)


def _unknown_field(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    from deploy.fields import fields_at

    fields = fields_at(model, location)
    near = difflib.get_close_matches(str(location[-1]), fields)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(fields)}"
    return f"no such field; {hint}"
