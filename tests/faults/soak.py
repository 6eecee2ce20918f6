"""A run of many faults that overlap, and its report.

The next fault comes after its interval, while those before it may still be got over: only a target
that has not got over its last one is waited for, and so are all once many are outstanding. How long
each took is its own figure: from the end of the fault until its target had worked through what lay
there then (see `progress`), other faults meanwhile included.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.faults import KILL, NO_REGISTRY, TERMINATE, Fault, schedule
from tests.faults.field import Field, open_field
from tests.faults.progress import Look, Lookout, left
from tests.faults.strikes import strike

__all__ = ["Data", "NotRecoveredError", "data_folder", "soak", "table", "write"]

_RECOVERS_WITHIN_S = 600.0
_MOST_OUTSTANDING = 6
_STEP_S = 0.1
_PARTS = {"router-message 1": "router-message", "loader 1": "loader"}
"""Whose work it is that a second worker does."""

Tell = Callable[[str], None]


class NotRecoveredError(AssertionError):
    """The target of a fault has not come back to its work."""


@dataclass
class _Course:
    """A fault and what came of it."""

    fault: Fault
    struck_at: float = 0.0
    over_s: float | None = None
    recovered_s: float | None = None
    before: Look | None = None
    """What lay there when it was over."""
    failure: Exception | None = None
    thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        assert self.over_s is not None
        assert self.recovered_s is not None
        return self.recovered_s - self.over_s


@dataclass
class _Run:
    """Strikes, and follows what has been struck."""

    on: Field
    lookout: Lookout
    tell: Tell
    outstanding: list[_Course] = field(default_factory=list)
    done: list[_Course] = field(default_factory=list)

    def strike(self, fault: Fault) -> None:
        while self._is_busy(fault):
            self.follow()
        course = _Course(fault, struck_at=time.time())
        course.thread = threading.Thread(target=self._carry_out, args=(course,), daemon=True)
        self.outstanding.append(course)
        course.thread.start()

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.follow()

    def follow(self) -> None:
        """Look once at everything outstanding."""
        time.sleep(_STEP_S)
        if self.lookout.failure is not None:
            raise self.lookout.failure
        look = self.lookout.last
        for course in list(self.outstanding):
            self._follow(course, look)

    def _follow(self, course: _Course, look: Look | None) -> None:
        if course.failure is not None:
            raise course.failure
        if course.over_s is None or look is None:
            return
        if course.before is None:
            if look.at_s >= course.over_s and look.ends is not None:
                course.before = look
        elif look is not course.before and not self._wanting(course, course.before, look):
            course.recovered_s = look.at_s
            self.outstanding.remove(course)
            self.done.append(course)
            self.tell(f"{course.fault.text()}: over after {course.seconds:.1f} s")
            return
        if time.monotonic() - course.over_s > _RECOVERS_WITHIN_S:
            wanting = self._wanting(course, course.before or look, look)
            raise NotRecoveredError(
                f"{course.fault.text()}: not got over after {_RECOVERS_WITHIN_S:.0f} s "
                f"({'; '.join(wanting)}); down: {', '.join(self.on.down()) or 'nobody'}"
            )

    def _wanting(self, course: _Course, before: Look, now: Look) -> list[str]:
        """What keeps a fault from being got over."""
        kind = course.fault.kind
        since = course.struck_at if kind in (KILL, TERMINATE, NO_REGISTRY) else 0.0
        found = []
        for target in course.fault.targets:
            if not self.on.is_up(target, since):
                found.append(f"{target} is not up")
            found += left(_PARTS.get(target, target), before, now)
        return found

    def _is_busy(self, fault: Fault) -> bool:
        hit = {target for course in self.outstanding for target in course.fault.targets}
        return len(self.outstanding) >= _MOST_OUTSTANDING or not hit.isdisjoint(fault.targets)

    def _carry_out(self, course: _Course) -> None:
        try:
            strike(self.on, course.fault)
            course.over_s = time.monotonic()
        except Exception as error:
            course.failure = error


def soak(
    faults: int,
    seed: int,
    *,
    events_per_s: float = 30.0,
    interval_s: tuple[float, float] = (1.0, 4.0),
    minutes: float = math.inf,
    keep: Path | None = None,
    tell: Tell = lambda line: print(line, file=sys.stderr, flush=True),
) -> dict[str, Any]:
    """Strike `faults` times, settle, verify; the report as plain values.

    Once so many minutes have passed nothing more is struck. Unless all is right, data and logs
    stay, and it is told where.

    Raises:
        NotRecoveredError: something stays down; the report of what was until then is its note.
    """
    began = time.monotonic()
    with (
        data_folder(keep, tell) as data,
        open_field(data.path, seed=seed, events_per_s=events_per_s, tell=tell) as on,
        on.lookout() as lookout,
    ):
        run = _Run(on, lookout, lambda line: tell(f"[{_clock(began)}] {line}"))
        started_s = time.monotonic() - began
        try:
            for fault in schedule(seed, faults, interval_s):
                if time.monotonic() - began > minutes * 60:
                    break
                run.wait(fault.after_s)
                run.strike(fault)
            while run.outstanding:
                run.follow()
        except BaseException as error:
            error.add_note(json.dumps(_recoveries(run.done), indent=2))
            raise
        struck_s = time.monotonic() - began
        account, found, verdict = on.finish(tell)
        down = on.stays_down()
        rows = on.rows(verdict)
        for line in rows:
            tell(line)
        data.is_needed = bool(verdict.all() or down)
    ended_s = time.monotonic() - began
    return {
        "seed": seed,
        "faults": len(run.done),
        "minutes": round(ended_s / 60, 1),
        "seconds": {
            "to start": round(started_s),
            "of faults": round(struck_s - started_s),
            "to settle and compare": round(ended_s - struck_s),
        },
        "targets": _count(target for course in run.done for target in course.fault.targets),
        "events handed over": len(account.events),
        "copies on desks": len(found.copies),
        "given to a desk": len(found.given.events),
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "misrouted": len(verdict.misrouted),
        "miscounted": len(verdict.miscounted),
        "down": down,
        "recovery": _recoveries(run.done),
        "differences": verdict.all()[:50],
        "rows": rows,
    }  # fmt: skip


def table(report: Mapping[str, Any]) -> str:
    """The recoveries, for a person."""
    lines = [f"{'kind of fault':<26}{'times':>6}{'p50 s':>8}{'p99 s':>8}"]
    for kind, row in report["recovery"].items():
        lines.append(f"{kind:<26}{row['times']:>6}{row['p50 s']:>8.1f}{row['p99 s']:>8.1f}")
    wrong = ", ".join(
        f"{report[name]} {name}" for name in ("lost", "doubled", "misrouted", "miscounted")
    )
    down = ", ".join(report["down"]) or "nobody"
    lines.append(f"{report['events handed over']} events: {wrong}; down at the end: {down}")
    return "\n".join(lines)


def write(report: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(report, indent=2) + "\n")


def _recoveries(courses: Sequence[_Course]) -> dict[str, dict[str, float]]:
    seconds: dict[str, list[float]] = defaultdict(list)
    for course in courses:
        seconds[course.fault.kind.name].append(course.seconds)
        seconds["all"].append(course.seconds)
    found = {}
    for kind in sorted(seconds, key=lambda kind: (kind == "all", kind)):
        times = sorted(seconds[kind])
        found[kind] = {
            "times": len(times),
            "p50 s": round(times[len(times) // 2], 1),
            "p99 s": round(times[int(len(times) * 0.99)], 1),
        }
    return found


def _count(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _clock(began: float) -> str:
    minutes, seconds = divmod(int(time.monotonic() - began), 60)
    return f"{minutes:02}:{seconds:02}"


@dataclass
class Data:
    """Where a run keeps its data and logs."""

    path: Path
    is_needed: bool = True
    """To look into what went wrong; a run that ends in order says whether anything did."""


@contextmanager
def data_folder(keep: Path | None, tell: Tell) -> Iterator[Data]:
    """The folder to be kept, or one that is removed afterwards unless it is needed."""
    if keep is not None:
        keep.mkdir(parents=True)
    data = Data(keep or Path(tempfile.mkdtemp(prefix="liaison-faults-")))
    try:
        yield data
    finally:
        if data.is_needed:
            tell(f"all data and logs are in {data.path}")
        elif keep is None:
            shutil.rmtree(data.path)
