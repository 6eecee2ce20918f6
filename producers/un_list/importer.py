"""One import of the consolidated list, from the file to the outbox.

The order is the guarantee: what an earlier import began is finished first; the whole file is read
before anything of it is published; the plan is on disk before its first event is handed over. An
older list than the last one is refused, since it would undo corrections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from producers.un_list.entry import Unmapped
from producers.un_list.plan import Step, plan_import
from producers.un_list.reading import load_list
from producers.un_list.state import ImportState
from schemas.clock import Clock, SystemClock
from schemas.errors import PermanentError
from schemas.models import Event

__all__ = ["ImportReport", "Publish", "import_list"]

Publish = Callable[[list[Event]], None]
"""Hands events to XP's outbox; returns when all are durable. Called with the same events again
after a crash, it must not publish them twice."""

_BATCH_EVENTS = 500


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    new: int
    corrections: int
    recalls: int
    unchanged: int
    unmapped: tuple[Unmapped, ...]
    held_back: tuple[str, ...]
    resumed: int
    """Events of an earlier import that was cut off, handed over first."""


def import_list(
    path: Path,
    state: ImportState,
    publish: Publish,
    *,
    clock: Clock | None = None,
    max_recall_share: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImportReport:
    """Import a list: publish what is new, correct what changed, recall what left.

    Raises:
        PermanentError: the file is no list, is cut, hostile or older than the last one, or would
            recall too much. Nothing of it was published.
    """
    resumed = state.begun()
    _hand_over(resumed, publish, lambda done, total: None)
    if resumed:
        state.finish()
    found = load_list(path)
    newest = state.generated_at()
    if newest is not None and found.generated_at is not None and found.generated_at < newest:
        raise PermanentError(
            f"{path}: made on {found.generated_at:%Y-%m-%d}, but the list of "
            f"{newest:%Y-%m-%d} was imported already; download the newest",
            code="un-list-older",
        )
    now = datetime.fromtimestamp((clock or SystemClock()).now_ms() / 1000, UTC)
    as_of = min(found.generated_at or now, now)
    share = {} if max_recall_share is None else {"max_recall_share": max_recall_share}
    plan = plan_import(found.items(), state.listed(), as_of, **share)
    state.begin(plan, found.generated_at)
    _hand_over(plan.steps, publish, progress)
    state.finish()
    return ImportReport(
        new=len(plan.new),
        corrections=len(plan.corrections),
        recalls=len(plan.recalls),
        unchanged=plan.unchanged,
        unmapped=plan.unmapped,
        held_back=plan.held_back,
        resumed=len(resumed),
    )


def _hand_over(
    steps: Iterable[Step], publish: Publish, progress: Callable[[int, int], None]
) -> None:
    todo = [step.event for step in steps]
    pending = iter(todo)
    done = 0
    while batch := list(islice(pending, _BATCH_EVENTS)):
        publish(batch)
        done += len(batch)
        progress(done, len(todo))
