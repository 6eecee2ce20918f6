"""Random chains of corrections with recalls, and the rule of what counts, said in plain Python.

Whoever applies recalls (the loader, a desk's store) is compared with `struck`, which knows only
what events there are and not in which order they came.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from random import Random

from schemas.models import Arrest, Event, Recall, Supersedes

__all__ = ["Named", "Told", "event_of", "random_chains", "struck"]

SECRETARIAT = "XP"


@dataclass(frozen=True, order=True)
class Named:
    """An event, by its bureau and id."""

    bureau: str
    event_id: uuid.UUID


@dataclass(frozen=True)
class Told:
    """An event, as far as chains go."""

    name: Named
    supersedes: Named | None = None
    root: Named | None = None
    recall: bool = False


def struck(events: Iterable[Told]) -> set[Named]:
    """The rule: a correction strikes the one it names, a recall all that hang together with it."""
    events = list(events)
    chains: list[set[Named]] = []
    for event in events:
        names = {event.name, event.supersedes, event.root} - {None} if not event.recall else set()
        joined = {name for name in names if name is not None}
        touching = [chain for chain in chains if chain & joined]
        chains = [chain for chain in chains if not chain & joined]
        chains.append(joined.union(*touching))
    gone = set()
    for event in events:
        if event.supersedes is not None and event.supersedes != event.name:
            gone.add(event.supersedes)
        if event.recall:
            for chain in chains:
                if chain & {event.supersedes, event.root}:
                    gone |= chain
    return gone & {event.name for event in events}


def random_chains(rng: Random, member: str) -> list[Told]:
    """Two stories of a member and the General Secretariat, and some events that never came.

    Who corrects names the first of the chain, the one before, or any other; a recall names any.
    """
    events: list[Told] = []
    for _ in range(2):
        story: list[Told] = []
        for _ in range(rng.randint(1, 6)):
            story.append(_next(rng, member, story))
        for _ in range(rng.choice((0, 1, 1, 2))):
            story.append(_recall(rng, member, story))
        events += story
    return [event for event in events if event.recall or rng.random() < 0.85]


def event_of(told: Told, occurred_at: datetime) -> Event:
    """An arrest that a desk of Europe gets, or a recall."""
    earlier, root = told.supersedes, told.root
    common = {
        "event_id": told.name.event_id,
        "occurred_at": occurred_at,
        "root": root and root.event_id,
        "root_bureau": root and root.bureau,
        "supersedes": earlier
        and Supersedes(event_id=earlier.event_id, bureau=earlier.bureau, kind="arrest"),
    }
    if told.recall:
        return Recall.model_validate({**common, "subtype": "error"})
    where = {"category": "terrorism", "concerned_countries": ("FR",)}
    return Arrest.model_validate({**common, **where})


def _next(rng: Random, member: str, story: list[Told]) -> Told:
    bureau = member if rng.random() < 0.7 else SECRETARIAT
    name = Named(bureau, _id(rng))
    earlier = [event for event in story if bureau in (event.name.bureau, SECRETARIAT)]
    if not earlier or (len(story) > 1 and rng.random() < 0.1):
        return Told(name, None, _root(rng, bureau, story) if rng.random() < 0.5 else None)
    target = (earlier[-1] if rng.random() < 0.7 else rng.choice(earlier)).name
    first, owner = earlier[0].name, target.bureau
    choices = [target] if owner != SECRETARIAT else [target, *(e.name for e in earlier)]
    if first.bureau == owner:
        choices.append(first)
    return Told(name, target, rng.choice(choices))


def _root(rng: Random, bureau: str, story: list[Told]) -> Named | None:
    may = [event.name for event in story if bureau in (event.name.bureau, SECRETARIAT)]
    return rng.choice(may) if may else None


def _recall(rng: Random, member: str, story: list[Told]) -> Told:
    targets = [event.name for event in story]
    target = rng.choice(targets)
    bureau = target.bureau if rng.random() < 0.6 else SECRETARIAT
    roots = [event.name for event in story if not event.recall]
    if target.bureau != SECRETARIAT:
        roots = [name for name in roots if name.bureau == target.bureau]
    elif bureau != SECRETARIAT:
        roots = []
    root = rng.choice(roots) if roots and rng.random() < 0.4 else None
    return Told(Named(bureau, _id(rng)), target, root, recall=True)


def _id(rng: Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)
