"""Weighted choice that costs one random number, and the same order of draws in every process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

__all__ = ["Choice", "zipf"]

T = TypeVar("T")


class Choice(Generic[T]):
    """One of some values, by weight."""

    __slots__ = ("_bounds", "_total", "_values")

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._values = tuple(weights)
        self._bounds = tuple(accumulate(weights.values()))
        self._total = self._bounds[-1]

    def pick(self, rng: Random) -> T:
        return self._values[bisect_right(self._bounds, rng.random() * self._total)]


def zipf(count: int, total: float = 1.0) -> list[float]:
    """`count` weights that fall as 1/rank, with this sum."""
    raw = [1 / rank for rank in range(1, count + 1)]
    whole = sum(raw)
    return [total * weight / whole for weight in raw]
