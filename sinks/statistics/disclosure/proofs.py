"""Proofs that a protected cell can't be told: for each direction a whole other table.

A proof of a cell and a direction is a table of integers that agrees with everything visible, is
nowhere below 0 (nor below what the reader knows by itself), and has the cell at its bar or beyond.
It is kept as the cells in which it differs from the true table. Checking one needs no solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sinks.statistics.disclosure.system import System
from sinks.statistics.disclosure.tables import CellId

__all__ = ["Proof", "check_proofs"]


@dataclass(frozen=True, slots=True)
class Proof:
    """One other table, for one cell and direction."""

    cell: CellId
    bar: int
    """The cell's value here is this or beyond it, seen from the true value."""
    upward: bool
    table: Mapping[CellId, int]
    """Values of the cells that differ from the true table."""
    reader: str | None = None
    """The bureau, or desks, who subtracted their own part; None: anybody."""


def check_proofs(
    proofs: Iterable[Proof], system: System, hidden: frozenset[CellId]
) -> tuple[Proof, ...]:
    """Those that are none, by integer arithmetic alone; empty if all hold."""
    numbers = frozenset(system.index[cell_id] for cell_id in hidden)
    return tuple(proof for proof in proofs if not _holds(proof, system, numbers))


def _holds(proof: Proof, system: System, hidden: frozenset[int]) -> bool:
    moves = {}
    for cell_id, value in proof.table.items():
        number = system.index.get(cell_id)
        if number is None:
            return False
        moves[number] = value - system.values[number]
    target = system.index[proof.cell]
    there = system.values[target] + moves.get(target, 0)
    reaches = there >= proof.bar if proof.upward else there <= proof.bar
    own = system.known_parts.get(proof.reader, {}) if proof.reader is not None else {}
    return reaches and system.is_move(moves, hidden, own)
