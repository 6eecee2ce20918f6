"""What follows from published figures: unknowns, the sums between them, and bounds.

Bounds are tightened by propagation: each sum bounds each of its terms by the others, in integers,
until nothing changes. That needs no solver and gives away most careless releases.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from deploy.attacker.published import Figure, FigureId, Limit, Structure

__all__ = ["ContradictionError", "Knowledge"]


class ContradictionError(Exception):
    """The published figures can't all be true."""


class Knowledge:
    """Unknowns by number; sums of them that are zero with a constant."""

    def __init__(self, figures: Iterable[Figure], structure: Structure) -> None:
        figures = list(figures)
        self.names: list[FigureId] = []
        self.number: dict[FigureId, int] = {}
        self.low: list[int] = []
        self.high: list[int | None] = []
        self.sums: list[tuple[tuple[int, int], ...]] = []
        self.sums_of: list[list[int]] = []
        self.without: dict[int, tuple[int, int]] = {}
        """What a measure counts that another, which counts some of it, doesn't: those two."""
        for figure in figures:
            number = self._number(figure.id)
            self.low[number] = max(self.low[number], figure.low)
            high = self.high[number]
            if figure.high is not None:
                self.high[number] = figure.high if high is None else min(high, figure.high)
        releases: dict[str, dict[tuple[str, object], FigureId]] = {}
        for figure in figures:
            places = releases.setdefault(figure.release, {})
            places[figure.id.measure, figure.id.at] = figure.id
        seen: set[frozenset[tuple[int, int]]] = set()
        for release in sorted(releases):
            for terms in self._sums(releases[release], structure):
                key = frozenset(terms.items())
                if key not in seen:
                    seen.add(key)
                    self.sums.append(tuple(sorted(terms.items())))
        self.limits: list[tuple[int, Limit]] = []
        """Each with the number of what it limits: a figure, or a sum of its own."""
        for index, limit in enumerate(dict.fromkeys(structure.limits)):
            self._limit(f"limit {index}", limit)
        for index, one in enumerate(self.sums):
            for number, _ in one:
                self.sums_of[number].append(index)
        self.tighten(range(len(self.sums)))

    def _number(self, name: FigureId) -> int:
        number = self.number.get(name)
        if number is None:
            number = self.number[name] = len(self.names)
            self.names.append(name)
            self.low.append(0)
            self.high.append(None)
            self.sums_of.append([])
        return number

    def _limit(self, name: str, limit: Limit) -> None:
        numbers = [self._number(figure) for figure in limit.figures]
        number = numbers[0]
        if len(numbers) > 1:
            number = self._number(FigureId(name, (), limit.source))
            self.sums.append(tuple(sorted(({number: 1} | dict.fromkeys(numbers, -1)).items())))
        self.limits.append((number, limit))
        self._bound(number, -1, -limit.least)
        if limit.most is not None:
            self._bound(number, 1, limit.most)

    def known_by(self, own: Mapping[FigureId, int], *, is_bureau: bool) -> dict[int, int]:
        """Least values, by number, for who knows parts of its own."""
        least = {self.number[name]: part for name, part in own.items() if name in self.number}
        for others, (whole, part) in self.without.items():
            least[others] = max(0, least.get(whole, 0) - least.get(part, 0))
        for number, limit in self.limits:
            if limit.counts_bureaus and is_bureau:
                least[number] = max(least.get(number, 0), limit.least_for(own))
        return least

    def _sums(
        self, places: Mapping[tuple[str, object], FigureId], structure: Structure
    ) -> Iterator[dict[int, int]]:
        for name in list(places.values()):
            whole = places.get((structure.within.get(name.measure, ""), name.at))
            if whole is not None and whole.cut_off == name.cut_off:
                others = self._number(
                    FigureId(f"{whole.measure} without {name.measure}", *name[1:])
                )
                self.without[others] = (self._number(whole), self._number(name))
                yield {self._number(whole): 1} | dict.fromkeys((self._number(name), others), -1)
            at = dict(name.at)
            for dimension, splits in structure.parts.items():
                for way in splits.get(at.get(dimension, structure.totals[dimension]), ()):
                    known = [
                        places.get((name.measure, tuple(sorted((at | {dimension: code}).items()))))
                        for code in way
                    ]
                    found = [part for part in known if part is not None]
                    if not found:
                        continue
                    terms = {self._number(name): 1} | {self._number(part): -1 for part in found}
                    if len(found) < len(way):
                        left = f"{name.measure} without {dimension} " + ",".join(
                            code for code, part in zip(way, known, strict=True) if part is not None
                        )
                        terms[self._number(FigureId(left, name.at, name.cut_off))] = -1
                    yield terms

    def tighten(self, first: Iterable[int]) -> None:
        """Propagate bounds from these sums on.

        Raises :class:`ContradictionError` where a bound crosses another.
        """
        waiting = deque(first)
        queued = set(waiting)
        while waiting:
            index = waiting.popleft()
            queued.discard(index)
            for number in self._tighten_one(self.sums[index]):
                for other in self.sums_of[number]:
                    if other not in queued:
                        queued.add(other)
                        waiting.append(other)

    def _tighten_one(self, terms: tuple[tuple[int, int], ...]) -> list[int]:
        """Bounds of each term from the rest; the numbers that moved."""
        lows = [self._least(number, sign) for number, sign in terms]
        highs = [self._least(number, -sign) for number, sign in terms]
        moved = []
        open_lows, open_highs = lows.count(None), highs.count(None)
        low_sum = sum(low for low in lows if low is not None)
        high_sum = sum(high for high in highs if high is not None)
        for (number, sign), low, high in zip(terms, lows, highs, strict=True):
            # sign * x = -(the rest), whose least value is the negative of their greatest one.
            if open_lows - (low is None) == 0:
                greatest = -(low_sum - (low or 0))
                moved += self._bound(number, sign, greatest)
            if open_highs - (high is None) == 0:
                least = high_sum - (high or 0)
                moved += self._bound(number, -sign, -least)
        return moved

    def _least(self, number: int, sign: int) -> int | None:
        """Least value of sign * x; None: no bound."""
        if sign > 0:
            return self.low[number]
        high = self.high[number]
        return None if high is None else -high

    def _bound(self, number: int, sign: int, most: int) -> list[int]:
        """sign * x is at most `most`."""
        low, high = self.low[number], self.high[number]
        if sign > 0 and (high is None or most < high):
            self.high[number] = high = most
        elif sign < 0 and -most > low:
            self.low[number] = low = -most
        else:
            return []
        if high is not None and low > high:
            raise ContradictionError(
                f"{self.names[number]} would lie between {low} and {high}: the published sums "
                "don't agree"
            )
        return [number]

    def groups(self) -> list[list[int]]:
        """Unknowns that are still open, by which sums link them."""
        parent = {number: number for number in range(len(self.names)) if not self.is_exact(number)}

        def root(number: int) -> int:
            while parent[number] != number:
                parent[number] = parent[parent[number]]
                number = parent[number]
            return number

        for terms in self.sums:
            linked = [number for number, _ in terms if number in parent]
            for number in linked[1:]:
                parent[root(number)] = root(linked[0])
        found: dict[int, list[int]] = {}
        for number in parent:
            found.setdefault(root(number), []).append(number)
        return [found[key] for key in sorted(found)]

    def is_exact(self, number: int) -> bool:
        """Only one value is left."""
        return self.low[number] == self.high[number]
