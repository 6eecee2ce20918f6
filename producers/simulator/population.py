"""Who sends: 196 bureaus with a heavy tail in each region, and the General Secretariat.

The order of bureaus in a region (who is the busiest) is a shuffle of its own, the same for every
seed, so that runs can be compared; it says nothing about any country.
"""

from __future__ import annotations

from random import Random

from producers.simulator import shares
from producers.simulator.choice import Choice, zipf
from schemas.reference import Reference
from schemas.topics import GENERAL_SECRETARIAT

__all__ = ["MESSAGE_SYSTEM", "SECRETARIAT_SYSTEM", "Population"]

MESSAGE_SYSTEM = "casework"
SECRETARIAT_SYSTEM = "notices"
_SEARCH_SYSTEMS = {"border": 85, "police-check": 15}
_ORDER_SEED = 1923
_NEIGHBOUR_SHARE = 0.5
_SUB_BUREAU_SHARE = 0.05


class Population:
    """The bureaus of a day and their weights."""

    def __init__(self, reference: Reference, on_ms: int) -> None:
        order = Random(_ORDER_SEED)
        self.region: dict[str, str] = {}
        self.weights: dict[str, float] = {}
        self._within: dict[str, Choice[str]] = {}
        for region, share in shares.REGIONS.items():
            members = sorted(reference.members_of(region, on_ms))
            order.shuffle(members)
            found = dict(zip(members, zipf(len(members), share), strict=True))
            self.weights |= found
            self.region |= dict.fromkeys(members, region)
            self._within[region] = Choice(found)
        self.region[GENERAL_SECRETARIAT] = reference.region_of(GENERAL_SECRETARIAT, on_ms)
        self._everywhere = Choice(self.weights)
        self._languages = {region: Choice(found) for region, found in shares.LANGUAGES.items()}
        self._search_systems = Choice(_SEARCH_SYSTEMS)
        self.bureaus = tuple(self.weights)

    def pick(self, rng: Random) -> str:
        """A bureau, by its share of the traffic."""
        return self._everywhere.pick(rng)

    def other(self, rng: Random, bureau: str) -> str:
        """Somebody else to write to; neighbours are written to more often."""
        home = self._within.get(self.region[bureau])
        while True:
            near = home is not None and rng.random() < _NEIGHBOUR_SHARE
            found = (home if near and home is not None else self._everywhere).pick(rng)
            if found != bureau:
                return found

    def others(self, rng: Random, bureau: str, count: int) -> tuple[str, ...]:
        """Some others, each once, in alphabetical order."""
        return tuple(sorted({self.other(rng, bureau) for _ in range(count)}))

    def language(self, rng: Random, bureau: str) -> str:
        return self._languages[self.region[bureau]].pick(rng)

    def main_language(self, bureau: str) -> str:
        """The language that most of a bureau's region writes."""
        found = shares.LANGUAGES[self.region[bureau]]
        return max(found, key=lambda language: found[language])

    def search_system(self, rng: Random) -> str:
        return self._search_systems.pick(rng)

    def sub_bureau(self, rng: Random, bureau: str) -> str | None:
        found = shares.SUB_BUREAUS.get(bureau)
        return rng.choice(found) if found and rng.random() < _SUB_BUREAU_SHARE else None

    @staticmethod
    def system(bureau: str) -> str:
        """The system that a bureau's messages come from."""
        return SECRETARIAT_SYSTEM if bureau == GENERAL_SECRETARIAT else MESSAGE_SYSTEM
