"""Keeps children running and leaves none behind.

Invariants: every child is forked by one thread, which lives as long as they do (see `tether`), so
the kernel ends them all if this process dies in whatever way; a child that ends unasked is reported
with its reason and started again, after a pause that doubles up to a cap; one that never became
ready is started `start_attempts` times, then `wait_ready` raises; `stop` ends the children in the
reverse order of their adding, first by SIGTERM, after each one's own deadline by SIGKILL, and comes
back with none running. A log past `max_log_bytes` is set aside as `.1` and emptied. No child ends
because something could not be written or told: an event whose listener can't write is lost, a log
that can't be set aside is tried again, and so is a start that the system refuses.
The thread owns all state of children; others only add, ask, and wait. If the thread itself fails,
it kills the children and whoever waits gets its error.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import BinaryIO

from deploy.embedded.child import (
    Child,
    EventKind,
    SupervisorEvent,
    describe_exit,
    last_telling_line,
)
from deploy.embedded.tether import tethered
from schemas.clock import Clock, Deadline, SystemClock
from schemas.errors import ConfigurationError, LiaisonError

__all__ = ["ChildStartError", "RestartPolicy", "Supervisor"]

_TICK_S = 0.05
_LOG_CHECK_S = 2.0


class ChildStartError(ConfigurationError):
    """A child did not come up; the message has its last words and the path of its log."""

    code = "child-start"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Pause before a restart; a child ready for `settled_after_s` begins anew at the first."""

    first_pause_s: float = 0.2
    longest_pause_s: float = 15.0
    settled_after_s: float = 30.0

    def pause_s(self, deaths_in_a_row: int) -> float:
        doublings = min(max(0, deaths_in_a_row - 1), 30)
        return min(self.longest_pause_s, self.first_pause_s * float(2**doublings))


class _Phase(Enum):
    DUE = auto()  # to be started at `due_s`
    STARTING = auto()
    READY = auto()
    STOPPING = auto()
    DONE = auto()  # stopped, or given up


@dataclass(slots=True)
class _Kept:
    """A child and what the thread knows of it."""

    child: Child
    batch: int
    phase: _Phase = _Phase.DUE
    due_s: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    log_start: int = 0
    deadline: Deadline | None = None
    probe: Future[bool] | None = None
    ready_since_s: float = 0.0
    was_ready: bool = False
    deaths: int = 0
    deaths_in_a_row: int = 0
    failure: str = field(default="")


