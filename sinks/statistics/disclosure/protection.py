"""Protect a release: hide sensitive cells, and as many others as it takes to keep them hidden.

Greedy: the largest sensitive cells first; for each cell and direction that no proof covers yet, one
linear program finds the cheapest move that would, and what it moves is hidden. Then each bureau,
and desks, who know their own parts, are tried in the same way. At the end whatever no proof needs
is shown again, so every hidden cell moves in some proof: none has width 0.

Protected: sensitive cells, against readers of everything published by this release and earlier
ones, of the public figures that were declared, and against each bureau alone. Not protected:
secondary cells beyond that they are not exact; against bureaus that pool what they know; against
guesses (that nothing changed, that a figure is like last year's); against figures that nobody
declared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sinks.statistics.disclosure.moves import MoveFinder
from sinks.statistics.disclosure.proofs import Proof
from sinks.statistics.disclosure.rules import Reason, Rules, why_sensitive
from sinks.statistics.disclosure.system import Moves, Standing, System
from sinks.statistics.disclosure.tables import CellId, Dimension, PublicTotal, Table
from sinks.statistics.disclosure.vintages import Change, Vintage, sensitive_changes

__all__ = ["Protection", "Release", "default_price", "protect"]


@dataclass(frozen=True, slots=True)
class Release:
    """What is to be published, and what is known already."""

    dimensions: Mapping[str, Dimension]
    tables: tuple[Table, ...]
    rules: Rules = field(default_factory=Rules)
    vintages: tuple[Vintage, ...] = ()
    changes: tuple[Change, ...] = ()
    public: tuple[PublicTotal, ...] = ()
    untold: frozenset[CellId] = frozenset()
    """Cells that may not be shown for what they say of others."""
    least: Mapping[CellId, int] = field(default_factory=dict)
    """What other tables say of cells of these, hidden or not: so much at least."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What may be shown, why not the rest, and the proof of it."""

    primary: Mapping[CellId, frozenset[Reason]]
    secondary: frozenset[CellId]
    proofs: tuple[Proof, ...]
    widths: Mapping[CellId, tuple[int, int]]
    """Of each hidden cell: values between which, as proved, a reader can't tell."""
    unprotected: frozenset[CellId]
    """Sensitive cells for which there is no proof: merge them, or publish none of it."""
    programs: int
    """Linear programs solved."""
    fractional: int
    """Those whose answer had fractions."""

    @property
    def hidden(self) -> frozenset[CellId]:
        """Everything that is published without its value."""
        return frozenset(self.primary) | self.secondary


def default_price(value: int) -> float:
    """Price of hiding a cell, a unit of its move.

    Larger cells are missed more, but small ones can move by little, so that it takes many of them.
    Of the prices tried this one hides the fewest cells of a million messages (24.0 per cent of
    those that are not zero; by the logarithm 25.0) within a hundredth of the events.
    """
    return 1000.0 / math.sqrt(2 + value) + 4.0 * value


def protect(release: Release, price: Callable[[int], float] = default_price) -> Protection:
    """Decide what to hide; a function of its arguments alone."""
    found = []
    for part in _unlinked(release):
        system = System(part.tables, part.dimensions, part.vintages, part.public, part.least)
        found.append(_Protecting(part, system, price).run())
    return Protection(
        primary={cell: why for one in found for cell, why in one.primary.items()},
        secondary=frozenset().union(*(one.secondary for one in found)),
        proofs=tuple(proof for one in found for proof in one.proofs),
        widths={cell: width for one in found for cell, width in one.widths.items()},
        unprotected=frozenset().union(*(one.unprotected for one in found)),
        programs=sum(one.programs for one in found),
        fractional=sum(one.fractional for one in found),
    )


def _unlinked(release: Release) -> Iterator[Release]:
    """The release in parts that no sum links: measures, but for public totals over several."""
    together = {table.measure: frozenset({table.measure}) for table in release.tables}
    for vintage in release.vintages:
        for table in vintage.tables:
            together.setdefault(table.measure, frozenset({table.measure}))
    for total in release.public:
        linked = frozenset().union(
            *(together.get(cell.measure, {cell.measure}) for cell in total.cells)
        )
        together |= dict.fromkeys(linked, linked)
    for measures in sorted(set(together.values()), key=sorted):
        yield replace(
            release,
            tables=tuple(table for table in release.tables if table.measure in measures),
            vintages=tuple(_of_measures(vintage, measures) for vintage in release.vintages),
            changes=tuple(c for c in release.changes if c.cell.measure in measures),
            public=tuple(t for t in release.public if t.cells[0].measure in measures),
        )


