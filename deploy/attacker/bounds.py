"""Between what each hidden figure must lie: a linear program for each end.

Another path than the one that protects: the unknowns themselves with their bounds, cut into
groups that no sum links, primal simplex from one corner to the next; protection solves least moves
from the truth, which nobody knows here. Every corner found bounds all other figures from within, so
an end that is far enough already needs no program of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import highspy
import numpy as np
from highspy._core import _Highs as Solver  # `Highs` prints before it can be told not to

from deploy.attacker.knowledge import ContradictionError, Knowledge
from deploy.attacker.published import Figure, FigureId, Structure

__all__ = ["Attack", "attack"]

_TOLERANCE = 1e-5


@dataclass(slots=True)
class Attack:
    """What an attacker knows of hidden figures in the end."""

    low: dict[FigureId, int] = field(default_factory=dict)
    high: dict[FigureId, int | None] = field(default_factory=dict)
    """Values between which a hidden figure must lie; None: no upper limit. Where `enough` said so,
    only that it isn't known better than this."""
    programs: int = 0

    def exact(self) -> list[FigureId]:
        """Hidden figures that are known exactly."""
        return sorted(name for name, low in self.low.items() if self.high[name] == low)


def attack(
    figures: Iterable[Figure],
    structure: Structure,
    *,
    own: Mapping[FigureId, int] | None = None,
    enough: Mapping[FigureId, tuple[int, int]] | None = None,
    targets: frozenset[FigureId] | None = None,
) -> Attack:
    """Attack all hidden figures, or `targets`.

    `own` is what the attacker contributed itself. `enough` spares programs: an end is not looked
    for beyond these values. Raises :class:`ContradictionError` if the figures can't all be true.
    """
    figures = list(figures)
    knowledge = Knowledge(figures, structure)
    hidden = frozenset(figure.id for figure in figures if figure.is_hidden)
    return attack_known(knowledge, hidden if targets is None else targets, own, enough)


def attack_known(
    knowledge: Knowledge,
    targets: frozenset[FigureId],
    own: Mapping[FigureId, int] | None = None,
    enough: Mapping[FigureId, tuple[int, int]] | None = None,
    *,
    is_bureau: bool = True,
) -> Attack:
    """The same, of figures whose sums are worked out already; `own` may be several bureaus'."""
    result = Attack()
    numbers = {knowledge.number[name]: name for name in sorted(targets)}
    least = knowledge.known_by(own, is_bureau=is_bureau) if own else {}
    for number, name in numbers.items():
        if knowledge.is_exact(number):
            result.low[name] = knowledge.low[number]
            result.high[name] = knowledge.high[number]
    if all(knowledge.is_exact(number) for number in numbers):
        return result
    for group in knowledge.groups():
        if any(number in numbers for number in group):
            _attack_group(knowledge, group, numbers, least, enough or {}, result)
    return result


def _attack_group(
    knowledge: Knowledge,
    group: list[int],
    targets: Mapping[int, FigureId],
    least: Mapping[int, int],
    enough: Mapping[FigureId, tuple[int, int]],
    result: Attack,
) -> None:
    program = _Program(knowledge, group, least)
    for number in group:
        name = targets.get(number)
        if name is None:
            continue
        wanted_low, wanted_high = enough.get(name, (None, None))
        result.low[name] = max(
            knowledge.low[number], least.get(number, 0), program.lowest(number, wanted_low)
        )
        highest = program.highest(number, wanted_high)
        bound = knowledge.high[number]
        result.high[name] = (
            bound if highest is None else highest if bound is None else min(bound, highest)
        )
    result.programs += program.solved


class _Program:
    """One group of unknowns, with what has been seen of each so far."""

    def __init__(self, knowledge: Knowledge, group: list[int], least: Mapping[int, int]) -> None:
        self.solved = 0
        self._column = {number: column for column, number in enumerate(group)}
        self._base = np.array([knowledge.low[number] for number in group], dtype=float)
        rows = sorted({row for number in group for row in knowledge.sums_of[number]})
        lower = np.array([max(0, least.get(n, 0) - knowledge.low[n]) for n in group], dtype=float)
        upper = np.array(
            [
                highspy.kHighsInf
                if (high := knowledge.high[n]) is None
                else high - knowledge.low[n]
                for n in group
            ],
            dtype=float,
        )
        sides, starts, index, values = [], [0], [], []
        for row in rows:
            side = 0
            for number, sign in knowledge.sums[row]:
                side -= sign * knowledge.low[number]
                column = self._column.get(number)
                if column is not None:
                    index.append(column)
                    values.append(float(sign))
            sides.append(float(side))
            starts.append(len(index))
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(group), len(rows)
        program.col_cost_ = np.zeros(len(group))
        program.col_lower_, program.col_upper_ = lower, upper
        program.row_lower_ = program.row_upper_ = np.array(sides)
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = np.array(starts)
        program.a_matrix_.index_ = np.array(index)
        program.a_matrix_.value_ = np.array(values)
        self._solver = Solver()
        for option, value in (
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 1),
            ("solver", "simplex"),
            ("simplex_strategy", 4),
            ("presolve", "off"),
        ):
            self._solver.setOptionValue(option, value)
        self._solver.passModel(program)
        self._seen_low = np.full(len(group), np.inf)
        self._seen_high = np.full(len(group), -np.inf)

    def lowest(self, number: int, enough: int | None) -> int:
        """Least value of the unknown, or `enough` if it can be that small."""
        column = self._column[number]
        if enough is not None and self._seen_low[column] <= enough + _TOLERANCE:
            return enough
        found = self._solve(column, 1.0)
        assert found is not None
        return math.ceil(found - _TOLERANCE)

    def highest(self, number: int, enough: int | None) -> int | None:
        """Greatest value of the unknown, or `enough` if it can be that great; None: no limit."""
        column = self._column[number]
        if enough is not None and self._seen_high[column] >= enough - _TOLERANCE:
            return enough
        found = self._solve(column, -1.0)
        return None if found is None else math.floor(found + _TOLERANCE)

    def _solve(self, column: int, cost: float) -> float | None:
        solver = self._solver
        solver.changeColCost(column, cost)
        solver.run()
        self.solved += 1
        status = solver.getModelStatus()
        solver.changeColCost(column, 0.0)
        if status in (
            highspy.HighsModelStatus.kUnbounded,
            highspy.HighsModelStatus.kUnboundedOrInfeasible,
        ):
            return None
        if status == highspy.HighsModelStatus.kInfeasible:
            raise ContradictionError("the published figures can't all be true together")
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"the attacker's program ended with {status}; release nothing")
        values = np.array(solver.getSolution().col_value) + self._base
        np.minimum(self._seen_low, values, out=self._seen_low)
        np.maximum(self._seen_high, values, out=self._seen_high)
        return float(values[column])
