"""Runs targets: cases by number, each within its time and memory; counts, keeps findings, reports.

Time is CPU time of this process, so that a busy machine makes no findings; a timer ends a case that
runs on in Python code. Memory is the growth of the process's peak, case by case, and of what stays
resident from the end of the warm-up to the end of the run.
"""

from __future__ import annotations

import gc
import re
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import psutil

from tests.fuzz.case import Case, Finding, Target, from_json, to_json

__all__ = ["FOUND", "Report", "replay", "run_target"]

FOUND = Path(__file__).with_name("found")
_CPU_LIMIT_S = 2.0
_PEAK_GROWTH_BYTES = 256 * 1024 * 1024
_LEFT_BYTES = 128 * 1024 * 1024
_WARM_UP = 500
_MOST_FINDINGS = 20
_TELL_EVERY_S = 60.0
_VARYING = re.compile(r"""0x[0-9a-f]+|\d+|'[^']*'""")


class _TimeUp(BaseException):
    """Not an Exception: code under test that guards against its own faults must not catch it."""


@dataclass(slots=True)
class Report:
    """What a run of one target came to, or a part of it. `wall_s` adds up over processes."""

    target: str
    seed: int
    inputs: int = 0
    cases: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest_case: int = -1
    peak_bytes: int = 0
    left_bytes: int = 0
    wall_s: float = 0.0

    def add(self, other: Report) -> None:
        """Take up another part of the same run."""
        self.inputs += other.inputs
        self.cases += other.cases
        self.codes += other.codes
        self.findings += other.findings
        if other.slowest_s >= self.slowest_s:
            self.slowest_s, self.slowest_case = other.slowest_s, other.slowest_case
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        self.left_bytes = max(self.left_bytes, other.left_bytes)
        self.wall_s += other.wall_s

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "target": self.target,
            "seed": self.seed,
            "inputs": self.inputs,
            "cases": self.cases,
            "codes": dict(self.codes.most_common()),
            "crashes": len(self.findings),
            "findings": self.findings,
            "slowest_s": round(self.slowest_s, 3),
            "slowest_case": self.slowest_case,
            "peak_mb": self.peak_bytes // 2**20,
            "left_mb": self.left_bytes // 2**20,
            "inputs_per_s_and_process": round(self.inputs / self.wall_s) if self.wall_s else 0,
        }


def run_target(
    make_target: Callable[[], Target],
    seed: int,
    count: int,
    *,
    first: int = 0,
    folder: Path = FOUND,
    said: Callable[[str], None] = lambda _line: None,
) -> Report:
    """Run cases from number `first` on until `count` inputs were fed or too much was found.

    What breaks something is kept in `folder`, the first input of each cause.
    """
    target = make_target()
    report = Report(target.name, seed)
    begun = told = time.monotonic()
    warm_bytes = _resident_bytes()
    number = first
    seen: set[str] = set()
    try:
        while report.inputs < count and len(report.findings) < _MOST_FINDINGS:
            case = target.make(Random(f"{seed}/{target.name}/{number}"))
            codes, problem = _run_case(target, case, number, report)
            report.cases += 1
            report.inputs += max(1, len(codes))
            report.codes.update(codes or ["finding"])
            if problem is not None and _alike(problem) not in seen:
                seen.add(_alike(problem))
                path = folder / f"{target.name}-{seed}-{number}.json"
                _keep(path, report, number, case, problem)
                report.findings.append(f"{path}: {problem.splitlines()[-1][:300]}")
                said(f"{target.name}: case {number}: {problem}")
            if report.cases == _WARM_UP:
                gc.collect()
                warm_bytes = _resident_bytes()
            number += 1
            if time.monotonic() - told > _TELL_EVERY_S:
                told = time.monotonic()
                said(f"{target.name}: {report.inputs} inputs of {count}")
    finally:
        target.close()
    report.wall_s = time.monotonic() - begun
    gc.collect()
    report.left_bytes = max(0, _resident_bytes() - warm_bytes)
    report.peak_bytes = _peak_bytes()
    if report.cases > _WARM_UP and report.left_bytes > _LEFT_BYTES:
        report.findings.append(f"{report.left_bytes} bytes more are resident than after warm-up")
    return report


def replay(path: Path, targets: Mapping[str, Callable[[], Target]]) -> str | None:
    """Run a kept case again; what is wrong with it, or None."""
    kept = from_json(path.read_text("utf-8"))
    target = targets[kept["target"]]()
    try:
        _codes, problem = _run_case(target, kept["case"], 0, Report(target.name, 0))
        return problem
    finally:
        target.close()


def _run_case(
    target: Target, case: Case, number: int, report: Report
) -> tuple[list[str], str | None]:
    peak, started = _peak_bytes(), time.process_time()
    codes: list[str] = []
    problem = None
    records = len(case.get("records", ())) or 1
    limit_s = _CPU_LIMIT_S * records
    try:
        with _time_limit(limit_s):
            codes = target.run(case)
    except _TimeUp:
        problem = f"{traceback.format_exc(limit=-3)}\nit ran longer than {limit_s} s"
    except Finding as finding:
        problem = str(finding)
    except Exception:
        problem = traceback.format_exc(limit=-6)
    took_s = (time.process_time() - started) / records
    if took_s > report.slowest_s:
        report.slowest_s, report.slowest_case = took_s, number
    if problem is None and took_s > _CPU_LIMIT_S:
        problem = f"it took {took_s:.1f} s"
    growth = _peak_bytes() - peak
    if problem is None and growth > _PEAK_GROWTH_BYTES:
        problem = f"it took {growth} bytes of memory more than any case before"
    return codes, problem


@contextmanager
def _time_limit(limit_s: float) -> Iterator[None]:
    def time_up(_signal: int, _frame: FrameType | None) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGPROF, time_up)
    signal.setitimer(signal.ITIMER_PROF, limit_s + 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _alike(problem: str) -> str:
    """What problems of one cause have in common: their last line, without numbers and values."""
    return _VARYING.sub("", problem.splitlines()[-1])[:120]


def _keep(path: Path, report: Report, number: int, case: Case, problem: str) -> None:
    path.parent.mkdir(exist_ok=True)
    kept = {"target": report.target, "seed": report.seed, "number": number}
    path.write_text(to_json({**kept, "problem": problem, "case": case}), "utf-8")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)
