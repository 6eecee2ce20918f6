"""Random histories, a year each, small enough to be counted again in plain Python.

Three regions, three kinds, three categories; events, repeats, corrections, recalls before and after
their event, bureaus that move to another region, late arrivals; persons, amounts, offences,
operations, and searches.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.integration.fact_blocks import Fact, correction_of, make_fact, recall_of

__all__ = ["CATEGORIES", "DATABASES", "KINDS", "OFFENCES", "OPERATIONS", "REGIONS", "history"]

REGIONS = ("africa", "europe", "mena")
KINDS = ("arrest", "message", "notice")
CATEGORIES = ("corruption", "terrorism", "uncategorised")
EVENTS = 150
OPERATIONS = ("haechi-iv", "storm-makers-ii")
DATABASES = ("nominal", "sltd")
OFFENCES = ("", "06", "0601", "060132", "0701", "99")
"""None; a section, a division, one finer than is published, of another section, of none."""


def history(year: int) -> list[list[Fact]]:
    """Blocks of facts in the order in which they are loaded, seeded by the year."""
    draw = random.Random(year)
    facts: list[Fact] = []
    later: list[Fact] = []
    for number in range(EVENTS):
        facts.append(_event(draw, year, number))
        later.append(_search(draw, year, number))
    for fact in list(facts):
        dice, after = draw.random(), timedelta(days=draw.choice((1, 40, 200)))
        recorded = fact["recorded_at"] + after
        if dice < 0.15:
            corrected = correction_of(
                fact,
                **{name: fact[name] for name in ("occurred_at", "region", "measures", "operation")},
                measure_values=fact["measure_values"], measure_units=fact["measure_units"],
                measure_bases=fact["measure_bases"], measure_usd=fact["measure_usd"],
                category=draw.choice(CATEGORIES), offence=draw.choice(OFFENCES),
                recorded_at=recorded, published_at=recorded,
                source_offset=fact["source_offset"] + 1000,
            )  # fmt: skip
            later.append(corrected)
            if draw.random() < 0.4:
                at = recorded + timedelta(days=30)
                later.append(recall_of(corrected, recorded_at=at, source_offset=9000))
        elif dice < 0.3:
            later.append(recall_of(fact, recorded_at=recorded, source_offset=8000))
        elif dice < 0.4:
            facts.append(dict(fact))  # the same record, loaded in another block
    everything = [*facts, *later]
    draw.shuffle(everything)
    half = len(everything) // 2
    return [everything[:half], everything[half:]]


def _event(draw: random.Random, year: int, number: int) -> Fact:
    occurred = datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=draw.randrange(365 * 24))
    late = timedelta(days=draw.choice((0, 0, 0, 5, 60, 300)))
    bureau = f"{draw.choice('ABC')}{draw.choice('XYZ')}"
    home = REGIONS["ABC".index(bureau[0])]
    moved = bureau == "AX" and occurred.month > 6
    measured: list[tuple[str, str, str, str | None]] = []
    if persons := draw.choice((0, 0, 1, 3)):
        measured.append(("persons-arrested", f"{persons}.000", "person", None))
    if euros := draw.choice((0, 0, 300, 4000)):
        measured.append(("amount-seized", f"{euros}.000", "EUR", f"{euros * 1.1:.0f}.50"))
    return make_fact(
        event_id=uuid.UUID(int=draw.getrandbits(128), version=4),
        occurred_at=occurred, published_at=occurred, recorded_at=occurred + late,
        bureau=bureau, region="mena" if moved else home,
        kind=draw.choice(KINDS), category=draw.choice(CATEGORIES),
        restricted=draw.choice(("none", "none", "withheld")), test=draw.random() < 0.05,
        offence=draw.choice(OFFENCES), operation=draw.choice(("", *OPERATIONS)),
        measures=[name for name, *_ in measured],
        measure_values=[Decimal(value) for _, value, *_ in measured],
        measure_units=[unit for _, _, unit, _ in measured],
        measure_bases=[draw.choice(("period", "period", "cumulative")) for _ in measured],
        measure_usd=[None if usd is None else Decimal(usd) for *_, usd in measured],
        source_offset=number,
    )  # fmt: skip


def _search(draw: random.Random, year: int, number: int) -> Fact:
    """Folded: several of one minute."""
    occurred = datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=draw.randrange(365 * 24))
    late = timedelta(days=draw.choice((0, 0, 0, 60)))
    return make_fact(
        event_id=None, kind="search", lane="search", category="uncategorised",
        occurred_at=occurred, published_at=occurred, recorded_at=occurred + late,
        bureau=f"{draw.choice('ABC')}{draw.choice('XYZ')}", subtype=draw.choice(DATABASES),
        result=draw.choice(("hit", "no-hit")), events=draw.randrange(1, 9),
        test=draw.random() < 0.05, source_offset=20_000 + number,
    )  # fmt: skip
