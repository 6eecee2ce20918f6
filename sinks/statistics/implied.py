"""What tables of one kind say of the numbers of events in others, and whether the proofs bear it.

- Offences: whoever names an offence reported an event, so the events of a year and region are at
  least its offences; who subtracts its own part knows at least the others' part of them.
- Persons, accounts and amounts: one that is shown above 0 comes from three bureaus, so there are
  three events of its place at least, one of each of those bureaus.

Each may be told beside a hidden number if every other table that proves the protection holds with
it, for whoever the table is shown to: then nothing that was proved is known better. The offences of
such a table are taken to be the true ones, the narrowest interval that there is: who can't refute
it by them can't by their noise, of whichever code.

These do no harm. At least one event (of a place whose persons or amount are sensitive, hidden, and
known to be above 0): a lower bound of 1 is allowed of every figure, and no proof goes below it
(:meth:`Numbers.at_least_one`). No event, so no person and no
amount: such zeros are public from the start (`making`), nothing is hidden behind them. Of a number
above 0 nothing follows upwards: an event may have any number of persons and no offence, and of any
kind it may have measures, so that no kind's number follows. Operations, searches, withdrawals: they
have no place in common with events (an operation's results count whenever they happened, a
withdrawal counts in the period of its recall, a search is no event). Two measures of one place say
nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sinks.statistics.dataset import TIME, TOTAL
from sinks.statistics.disclosure import (
    DESKS,
    Cell,
    CellId,
    Dimension,
    Protection,
    Release,
    Table,
    rounded,
)
from sinks.statistics.disclosure.proofs import Proof
from sinks.statistics.periods import Period

__all__ = ["EVENTS", "MEASURED", "Implied", "Numbers", "offences_least", "three_bureaus_least"]

MEASURED = ("counts", "money")
"""Sources of datasets whose figures are measured of events."""
EVENTS = "events"
"""The measure of tables of events."""
_BUREAUS = 3
Place = tuple[tuple[str, str], ...]
Least = Callable[[str | None, int], int]
"""Of who reads (None: anybody) and its own events: how many events it knows there are."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of events of a release, by place."""

    cells: Mapping[Place, tuple[CellId, Cell]]
    blocks: tuple[Period, ...]

    @classmethod
    def of(cls, release: Release, blocks: Iterable[Period]) -> Numbers:
        """Of all its tables of events."""
        cells = {}
        for table in release.tables:
            if table.measure == EVENTS:
                for cell in table.cells:
                    cell_id = table.id_of(cell, release.dimensions)
                    cells[cell_id.at] = (cell_id, cell)
        return cls(cells, tuple(blocks))

    def at(self, at: Mapping[str, str]) -> list[tuple[CellId, Cell]]:
        """The number's cell, or those of the blocks that the period consists of; else none."""
        there = self.cells.get(_place(at))
        if there is not None:
            return [there]
        period = Period.parse(at[TIME])
        within = [
            self.cells.get(_place({**at, TIME: block.code}))
            for block in self.blocks
            if period.holds(block)
        ]
        found = [one for one in within if one is not None]
        return found if len(found) == len(within) else []

    def at_least_one(self, measured: Table) -> dict[CellId, int]:
        """The numbers where something is measured that is above 0, which everybody may know."""
        places = (_place(measured.place(cell)) for cell in measured.cells if cell.value)
        return {self.cells[place][0]: 1 for place in places if place in self.cells}

    def is_none(self, at: Mapping[str, str]) -> bool:
        """There is no event at that place."""
        found = self.at(at)
        return bool(found) and not any(cell.value for _, cell in found)


@dataclass(frozen=True, slots=True)
class Implied:
    """The numbers of events of a release, and the other tables that prove its protection."""

    numbers: Numbers
    proofs: Mapping[CellId, tuple[Proof, ...]]
    """By each number of events that they have otherwise."""
    proved: frozenset[tuple[CellId, bool, str]]
    """Cells and directions that a reader has a proof of its own for."""

    @classmethod
    def of(cls, release: Release, protection: Protection, blocks: Iterable[Period]) -> Implied:
        """Of all its tables."""
        proofs: dict[CellId, list[Proof]] = {}
        for proof in protection.proofs:
            for cell_id in proof.table:
                if cell_id.measure == EVENTS:
                    proofs.setdefault(cell_id, []).append(proof)
        return cls(
            Numbers.of(release, blocks),
            {cell_id: tuple(found) for cell_id, found in proofs.items()},
            frozenset(
                (one.cell, one.upward, one.reader) for one in protection.proofs if one.reader
            ),
        )

    def too_much(self, table: Table, dimensions: Mapping[str, Dimension]) -> frozenset[CellId]:
        """Figures above 0 of a table of what is measured of events that may not be told."""
        found = set()
        for cell in table.cells:
            if rounded(cell.value, table.rounding)[0]:
                at = table.place(cell)
                least = three_bureaus_least(cell, (one for _, one in self.numbers.at(at)))
                if not self.bears(at, least):
                    found.add(table.id_of(cell, dimensions))
        return frozenset(found)

    def bears(self, at: Mapping[str, str], least: Least) -> bool:
        """Every proof holds with that, for all whom it is to convince."""
        found = self.numbers.at(at)
        total = sum(cell.value for _, cell in found)
        readers = {bureau for _, cell in found for bureau in cell.contributions} | {DESKS}
        own = {reader: sum(_known(cell, reader) for _, cell in found) for reader in readers}
        touching = {id(one): one for cell_id, _ in found for one in self.proofs.get(cell_id, ())}
        for proof in touching.values():
            number = sum(proof.table.get(cell_id, cell.value) for cell_id, cell in found)
            for reader in self._convinced(proof, readers):
                known = own.get(reader or "", 0)
                # whoever reported all of it, or read all of it, has nothing to learn
                if known < total and number < least(reader, known):
                    return False
        return True

    def _convinced(self, proof: Proof, readers: Iterable[str]) -> Iterator[str | None]:
        yield proof.reader
        if proof.reader is None:
            for reader in readers:
                if (proof.cell, proof.upward, reader) not in self.proved:
                    yield reader


def offences_least(offences: Cell) -> Least:
    """By the events of a place that name an offence."""

    def least(reader: str | None, own: int) -> int:
        return offences.value + own - (_known(offences, reader) if reader else 0)

    return least


def three_bureaus_least(measured: Cell, events: Iterable[Cell]) -> Least:
    """By a measure that is shown above 0, of these events.

    Desks are taken to have read an event of each bureau that didn't restrict all of its own.
    """
    events = tuple(events)
    read = sum(
        sum(cell.contributions.get(bureau, 0) for cell in events)
        > sum(cell.restricted.get(bureau, 0) for cell in events)
        for bureau in measured.contributions
    )

    def least(reader: str | None, own: int) -> int:
        if reader == DESKS:
            return own + max(0, _BUREAUS - read)
        return own + _BUREAUS - (reader in measured.contributions)

    return least


def _known(cell: Cell, reader: str) -> int:
    return cell.read if reader == DESKS else cell.contributions.get(reader, 0)


def _place(at: Mapping[str, str]) -> Place:
    return tuple(sorted((name, code) for name, code in at.items() if code != TOTAL))
