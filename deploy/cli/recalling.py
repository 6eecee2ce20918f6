"""`liaison recall`: takes an event back, for everyone who may hold a copy and for statistics."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.publishing import (
    BureauOption,
    SystemOption,
    TimeoutOption,
    hand_over,
    print_receipts,
)
from deploy.cli.session import session_of

__all__ = ["recall"]


def recall(
    context: typer.Context,
    bureau: BureauOption,
    event_id: Annotated[str, typer.Option(help="The event's id.", show_default=False)],
    kind: Annotated[str, typer.Option(help="The event's kind.", show_default=False)],
    reason: Annotated[
        str, typer.Option(help="Why: no-longer-wanted, located, legal-basis-ended, error …")
    ],
    of: Annotated[
        str | None,
        typer.Option(help="Whose event it is; the bureau's own unless given (XP alone may)."),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(help="The first event of its chain, if it is another and known."),
    ] = None,
    root_bureau: Annotated[
        str | None,
        typer.Option(help="Whose that first event is; as --of unless given (XP alone may)."),
    ] = None,
    explanation: Annotated[
        str | None, typer.Option(help="In words, for those who hold a copy.")
    ] = None,
    system: SystemOption = "cli",
    timeout_s: TimeoutOption = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Recall an event. Only its bureau may, or XP; a whole chain of corrections goes with it.

    The chain is found from any of its events; --root is for one that a lost correction cut off.

    Example: [bold]liaison recall --bureau FR --event-id 0198c2f0-7c11-7d3a-9a52-3f0c5d8e7b10
    --kind notice --reason located[/]
    """
    from pydantic import ValidationError

    from deploy.cli.publishing import in_words
    from schemas.errors import PermanentError
    from schemas.models import Recall

    try:
        event = Recall.model_validate(
            {
                "supersedes": {"event_id": event_id, "bureau": of or bureau, "kind": kind},
                "root": root,
                "root_bureau": root_bureau,
                "subtype": reason,
                "explanation": explanation,
            }
        )
    except ValidationError as error:
        raise PermanentError(
            f"this recall is refused: {in_words(error, Recall)}", code="bad-event"
        ) from error
    receipts = hand_over(session_of(context), bureau, system, [event], timeout_s=timeout_s)
    print_receipts(receipts, as_json=as_json)
