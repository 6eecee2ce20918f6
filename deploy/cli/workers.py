"""`liaison run …`: one worker a process, as production runs it; SIGTERM ends it in order.

In order means within a deadline, whatever server is away: what is under way then is left to the
next start, as after kill -9.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli import exits
from deploy.cli.session import session_of

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Lane", "app", "stop_on_signals"]

_STOPS_WITHIN_S = 8.0

app = typer.Typer(
    help="Run one worker until SIGTERM. Example: [bold]liaison run router --lane message[/]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

WorkerName = Annotated[
    str,
    typer.Option(
        help="This worker's slot. Two running workers never share one; it stays over restarts."
    ),
]

ReadyFile = Annotated[
    Path | None,
    typer.Option(help="Made when the worker has taken up its work, for a probe; removed before."),
]


class Lane(StrEnum):
    """Searches never stand before messages: each lane has routers of its own."""

    MESSAGE = "message"
    SEARCH = "search"


@app.command()
def router(
    context: typer.Context,
    lane: Annotated[Lane, typer.Option(help="Which lane to route.")] = Lane.MESSAGE,
    worker: WorkerName = "0",
    ready_file: ReadyFile = None,
) -> None:
    """Check, deduplicate, enrich and route one lane, exactly once.

    Example: [bold]liaison run router --lane search --worker 0[/]
    """
    with stop_on_signals() as stop:
        from stream_apps.router.worker import run_router

        at = session_of(context).connections
        run_router(
            at.kafka,
            at.registry,
            lane=lane.value,
            worker=worker,
            stop=stop,
            ready=_readiness(ready_file),
        )


@app.command()
def cutter(context: typer.Context, worker: WorkerName = "0", ready_file: ReadyFile = None) -> None:
    """Cut facts into blocks that never change.

    Example: [bold]liaison run cutter[/]
    """
    with stop_on_signals() as stop:
        from stream_apps.cutter.worker import run_cutter

        at = session_of(context).connections
        run_cutter(at.kafka, at.registry, worker=worker, stop=stop, ready=_readiness(ready_file))


@app.command()
def loader(context: typer.Context, ready_file: ReadyFile = None) -> None:
    """Load blocks into ClickHouse, each once.

    Example: [bold]liaison run loader[/]
    """
    with stop_on_signals() as stop:
        from sinks.clickhouse import Loader

        at = session_of(context).connections
        Loader(at.kafka, at.clickhouse_as("loader")).run(stop, _readiness(ready_file))


@app.command()
def surge(context: typer.Context, ready_file: ReadyFile = None) -> None:
    """Count facts by region and category, and raise an alert where a window stands out.

    Example: [bold]liaison run surge[/]
    """
    from deploy.embedded import DataDirectory
    from stream_apps.surge import SurgeSettings, run_surge

    session = session_of(context)
    at, chosen = session.connections, session.settings.surge
    run_surge(
        at.kafka,
        at.registry,
        DataDirectory(session.settings.data_dir).folder("surge"),
        SurgeSettings(
            window_s=chosen.window_s,
            grace_s=chosen.grace_s,
            baseline_windows=chosen.baseline_windows,
            min_baseline_windows=chosen.min_baseline_windows,
        ),
        standstill_s=chosen.standstill_s,
        replicas=session.settings.kafka.topic_replicas,
        ready=_readiness(ready_file),
    )


@app.command()
def clickhouse(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8123,
) -> None:
    """Serve the embedded ClickHouse over HTTP (`liaison up` does it by itself).

    An account a role: loader, publisher, statistician, auditor, operator. Their passwords are made
    once, in clickhouse-passwords.json of the data directory, for its owner alone.

    Example: [bold]liaison run clickhouse --port 8123[/]
    """
    from deploy.clickhouse import read_accounts, serve, write_accounts
    from deploy.embedded import DataDirectory

    # owned before a password is made: a running service would not know the new ones
    with DataDirectory(session_of(context).settings.data_dir) as directory:
        folder = directory.folder("clickhouse")
        accounts = write_accounts(folder, directory.make_clickhouse_passwords())
        serve(folder, host, port, accounts=read_accounts(accounts))


@contextmanager
def stop_on_signals(within_s: float = _STOPS_WITHIN_S) -> Iterator[threading.Event]:
    """Within, SIGTERM and SIGINT set the event; after `within_s` more they end the process.

    Enter it first of all: a worker that is still loading its modules is stopped in order, too.
    """
    import signal

    stop = threading.Event()
    done = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            threading.Thread(target=_end_unless, args=(done, within_s), daemon=True).start()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        done.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_unless(done: threading.Event, within_s: float) -> None:
    if not done.wait(within_s):
        import structlog

        structlog.get_logger(__name__).warning("worker.stop-deadline", within_s=within_s)
        os._exit(exits.RETRYABLE)


def _readiness(file: Path | None) -> Callable[[], None]:
    """What a worker calls when it has taken up its work; until then the file is not there."""
    if file is None:
        return lambda: None
    _change(file, lambda: _remove_mark(file))
    return lambda: _change(file, file.touch)


def _remove_mark(file: Path) -> None:
    """Of an earlier run. What is none (a device, a FIFO, somebody's file) is not ours to remove."""
    try:
        found = file.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_size:
        raise FileExistsError(errno.EEXIST, "it is there, and no empty file")
    file.unlink(missing_ok=True)


def _change(file: Path, change: Callable[[], None]) -> None:
    from schemas.errors import ConfigurationError

    try:
        change()
    except OSError as error:
        raise ConfigurationError(
            f"the ready file {file} can't be written ({error.strerror}): name another",
            code="no-file",
        ) from error
