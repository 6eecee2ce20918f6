"""Known values, and the promise that the bound makes: few false alerts."""

from __future__ import annotations

import math
import random

import pytest

from stream_apps.surge.tail import incomplete_beta, predict, upper_tail


@pytest.mark.parametrize("observed", [1, 5, 40, 400])
def test_a_geometric_tail_is_a_power(observed: int) -> None:
    assert upper_tail(observed, 1.0, 0.3) == pytest.approx(0.7**observed, rel=1e-11)


@pytest.mark.parametrize("observed", [1, 5, 50, 500])
def test_the_tail_of_size_two_has_a_closed_form(observed: int) -> None:
    expected = 0.8**observed * (1 + observed * 0.2)
    assert upper_tail(observed, 2.0, 0.2) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("observed", "size", "probability"),
    [(30, 5.5, 0.4), (1000, 3.2, 0.01), (3, 0.5, 0.96), (95_000, 900.0, 0.01)],
)
def test_the_tail_is_the_sum_of_its_terms(observed: int, size: float, probability: float) -> None:
    total, count = 0.0, observed
    while True:
        term = math.exp(
            math.lgamma(count + size)
            - math.lgamma(size)
            - math.lgamma(count + 1)
            + size * math.log(probability)
            + count * math.log1p(-probability)
        )
        total += term
        if term < total * 1e-15:
            break
        count += 1
    assert upper_tail(observed, size, probability) == pytest.approx(total, rel=1e-7)


@pytest.mark.parametrize("observed", [10, 20, 30])
def test_with_a_large_size_it_is_the_tail_of_poisson_ten(observed: int) -> None:
    size = 1e9
    tail = sum(math.exp(-10 + k * math.log(10) - math.lgamma(k + 1)) for k in range(observed, 120))
    assert upper_tail(observed, size, size / (size + 10)) == pytest.approx(tail, rel=1e-4)


def test_the_incomplete_beta_function_is_symmetric_and_bounded() -> None:
    assert incomplete_beta(2.0, 3.0, 0.0, 1.0) == 0.0
    assert incomplete_beta(2.0, 3.0, 1.0, 0.0) == 1.0
    for x in (0.05, 0.4, 0.6, 0.95):
        left = incomplete_beta(2.5, 7.0, x, 1 - x)
        assert left + incomplete_beta(7.0, 2.5, 1 - x, x) == pytest.approx(1.0)
    assert incomplete_beta(1.0, 1.0, 0.3, 0.7) == pytest.approx(0.3)


def test_nothing_is_always_at_least_nothing() -> None:
    assert predict([0, 0, 0]).p_value(0) == 1.0


def test_counts_like_poisson_are_predicted_as_bayes_does() -> None:
    counts = [3] * 12
    prediction = predict(counts)
    size, probability = 36.5, 12 / 13
    assert prediction.p_value(9) == pytest.approx(upper_tail(9, size, probability))


def test_scattered_counts_need_more_for_a_surge_than_even_ones() -> None:
    even = predict([20] * 12)
    scattered = predict([5, 35] * 6)
    assert even.p_value(60) < 1e-6 < scattered.p_value(60)


def test_a_longer_past_makes_the_same_count_more_surprising() -> None:
    assert predict([5] * 100).p_value(20) < predict([5] * 12).p_value(20)


@pytest.mark.parametrize("mean", [0.05, 2.0, 40.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.3])
def test_false_alerts_are_rarer_than_the_bound_says(mean: float, dispersion: float) -> None:
    source = random.Random(20_261_125)
    bound, tries, alerts = 1e-3, 3000, 0
    for _ in range(tries):
        counts = [_count(source, mean, dispersion) for _ in range(25)]
        alerts += predict(counts[:24]).p_value(counts[24]) < bound
    # Twice the expected number and three standard deviations.
    assert alerts <= 2 * bound * tries + 3 * math.sqrt(bound * tries)


def _count(source: random.Random, mean: float, dispersion: float) -> int:
    if dispersion:
        mean = source.gammavariate(1 / dispersion, mean * dispersion)
    limit, product, count = math.exp(-mean), source.random(), 0
    while product > limit:
        product *= source.random()
        count += 1
    return count
