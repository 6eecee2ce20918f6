"""The supervisor with real processes: they die, hang, ignore signals, and none is left."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.embedded.child import (
    Child,
    EventKind,
    SupervisorEvent,
    always_ready,
    describe_exit,
    last_telling_line,
)
from deploy.embedded.supervisor import ChildStartError, RestartPolicy, Supervisor
from schemas.clock import Deadline, SystemClock
from schemas.errors import ConfigurationError, PermanentError

PATIENCE_S = 30.0
QUICK = RestartPolicy(first_pause_s=0.01, longest_pause_s=0.05)
SLEEP = "import time\nprint('up', flush=True)\ntime.sleep(600)"


class Events:
    """Collects events; `wait_for` returns the first of a kind, or fails."""

    def __init__(self) -> None:
        self.seen: list[SupervisorEvent] = []
        self._changed = threading.Condition()

    def __call__(self, event: SupervisorEvent) -> None:
        with self._changed:
            self.seen.append(event)
            self._changed.notify_all()

    def of(self, kind: EventKind) -> list[SupervisorEvent]:
        return [event for event in self.seen if event.kind is kind]

    def wait_for(self, kind: EventKind, count: int = 1) -> SupervisorEvent:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE_S), (
                self.seen
            )
            return self.of(kind)[count - 1]


def _python(
    folder: Path,
    code: str,
    *,
    name: str = "part",
    ready: Callable[[], bool] = always_ready,
    stop_timeout_s: float = 10.0,
    ready_timeout_s: float = 30.0,
) -> Child:
    return Child(
        name=name,
        argv=(sys.executable, "-I", "-S", "-c", code),
        log_path=folder / f"{name}.log",
        ready=ready,
        stop_timeout_s=stop_timeout_s,
        ready_timeout_s=ready_timeout_s,
    )


def _is_up(folder: Path, name: str = "part") -> Callable[[], bool]:
    log = folder / f"{name}.log"
    return lambda: log.exists() and "up" in log.read_text()


def _supervisor(events: Events, max_log_bytes: int = 1_000_000) -> Supervisor:
    return Supervisor(on_event=events, policy=QUICK, max_log_bytes=max_log_bytes)


def _gone(pid: int) -> bool:
    deadline = Deadline.after(SystemClock(), PATIENCE_S)
    while psutil.pid_exists(pid) and not deadline.expired():
        SystemClock().sleep(0.02)
    return not psutil.pid_exists(pid)


def test_a_child_that_is_killed_is_reported_and_started_again(tmp_path: Path) -> None:
    events = Events()
    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, SLEEP, ready=_is_up(tmp_path)))
        supervisor.wait_ready()
        first = supervisor.pids()["part"]
        os.kill(first, signal.SIGKILL)
        died = events.wait_for(EventKind.DIED)
        events.wait_for(EventKind.READY, 2)
        second = supervisor.pids()["part"]
    assert (died.child, died.pid, died.exit_code, died.deaths) == ("part", first, -9, 1)
    assert "killed by SIGKILL" in died.message
    assert "its last words: up" in died.message
    assert second != first
    assert _gone(second)
    assert [event.kind for event in events.seen] == [
        EventKind.STARTED,
        EventKind.READY,
        EventKind.DIED,
        EventKind.STARTED,
        EventKind.READY,
        EventKind.STOPPED,
    ]


def test_one_that_ends_by_itself_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    events = Events()
    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, "raise SystemExit('no broker')"))
        events.wait_for(EventKind.DIED, 2)
    first, second = events.of(EventKind.DIED)[:2]
    assert first.message == (
        "part ended by itself with exit code 1; its last words: no broker; "
        "starting it again in 0.01 s (death 1)"
    )
    assert second.message.endswith("starting it again in 0.02 s (death 2)")


def test_pauses_double_up_to_the_cap() -> None:
    policy = RestartPolicy(first_pause_s=0.5, longest_pause_s=3.0)
    assert [policy.pause_s(deaths) for deaths in (1, 2, 3, 4, 1000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_one_that_never_becomes_ready_ends_the_start_with_its_last_words(tmp_path: Path) -> None:
    events = Events()
    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, "raise SystemExit('no disk')", ready=lambda: False))
        with pytest.raises(ChildStartError, match=r"last words: no disk \(tried 3 times; log: "):
            supervisor.wait_ready()
        supervisor.wait(0)  # the others, had there been some, would go on
    assert len(events.of(EventKind.GAVE_UP)) == 1
    assert len(events.of(EventKind.DIED)) == 2


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with _supervisor(Events()) as supervisor:
        argv = ("/nowhere/ghost",)
        supervisor.add(Child("ghost", argv, tmp_path / "ghost.log", ready=lambda: False))
        with pytest.raises(ChildStartError, match="cannot start /nowhere/ghost: No such file"):
            supervisor.wait_ready()


def test_one_that_hangs_at_its_start_is_killed_and_tried_again(tmp_path: Path) -> None:
    events = Events()
    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, SLEEP, ready=lambda: False, ready_timeout_s=0.2))
        with pytest.raises(ChildStartError, match="killed by SIGKILL"):
            supervisor.wait_ready()
    assert "was not ready within 0.2 s" in events.of(EventKind.KILLED)[0].message


def test_what_an_earlier_start_left_is_prepared_away_before_each(tmp_path: Path) -> None:
    events = Events()
    sign = tmp_path / "ready"
    sign.touch()
    child = Child(
        name="part",
        argv=(sys.executable, "-I", "-S", "-c", SLEEP),  # never makes its sign
        log_path=tmp_path / "part.log",
        prepare=lambda: sign.unlink(missing_ok=True),
        ready=sign.exists,
        ready_timeout_s=0.2,
    )
    with _supervisor(events) as supervisor:
        supervisor.add(child)
        with pytest.raises(ChildStartError, match="tried 3 times"):
            supervisor.wait_ready()
    assert events.of(EventKind.READY) == []


def test_a_probe_that_says_never_ends_the_start(tmp_path: Path) -> None:
    def never() -> bool:
        raise PermanentError("a foreign server answers")

    with _supervisor(Events()) as supervisor:
        supervisor.add(_python(tmp_path, SLEEP, ready=never))
        with pytest.raises(ChildStartError, match="a foreign server answers"):
            supervisor.wait_ready()


def test_a_defect_in_a_probe_is_raised_to_whoever_waits_and_no_child_is_left(
    tmp_path: Path,
) -> None:
    events = Events()

    def defect() -> bool:
        raise ZeroDivisionError

    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, SLEEP, ready=defect))
        with pytest.raises(ZeroDivisionError):
            supervisor.wait_ready()
        with pytest.raises(ZeroDivisionError):
            supervisor.wait()
    assert _gone(events.of(EventKind.STARTED)[0].pid or 0)


def test_stop_goes_backwards_by_batches(tmp_path: Path) -> None:
    events = Events()
    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, SLEEP, name="server"))
        supervisor.add(
            _python(tmp_path, SLEEP, name="worker1"), _python(tmp_path, SLEEP, name="worker2")
        )
        supervisor.wait_ready()
    stopped = [event.child for event in events.of(EventKind.STOPPED)]
    assert set(stopped[:2]) == {"worker1", "worker2"}
    assert stopped[2:] == ["server"]
    with pytest.raises(ConfigurationError, match="has been stopped"):
        supervisor.add(_python(tmp_path, SLEEP, name="late"))


def test_one_that_ignores_sigterm_is_killed_after_its_deadline(tmp_path: Path) -> None:
    events = Events()
    deaf = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEP}"
    with _supervisor(events) as supervisor:
        supervisor.add(_python(tmp_path, deaf, ready=_is_up(tmp_path), stop_timeout_s=0.2))
        supervisor.wait_ready()
        pid = supervisor.pids()["part"]
    assert "did not stop in time" in events.of(EventKind.KILLED)[0].message
    assert _gone(pid)


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "argv = [sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(argv)\n"
        "print('up', child.pid, flush=True)\n"
        "child.wait()"
    )
    with _supervisor(Events()) as supervisor:
        supervisor.add(_python(tmp_path, code, ready=_is_up(tmp_path)))
        supervisor.wait_ready()
        grandchild = int((tmp_path / "part.log").read_text().split()[1])
        assert psutil.pid_exists(grandchild)
    assert _gone(grandchild)


def test_a_log_past_its_bound_is_set_aside_and_emptied(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "for number in range(400):\n"
        "    print('x' * 1000, flush=True)\n"
        "print('up', flush=True)\n"
        "time.sleep(600)"
    )
    log = tmp_path / "part.log"
    with _supervisor(Events(), max_log_bytes=100_000) as supervisor:
        supervisor.add(_python(tmp_path, code))
        deadline = Deadline.after(SystemClock(), PATIENCE_S)
        while not log.with_name("part.log.1").exists() and not deadline.expired():
            SystemClock().sleep(0.05)
        assert log.with_name("part.log.1").exists()
    assert log.stat().st_size < 400 * 1001


def test_what_a_child_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    code = f"import os\nopen({str(file)!r}, 'w')\nos.mkdir({str(folder)!r})\n{SLEEP}"
    with _supervisor(Events()) as supervisor:
        supervisor.add(_python(tmp_path, code, ready=_is_up(tmp_path)))
        supervisor.wait_ready()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, folder)] == [0o600, 0o700]


def test_a_listener_that_cannot_write_ends_nobody(tmp_path: Path) -> None:
    told = []

    def reader_has_gone(event: SupervisorEvent) -> None:
        told.append(event.kind)
        raise BrokenPipeError

    with Supervisor(on_event=reader_has_gone, policy=QUICK) as supervisor:
        supervisor.add(_python(tmp_path, SLEEP, ready=_is_up(tmp_path)))
        supervisor.wait_ready()
        assert supervisor.pids()
    assert told == [EventKind.STARTED, EventKind.READY, EventKind.STOPPED]


def test_a_log_that_cannot_be_set_aside_ends_nobody(tmp_path: Path) -> None:
    (tmp_path / "part.log.1").mkdir()  # what can't be written to
    later = tmp_path / "later.log.1"
    code = f"print('x' * 1000, flush=True)\n{SLEEP}"
    with _supervisor(Events(), max_log_bytes=100) as supervisor:
        supervisor.add(_python(tmp_path, code), _python(tmp_path, code, name="later"))
        deadline = Deadline.after(SystemClock(), PATIENCE_S)
        while not later.exists() and not deadline.expired():
            SystemClock().sleep(0.05)
        assert later.exists(), "whose turn comes after it"
        supervisor.wait(0)
        assert len(supervisor.pids()) == 2


def test_a_start_that_the_system_refuses_is_tried_again(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.write_text("in the way of a folder")
    told = []

    def make_way(event: SupervisorEvent) -> None:
        told.append(event)
        if event.kind is EventKind.DIED:
            logs.unlink()

    with Supervisor(on_event=make_way, policy=QUICK) as supervisor:
        supervisor.add(_python(logs, SLEEP, ready=_is_up(logs)))
        supervisor.wait_ready()
    died = told[0]
    assert died.message.startswith("part could not be started ([Errno 17] File exists: ")
    assert died.message.endswith("starting it again in 0.01 s (death 1)")


def test_two_children_of_one_name_are_refused(tmp_path: Path) -> None:
    with _supervisor(Events()) as supervisor, pytest.raises(ConfigurationError, match="two"):
        supervisor.add(_python(tmp_path, SLEEP), _python(tmp_path, SLEEP))


SUPERVISE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
import sys
from pathlib import Path
from deploy.embedded.child import Child
from deploy.embedded.stack import interruptible
from deploy.embedded.supervisor import Supervisor
def told(event):
    if event.deaths and event.kind in ("died", "ready"):
        print(event.child, event.kind, flush=True)
with interruptible():
    try:
        with Supervisor(on_event=told) as supervisor:
            for name in ("one", "two"):
                argv = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")
                supervisor.add(Child(name, argv, Path(sys.argv[1]) / "log"))
            supervisor.wait_ready()
            print(*supervisor.pids().values(), flush=True)
            supervisor.wait()
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0)],
)
def test_no_child_outlives_its_supervisor(tmp_path: Path, end: signal.Signals, code: int) -> None:
    # nohup would have it ignored
    heeding = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n{SUPERVISE}"
    with subprocess.Popen(
        [sys.executable, "-c", heeding, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        assert all(psutil.pid_exists(pid) for pid in pids)
        process.send_signal(end)
        assert process.wait(PATIENCE_S) == code
    assert all(_gone(pid) for pid in pids)


def test_who_is_told_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    ignoring = f"import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n{SUPERVISE}"  # nohup
    with subprocess.Popen(
        [sys.executable, "-c", ignoring, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        process.send_signal(signal.SIGHUP)
        os.kill(pids[0], signal.SIGKILL)
        assert process.stdout.readline() == "one died\n"
        assert process.stdout.readline() == "one ready\n", "it goes on"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended by itself with exit code 0"),
        (-15, "was killed by SIGTERM"),
        (-200, "was killed by signal 200"),
    ],
)
def test_an_exit_status_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("Traceback:\n  File 'x'\nValueError: no\n", "ValueError: no"),
        ("12:00 ERROR no disk (Log)\n12:01 WARN bye\n", "12:00 ERROR no disk (Log)"),
        (
            "12:00 ERROR No start (A)\nX: bind\n\tat a.B\nCaused by: Y: port in use\n\tat c.D\n",
            "12:00 ERROR No start (A), caused by Y: port in use",
        ),
        (
            "12:00 ERROR No start (A)\njava.lang.RuntimeException: no node\n\tat a.B\n",
            "12:00 ERROR No start (A), caused by java.lang.RuntimeException: no node",
        ),
    ],
)
def test_the_telling_line_of_a_log(tmp_path: Path, log: str, words: str) -> None:
    path = tmp_path / "log"
    earlier = b"ERROR of an earlier run\n"
    path.write_bytes(earlier + log.encode())
    assert last_telling_line(path, since=len(earlier)) == words


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert last_telling_line(tmp_path / "none") == ""
