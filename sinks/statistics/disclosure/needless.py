"""Show again what need not be hidden.

Hiding looks at one target after another, so that some of what it hid first is of no use once the
rest is hidden. Each cell is tried: it is shown if every proof that it moves in gives way to one
without it, and nothing else is hidden for that. So the number of hidden cells never rises, and
each target has its proof at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable

from sinks.statistics.disclosure.known_moves import KnownMoves
from sinks.statistics.disclosure.moves import MoveFinder
from sinks.statistics.disclosure.system import Moves, Standing
from sinks.statistics.disclosure.targets import Proved, Target, Targets

__all__ = ["Needless"]

_PRICE = 1.0
"""Of moving what is hidden: it costs no figure any more."""


class Needless:
    """Tries the cells that were hidden for others; `proved` is kept up to date."""

    def __init__(
        self, targets: Targets, proved: Proved, hidden: frozenset[int], known: KnownMoves
    ) -> None:
        self.targets = targets
        self.proved = proved
        self.finder = MoveFinder(
            targets.system, lambda number: _PRICE if number in hidden else None, nodes=0
        )
        self.finder.hide(hidden)
        self._known = (KnownMoves(targets.system), known)
        """Moves found here come first: they move nothing that is shown by now."""
        self._known[0].publish(hidden, hidden)
        self._guarded = {target[0] for (target, _), moves in proved.items() if moves}
        self._proofs_of: dict[int, set[tuple[Target, str | None]]] = {}
        """Cell to what is proved by moving it."""
        for key, moves in proved.items():
            for number in moves:
                self._proofs_of.setdefault(number, set()).add(key)

    def show(self, numbers: Iterable[int], *, most_programs: int) -> list[int]:
        """Those that may be shown, each given that the ones before are.

        What the fewest proofs move is tried first: that costs least, and shows the most. After so
        many linear programs no other is tried.
        """
        by_proofs = sorted(numbers, key=lambda one: (len(self._proofs_of.get(one, ())), one))
        return [
            number
            for number in by_proofs
            if self.finder.solved < most_programs and self._is_needless(number)
        ]

    def _is_needless(self, number: int) -> bool:
        if self._leaves_one_alone(number):
            return False
        self.finder.show(number)
        self._publish(number)
        found = self._proofs_without(number)
        if found is None:
            self.finder.hide([number])
            self._publish(number)
            return False
        for key, moves in found.items():
            for other in self.proved.get(key, ()):
                self._proofs_of[other].discard(key)
            self.proved[key] = moves
            for other in moves:
                self._proofs_of.setdefault(other, set()).add(key)
        return True

    def _publish(self, number: int) -> None:
        for known in self._known:
            known.publish([number], self.finder.hidden)

    def _leaves_one_alone(self, number: int) -> bool:
        """Without it, and without whatever that leaves alone in a sum, a guarded cell is alone."""
        system = self.targets.system
        fixed, waiting = {number}, [number]
        while waiting:
            for equation in system.equations_of[waiting.pop()]:
                left = [one for one, _ in system.equations[equation] if self._moves(one)]
                left = [one for one in left if one not in fixed]
                if len(left) == 1:
                    if left[0] in self._guarded:
                        return True
                    fixed.add(left[0])
                    waiting.append(left[0])
        return False

    def _moves(self, number: int) -> bool:
        system, standing = self.targets.system, self.targets.system.standing[number]
        if standing is not Standing.OPEN:
            return standing is not Standing.PUBLIC
        low, high = system.shown_low[number], system.shown_high[number]
        return number in self.finder.hidden or low < high

    def _proofs_without(self, number: int) -> Proved | None:
        """What takes the place of the proofs that the cell moves in; None if one has no other."""
        found: Proved = {}
        of_readers: dict[str, list[Target]] = {}
        for target, reader in sorted(self._proofs_of.get(number, ()), key=_anybody_first):
            if reader is not None:
                of_readers.setdefault(reader, []).append(target)
                continue
            moves = self._find(target, None)
            if moves is None:
                return None
            found[target, None] = moves
            for other in self.targets.unconvinced(target, moves):
                if (target, other) not in self.proved:
                    of_readers.setdefault(other, []).append(target)
        for reader in sorted(of_readers):
            own = self.targets.own(reader)
            self.finder.know(own)
            try:
                for target in of_readers[reader]:
                    moves = self._find(target, reader)
                    if moves is None:
                        return None
                    found[target, reader] = moves
            finally:
                self.finder.forget(own)
        return found

    def _find(self, target: Target, reader: str | None) -> Moves | None:
        number, _ = target
        amount, own = self.targets.amount(target, reader), self.targets.own(reader)
        for known in self._known:
            moves = known.find(number, amount, own)
            if moves is not None:
                return moves
        moves = self.finder.find(number, amount, own)
        if moves is not None:
            self._known[0].remember(moves)
        return moves


def _anybody_first(key: tuple[Target, str | None]) -> tuple[bool, str, Target]:
    target, reader = key
    return reader is not None, reader or "", target
