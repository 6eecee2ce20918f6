"""Moves that were found before, tried again before a program is solved.

One move, multiplied or the other way round, covers most targets near it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from sinks.statistics.disclosure.system import Moves, System

__all__ = ["KnownMoves"]


class KnownMoves:
    """Of one system, each divided by its greatest common divisor."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._units: dict[int, list[Moves]] = {}
        """By cell."""
        self._seen: set[frozenset[tuple[int, int]]] = set()
        self._rooms: list[tuple[int, float]] = []
        """How far each cell may go down and up as it is published by now."""
        self.publish(range(len(system.ids)), frozenset())

    def publish(self, numbers: Iterable[int], hidden: frozenset[int] | set[int]) -> None:
        """From now on these cells are published so: hidden, or not."""
        system = self._system
        if not self._rooms:
            self._rooms = [(0, 0.0)] * len(system.ids)
        for number in numbers:
            low, high = system.limits(number, hidden)
            value = system.values[number]
            self._rooms[number] = (value - low, math.inf if high is None else high - value)

    def remember(self, moves: Moves) -> None:
        """For other targets."""
        divisor = math.gcd(*moves.values())
        unit = {number: change // divisor for number, change in moves.items()}
        key = frozenset(unit.items())
        if key not in self._seen:
            self._seen.add(key)
            for number in unit:
                self._units.setdefault(number, []).append(unit)

    def find(self, number: int, amount: int, own: Mapping[int, int]) -> Moves | None:
        """The first multiple of an earlier move, either way round, that does.

        The one that did last is tried first: what one reader's part allows, the next one's does.
        """
        units = self._units.get(number, [])
        for place, unit in enumerate(units):
            times = -(-abs(amount) // abs(unit[number]))
            if (unit[number] > 0) != (amount > 0):
                times = -times
            for other, change in unit.items():
                down, up = self._rooms[other]
                moved = change * times
                if moved > up or -moved > down:
                    break
                if moved < 0 and self._system.values[other] + moved < own.get(other, 0):
                    break
            else:
                if place:
                    units.insert(0, units.pop(place))
                return {other: change * times for other, change in unit.items()}
        return None
