"""What a person or a script reads: tables or JSON on stdout, everything else on stderr.

Stdout holds data alone, so it may be piped; progress, notes and errors go to stderr. Without a
terminal there are no colours, no cut columns and no moving bars.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = [
    "Told",
    "error_line",
    "note",
    "print_json",
    "print_table",
    "print_text",
    "progress_bar",
    "time_text",
    "told_progress",
]

_PIPED_WIDTH = 400

Told = Callable[[str, int, int], None]
"""Takes a stage, how much of it is done, and of how much."""


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    print_text(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_text(text: str) -> None:
    """A line on stdout, at once: whoever reads it may wait while the command goes on."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> None:
    """A table on stdout; numbers stand to the right."""
    held = [list(row) for row in rows]
    table = Table()
    for index, name in enumerate(columns):
        numeric = bool(held) and all(isinstance(row[index], int | float) for row in held)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in held:
        table.add_row(*(_cell(value) for value in row))
    console = _console(sys.stdout)
    if title is not None:
        console.print(f"\n{title}", markup=False, highlight=False, soft_wrap=True)
    console.print(table, markup=False)


def note(text: str) -> None:
    """A line for the person at the terminal."""
    _console(sys.stderr).print(text, markup=False, highlight=False, soft_wrap=True)


def error_line(code: str, message: str) -> None:
    """`error[code]: message`, on one line whatever the message holds."""
    one_line = " ".join(message.split())
    console = _console(sys.stderr)
    console.print(f"[bold red]error[/]\\[{code}]:", end=" ", highlight=False, soft_wrap=True)
    console.print(one_line, markup=False, highlight=False, soft_wrap=True)


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
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f}/s")

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        console=_console(sys.stderr),
        disable=not sys.stderr.isatty(),
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
        console=_console(sys.stderr),
        disable=not sys.stderr.isatty(),
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


def _console(stream: Any) -> Console:
    if stream.isatty():
        return Console(file=stream)
    return Console(file=stream, width=_PIPED_WIDTH, no_color=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    return str(value)
