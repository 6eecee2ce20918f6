"""Handing events over from a command: an outbox, its sender, and the end of it.

Invariants: what was published is durable before anything is sent; a command that ends before all
is acknowledged says so and loses nothing, the next one on the same outbox sends the rest. A file an
outbox, named after its bureau and system, so that two bureaus' commands never wait for each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from producers import (
    Outbox,
    Publisher,
    Sender,
    readdress_by_region,
    reconcile_with_receipts,
)
from schemas.catalogue import Catalogue
from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, RetryableError
from schemas.reference import Reference
from schemas.registry import SchemaIds

__all__ = ["Handover", "open_handover", "outbox_file", "outbox_files"]

_SUFFIX = ".outbox"
_STEP_S = 0.1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}\Z")


def outbox_file(folder: Path, name: str) -> Path:
    """The outbox of that name: `<bureau>.<system>`, or a command's that serves many bureaus.

    Raises:
        ConfigurationError: a name that is no file's.
    """
    if not _NAME.match(name):
        raise ConfigurationError(
            f"{name!r} can't name an outbox: a bureau is two letters, a system 1 to 40 of "
            "a-z 0-9 . _ -",
            code="bad-system",
        )
    return folder / f"{name}{_SUFFIX}"


def outbox_files(folder: Path) -> list[Path]:
    """Every outbox in a folder, for whoever recounts what was sent."""
    return sorted(folder.glob(f"*{_SUFFIX}"))


class Handover:
    """An open outbox that is being sent."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        ids: SchemaIds,
        clock: Clock,
    ) -> None:
        self.outbox = outbox
        self.sender = sender
        self._ids = ids
        self._clock = clock
        self._publishers: dict[tuple[str, str], Publisher] = {}

    def publisher(self, bureau: str, system: str) -> Publisher:
        """The publisher of one system of one bureau, on this outbox."""
        found = self._publishers.get((bureau, system))
        if found is None:
            found = self._publishers[bureau, system] = Publisher(
                bureau,
                system,
                outbox=self.outbox,
                catalogue=Catalogue.load(),
                ids=self._ids,
                reference=Reference.load(),
                clock=self._clock,
            )
        return found

    def finish(
        self, timeout_s: float, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        """Wait until the broker has acknowledged everything.

        `progress` is told how many of the records that wait now are acknowledged, and of how many.

        Raises:
            RetryableError: not in time; what waits stays in the outbox.
        """
        deadline = Deadline.after(self._clock, timeout_s)
        waiting = self.outbox.pending()
        while True:
            pending = self.sender.drain(
                Deadline.after(self._clock, min(_STEP_S, deadline.remaining()))
            )
            waiting = max(waiting, pending)
            progress(waiting - pending, waiting)
            if not pending:
                return
            if deadline.expired():
                why = "; ".join(
                    f"{problem.where}: {problem.message}" for problem in self.sender.problems()
                )
                raise RetryableError(
                    f"{pending} records still wait in {self.outbox.path} after {timeout_s:g} s "
                    f"({why or 'the broker is slow or away'}): nothing is lost, the same command "
                    "or any later one on this outbox sends them",
                    code="not-sent",
                )


@contextmanager
def open_handover(
    path: Path, kafka: KafkaConnection, ids: SchemaIds, clock: Clock | None = None
) -> Iterator[Handover]:
    """Within, what is published to this outbox is sent in the background."""
    clock = clock or SystemClock()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Outbox(path, clock) as outbox:
        reconcile = partial(reconcile_with_receipts, outbox, kafka, ids, clock)
        readdress = partial(readdress_by_region, outbox, Reference.load(), ids, clock)
        with Sender(outbox, kafka, clock, reconcile=reconcile, readdress=readdress) as sender:
            yield Handover(outbox, sender, ids, clock)
