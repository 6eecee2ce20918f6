"""One import of the consolidated list, from the file to the outbox.

The order is the guarantee: what an earlier import began is finished first; the whole file is read
before anything of it is published; the plan is on disk before its first event is handed over. An
older list than the last one is refused, since it would undo corrections; so is one without a date
or with one to come, since nothing could be compared with it, now or next time. An event that the
outbox never takes is left out and reported: it stops neither the others nor the next import.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from producers.un_list.entry import Unmapped
from producers.un_list.plan import MAX_RECALL_SHARE, Step, plan_import
from producers.un_list.reading import load_list
from producers.un_list.state import ImportState
from schemas.clock import Clock, SystemClock
from schemas.errors import ConfigurationError, PermanentError
from schemas.models import Event

__all__ = ["ImportReport", "Publish", "import_list"]

Publish = Callable[[list[Event]], None]
"""Hands events to XP's outbox; returns when all are durable. Called with the same events again
after a crash, it must not publish them twice. All or none: an error means that none was taken."""

_BATCH_EVENTS = 500
_MAX_AHEAD = timedelta(days=1)
_OF_ONE_EVENT = frozenset({"event-id-reused", "too-large", "unencodable"})
"""Codes of errors that one event causes, and will cause again."""


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
    max_recall_share: float = MAX_RECALL_SHARE,
    handed_over: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImportReport:
    """Import a list: publish what is new, correct what changed, recall what left.

    `handed_over` is how many events of the list the outbox has taken before; `max_recall_share` is
    the largest part of the published entries that may leave at once.

    Raises:
        PermanentError: the file is no list, is cut, hostile, undated, older than the last one or
            of a day to come, or would recall too much. Nothing of it was published.
        ConfigurationError: the outbox knows of imports that the state does not. Nothing was done.
    """
    if handed_over and state.is_new():
        raise ConfigurationError(
            f"{state.path} knows of no import, but {handed_over} events of the list were handed "
            "over: put it back from its copy. Without one, --state-lost goes on: what is unchanged "
            "keeps its notice, what changed since gets a second one, and nothing that left the "
            "list is recalled; that is to be done by hand (liaison recall)",
            code="un-list-state-lost",
        )
    begun = state.begun()
    resumed = [step for step in begun if isinstance(step, Step)]
    unmapped = [step for step in begun if isinstance(step, Unmapped)]
    unmapped += _hand_over(resumed, publish, lambda done, total: None)
    if begun:
        state.finish(item.reference for item in unmapped)
    found = load_list(path)
    now = datetime.fromtimestamp((clock or SystemClock()).now_ms() / 1000, UTC)
    made_at = _date_of(path, found.generated_at, state.generated_at(), now)
    plan = plan_import(
        found.items(), state.listed(), min(made_at, now), max_recall_share=max_recall_share
    )
    state.begin(plan, made_at)
    refused = _hand_over(plan.steps, publish, progress)
    state.finish(item.reference for item in refused)
    unmapped += [*plan.unmapped, *refused]
    return ImportReport(
        new=len(plan.new),
        corrections=len(plan.corrections),
        recalls=len(plan.recalls),
        unchanged=plan.unchanged,
        unmapped=tuple({item.reference or item: item for item in unmapped}.values()),
        held_back=plan.held_back,
        resumed=len(resumed),
    )


def _date_of(
    path: Path, generated_at: datetime | None, newest: datetime | None, now: datetime
) -> datetime:
    """When the list was made, if that is a date that can be compared with others.

    Raises:
        PermanentError: `un-list-undated`, `un-list-future`, `un-list-older`.
    """
    if generated_at is None:
        raise PermanentError(
            f"{path}: its dateGenerated is missing or no date, so it can't be told from an older "
            "list; download it again",
            code="un-list-undated",
        )
    if generated_at > now + _MAX_AHEAD:
        raise PermanentError(
            f"{path}: made on {generated_at:%Y-%m-%d}, but today is {now:%Y-%m-%d}: every later "
            "list would be older; check this machine's clock, or download the list again",
            code="un-list-future",
        )
    if newest is not None and generated_at < newest:
        raise PermanentError(
            f"{path}: made on {generated_at:%Y-%m-%d %H:%M}, but the list of "
            f"{newest:%Y-%m-%d %H:%M} was imported already; download the newest",
            code="un-list-older",
        )
    return generated_at


def _hand_over(
    steps: Sequence[Step], publish: Publish, progress: Callable[[int, int], None]
) -> list[Unmapped]:
    """Hand over what the outbox takes; returns what it never takes, with the reasons."""
    refused: list[Unmapped] = []
    for start in range(0, len(steps), _BATCH_EVENTS):
        batch = steps[start : start + _BATCH_EVENTS]
        refused += _hand_over_batch(batch, publish)
        progress(start + len(batch), len(steps))
    return refused


def _hand_over_batch(batch: Sequence[Step], publish: Publish) -> list[Unmapped]:
    """All at once; where one of them can't be taken, one by one, so that it is found."""
    try:
        publish([step.event for step in batch])
    except PermanentError as error:
        if error.code not in _OF_ONE_EVENT:
            raise
        if len(batch) == 1:
            return [Unmapped(batch[0].after.reference, str(error))]
        return [refused for step in batch for refused in _hand_over_batch([step], publish)]
    return []
