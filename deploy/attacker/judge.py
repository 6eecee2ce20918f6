"""What of an attack is a leak, by what the auditor knows: true values, bars, who contributed.

The auditor's other tables (the proofs of protection) spare the insiders' programs: each is checked
anew here, in integers, against the published figures; a pair of reader and figure that none of them
covers is attacked by program.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from deploy.attacker.bounds import attack_known
from deploy.attacker.knowledge import ContradictionError, Knowledge
from deploy.attacker.published import Figure, FigureId, Limit, Place, Structure

__all__ = ["ChangeId", "Leak", "OtherTable", "Secret", "Secrets", "judge"]

OtherTable = Mapping[FigureId, int]
"""Values of the figures that differ from the true table."""


class ChangeId(NamedTuple):
    """A place in two releases."""

    measure: str
    at: Place
    earlier: str
    later: str


@dataclass(frozen=True, slots=True)
class Secret:
    """The truth of a figure that isn't published exactly."""

    value: int
    bars: tuple[int, int] | None = None
    """Sensitive: nobody may know that it is above the first or below the second. None: it only
    must not be known exactly."""
    is_hidden: bool = True


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the auditor knows of a release and those before it."""

    figures: Mapping[FigureId, Secret]
    parts: Mapping[str, Mapping[FigureId, int]] = field(default_factory=dict)
    """What each bureau, and desks, can subtract: from figures that aren't published exactly, and
    from those that say something of them."""
    insider_percent: int = 10
    tables: tuple[OtherTable, ...] = ()
    changes: Mapping[ChangeId, bool] = field(default_factory=dict)
    """Every place that changed between two releases, and whether that is sensitive."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What is given away, and how."""

    kind: str
    """contradiction, narrow, exact, insider or change."""
    figure: FigureId | None
    message: str


def judge(figures: Iterable[Figure], structure: Structure, secrets: Secrets) -> list[Leak]:
    """Every leak; empty: the release may be made current."""
    figures = list(figures)
    try:
        knowledge = Knowledge(figures, structure)
        outsider = list(_outsider(knowledge, secrets))
        insiders = list(_insiders(knowledge, secrets))
    except ContradictionError as error:
        return [Leak("contradiction", None, str(error))]
    told = [figure for figure in figures if figure.table in structure.tables]
    return [*outsider, *insiders, *_changes(told, knowledge, secrets)]


def _outsider(knowledge: Knowledge, secrets: Secrets) -> Iterator[Leak]:
    """Whoever reads everything."""
    hidden = {name: secret for name, secret in secrets.figures.items() if secret.is_hidden}
    missing = sorted(hidden.keys() - knowledge.number.keys())
    if missing:
        yield Leak("contradiction", missing[0], f"{missing[0]} is in no published row")
        return
    enough = {
        name: secret.bars or (max(0, secret.value - 1), secret.value + 1)
        for name, secret in hidden.items()
    }
    found = attack_known(knowledge, frozenset(hidden), enough=enough)
    for name, secret in sorted(hidden.items()):
        low, high = found.low[name], found.high[name]
        if low > secret.value or (high is not None and high < secret.value):
            yield Leak("contradiction", name, f"{name} must be {low} to {high}: it isn't")
        elif secret.bars is not None:
            if low > secret.bars[0] or (high is not None and high < secret.bars[1]):
                yield Leak(
                    "narrow", name, f"{name} is known to be {low} to {high}; allowed: {secret.bars}"
                )
        elif low == high:
            yield Leak("exact", name, f"{name} is hidden, and known to be {low}")


