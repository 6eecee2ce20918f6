"""The bureaus' side as a process that may be killed: `python -m tests.faults.bureaus …`.

Each life of the process has a seed of its own, so that a late one need not make all events of those
before it again. How far a life came is written after each batch that the outbox accepted; its
successor first hands over the batch in which it may have died, which the outbox knows as far as it
came. It ends when the file `bureaus.stop` lies beside the progress and everything is acknowledged,
and then writes `bureaus.done`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from deploy.cli.session import Session
from deploy.handover import Handover as Outgoing
from deploy.handover import open_handover, outbox_file
from producers.simulator import Handover, Mix, Simulator
from schemas.files import replace_file
from schemas.reference import Reference

__all__ = ["accepted", "ask_to_stop", "events", "is_done", "now", "progress"]

_BATCH = 10
_SEARCHES_A_MESSAGE = 2
_PROGRESS, _STOP, _DONE = "bureaus.progress", "bureaus.stop", "bureaus.done"


def events(seed: int, life: int, start: datetime) -> Iterator[Handover]:
    """What the bureaus hand over in a life, without end in practice."""
    messages = 1_000_000
    mix = Mix.of("year", messages, searches=messages * _SEARCHES_A_MESSAGE, span=timedelta(days=1))
    for item in Simulator(Reference.load(), seed * 10_000 + life, start, mix):
        if isinstance(item, Handover):
            yield item


def progress(folder: Path) -> list[int]:
    """How many events of each life the outbox has accepted for certain."""
    path = folder / _PROGRESS
    return [int(count) for count in json.loads(path.read_text())] if path.exists() else []


def accepted(folder: Path, seed: int, start: datetime) -> Iterator[Handover]:
    """Everything that was handed over."""
    for life, count in enumerate(progress(folder)):
        yield from islice(events(seed, life, start), count)


def ask_to_stop(folder: Path) -> None:
    (folder / _STOP).touch()


def is_done(folder: Path) -> bool:
    return (folder / _DONE).exists()


def main() -> None:
    folder, seed, start, rate = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    began = datetime.fromisoformat(start)
    session = Session(data_dir=folder)
    lives = progress(folder)
    path = outbox_file(session.outbox_folder, "faults")
    with open_handover(path, session.connections.kafka, session.outbox_schema_ids()) as outgoing:
        if lives:
            last = events(seed, len(lives) - 1, began)
            lives[-1] += _hand_over(outgoing, islice(last, lives[-1], lives[-1] + _BATCH))
            _write(folder, lives)
        lives.append(0)
        mine = events(seed, len(lives) - 1, began)
        begun_s = time.monotonic()
        while not (folder / _STOP).exists():
            lives[-1] += _hand_over(outgoing, islice(mine, _BATCH))
            _write(folder, lives)
            time.sleep(max(0.0, begun_s + lives[-1] / rate - time.monotonic()))
        outgoing.finish(600)
    (folder / _DONE).touch()


def _hand_over(outgoing: Outgoing, items: Iterable[Handover]) -> int:
    handed = 0
    for item in items:
        outgoing.publisher(item.bureau, item.system).publish(item.event)
        handed += 1
    return handed


def _write(folder: Path, lives: list[int]) -> None:
    replace_file(folder / _PROGRESS, json.dumps(lives).encode(), mode=0o644)


def now() -> datetime:
    """Where the simulated day begins, so that its events have happened already."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)


if __name__ == "__main__":
    main()
