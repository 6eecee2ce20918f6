"""What a person or a script reads: tables or JSON on stdout, everything else on stderr.

Stdout holds data alone, so it may be piped; progress, notes and errors go to stderr. Without a
terminal there are no colours, no cut columns and no moving bars. Whatever a text holds, it neither
steers the terminal nor begins a line of its own (see `safe_text`). A note or an error that can't be
written is dropped; data that can't be written ends the command.
"""

from __future__ import annotations

import codecs
import errno
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli.safe_text import (
    FIRST_STRONG_ISOLATE,
    POP_ISOLATE,
    has_right_to_left,
    json_text,
    shown,
    shown_lines,
)
from deploy.cli.streams import DroppingStream
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.containers import Lines

__all__ = [
    "Told",
    "error_line",
    "fault_trace",
    "no_more_output",
    "note",
    "print_bytes",
    "print_json",
    "print_table",
    "print_text",
    "progress_bar",
    "time_text",
    "told_progress",
]

_PIPED_WIDTH = 400
# Beneath the bar that rich draws, which stands in for stderr while it is shown.
_STDERR = DroppingStream(lambda: getattr(sys.stderr, "rich_proxied_file", sys.stderr))

Told = Callable[[str, int, int], None]
"""Takes a stage, how much of it is done, and of how much."""


def print_json(value: Any) -> None:
    """One JSON document on stdout; a number that JSON has not (NaN, infinity) is null there."""
    document = json.dumps(_plain(value), ensure_ascii=False, indent=2, allow_nan=False)
    print_text(json_text(document))


def print_text(text: str) -> None:
    """A line on stdout, at once: whoever reads it may wait while the command goes on."""
    with _output() as out:
        out.write(text + "\n")
        out.flush()


def print_bytes(pieces: Iterable[bytes]) -> None:
    """What comes in pieces, on stdout byte for byte; on a terminal it has to be lines of UTF-8."""
    with _output() as out:
        if out.isatty():
            for text in codecs.iterdecode(pieces, "utf-8", "replace"):
                out.write(shown_lines(text))
        else:
            out.flush()
            for piece in pieces:
                out.buffer.write(piece)
        out.flush()


def no_more_output() -> None:
    """What is still to be written to stdout goes nowhere: nobody reads it, or nothing takes it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> None:
    """A table on stdout; numbers stand to the right. A title may have several lines."""
    held = [list(row) for row in rows]
    table = Table()
    text = _IsolatedText if sys.stdout is not None and sys.stdout.isatty() else Text
    for index, name in enumerate(columns):
        numeric = bool(held) and all(isinstance(row[index], int | float) for row in held)
        table.add_column(text(shown(name)), justify="right" if numeric else "left", overflow="fold")
    for row in held:
        table.add_row(*(text(shown(_cell(value))) for value in row))
    with _output() as out:
        console = _console(out)
        if title is not None:
            console.print(Text(f"\n{shown_lines(title)}"), soft_wrap=True)
        console.print(table)


def note(text: str) -> None:
    """A line for the person at the terminal."""
    _console(_STDERR).print(Text(shown(text)), soft_wrap=True)


def error_line(code: str, message: str) -> None:
    """`error[code]: message`, on one line whatever the message holds."""
    one_line = shown(" ".join(message.split()))
    line = Text.assemble(("error", "bold red"), f"[{code}]: {one_line}")
    _console(_STDERR).print(line, soft_wrap=True)


def fault_trace(lines: Iterable[str]) -> None:
    """Lines of a trace, whatever an error's words hold."""
    _STDERR.write(shown_lines("".join(lines)))


@contextmanager
def progress_bar(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Yields a function that is told how much is done in all; silent without a terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f}/s")

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        console=_console(_STDERR),
        disable=not _STDERR.isatty(),
        transient=True,
    ) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def told_progress() -> Iterator[Told]:
    """A bar a stage on a terminal, else nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

    tasks: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=_console(_STDERR),
        disable=not _STDERR.isatty(),
        transient=True,
    ) as progress:

        def tell(stage: str, done: int, total: int) -> None:
            if not total:  # a stage without work is none
                return
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield tell


def time_text(epoch_ms: int) -> str:
    """ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _output() -> Iterator[TextIO]:
    """Stdout, for data: it is written, or the command ends."""
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        yield sys.stdout
    except BrokenPipeError:
        raise  # its reader has enough
    except OSError as error:
        no_more_output()
        raise ConfigurationError(
            f"what is printed can't be written to stdout ({error.strerror}): make room, or write "
            "it elsewhere",
            code="no-output",
        ) from error


class _Console(Console):
    """One that leaves it to us what a reader that has gone away means."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704 - it is called while the error is being handled


class _IsolatedText(Text):
    """Text whose lines each isolate their right-to-left letters.

    A terminal that knows writing directions turns round what lies between two right-to-left letters
    of a line, borders and numbers too. A cell may be folded, so it is each of its lines that is
    isolated; the marks have no width.
    """

    def wrap(self, *arguments: Any, **options: Any) -> Lines:
        lines = super().wrap(*arguments, **options)
        for index, line in enumerate(lines):
            if has_right_to_left(line.plain):
                lines[index] = Text.assemble(FIRST_STRONG_ISOLATE, line, POP_ISOLATE, end=line.end)
        return lines


def _console(stream: TextIO | DroppingStream) -> Console:
    file = cast(TextIO, stream)
    if stream.isatty():
        return _Console(file=file)
    return _Console(file=file, width=_PIPED_WIDTH, no_color=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    return str(value)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(item) for name, item in value.items()}
    if isinstance(value, list | set | frozenset | tuple):
        return [_plain(item) for item in value]
    return str(value)
