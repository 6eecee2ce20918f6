"""Protect a release: hide sensitive cells, and as many others as it takes to keep them hidden.

Greedy: the largest sensitive cells first; for each cell and direction that no proof covers yet, one
linear program finds the cheapest move that would, and what it moves is hidden. Then each bureau,
and desks, who know their own parts, are tried in the same way. At the end whatever the proofs can
do without is shown again, so every hidden cell moves in some proof: none has width 0.

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

from sinks.statistics.disclosure.known_moves import KnownMoves
from sinks.statistics.disclosure.moves import MoveFinder
from sinks.statistics.disclosure.needless import Needless
from sinks.statistics.disclosure.proofs import Proof
from sinks.statistics.disclosure.rules import Reason, Rules, why_sensitive
from sinks.statistics.disclosure.system import Moves, Standing, System
from sinks.statistics.disclosure.tables import CellId, Dimension, PublicTotal, Table
from sinks.statistics.disclosure.targets import Proved, Target, Targets
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
    shown_again: int = 0
    """Cells that were hidden with the sensitive ones, and proved to be of no use."""

    @property
    def hidden(self) -> frozenset[CellId]:
        """Everything that is published without its value."""
        return frozenset(self.primary) | self.secondary


def default_price(value: int) -> float:
    """Price of hiding a cell, a unit of its move.

    Larger cells are missed more, but small ones can move by little, so that it takes many of them.
    Of the prices tried this one hid the fewest cells of a million messages (24.0 per cent of those
    that are not zero, by the logarithm 25.0; nothing merged, nothing shown again) within a
    hundredth of the events.
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
        shown_again=sum(one.shown_again for one in found),
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


class _Protecting:
    """The work of one call: targets, the moves that cover them, and what those hide."""

    def __init__(self, release: Release, system: System, price: Callable[[int], float]) -> None:
        self.system = system
        self.targets = Targets(system, release.rules)
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
        self.known = KnownMoves(system)
        self._hide(system.index[cell_id] for cell_id in self.primary)
        self._hide(system.hidden_before)
        self.proved: Proved = {}
        self.widened: dict[Target, Moves] = {}
        """Of secondary cells of earlier releases: by one, one way."""
        self.unprotected: set[int] = set()
        self.tried: set[int] = set()
        """Secondary cells, before those that need not be hidden are shown again."""
        self.solved_again = self.fractional_again = 0
        """Linear programs of that."""

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
        if not self.unprotected:
            self._show_needless()
        earlier = self._hidden_earlier()
        self._widen_earlier(earlier)
        return self._result(earlier)

    def _prove(self, target: Target, reader: str | None) -> None:
        """Cover a target by a move found before, or by the cheapest new one."""
        number, _ = target
        amount, own = self.targets.amount(target, reader), self.targets.own(reader)
        if amount == 0:
            self.proved[target, reader] = {}
            return
        moves = self.known.find(number, amount, own)
        if moves is None:
            moves = self.finder.find(number, amount, own)
            if moves is None:
                self.unprotected.add(number)
                return
            self._hide(self.finder.to_hide(moves))
            self.known.remember(moves)
        self.proved[target, reader] = moves

    def _hide(self, numbers: Iterable[int]) -> None:
        numbers = list(numbers)
        self.finder.hide(numbers)
        self.known.publish(numbers, self.finder.hidden)

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
                moves = self.known.find(number, amount, {}) or self.finder.find(number, amount)
                if moves is not None:
                    self._hide(self.finder.to_hide(moves))
                    self.known.remember(moves)
                    self.widened[number, amount > 0] = moves
                    break
            else:
                self.unprotected.add(number)

    def _prove_against_insiders(self) -> None:
        """Prove anew whatever some reader's own part refutes."""
        pairs: dict[str, list[Target]] = {}
        for (target, _), moves in list(self.proved.items()):
            for reader in self.targets.unconvinced(target, moves):
                pairs.setdefault(reader, []).append(target)
        for reader in sorted(pairs):
            own = self.targets.own(reader)
            self.finder.know(own)
            for target in pairs[reader]:
                self._prove(target, reader)
            self.finder.forget(own)

    def _show_needless(self) -> None:
        """Of what is hidden for others, with half as many linear programs as hiding took."""
        kept = {self.system.index[cell_id] for cell_id in self.primary} | self.system.hidden_before
        moved = {number for moves in self.proved.values() for number in moves}
        self.tried = moved & self.finder.hidden - kept
        needless = Needless(self.targets, self.proved, frozenset(kept | self.tried), self.known)
        needless.show(self.tried, most_programs=self.finder.solved // 2)
        self.solved_again = needless.finder.solved
        self.fractional_again = needless.finder.fractional

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
            programs=self.finder.solved + self.solved_again,
            fractional=self.finder.fractional + self.fractional_again,
            shown_again=len(self.tried - secondary),
        )

    def _proofs(self) -> Iterator[Proof]:
        system = self.system
        for (target, reader), moves in self.proved.items():
            yield self._proof(target, self.targets.bar(target, reader), moves, reader)
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
