"""Releases at size, of facts made in the engine: counted, protected and attacked.

Set R is events by month, region and kind; by month, region and category; by year, region, category
and kind; thin kinds are merged as in every release by month. What is hidden stands beside hiding
whole rows, beside the same without merging, and beside what no choice of further figures could go
below: each sum with one sensitive figure needs another hidden one. Seconds are the wall's; those
of the processor stand beside them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import highspy
import numpy as np
import psutil
from clickhouse_connect.driver.client import Client
from highspy._core import _Highs as Solver  # `Highs` prints before it can be told not to

from deploy.attacker import judge, read_figures
from schemas.reference import Reference
from sinks.statistics.counting import Counter
from sinks.statistics.disclosure import Protection, Release, System, check_proofs, losses, protect
from sinks.statistics.disclosure.rules import why_sensitive
from sinks.statistics.event_numbers import EventNumbers
from sinks.statistics.implied import Implied
from sinks.statistics.making import counted, dimensions_of, merge_thin_kinds
from sinks.statistics.manifest import Manifest
from sinks.statistics.offences import tell_offences
from sinks.statistics.periods import Frequency, Period
from sinks.statistics.plain import plain_rows
from sinks.statistics.planning import Wanted, plan
from sinks.statistics.rows import Status
from tests.bench.facts import open_facts
from tests.bench.measure import Outcome
from tests.unit.sinks.statistics.publishing import published, secrets_of, structure_of

__all__ = ["disclosure", "releases"]

_ALLOWED_S = 30.0
_MILLION = 1_000_000
_SET_R = ("events_by_kind", "events_by_category", "events_by_category_and_kind")
_MOST_EVENTS_PERCENT = 1
_MOST_FIGURES_PERCENT = 20


def disclosure() -> Outcome:
    """Set R of a million messages: what is hidden; raises :class:`AssertionError` if it leaks."""
    return _measured("disclosure", 1)


def releases() -> Outcome:
    """All datasets of ten million messages, and set R of them protected and attacked."""
    return _measured("releases", 10)


def _measured(bench: str, millions: int) -> Outcome:
    with open_facts(millions * _MILLION) as (service, client):
        manifest = _manifest(client)
        clock = _Clock(service.process.pid)
        tables = counted(client, manifest)
        singly = Release(
            dimensions_of(manifest, ()),
            tuple(table for table in tables if table.name in _SET_R),
            manifest.rules,
        )
        counting = clock.lap()
        release, merges = merge_thin_kinds(singly, manifest)
        protection = protect(release)
        protecting = clock.lap()
        numbers = EventNumbers.of(manifest, release, protection)
        status = Status.of(manifest, tables, ())
        implied = Implied.of(release, protection, numbers.blocks)
        plain_rows(client, manifest, {}, numbers, status)
        offences, counter = manifest.published_datasets()["offences"], Counter(client, manifest)
        tell_offences(offences, counter, (), "secret", {}, implied, status)
        counting += clock.lap()
    dimensions = release.dimensions
    structure = structure_of(release.tables, dimensions)
    rows = published(release.tables, dimensions, protection.hidden)
    secrets = secrets_of(release, protection)
    clock.lap()
    leaks = judge(read_figures(rows, structure), structure, secrets)
    attacking = clock.lap()

    system = System(release.tables, dimensions)
    assert not protection.unprotected
    assert check_proofs(protection.proofs, system, protection.hidden) == ()
    assert leaks == []
    by_table = losses(release.tables, dimensions, protection)
    assert all(100 * loss.hidden_value <= _MOST_EVENTS_PERCENT * loss.value for loss in by_table)
    assert sum(loss.hidden for loss in by_table) < sum(loss.by_whole_rows for loss in by_table)
    figures = _Figures.of(system, protection)
    assert 100 * figures.hidden <= _MOST_FIGURES_PERCENT * figures.nonzero
    took = protecting + attacking
    return Outcome(
        bench, "facts/s", round(millions * _MILLION / counting.wall_s),
        "half a minute", round(millions * _MILLION / _ALLOWED_S),
        round(_ALLOWED_S / counting.wall_s, 2), 1.0,
        {
            "datasets": str(counting),
            "protect": str(protecting),
            "attack": str(attacking),
            "protect and attack, ratio": round(_ALLOWED_S / took.wall_s, 2),
            "hidden": figures.text(system, release),
            "merged": {done.into: " and ".join(done.codes) for done in merges},
            "hidden without merging": _protected(singly),
            "hidden without restricted events": _protected(_without_restricted(release)),
            "by table": {
                loss.table: f"{loss.hidden} of {loss.nonzero} (whole rows {loss.by_whole_rows}), "
                f"{100 * loss.hidden_value / loss.value:.2f} % of events"
                for loss in by_table
            },
            "shown again": protection.shown_again,
            "programs": protection.programs,
            "fractional": protection.fractional,
            "proofs": len(protection.proofs),
        },
    )  # fmt: skip


def _without_restricted(release: Release) -> Release:
    """As if desks read everything of the kinds that they read."""
    tables = tuple(
        replace(t, cells=tuple(replace(cell, restricted={}, read=0) for cell in t.cells))
        for t in release.tables
    )
    return replace(release, tables=tables)


def _protected(release: Release) -> str:
    system = System(release.tables, release.dimensions)
    return _Figures.of(system, protect(release)).text(system, release)


@dataclass(frozen=True)
class _Figures:
    """Those that are not zero, each once."""

    nonzero: int
    sensitive: int
    hidden: int

    @classmethod
    def of(cls, system: System, protection: Protection) -> _Figures:
        nonzero = [cell for cell, (found, _) in system.cells.items() if found.value]
        return cls(
            len(nonzero),
            sum(cell in protection.primary for cell in nonzero),
            sum(cell in protection.hidden for cell in nonzero),
        )

    def text(self, system: System, release: Release) -> str:
        """Per cents, and how many figures are left to read."""
        least = self.sensitive + _fewest_more(system, release)
        of = self.nonzero / 100
        return (
            f"{self.hidden / of:.1f} % of {self.nonzero}, {self.nonzero - self.hidden} shown "
            f"(sensitive {self.sensitive / of:.1f} %, no choice less than {least / of:.1f} %)"
        )


def _fewest_more(system: System, release: Release) -> float:
    """A lower bound of the nonzero figures that must be hidden with the sensitive ones.

    A figure that alone is hidden in a sum is known: so each such sum needs another; the fewest
    that do, as a linear program. Zeros cost nothing here, nor does what nobody publishes.
    """
    sensitive = {
        system.index[cell_id]
        for cell_id, (cell, is_count) in system.cells.items()
        if why_sensitive(cell_id, cell, is_count, release.rules)
    }
    sums = [[number for number, _ in equation] for equation in system.equations]
    lonely = [
        [number for number in one if number not in sensitive]
        for one in sums
        if sum(number in sensitive for number in one) == 1
    ]
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = len(system.ids), len(lonely)
    program.col_cost_ = np.array(
        [
            float(value > 0 and cell_id in system.cells)
            for cell_id, value in zip(system.ids, system.values, strict=True)
        ]
    )
    program.col_lower_, program.col_upper_ = np.zeros(len(system.ids)), np.ones(len(system.ids))
    program.row_lower_ = np.ones(len(lonely))
    program.row_upper_ = np.full(len(lonely), highspy.kHighsInf)
    program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    program.a_matrix_.start_ = np.cumsum([0, *map(len, lonely)])
    program.a_matrix_.index_ = np.array([number for one in lonely for number in one])
    program.a_matrix_.value_ = np.ones(sum(map(len, lonely)))
    solver = Solver()
    solver.setOptionValue("output_flag", False)
    solver.passModel(program)
    solver.run()
    return float(solver.getInfo().objective_function_value)


def _manifest(client: Client) -> Manifest:
    wanted = Wanted(datetime(2026, 1, 1, tzinfo=UTC), Frequency.MONTH, Period.parse("2025-01"))
    return plan(client, wanted, (), Reference.load())


@dataclass(frozen=True)
class _Took:
    wall_s: float
    cpu_s: float

    def __add__(self, other: _Took) -> _Took:
        return _Took(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s (processor {self.cpu_s:.1f} s)"


class _Clock:
    """Of this process and the service."""

    def __init__(self, pid: int) -> None:
        self._service = psutil.Process(pid)
        self._last = self._read()

    def lap(self) -> _Took:
        """Since the last lap."""
        before, self._last = self._last, self._read()
        return _Took(self._last.wall_s - before.wall_s, self._last.cpu_s - before.cpu_s)

    def _read(self) -> _Took:
        cpu_s = time.process_time()
        if self._service.is_running():
            times = self._service.cpu_times()
            cpu_s += times.user + times.system
        return _Took(time.perf_counter(), cpu_s)
