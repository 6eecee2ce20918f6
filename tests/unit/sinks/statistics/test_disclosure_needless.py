"""What is shown again was of no use, and every proof holds without it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sinks.statistics.disclosure import Release, System, protect
from sinks.statistics.disclosure.known_moves import KnownMoves
from sinks.statistics.disclosure.needless import Needless
from sinks.statistics.disclosure.targets import Proved, Targets
from tests.unit.sinks.statistics.small_worlds import release_of

SEEDS = (0, 1, 2)


class Work:
    """A release of which all but zeros is hidden, with the proofs of its protection."""

    def __init__(self, seed: int) -> None:
        self.release: Release = release_of(seed)
        self.system = System(self.release.tables, self.release.dimensions)
        self.targets = Targets(self.system, self.release.rules)
        protection = protect(self.release)
        index = self.system.index
        self.sensitive = {index[cell] for cell in protection.primary}
        self.proved: Proved = {
            ((index[proof.cell], proof.upward), proof.reader): {
                index[cell]: value - self.system.values[index[cell]]
                for cell, value in proof.table.items()
            }
            for proof in protection.proofs
        }
        self.targets_of_anybody = {target for target, reader in self.proved if reader is None}
        self.everything = {n for n, value in enumerate(self.system.values) if value}
        self.left = self.everything | {index[cell] for cell in protection.secondary}
        self.needless = Needless(
            self.targets, self.proved, frozenset(self.left), KnownMoves(self.system)
        )

    def show(self, numbers: Iterable[int]) -> list[int]:
        shown = self.needless.show(numbers, most_programs=1000)
        self.left -= set(shown)
        return shown


@pytest.fixture(scope="module", params=SEEDS)
def work(request: pytest.FixtureRequest) -> Work:
    work = Work(request.param)
    assert work.show(work.left - work.sensitive), "some of everything is needless"
    return work


def test_every_sensitive_cell_keeps_its_proof_both_ways(work: Work) -> None:
    assert work.sensitive <= work.left
    both_ways = {(number, upward) for number in work.sensitive for upward in (True, False)}
    assert work.targets_of_anybody == both_ways
    for (target, reader), moves in work.proved.items():
        number, upward = target
        reached = work.system.values[number] + moves.get(number, 0)
        bar = work.targets.bar(target, reader)
        assert reached >= bar if upward else reached <= bar
        assert work.system.is_move(moves, work.left, work.targets.own(reader))


def test_whoever_can_tell_a_new_proof_from_the_truth_has_one_of_its_own(work: Work) -> None:
    for (target, reader), moves in work.proved.items():
        if reader is None:
            for other in work.targets.unconvinced(target, moves):
                assert (target, other) in work.proved


def test_what_is_left_is_needed(work: Work) -> None:
    moved = {number for moves in work.proved.values() for number in moves}
    assert work.left - work.sensitive <= moved


def test_a_protected_release_shows_again_what_was_of_no_use() -> None:
    assert sum(protect(release_of(seed)).shown_again for seed in SEEDS) > 0
