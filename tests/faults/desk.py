"""A desk as a process that may be killed: `python -m tests.faults.desk FOLDER REGION`.

Whatever it is given it writes to `desk.given`, and a line once it has acknowledged that. It ends
when the file `desk.stop` lies there and its topics are read to their ends, and then writes
`desk.done`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from deploy.cli.session import Session
from schemas.reference import Reference
from sinks.desk import Delivered, Item, Struck, Subscriber
from tests.faults.expectation import EventKey

__all__ = ["Given", "ask_to_stop", "given", "is_done", "size"]

_GIVEN, _STOP, _DONE = "desk.given", "desk.stop", "desk.done"
_EVENT, _UNREADABLE, _ACKNOWLEDGED = "event", "unreadable", "acknowledged"
_POLL_S = 0.5


@dataclass
class Given:
    """What a desk was given."""

    events: Counter[EventKey] = field(default_factory=Counter)
    """How often each; again only if it died before it acknowledged."""
    again: list[EventKey] = field(default_factory=list)
    """Given once more after it was acknowledged."""
    unreadable: int = 0


def given(folder: Path) -> Given:
    """What is written there. A line that its writer died in is none."""
    found = Given()
    waiting: set[EventKey] = set()
    acknowledged: set[EventKey] = set()
    for line in (folder / _GIVEN).read_text("utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if word == _EVENT and len(rest.split()) == 3:  # the third says that the line is whole
            key = EventKey(*rest.split()[:2])
            found.events[key] += 1
            if key in acknowledged:
                found.again.append(key)
            waiting.add(key)
        elif word == _UNREADABLE:
            found.unreadable += 1
        elif word == _ACKNOWLEDGED:
            acknowledged |= waiting
            waiting.clear()
    return found


def size(folder: Path) -> int:
    """Grows with everything that the desk is given."""
    path = folder / _GIVEN
    return path.stat().st_size if path.exists() else 0


def ask_to_stop(folder: Path) -> None:
    (folder / _STOP).touch()


def is_done(folder: Path) -> bool:
    return (folder / _DONE).exists()


def main() -> None:
    folder, region = Path(sys.argv[1]), sys.argv[2]
    session = Session(data_dir=folder)
    at = session.connections
    with (
        (folder / _GIVEN).open("a", encoding="utf-8") as out,
        Subscriber(
            region,
            Reference.load().categories,
            kafka=at.kafka,
            schema_ids=session.schema_ids(),
            registry=at.registry,
            store=folder / "desk.sqlite",
        ) as desk,
    ):
        _write(out, [""])  # ends the line that its predecessor died in
        while True:
            items = desk.poll(_POLL_S)
            if not items:
                if desk.caught_up and (folder / _STOP).exists():
                    break
                continue
            _write(out, [_line(item) for item in items])
            desk.ack_struck([item for item in items if isinstance(item, Struck)])
            if any(not isinstance(item, Struck) for item in items):
                desk.ack()
                _write(out, [_ACKNOWLEDGED])
    (folder / _DONE).touch()


def _line(item: Item) -> str:
    if isinstance(item, Delivered):
        return f"{_EVENT} {item.bureau} {item.event_id} ."
    return "struck" if isinstance(item, Struck) else _UNREADABLE


def _write(out: TextIO, lines: list[str]) -> None:
    out.writelines(f"{line}\n" for line in lines)
    out.flush()
    os.fsync(out.fileno())


if __name__ == "__main__":
    main()
