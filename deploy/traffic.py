"""What the commands, the demo and the tests hand over: simulated traffic, and the UN list.

One place says which outbox and which state belong to each, so that whoever goes on later finds
what an earlier command began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from deploy.cli.session import Session
from deploy.handover import Handover, open_handover, outbox_file
from producers.simulator import Item, Played, play
from producers.un_list import MAX_RECALL_SHARE, ImportReport, ImportState, import_list
from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from schemas.models import Event
from schemas.reference import Reference
from schemas.topics import GENERAL_SECRETARIAT

__all__ = ["import_un_list", "play_traffic", "played_rows", "simulator_outbox"]

_UN_LIST_SYSTEM = "un-list"
"""XP's source system for the Security Council's list."""


def simulator_outbox(session: Session) -> Path:
    """The outbox that all simulated bureaus share."""
    return outbox_file(session.outbox_folder, "simulator")


def play_traffic(
    items: Iterable[Item],
    handover: Handover,
    kafka: KafkaConnection,
    *,
    batch_events: int = 2000,
    speed: float | None = None,
    progress: Callable[[int], None] = lambda _events: None,
) -> Played:
    """Hand simulated items over; `progress` is told how many events so far."""
    return play(
        items,
        handover.outbox,
        handover.sender,
        kafka,
        publisher=handover.publisher,
        reference=Reference.load(),
        clock=SystemClock(),
        batch_events=batch_events,
        speed=speed,
        progress=lambda played: progress(played.events),
    )


def played_rows(played: Played) -> list[tuple[str, int]]:
    """What was handed over, for a table."""
    return [
        *played.kinds.most_common(),
        ("of them corrections", played.corrections),
        ("of them recalls", played.recalls),
        ("repeats past the outbox", played.repeats.total()),
        ("unreadable past the outbox", played.unparsable.total()),
    ]


def import_un_list(
    session: Session,
    file: Path,
    *,
    timeout_s: float,
    max_recall_share: float = MAX_RECALL_SHARE,
    state_lost: bool = False,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> ImportReport:
    """Publish the list as notices of XP and wait for the broker.

    `progress` is told the stage, how much of it is done, and of how much.

    With `state_lost` an outbox that knows of imports is no reason to refuse an empty state.

    Raises:
        PermanentError: the file is no whole list, or its date or what it recalls is refused;
            nothing of it was published.
        ConfigurationError: the state of earlier imports is lost.
        RetryableError: the broker did not take all of it in time; it waits in the outbox.
    """
    path = outbox_file(session.outbox_folder, f"{GENERAL_SECRETARIAT}.{_UN_LIST_SYSTEM}")
    with (
        ImportState(session.settings.data_dir / "un-list.sqlite") as state,
        open_handover(path, session.connections.kafka, session.outbox_schema_ids()) as handover,
    ):
        publisher = handover.publisher(GENERAL_SECRETARIAT, _UN_LIST_SYSTEM)

        def publish(events: list[Event]) -> None:
            publisher.publish_many(events)

        sent = sum(count.last_sequence for count in handover.outbox.sent_counts())
        report = import_list(
            file,
            state,
            publish,
            max_recall_share=max_recall_share,
            handed_over=0 if state_lost else sent,
            progress=partial(progress, "notices"),
        )
        handover.finish(timeout_s, partial(progress, "sending"))
    return report