def _of_measures(vintage: Vintage, measures: frozenset[str]) -> Vintage:
    return replace(
        vintage,
        tables=tuple(table for table in vintage.tables if table.measure in measures),
        hidden=frozenset(cell for cell in vintage.hidden if cell.measure in measures),
        sensitive=frozenset(cell for cell in vintage.sensitive if cell.measure in measures),
    )


Target = tuple[int, bool]
"""A cell's number, and whether upwards."""


class _Protecting:
    """The work of one call: targets, the moves that cover them, and what those hide."""

    def __init__(self, release: Release, system: System, price: Callable[[int], float]) -> None:
        self.system = system
        self.rules = release.rules
        self.vintages = release.vintages
        self.primary = self._find_primary(release)
        self.guarded = sorted(
            {system.index[cell_id] for cell_id in self.primary}
            | {
                number
                for vintage in release.vintages
                for cell_id in vintage.sensitive
                if system.standing[number := system.index[cell_id]] is Standing.HIDDEN
            },
            key=lambda number: (-system.values[number], number),
        )
        self.finder = MoveFinder(system, lambda number: price(system.values[number]))
        self.rooms = [self._rooms_of(number) for number in range(len(system.ids))]
        """How far each cell may go down and up as it is published by now."""
        self._hide(system.index[cell_id] for cell_id in self.primary)
        self._hide(system.hidden_before)
        self.units: dict[int, list[Moves]] = {}
        """Moves found so far, each divided by its greatest common divisor, by cell."""
        self.seen_units: set[frozenset[tuple[int, int]]] = set()
        self.proved: dict[tuple[Target, str | None], Moves] = {}
        self.widened: dict[Target, Moves] = {}
        """Of secondary cells of earlier releases: by one, one way."""
        self.unprotected: set[int] = set()
        self.largest_parts = _parts_by_cell(system)

    def _find_primary(self, release: Release) -> dict[CellId, frozenset[Reason]]:
        system = self.system
        changed = sensitive_changes(
            release.changes, release.vintages, system.cells, release.dimensions, release.rules
        )
        earlier = frozenset().union(*(vintage.sensitive for vintage in release.vintages))
        primary = {}
        for cell_id, (cell, is_count) in system.cells.items():
            if system.standing[system.index[cell_id]] in (Standing.PUBLIC, Standing.BOUNDED):
                continue
            reasons = why_sensitive(cell_id, cell, is_count, release.rules)
            if cell_id in changed:
                reasons |= {Reason.CHANGE}
            if cell_id in release.untold:
                reasons |= {Reason.IMPLIED}
            if cell_id in earlier:
                reasons |= {Reason.EARLIER}
            if reasons:
                primary[cell_id] = reasons
        return primary

    def run(self) -> Protection:
        for target in [(number, upward) for number in self.guarded for upward in (True, False)]:
            self._prove(target, None)
        self._prove_against_insiders()
        earlier = self._hidden_earlier()
        self._widen_earlier(earlier)
        return self._result(earlier)

    def _bar(self, target: Target, reader: str | None) -> int:
        """Value of the cell at which the target is met."""
        number, upward = target
        value = self.system.values[number]
        if reader is None:
            return self.rules.upper_bar(value) if upward else self.rules.lower_bar(value)
        part = self.system.known_parts[reader].get(number, 0)
        others = value - part
        if upward:
            return part + self.rules.insider_upper_bar(others)
        return part + self.rules.insider_lower_bar(others)

    def _prove(self, target: Target, reader: str | None) -> None:
        """Cover a target by a move found before, or by the cheapest new one."""
        number, _ = target
        amount = self._bar(target, reader) - self.system.values[number]
        if amount == 0:
            self.proved[target, reader] = {}
            return
        own = self.system.known_parts[reader] if reader is not None else {}
        moves = self._known_move(number, amount, own)
        if moves is None:
            moves = self.finder.find(number, amount, own)
            if moves is None:
                self.unprotected.add(number)
                return
            self._hide(self.finder.to_hide(moves))
            self._remember(moves)
        self.proved[target, reader] = moves

    def _remember(self, moves: Moves) -> None:
        divisor = math.gcd(*moves.values())
        unit = {number: change // divisor for number, change in moves.items()}
        key = frozenset(unit.items())
        if key not in self.seen_units:
            self.seen_units.add(key)
            for number in unit:
                self.units.setdefault(number, []).append(unit)

    def _known_move(self, number: int, amount: int, own: Mapping[int, int]) -> Moves | None:
        """The first multiple of an earlier move, either way round, that does."""
        for unit in self.units.get(number, ()):
            times = -(-abs(amount) // abs(unit[number]))
            if (unit[number] > 0) != (amount > 0):
                times = -times
            for other, change in unit.items():
                down, up = self.rooms[other]
                moved = change * times
                if moved > up or -moved > down:
                    break
                if moved < 0 and self.system.values[other] + moved < own.get(other, 0):
                    break
            else:
                return {other: change * times for other, change in unit.items()}
        return None

    def _hide(self, numbers: Iterable[int]) -> None:
        numbers = list(numbers)
        self.finder.hide(numbers)
        for number in numbers:
            self.rooms[number] = self._rooms_of(number)

    def _rooms_of(self, number: int) -> tuple[int, float]:
        value = self.system.values[number]
        low, high = self.system.limits(number, self.finder.hidden)
        return value - low, math.inf if high is None else high - value

    def _hidden_earlier(self) -> frozenset[int]:
        """What earlier releases hid, and nobody has shown since: it stays hidden."""
        shown = (Standing.PUBLIC, Standing.BOUNDED)
        return frozenset(
            number
            for vintage in self.vintages
            for cell_id in vintage.hidden
            if self.system.standing[number := self.system.index[cell_id]] not in shown
        )

    def _widen_earlier(self, earlier: frozenset[int]) -> None:
        """Secondary cells of earlier releases must not become exact by this one."""
        moved = {number for moves in self.proved.values() for number in moves}
        for number in sorted(earlier - moved):
            for amount in (1, -1):
                moves = self._known_move(number, amount, {}) or self.finder.find(number, amount)
                if moves is not None:
                    self._hide(self.finder.to_hide(moves))
                    self._remember(moves)
                    self.widened[number, amount > 0] = moves
                    break
            else:
                self.unprotected.add(number)

    def _prove_against_insiders(self) -> None:
        """Prove anew whatever some reader's own part refutes."""
        pairs: dict[str, list[Target]] = {}
        for (target, _), moves in list(self.proved.items()):
            for reader in self._refuting(moves):
                if self._matters(target[0], reader):
                    pairs.setdefault(reader, []).append(target)
        for reader in sorted(pairs):
            own = self.system.known_parts[reader]
            self.finder.know(own)
            for target in pairs[reader]:
                self._prove(target, reader)
            self.finder.forget(own)

    def _refuting(self, moves: Moves) -> Iterator[str]:
        """Who knows that a cell is larger than this move has it."""
        found = set()
        for number, change in moves.items():
            if change < 0:
                value = self.system.values[number] + change
                for part, reader in self.largest_parts.get(number, ()):
                    if part <= value:
                        break
                    found.add(reader)
        return iter(sorted(found))

    def _matters(self, number: int, reader: str) -> bool:
        """There are others in the cell whose sum the reader might tell."""
        return self.system.values[number] > self.system.known_parts[reader].get(number, 0)

    def _result(self, earlier: frozenset[int]) -> Protection:
        system = self.system
        all_moves = [*self.proved.values(), *self.widened.values()]
        needed = {number for moves in all_moves for number in moves}
        needed |= earlier & system.hidden_before
        secondary = needed & self.finder.hidden - {system.index[cell] for cell in self.primary}
        lows, highs = dict[int, int](), dict[int, int]()
        for moves in all_moves:
            for number, change in moves.items():
                value = system.values[number] + change
                lows[number] = min(value, lows.get(number, system.values[number]))
                highs[number] = max(value, highs.get(number, system.values[number]))
        hidden = {system.index[cell] for cell in self.primary} | secondary
        return Protection(
            primary=self.primary,
            secondary=frozenset(system.ids[number] for number in secondary),
            proofs=tuple(self._proofs()),
            widths={
                system.ids[n]: (lows.get(n, system.values[n]), highs.get(n, system.values[n]))
                for n in sorted(hidden)
            },
            unprotected=frozenset(system.ids[number] for number in self.unprotected),
            programs=self.finder.solved,
            fractional=self.finder.fractional,
        )

    def _proofs(self) -> Iterator[Proof]:
        system = self.system
        for (target, reader), moves in self.proved.items():
            yield self._proof(target, self._bar(target, reader), moves, reader)
        for target, moves in self.widened.items():
            bar = system.values[target[0]] + (1 if target[1] else -1)
            yield self._proof(target, bar, moves, None)

    def _proof(self, target: Target, bar: int, moves: Moves, reader: str | None) -> Proof:
        system = self.system
        return Proof(
            cell=system.ids[target[0]],
            bar=bar,
            upward=target[1],
            table={
                system.ids[number]: system.values[number] + change
                for number, change in sorted(moves.items())
            },
            reader=reader,
        )


def _parts_by_cell(system: System) -> dict[int, list[tuple[int, str]]]:
    """For each cell who knows a part of it, the largest part first."""
    parts: dict[int, list[tuple[int, str]]] = {}
    for reader, own in system.known_parts.items():
        for number, part in own.items():
            parts.setdefault(number, []).append((part, reader))
    for known in parts.values():
        known.sort(key=lambda entry: (-entry[0], entry[1]))
    return parts
