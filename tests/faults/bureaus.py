"""The bureaus' side as a process that may be killed: `python -m tests.faults.bureaus …`.

The same seed gives the same events. How far it came is written after each batch that the outbox
accepted; a successor hands the last batch over again, which the outbox knows. It ends when the
file `bureaus.stop` lies beside the progress and everything is acknowledged, and then writes
`bureaus.done`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from deploy.cli.session import Session
from deploy.handover import open_handover, outbox_file
from producers.simulator import Handover, Mix, Simulator
from schemas.reference import Reference

__all__ = ["ask_to_stop", "events", "is_done", "now", "progress"]

_BATCH = 20
_SEARCHES_A_MESSAGE = 2
_PROGRESS, _STOP, _DONE = "bureaus.progress", "bureaus.stop", "bureaus.done"


def events(seed: int, start: datetime) -> Iterator[Handover]:
    """What the bureaus hand over, without end in practice."""
    messages = 1_000_000
    mix = Mix.of("year", messages, searches=messages * _SEARCHES_A_MESSAGE, span=timedelta(days=1))
    for item in Simulator(Reference.load(), seed, start, mix):
        if isinstance(item, Handover):
            yield item


def progress(folder: Path) -> int:
    """How many events the outbox has accepted for certain."""
    path = folder / _PROGRESS
    return int(path.read_text()) if path.exists() else 0


def ask_to_stop(folder: Path) -> None:
    (folder / _STOP).touch()


def is_done(folder: Path) -> bool:
    return (folder / _DONE).exists()


def main() -> None:
    folder, seed, start, rate = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    session = Session(data_dir=folder)
    done = progress(folder)
    rest = islice(events(seed, datetime.fromisoformat(start)), done, None)
    path = outbox_file(session.outbox_folder, "faults")
    with open_handover(path, session.connections.kafka, session.outbox_schema_ids()) as handover:
        began, handed = time.monotonic(), 0
        while not (folder / _STOP).exists():
            for item in islice(rest, _BATCH):
                handover.publisher(item.bureau, item.system).publish(item.event)
                handed += 1
            _write(folder / _PROGRESS, str(done + handed))
            time.sleep(max(0.0, began + handed / rate - time.monotonic()))
        handover.finish(600)
    (folder / _DONE).touch()


def _write(path: Path, text: str) -> None:
    """All of it or nothing, whenever the process dies."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, path)


def now() -> datetime:
    """Where the simulated day begins, so that its events have happened already."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)


if __name__ == "__main__":
    main()
