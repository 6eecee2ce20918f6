"""What a verification found, and comparing two counts of the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

__all__ = ["Difference", "Verdict", "differences"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the recount says."""

    check: str
    where: str
    expected: int | str
    found: int | str

    def text(self) -> str:
        return f"{self.check}: {self.where}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Verdict:
    """All differences, beside the counts that agreed."""

    counts: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What an operator should know of, though every count agrees."""

    @property
    def clean(self) -> bool:
        return not self.differences


def differences(
    check: str, expected: Mapping[Key, int], found: Mapping[Key, int]
) -> Iterator[Difference]:
    """Every key that the two count differently."""
    if expected == found:
        return
    more, fewer = Counter(found), Counter(expected)
    for key in sorted({*more, *fewer}, key=str):
        if more[key] != fewer[key]:
            yield Difference(check, _named(key), fewer[key], more[key])


def _named(key: Hashable) -> str:
    return " ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)