class Supervisor:
    """Use as a context manager: leaving it stops every child."""

    def __init__(
        self,
        *,
        on_event: Callable[[SupervisorEvent], None] | None = None,
        policy: RestartPolicy | None = None,
        max_log_bytes: int = 8 * 1024 * 1024,
        clock: Clock | None = None,
    ) -> None:
        self._on_event = on_event or (lambda event: None)
        self._policy = policy or RestartPolicy()
        self._max_log_bytes = max_log_bytes
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._kept: list[_Kept] = []
        self._batches = 0
        self._stopping = False
        self._kill_now = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._probes = ThreadPoolExecutor(4, thread_name_prefix="probe")
        self._next_log_check_s = 0.0

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add(self, *children: Child) -> None:
        """Start these, at once and side by side; returns before they are ready."""
        with self._changed:
            if self._stopping:
                raise ConfigurationError("the supervisor has been stopped", code="child-start")
            known = {kept.child.name for kept in self._kept}
            for child in children:
                if child.name in known:
                    raise ConfigurationError(
                        f"two children named {child.name}: give each its own name",
                        code="child-start",
                    )
                known.add(child.name)
                self._kept.append(_Kept(child, self._batches))
            self._batches += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait_ready(self) -> None:
        """Return once every child added so far was ready; raise ChildStartError if one gave up."""
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._error
                    or self._stopping
                    or any(kept.failure for kept in self._kept)
                    or all(kept.was_ready for kept in self._kept)
                )
            )
            if self._error:
                raise self._error
            for kept in self._kept:
                if kept.failure:
                    raise ChildStartError(kept.failure)

    def wait(self, timeout_s: float | None = None) -> None:
        """Block while the children are kept running: until `stop`, an error, or the time."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._error, timeout_s)
            if self._error:
                raise self._error

    def pids(self) -> dict[str, int]:
        """The running children's process ids by name."""
        with self._changed:
            return {kept.child.name: kept.process.pid for kept in self._kept if kept.process}

    def stop(self) -> None:
        """End every child and return when none is left. Interrupted once more, it kills at once."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread = self._thread
        while thread is not None and thread.is_alive():
            try:
                thread.join()
            except KeyboardInterrupt:
                self._kill_now = True
        self._probes.shutdown(wait=False, cancel_futures=True)

    # What follows runs in the supervising thread only.

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    kept = list(self._kept)
                    stopping = self._stopping
                if stopping and all(one.process is None for one in kept):
                    return
                if stopping:
                    self._stop_step(kept)
                for one in kept:
                    self._step(one, stopping=stopping)
                self._bound_logs(kept)
                with self._changed:
                    self._changed.notify_all()
                    self._changed.wait(_TICK_S)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self._kill_all()
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _step(self, kept: _Kept, *, stopping: bool) -> None:
        if kept.process is not None:
            code = kept.process.poll()
            if code is not None:
                self._ended(kept, code)
                return
        if kept.phase is _Phase.DUE and not stopping:
            if self._clock.monotonic_s() >= kept.due_s:
                self._start(kept)
        elif kept.phase is _Phase.STARTING and not stopping:
            self._probe(kept)

    def _start(self, kept: _Kept) -> None:
        child = kept.child
        try:
            child.prepare()
            child.log_path.parent.mkdir(parents=True, exist_ok=True)
            with child.log_path.open("ab") as log:
                kept.log_start = log.tell()
                kept.process = self._spawn(child, log)
        except OSError as error:  # a full disk, no process or file left to have
            self._died(kept, f"{child.name} could not be started ({error})")
            return
        kept.phase = _Phase.STARTING
        kept.probe = None
        kept.deadline = Deadline.after(self._clock, child.ready_timeout_s)
        self._tell(kept, EventKind.STARTED, f"{child.name} started (pid {kept.process.pid})")

    def _spawn(self, child: Child, log: BinaryIO) -> subprocess.Popen[bytes]:
        # A session of its own: the terminal's Ctrl-C reaches us alone, and we end them in order.
        return subprocess.Popen(
            tethered(child.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if child.env is None else dict(child.env),
            cwd=child.cwd,
            start_new_session=True,
        )

    def _probe(self, kept: _Kept) -> None:
        child, process = kept.child, kept.process
        if process is None or kept.deadline is None:
            return
        if kept.probe is None:
            kept.probe = self._probes.submit(child.ready)
            return
        if not kept.probe.done():
            return
        try:
            is_ready = kept.probe.result()
        except LiaisonError as error:
            self._give_up(kept, f"{child.name} cannot become ready: {error}")
            return
        kept.probe = None
        if is_ready:
            kept.phase = _Phase.READY
            kept.was_ready = True
            kept.ready_since_s = self._clock.monotonic_s()
            self._tell(kept, EventKind.READY, f"{child.name} is ready (pid {process.pid})")
        elif kept.deadline.expired():
            _signal_group(process, signal.SIGKILL)
            self._tell(
                kept,
                EventKind.KILLED,
                f"{child.name} was not ready within {child.ready_timeout_s:g} s and was killed",
            )
            kept.deadline = None  # its end is seen by the next poll

    def _ended(self, kept: _Kept, code: int) -> None:
        child, pid = kept.child, kept.process.pid if kept.process else 0
        was_asked = kept.phase is _Phase.STOPPING
        settled = (
            kept.phase is _Phase.READY
            and self._clock.monotonic_s() - kept.ready_since_s >= self._policy.settled_after_s
        )
        if kept.process is not None:
            _signal_group(kept.process, signal.SIGKILL)  # what it started ends with it
        kept.process = None
        if was_asked or kept.failure:
            kept.phase = _Phase.DONE
            self._tell(kept, EventKind.STOPPED, f"{child.name} stopped", pid=pid, code=code)
            return
        if settled:
            kept.deaths_in_a_row = 0
        line = last_telling_line(child.log_path, since=kept.log_start)
        said = f"; its last words: {line}" if line else "; it left no word in its log"
        reason = child.explain()
        what = f"{child.name} {describe_exit(code)}{f': {reason}' if reason else ''}{said}"
        self._died(kept, what, pid=pid, code=code, line=line)

    def _died(
        self,
        kept: _Kept,
        what: str,
        *,
        pid: int | None = None,
        code: int | None = None,
        line: str = "",
    ) -> None:
        """It is not running, and nobody asked for that: start it again, or give it up."""
        child = kept.child
        kept.deaths += 1
        kept.deaths_in_a_row += 1
        if not kept.was_ready and kept.deaths >= child.start_attempts:
            kept.phase = _Phase.DONE
            self._fail(kept, f"{what} (tried {kept.deaths} times; log: {child.log_path})", code)
            return
        pause_s = self._policy.pause_s(kept.deaths_in_a_row)
        kept.phase = _Phase.DUE
        kept.due_s = self._clock.monotonic_s() + pause_s
        message = f"{what}; starting it again in {pause_s:g} s (death {kept.deaths})"
        self._tell(kept, EventKind.DIED, message, pid=pid, code=code, line=line)

    def _give_up(self, kept: _Kept, message: str) -> None:
        if kept.process is not None:
            _signal_group(kept.process, signal.SIGKILL)
        kept.phase = _Phase.STOPPING
        self._fail(kept, message, None)

    def _fail(self, kept: _Kept, message: str, code: int | None) -> None:
        self._tell(kept, EventKind.GAVE_UP, message, code=code)
        with self._changed:
            kept.failure = message

    def _stop_step(self, kept: Sequence[_Kept]) -> None:
        """Ask the youngest batch that still runs to end; kill whoever is past its deadline."""
        running = [one for one in kept if one.process is not None]
        youngest = max(one.batch for one in running)
        for one in running:
            process = one.process
            if process is None or not (self._kill_now or one.batch == youngest):
                continue
            if one.phase is not _Phase.STOPPING:
                one.phase = _Phase.STOPPING
                one.deadline = Deadline.after(self._clock, one.child.stop_timeout_s)
                _signal_group(process, signal.SIGTERM)
            if self._kill_now or (one.deadline is not None and one.deadline.expired()):
                _signal_group(process, signal.SIGKILL)
                if one.deadline is not None:
                    message = f"{one.child.name} did not stop in time and was killed"
                    self._tell(one, EventKind.KILLED, message)
                one.deadline = None

    def _kill_all(self) -> None:
        for kept in self._kept:
            if kept.process is not None:
                _signal_group(kept.process, signal.SIGKILL)
                kept.process.wait()
                kept.process = None

    def _bound_logs(self, kept: Sequence[_Kept]) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._next_log_check_s:
            return
        self._next_log_check_s = now_s + _LOG_CHECK_S
        for one in kept:
            path = one.child.log_path
            with suppress(OSError):  # a full disk is no reason to end anything
                if path.exists() and path.stat().st_size > self._max_log_bytes:
                    # The child holds the file open for appending, so it is emptied, not renamed.
                    shutil.copyfile(path, path.with_name(path.name + ".1"))
                    os.truncate(path, 0)
                    one.log_start = 0

    def _tell(
        self,
        kept: _Kept,
        kind: EventKind,
        message: str,
        *,
        pid: int | None = None,
        code: int | None = None,
        line: str = "",
    ) -> None:
        if pid is None and kept.process is not None:
            pid = kept.process.pid
        event = SupervisorEvent(kind, kept.child.name, message, pid, code, line, kept.deaths)
        with suppress(OSError, ValueError):  # ValueError: what it writes to is closed
            self._on_event(event)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the child and whatever it started: its session is its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
