from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.errors import RetryableError
from stream_apps.surge.watch import Place, StandstillWatch

HERE = Place(generation=1, next_offset=5, restored=9)


class Facts:
    """What the broker holds: partition to the offset of its last fact; `away` while it is not."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}
        self.away = False

    def first_unread(self, partition: int, from_offset: int) -> int | None:
        if self.away:
            raise RetryableError("the broker is away")
        last = self.last.get(partition, -1)
        return from_offset if from_offset <= last else None


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
def watch(facts: Facts) -> StandstillWatch:
    return StandstillWatch(facts.first_unread)


def test_a_fact_that_waits_over_two_looks_with_nothing_done_is_a_standstill(
    facts: Facts, watch: StandstillWatch
) -> None:
    facts.last = {0: 4, 3: 7}
    places = {0: HERE, 3: HERE}
    assert watch.look(places) is None
    assert watch.look(places) == (3, 5)


def test_one_that_came_since_the_last_look_is_none(facts: Facts, watch: StandstillWatch) -> None:
    assert watch.look({0: HERE}) is None
    facts.last = {0: 7}
    assert watch.look({0: HERE}) is None
    assert watch.look({0: HERE}) == (0, 5)


@pytest.mark.parametrize("done", [{"next_offset": 6}, {"restored": 10}, {"generation": 2}])
def test_whoever_counts_restores_or_rebalances_does_not_stand_still(
    facts: Facts, watch: StandstillWatch, done: dict[str, int]
) -> None:
    facts.last = {0: 100}
    assert watch.look({0: HERE}) is None
    assert watch.look({0: replace(HERE, **done)}) is None
    assert watch.look({0: replace(HERE, **done)}) is not None


def test_partitions_of_others_are_not_looked_at(facts: Facts, watch: StandstillWatch) -> None:
    facts.last = {0: 100}
    assert watch.look({0: HERE}) is None
    assert watch.look({}) is None
    assert watch.look({0: HERE}) is None


def test_while_the_broker_is_away_nothing_is_known(facts: Facts, watch: StandstillWatch) -> None:
    facts.last = {0: 100}
    assert watch.look({0: HERE}) is None
    facts.away = True
    with pytest.raises(RetryableError):
        watch.look({0: HERE})
    facts.away = False
    assert watch.look({0: HERE}) is None
    assert watch.look({0: HERE}) == (0, 5)
