"""Faults of a published noise table: it is public, only the secret behind the keys is not."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["faulty_noise_rows"]

_FEWEST_OUTCOMES = 5


def faulty_noise_rows(rows: Sequence[Sequence[int]], most: int) -> list[int]:
    """Rows that give a count away: the key has no say, too few outcomes, a mean, or below zero.

    Row n is for the true count n; those above `most` stand for all greater counts. Row 0 may be
    constant, since an empty cell has no records and so no key.
    """
    faulty = []
    for count, row in enumerate(rows):
        outcomes = set(row)
        too_few = len(outcomes) < (_FEWEST_OUTCOMES if count > most else 2)
        leans = count > most and sum(row) != 0
        too_far = max(outcomes) > most or min(outcomes) < -min(count, most)
        if too_far or (count and (too_few or leans)):
            faulty.append(count)
    return faulty
