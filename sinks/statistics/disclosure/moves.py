"""Cheapest moves by linear programs: which cells to hide so that one cell may be another figure.

HiGHS, dual simplex, one thread, fixed seed, a limit of iterations and none of time: the same
release gives the same moves. The program only proposes; a proposal counts if integer arithmetic
accepts it. A vertex with fractions (they occur from three dimensions on) is multiplied, or solved
again in integers with a limit of nodes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import highspy
import numpy as np
from highspy._core import _Highs as Solver  # `Highs` prints before it can be told not to

from sinks.statistics.disclosure.system import Moves, Standing, System

__all__ = ["MoveFinder"]

_ITERATIONS = 200_000
_NODES = 500
_FREE = 1.0
"""Cost of moving what nobody sees, a unit; above 0 so that moves stay short. Prices are higher."""
_NOTHING = 1e-6
_MULTIPLES = (1, 2, 3, 4, 6)


class MoveFinder:
    """One linear program over all cells, solved again and again from where it stands.

    Each cell has a column up and a column down; an open cell that shows a range has two more, free
    within that range. `cost` is the price of hiding an open cell, a unit of its move; None if it
    must not be hidden. With no `nodes` an answer that has fractions is none.
    """

    def __init__(
        self, system: System, cost: Callable[[int], float | None], *, nodes: int = _NODES
    ) -> None:
        self.system = system
        self._nodes = nodes
        self.hidden: set[int] = set()
        """Open cells that are hidden by now; a move hides more where it must."""
        self._shut: set[int] = set()
        """Cells that no move may take out of what they show."""
        self.solved = 0
        """Linear programs so far."""
        self.fractional = 0
        """Those whose answer was no table of integers."""
        self._columns: dict[int, tuple[int, int]] = {}
        """Cell to its columns up and down."""
        self._owner: list[tuple[int, int]] = []
        """Column to its cell and sign."""
        self._ranges: dict[int, list[int]] = {}
        """Open cell to its columns within what it shows; of no use once it is hidden."""
        costs: list[float] = []
        upper: list[float] = []
        for number, standing in enumerate(system.standing):
            if standing is Standing.PUBLIC:
                continue
            price = _FREE
            if standing is Standing.OPEN:
                self._add_shown_range(number, costs, upper)
                asked = cost(number)
                if asked is None:
                    continue
                price = asked
            price *= 1 + _tie_break(system, number)
            self._columns[number] = (len(self._owner), len(self._owner) + 1)
            self._owner += [(number, 1), (number, -1)]
            costs += [price, price]
            upper += self._rooms_of(number)
        self._costs, self._upper = costs, upper
        self._signs = [dict(equation) for equation in system.equations]
        self._solver = self._load()

    def _add_shown_range(self, number: int, costs: list[float], upper: list[float]) -> None:
        value = self.system.values[number]
        up = self.system.shown_high[number] - value
        down = value - self.system.shown_low[number]
        for sign, room in ((1, up), (-1, down)):
            if room:
                self._ranges.setdefault(number, []).append(len(self._owner))
                self._owner.append((number, sign))
                costs.append(_FREE)
                upper.append(room)

    def _load(self) -> Solver:
        program = self._program(range(len(self._owner)), range(len(self._signs)))
        program.col_cost_ = np.array(self._costs)
        program.col_lower_ = np.zeros(len(self._owner))
        program.col_upper_ = np.array(self._upper)
        solver = _solver()
        solver.passModel(program)
        return solver

    def _program(self, columns: Sequence[int], rows: Sequence[int]) -> highspy.HighsLp:
        """These columns in these equations, each of which must come to zero; no costs or bounds."""
        place = {row: at for at, row in enumerate(rows)}
        starts, index, values = [0], list[int](), list[float]()
        for column in columns:
            number, sign = self._owner[column]
            for row in self.system.equations_of[number]:
                index.append(place[row])
                values.append(float(sign * self._signs[row][number]))
            starts.append(len(index))
        program = highspy.HighsLp()
        program.num_col_ = len(columns)
        program.num_row_ = len(rows)
        program.row_lower_ = np.zeros(len(rows))
        program.row_upper_ = np.zeros(len(rows))
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_ = np.array(starts)
        program.a_matrix_.index_ = np.array(index)
        program.a_matrix_.value_ = np.array(values)
        return program

    def hide(self, numbers: Iterable[int]) -> None:
        """From now on these cells move for next to nothing."""
        for number in sorted(set(numbers) - self.hidden):
            self.hidden.add(number)
            for column in self._ranges.get(number, ()):
                self._set_room(column, 0.0)
            for column in self._columns[number]:
                self._solver.changeColCost(column, _FREE * (1 + _tie_break(self.system, number)))
            if number in self._shut:
                self._shut.discard(number)
                for column, room in zip(self._columns[number], self._rooms_of(number), strict=True):
                    self._set_room(column, room)

    def show(self, number: int) -> None:
        """From now on this cell, hidden so far, moves within what it shows alone.

        Unlike others that are shown, until it is hidden again. Not between :meth:`know` and
        :meth:`forget`.
        """
        self.hidden.discard(number)
        self._shut.add(number)
        for column in self._columns[number]:
            self._set_room(column, 0.0)
        value = self.system.values[number]
        for column in self._ranges.get(number, ()):
            _, sign = self._owner[column]
            shown = self.system.shown_high if sign > 0 else self.system.shown_low
            self._set_room(column, float(abs(shown[number] - value)))

    def _set_room(self, column: int, room: float) -> None:
        self._upper[column] = room
        self._solver.changeColBounds(column, 0.0, room)

    def _rooms_of(self, number: int) -> tuple[float, float]:
        """How far the cell may go up and down if nobody sees it."""
        value, high = self.system.values[number], self.system.high[number]
        up = highspy.kHighsInf if high is None else float(high - value)
        return up, float(value - self.system.low[number])

    def to_hide(self, moves: Moves) -> list[int]:
        """Open cells, shown so far, that the move takes out of what they show."""
        system = self.system
        return [
            number
            for number, change in sorted(moves.items())
            if system.standing[number] is Standing.OPEN
            and number not in self.hidden
            and not system.shown_low[number]
            <= system.values[number] + change
            <= system.shown_high[number]
        ]

    def know(self, own: Mapping[int, int]) -> None:
        """The reader knows these parts: cells can't lie below them."""
        for number in own:
            if number in self._columns:
                self._solver.changeColBounds(self._columns[number][1], 0.0, self._room(number, own))

    def forget(self, own: Mapping[int, int]) -> None:
        """Undo :meth:`know`."""
        for number in own:
            if number in self._columns:
                column = self._columns[number][1]
                self._solver.changeColBounds(column, 0.0, self._upper[column])

    def find(self, target: int, amount: int, own: Mapping[int, int] | None = None) -> Moves | None:
        """The cheapest move of one cell by `amount` or more; None if there is none.

        It may take open cells out of what they show: :meth:`hide` those, which :meth:`to_hide`
        names. `own` must be what :meth:`know` was last told.
        """
        own = own or {}
        if target not in self._columns:
            return None
        up, down = self._columns[target]
        chosen, other = (up, down) if amount > 0 else (down, up)
        room = self._upper[chosen] if amount > 0 else self._room(target, own)
        if abs(amount) > room:
            return None
        solver = self._solver
        solver.changeColBounds(chosen, float(abs(amount)), float(abs(amount)))
        solver.changeColBounds(other, 0.0, 0.0)
        try:
            solver.run()
            self.solved += 1
            status = solver.getModelStatus()
            if status != highspy.HighsModelStatus.kOptimal:
                if status != highspy.HighsModelStatus.kInfeasible:
                    solver.clearSolver()
                return None
            answer = np.array(solver.getSolution().col_value)
            moves = self._as_integers(answer, target, amount, own)
            if moves is None:
                self.fractional += 1
                if self._nodes:
                    moves = self._solve_in_integers(answer, target, amount, own)
        finally:
            solver.changeColBounds(up, 0.0, self._upper[up])
            solver.changeColBounds(down, 0.0, self._room(target, own))
        return moves

    def _room(self, number: int, own: Mapping[int, int]) -> float:
        room = self._upper[self._columns[number][1]]
        return max(0.0, min(room, self.system.values[number] - own.get(number, 0)))

    def _as_integers(
        self, answer: np.ndarray, target: int, amount: int, own: Mapping[int, int]
    ) -> Moves | None:
        """The answer, or the least multiple of it, that integer arithmetic accepts."""
        exact: dict[int, float] = {}
        for column in np.flatnonzero(answer > _NOTHING).tolist():
            number, sign = self._owner[column]
            exact[number] = exact.get(number, 0.0) + sign * float(answer[column])
        for multiple in _MULTIPLES:
            moves = {
                number: moved
                for number, change in exact.items()
                if (moved := round(change * multiple))
            }
            if abs(moves.get(target, 0)) >= abs(amount) and self.system.is_move(
                moves, self.hidden.union(self.to_hide(moves)), own
            ):
                return moves
        return None

    def _solve_in_integers(
        self, answer: np.ndarray, target: int, amount: int, own: Mapping[int, int]
    ) -> Moves | None:
        """The same program in integers, over what is hidden and what the answer moves."""
        system = self.system
        allowed = {self._owner[column][0] for column in np.flatnonzero(answer > _NOTHING).tolist()}
        allowed |= self.hidden
        columns = [
            column
            for column, (number, _) in enumerate(self._owner)
            if number in allowed or system.standing[number] is not Standing.OPEN
        ]
        rows = sorted({row for c in columns for row in system.equations_of[self._owner[c][0]]})
        program = self._solver.getLp()
        small = self._program(columns, rows)
        small.col_cost_ = np.array(program.col_cost_)[columns]
        small.col_lower_ = np.array(program.col_lower_)[columns]
        small.col_upper_ = np.array(program.col_upper_)[columns]
        small.integrality_ = [highspy.HighsVarType.kInteger] * len(columns)
        solver = _solver()
        solver.setOptionValue("presolve", "on")
        solver.setOptionValue("mip_max_nodes", self._nodes)
        solver.setOptionValue("mip_max_improving_sols", 1)  # any table will do
        solver.passModel(small)
        solver.run()
        self.solved += 1
        if (
            solver.getInfo().primal_solution_status
            != highspy.SolutionStatus.kSolutionStatusFeasible
        ):
            return None
        whole = np.zeros(len(self._owner))
        whole[columns] = np.array(solver.getSolution().col_value)
        return self._as_integers(whole, target, amount, own)


def _tie_break(system: System, number: int) -> float:
    """A price's last thousandth, from the cell's name: one optimum instead of several."""
    return zlib.crc32(system.ids[number].text().encode()) % 997 / 1_000_000


def _solver() -> Solver:
    solver = Solver()
    for option, value in (
        ("output_flag", False),
        ("threads", 1),
        ("parallel", "off"),
        ("random_seed", 0),
        ("solver", "simplex"),
        ("presolve", "off"),
        ("simplex_iteration_limit", _ITERATIONS),
    ):
        solver.setOptionValue(option, value)
    return solver
