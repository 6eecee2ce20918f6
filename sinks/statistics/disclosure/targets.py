"""What has to be proved of a cell: that it may be as low, and as high, as its bars.

Of anybody, and of each reader who can tell the move of a proof from the truth because it knows
its own part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sinks.statistics.disclosure.rules import Rules
from sinks.statistics.disclosure.system import Moves, System

__all__ = ["Proved", "Target", "Targets"]

Target = tuple[int, bool]
"""A cell's number, and whether upwards."""
Proved = dict[tuple[Target, str | None], Moves]
"""Move that proves a target, for anybody (None) or for one reader."""
_NOTHING: Mapping[int, int] = MappingProxyType({})


class Targets:
    """The bars of a system's cells by the rules."""

    def __init__(self, system: System, rules: Rules) -> None:
        self.system = system
        self._rules = rules
        self._largest_parts = _parts_by_cell(system)

    def bar(self, target: Target, reader: str | None) -> int:
        """Value of the cell at which the target is met."""
        number, upward = target
        value = self.system.values[number]
        if reader is None:
            return self._rules.upper_bar(value) if upward else self._rules.lower_bar(value)
        part = self.system.known_parts[reader].get(number, 0)
        others = value - part
        if upward:
            return part + self._rules.insider_upper_bar(others)
        return part + self._rules.insider_lower_bar(others)

    def amount(self, target: Target, reader: str | None) -> int:
        """By how much the cell has to move, down if below 0."""
        return self.bar(target, reader) - self.system.values[target[0]]

    def own(self, reader: str | None) -> Mapping[int, int]:
        """What the reader knows of cells by itself."""
        return self.system.known_parts[reader] if reader is not None else _NOTHING

    def unconvinced(self, target: Target, moves: Moves) -> Iterator[str]:
        """Who knows that a cell is larger than this move has it, and might tell the target's."""
        found = set()
        for number, change in moves.items():
            if change < 0:
                value = self.system.values[number] + change
                for part, reader in self._largest_parts.get(number, ()):
                    if part <= value:
                        break
                    found.add(reader)
        return (reader for reader in sorted(found) if self._matters(target[0], reader))

    def _matters(self, number: int, reader: str) -> bool:
        """There are others in the cell whose sum the reader might tell."""
        return self.system.values[number] > self.system.known_parts[reader].get(number, 0)


def _parts_by_cell(system: System) -> dict[int, list[tuple[int, str]]]:
    """For each cell who knows a part of it, the largest part first."""
    parts: dict[int, list[tuple[int, str]]] = {}
    for reader, own in system.known_parts.items():
        for number, part in own.items():
            parts.setdefault(number, []).append((part, reader))
    for known in parts.values():
        known.sort(key=lambda entry: (-entry[0], entry[1]))
    return parts