def _insiders(knowledge: Knowledge, secrets: Secrets) -> Iterator[Leak]:
    """Each bureau, and desks, who subtract their own part."""
    tables = _Tables(knowledge, secrets)
    sensitive = sorted(
        (name, secret) for name, secret in secrets.figures.items() if secret.bars is not None
    )
    for reader, parts in sorted(secrets.parts.items()):
        bars = {}
        for name, secret in sensitive:
            part = parts.get(name, 0)
            others = secret.value - part
            if others > 0:
                away = -(-others * secrets.insider_percent // 100)
                low = part + max(min(1, others), others - away)
                if not tables.cover(reader, name, low, secret.value + away):
                    bars[name] = (low, secret.value + away)
        found = attack_known(knowledge, frozenset(bars), parts, bars, is_bureau=_is_bureau(reader))
        for name, (low, high) in sorted(bars.items()):
            highest = found.high[name]
            if found.low[name] > low or (highest is not None and highest < high):
                yield Leak(
                    "insider",
                    name,
                    f"{reader} knows that {name} is {found.low[name]} to {highest}; allowed: "
                    f"{low} to {high}",
                )


def _is_bureau(reader: str) -> bool:
    """Else it is whoever shares what several bureaus sent, in parentheses: desks."""
    return not reader.startswith("(")


class _Tables:
    """The auditor's other tables, those that agree with everything published."""

    def __init__(self, knowledge: Knowledge, secrets: Secrets) -> None:
        self._knowledge = knowledge
        self._secrets = secrets
        self._reaching: dict[FigureId, list[tuple[int, frozenset[str]]]] = {}
        """Figure to its values in those tables, each with the readers who can refute the table."""
        knows: dict[FigureId, list[tuple[int, str]]] = {}
        for reader, parts in secrets.parts.items():
            for name, part in parts.items():
                knows.setdefault(name, []).append((part, reader))
        self._bureaus: dict[FigureId, list[Limit]] = {}
        """Figure to the limits on it that count bureaus."""
        for _, limit in knowledge.limits:
            if limit.counts_bureaus:
                for name in limit.figures:
                    self._bureaus.setdefault(name, []).append(limit)
        for table in {frozenset(table.items()): table for table in secrets.tables}.values():
            if self._agrees(table):
                refuting = frozenset(
                    reader
                    for name, value in table.items()
                    for part, reader in knows.get(name, ())
                    if part > value or self._contradicts(reader, name, table)
                )
                for name, value in table.items():
                    self._reaching.setdefault(name, []).append((value, refuting))
        for reaching in self._reaching.values():
            reaching.sort(key=lambda entry: entry[0])

    def cover(self, reader: str, name: FigureId, low: int, high: int) -> bool:
        """Tables that this reader can't refute have the figure as low, and as high, as that."""
        value = self._secrets.figures[name].value
        reaching = self._reaching.get(name, ())
        least = next((v for v, refuting in reaching if reader not in refuting), value)
        most = next((v for v, refuting in reversed(reaching) if reader not in refuting), value)
        return min(least, value) <= low and max(most, value) >= high

    def _contradicts(self, reader: str, name: FigureId, table: OtherTable) -> bool:
        """A limit on the figure, for who knows its own part, does not hold in the table."""
        own = self._secrets.parts[reader]
        return _is_bureau(reader) and any(
            sum(self._value(one, table) for one in limit.figures) < limit.least_for(own)
            for limit in self._bureaus.get(name, ())
        )

    def _value(self, name: FigureId, table: OtherTable) -> int:
        """In the table, or in truth; of what is in no row, the least that it may be."""
        if name in table:
            return table[name]
        secret = self._secrets.figures.get(name)
        return self._knowledge.low[self._knowledge.number[name]] if secret is None else secret.value

    def _agrees(self, table: OtherTable) -> bool:
        """In integers: within every bound, and every sum holds."""
        knowledge = self._knowledge
        touched = set()
        for name, value in table.items():
            number = knowledge.number.get(name)
            if number is None or not self._may_be(number, value):
                return False
            touched.update(knowledge.sums_of[number])
        return all(self._holds(knowledge.sums[index], table) for index in touched)

    def _may_be(self, number: int, value: int) -> bool:
        high = self._knowledge.high[number]
        return value >= self._knowledge.low[number] and (high is None or value <= high)

    def _holds(self, terms: tuple[tuple[int, int], ...], table: OtherTable) -> bool:
        """The sum is zero; a rest that nobody publishes takes what is left, if it may.

        Of two such rests it is not known whether they may, and of one that readers know their own
        part of, not who can refute it: then the table spares nothing.
        """
        knowledge, left, rest = self._knowledge, 0, None
        for number, sign in terms:
            name = knowledge.names[number]
            if name in table:
                left += sign * table[name]
            elif knowledge.is_exact(number):
                left += sign * knowledge.low[number]
            elif name in self._secrets.figures:
                left += sign * self._secrets.figures[name].value
            elif rest is None and number not in knowledge.without:
                rest, rest_sign = number, sign
            else:
                return False
        if rest is None:
            return left == 0
        return self._may_be(rest, -rest_sign * left)


def _changes(figures: Iterable[Figure], knowledge: Knowledge, secrets: Secrets) -> Iterator[Leak]:
    """Differences of two releases that are known exactly, one way or another."""
    releases: dict[tuple[str, Place], dict[str, int]] = {}
    for figure in figures:
        place = (figure.id.measure, figure.id.at)
        releases.setdefault(place, {})[figure.release] = knowledge.number[figure.id]
    for (measure, at), numbers in sorted(releases.items()):
        names = list(numbers)
        for index, earlier in enumerate(names):
            for later in names[index + 1 :]:
                before, after = numbers[earlier], numbers[later]
                if before == after or not (
                    knowledge.is_exact(before) and knowledge.is_exact(after)
                ):
                    continue
                change = knowledge.low[after] - knowledge.low[before]
                sensitive = secrets.changes.get(ChangeId(measure, at, earlier, later))
                if sensitive or (sensitive is None and change):
                    yield Leak(
                        "change",
                        knowledge.names[after],
                        f"{knowledge.names[after]} changed by {change} from release {earlier} to "
                        f"{later}, which is "
                        + ("sensitive" if sensitive else "in no account of changes"),
                    )
