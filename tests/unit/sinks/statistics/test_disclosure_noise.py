"""The project's own noise table: what it must be, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.attacker import faulty_noise_rows
from schemas.errors import ConfigurationError
from sinks.statistics.disclosure import KEYS, NoiseTable, make_noise_table, refuse_noise_table

TABLE = make_noise_table(5, 4)


@pytest.mark.parametrize(("most", "variance"), [(2, 1), (3, 2), (5, 4), (8, 9)])
def test_rows_keep_what_is_promised(most: int, variance: float) -> None:
    table = make_noise_table(most, variance)
    assert faulty_noise_rows(table.rows, most) == []
    for count, row in enumerate(table.rows):
        assert len(row) == KEYS
        assert count > most or count + min(row) >= 0
        assert -most <= min(row) <= max(row) <= most
        assert sum(row) == 0
        if count > most:
            assert len(set(row)) >= 5
            assert sum(noise * noise for noise in row) / KEYS == pytest.approx(variance, rel=0.05)
        elif count:
            assert len(set(row)) > 2


def test_it_is_the_same_table_every_time() -> None:
    assert make_noise_table(5, 4) == TABLE
    assert make_noise_table(5, 4, seed="another") != TABLE


def test_rows_above_have_the_same_noise_at_other_keys() -> None:
    above = TABLE.rows[6:]
    assert len(set(above)) == len(above)
    assert len({tuple(sorted(row)) for row in above}) == 1


@given(count=st.integers(0, 10**9), key=st.integers(0, 10**12))
def test_a_published_count_gives_its_value_away_to_within_d(count: int, key: int) -> None:
    published = TABLE.perturb(count, key)
    low, high = TABLE.gives_away(published)
    assert published >= 0
    assert low <= count <= high
    assert TABLE.perturb(count, key + KEYS) == published


@pytest.mark.parametrize(("most", "variance"), [(1, 0.5), (5, 0.1), (5, 13)])
def test_what_does_not_go_together_is_refused(most: int, variance: float) -> None:
    with pytest.raises(ConfigurationError, match="no noise table"):
        make_noise_table(most, variance)


def test_plain_rounding_is_refused() -> None:
    """What ONS's published table turned out to be: no row depends on the key."""
    rounding = tuple((2 - (count + 2) % 5,) * KEYS for count in range(40))
    with pytest.raises(ConfigurationError, match="that is rounding"):
        refuse_noise_table(NoiseTable(5, 4, rounding))
    assert len(faulty_noise_rows(rounding, 5)) == 39


@pytest.mark.parametrize(
    ("row", "noise", "message"),
    [
        (7, (0, 0, 0, 1) * 64, "outcomes"),
        (7, (-2, -1, 0, 1, 3, 0, 0, 0) * 32, "mean"),
        (7, (-6, -1, 0, 1, 6, 0, 0, 0) * 32, "greatest"),
        (1, (-2, 2) * 128, "negative"),
        (7, (0,) * 8, "keys"),
    ],
)
def test_a_faulty_row_is_refused(row: int, noise: tuple[int, ...], message: str) -> None:
    rows = (*TABLE.rows[:row], noise, *TABLE.rows[row + 1 :])
    with pytest.raises(ConfigurationError, match=message):
        refuse_noise_table(NoiseTable(5, 4, rows))


def test_a_table_that_ends_at_d_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no row above"):
        refuse_noise_table(NoiseTable(5, 4, TABLE.rows[:6]))
