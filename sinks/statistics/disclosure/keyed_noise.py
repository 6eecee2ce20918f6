"""Cell-key noise: the same contributors give the same noise, in whatever table they are counted.

Each record has a key; a cell's key is the sum of its records' keys modulo :data:`KEYS`; the noise
is looked up by the true count and that key. A row of the table is the distribution of greatest
entropy within ±D that has mean zero and variance V, counted out over the keys, so p ∝ exp(-λd²-μd);
rows up to D are cut off at zero, so that nothing goes negative, and have less variance where V
can't be reached. Zero stays zero. Which key gives which noise is shuffled anew in every row: who
sees the noise of one count learns nothing of the next.

Protected: a count to within ±D, and differences of tables, since a cell whose records are the same
has the same noise. Not protected: that a cell is empty; that something is not within ±D.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import ConfigurationError

__all__ = ["KEYS", "NoiseTable", "make_noise_table", "refuse_noise_table"]

KEYS = 256
_ROWS_ABOVE = 32
"""Rows for counts above D, used in turn."""
_FEWEST_OUTCOMES = 5


@dataclass(frozen=True, slots=True)
class NoiseTable:
    """What is added, by row and key. Rows 0 to D are for those counts, the rest take turns."""

    most: int
    """D: the greatest noise."""
    variance: float
    """V: of the noise above D."""
    rows: tuple[tuple[int, ...], ...]

    def row_of(self, count: int) -> int:
        """The row for a true count."""
        if count <= self.most:
            return count
        first = self.most + 1
        return first + (count - first) % (len(self.rows) - first)

    def perturb(self, count: int, key: int) -> int:
        """The count to publish, for the sum of its records' keys."""
        return count + self.rows[self.row_of(count)][key % KEYS]

    def gives_away(self, published: int) -> tuple[int, int]:
        """Between what a reader knows the true count to lie."""
        return max(min(1, published), published - self.most), published + self.most


def make_noise_table(most: int, variance: float, seed: str = "liaison") -> NoiseTable:
    """The table for greatest noise D and variance V.

    Raises :class:`ConfigurationError` where the two don't go together.
    """
    if most < 2 or not 0.5 <= variance <= most * most / 2:
        raise ConfigurationError(
            f"no noise table has greatest noise {most} and variance {variance}; take a greatest "
            "noise of 2 or more and a variance from 0.5 to half its square"
        )
    rows = [(0,) * KEYS]
    for count in range(1, most + 1):
        noises = range(-min(count, most), most + 1)
        reachable = min(variance, 0.5 * count * most)
        rows.append(_shuffle(_count_out(noises, _probabilities(noises, reachable)), seed, count))
    noises = range(-most, most + 1)
    above = _count_out(noises, _probabilities(noises, variance))
    rows += [_shuffle(above, seed, most + 1 + number) for number in range(_ROWS_ABOVE)]
    table = NoiseTable(most, variance, tuple(rows))
    refuse_noise_table(table)
    return table


def _probabilities(noises: Sequence[int], variance: float) -> list[float]:
    """Greatest entropy with mean zero and this variance: bisection on λ, and on μ within it."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        found = _with_mean_zero(noises, middle)
        if sum(p * d * d for p, d in zip(found, noises, strict=True)) > variance:
            low = middle
        else:
            high = middle
    return _with_mean_zero(noises, high)


def _with_mean_zero(noises: Sequence[int], bend: float) -> list[float]:
    def spread(tilt: float) -> list[float]:
        exponents = [-bend * d * d - tilt * d for d in noises]
        top = max(exponents)
        weights = [math.exp(exponent - top) for exponent in exponents]
        total = sum(weights)
        return [weight / total for weight in weights]

    if noises[0] == -noises[-1]:
        return spread(0.0)
    low, high = -2000.0, 2000.0
    for _ in range(50):
        tilt = (low + high) / 2
        if sum(p * d for p, d in zip(spread(tilt), noises, strict=True)) > 0:
            low = tilt
        else:
            high = tilt
    return spread((low + high) / 2)


def _count_out(noises: Sequence[int], probabilities: Sequence[float]) -> list[int]:
    """Each noise for so many keys that the mean is exactly zero."""
    counts = [round(p * KEYS) for p in probabilities]
    zero = noises.index(0)
    counts[zero] += KEYS - sum(counts)
    while drift := sum(count * d for count, d in zip(counts, noises, strict=True)):
        step = -1 if drift > 0 else 1
        movable = [i for i in range(len(counts)) if counts[i] > 1 and 0 <= i + step < len(counts)]
        place = max(movable, key=lambda i: (counts[i], -abs(noises[i])))
        counts[place] -= 1
        counts[place + step] += 1
    return [d for count, d in zip(counts, noises, strict=True) for _ in range(count)]


def _shuffle(noises: Sequence[int], seed: str, row: int) -> tuple[int, ...]:
    order = sorted(
        range(KEYS), key=lambda key: hashlib.sha256(f"{seed}/{row}/{key}".encode()).digest()
    )
    return tuple(noises[place] for place in order)


def refuse_noise_table(table: NoiseTable) -> None:
    """Raise :class:`ConfigurationError` for a table that doesn't protect.

    A row that doesn't depend on the key is plain rounding: ONS's published "10-5" table is that.
    """
    for number, row in enumerate(table.rows):
        if len(row) != KEYS:
            raise ConfigurationError(f"row {number} of the noise table has {len(row)} keys")
        if max(map(abs, row)) > table.most:
            raise ConfigurationError(f"row {number} has noise above its greatest, {table.most}")
        if number <= table.most and number + min(row) < 0:
            raise ConfigurationError(f"row {number} of the noise table makes counts negative")
        if number and len(set(row)) < 2:
            raise ConfigurationError(
                f"row {number} of the noise table doesn't depend on the key: that is rounding"
            )
        if number > table.most:
            if len(set(row)) < _FEWEST_OUTCOMES:
                raise ConfigurationError(
                    f"row {number} of the noise table has fewer than {_FEWEST_OUTCOMES} outcomes"
                )
            if sum(row) != 0:
                raise ConfigurationError(f"row {number} of the noise table has a mean other than 0")
    if len(table.rows) <= table.most + 1:
        raise ConfigurationError("the noise table has no row above its greatest noise")
