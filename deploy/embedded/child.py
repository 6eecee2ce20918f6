"""What the supervisor is told of a child, and what it tells of one.

A `ready` probe is called again and again, in a thread of its own: it returns False while the child
is not ready yet, True once it is, raises LiaisonError if it will never be, and answers within a
second or two. `prepare` is called before each start, in the supervising thread. `env` is the whole
environment; None is the supervisor's own.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

__all__ = [
    "Child",
    "EventKind",
    "SupervisorEvent",
    "always_ready",
    "describe_exit",
    "last_telling_line",
    "nothing",
    "unexplained",
]

_TAIL_BYTES = 16 * 1024
_CLOSING_LINES = 20
_LONGEST_LINE = 300
_JAVA_EXCEPTION = re.compile(r"(?:[a-z_][\w$]*\.)+[A-Z][\w$]*(?:Exception|Error): ")
_SEVERE = re.compile(r"\b(?:ERROR|FATAL|CRITICAL)\b")


def always_ready() -> bool:
    """For a child that is ready as soon as it runs."""
    return True


def nothing() -> None:
    """For a child that needs no preparation."""


def unexplained() -> str:
    """For a child about whose end nobody but its log can know more."""
    return ""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running. Its output, both streams, is appended to `log_path`.

    `explain` is asked after it ended unasked: what about the surroundings may be the reason.
    """

    name: str
    argv: tuple[str, ...]
    log_path: Path
    env: Mapping[str, str] | None = None
    prepare: Callable[[], None] = nothing
    ready: Callable[[], bool] = always_ready
    cwd: Path | None = None
    explain: Callable[[], str] = unexplained
    start_attempts: int = 3
    ready_timeout_s: float = 90.0
    stop_timeout_s: float = 10.0


class EventKind(StrEnum):
    """What happened to a child."""

    STARTED = "started"
    READY = "ready"
    DIED = "died"
    GAVE_UP = "gave-up"
    STOPPED = "stopped"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class SupervisorEvent:
    """One thing that happened; `message` is the line for a person.

    `deaths` counts how often this child ended unasked; `exit_code` is negative for a signal.
    """

    kind: EventKind
    child: str
    message: str
    pid: int | None = None
    exit_code: int | None = None
    last_log_line: str = ""
    deaths: int = 0


def describe_exit(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"ended by itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}"


def last_telling_line(log_path: Path, *, since: int = 0) -> str:
    """The line written after offset `since` that says best why the child ended.

    That is the last error among the closing lines, else the last line; of a Java stack trace the
    line above its frames and the innermost cause, since frames say where, not what.
    """
    try:
        with log_path.open("rb") as log:
            end = log.seek(0, 2)
            log.seek(max(min(since, end), end - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    telling = [
        line.strip()
        for line in lines
        if line.strip() and not line[0].isspace() and not line.startswith(("at ", "Caused by:"))
    ][-_CLOSING_LINES:]
    severe = [line for line in telling if _SEVERE.search(line)]
    if not severe:
        return telling[-1][:_LONGEST_LINE] if telling else ""
    causes = [line.partition(": ")[2] for line in lines if line.startswith("Caused by: ")]
    causes = causes or [line for line in telling if _JAVA_EXCEPTION.match(line)]
    words = severe[-1][:_LONGEST_LINE]
    return f"{words}, caused by {causes[-1][:_LONGEST_LINE]}" if causes else words
