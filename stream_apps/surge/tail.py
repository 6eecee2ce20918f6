"""Is a count a surge? The upper tail of what earlier counts predict, as pure functions.

Police counts scatter more than a Poisson distribution allows, so the next count is predicted by a
negative binomial one. Its mean is the mean of the earlier counts (Jeffreys' half event added, or a
quiet cell would alert at its first event). Its variance is the upper 95 % bound of their variance,
never below the mean, plus what not knowing the mean adds. For counts that do not scatter more than
Poisson's this is exactly the Bayesian predictive distribution of a Poisson count.

Nothing here reads a clock, a topic or a setting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Prediction", "incomplete_beta", "predict", "upper_tail"]

_HALF_EVENT = 0.5
_NORMAL_05 = -1.6448536269514722
"""The 5 % point of the normal distribution."""
_MAX_TERMS = 20_000
_PRECISION = 1e-14
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Prediction:
    """The next count: negative binomial, by its mean and its variance."""

    mean: float
    variance: float

    def p_value(self, observed: int) -> float:
        """Chance of a count of at least `observed`."""
        size = self.mean * self.mean / (self.variance - self.mean)
        return upper_tail(observed, size, self.mean / self.variance)


def predict(counts: Sequence[int]) -> Prediction:
    """What counts of earlier windows, at least two, say about the next."""
    n = len(counts)
    total = sum(counts)
    mean = (total + _HALF_EVENT) / n
    average = total / n
    squares = sum((count - average) ** 2 for count in counts)
    variance = max(mean, squares / _chi_square_05(n - 1))
    return Prediction(mean, variance * (1 + 1 / n))


def upper_tail(observed: int, size: float, probability: float) -> float:
    """P(Y >= observed) of a negative binomial Y: mean = size * (1 - probability) / probability."""
    if observed <= 0:
        return 1.0
    return incomplete_beta(float(observed), size, 1.0 - probability, probability)


def incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b); `rest` is 1 - x in full precision."""
    if x <= 0.0:
        return 0.0
    if rest <= 0.0:
        return 1.0
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    )
    # The fraction converges fast, and loses no precision of a small tail, on this side only.
    if x < (a + 1.0) / (a + b + 2.0):
        return math.exp(log_front) * _fraction(a, b, x) / a
    return 1.0 - math.exp(log_front) * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, from its front (Lentz's method)."""
    numerator = 1.0
    denominator = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = denominator
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            denominator = 1.0 / _away_from_zero(1.0 + term * denominator)
            numerator = _away_from_zero(1.0 + term / numerator)
            step = denominator * numerator
            value *= step
        if abs(step - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _chi_square_05(degrees: int) -> float:
    """The 5 % point of chi-square, after Wilson and Hilferty."""
    part = 2.0 / (9.0 * degrees)
    return degrees * max(0.05, 1.0 - part + _NORMAL_05 * math.sqrt(part)) ** 3
