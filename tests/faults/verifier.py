"""What was handed over beside what is there: lost, doubled, misrouted, miscounted."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.faults.expectation import Account, EventKey
from tests.faults.found import Found

__all__ = ["Verdict", "compare"]

_UNATTRIBUTED = "unattributed"


@dataclass
class Verdict:
    """Differences by what they are; all empty is right."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    misrouted: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    facts: set[EventKey] = field(default_factory=set)
    """Events of which raw.facts has other rows than it must."""

    def all(self) -> list[str]:
        return [
            f"{name}: {text}"
            for name in ("lost", "doubled", "misrouted", "miscounted")
            for text in getattr(self, name)
        ]


def compare(account: Account, found: Found, desk_region: str) -> Verdict:
    """Every event handed over against desks, dead letters, ledger, receipts and ClickHouse.

    `desk_region` is of the desk whose subscriber takes everything.
    """
    verdict = Verdict()
    _compare_copies(account, found, verdict)
    _compare_dead_letters(account, found, verdict)
    _compare_ledger(account, found, verdict)
    _compare_facts(account, found, verdict)
    _compare_given(account, found, desk_region, verdict)
    _compare_surges(found, verdict)
    return verdict


def _compare_copies(account: Account, found: Found, verdict: Verdict) -> None:
    topics: dict[EventKey, Counter[str]] = defaultdict(Counter)
    categories: dict[EventKey, frozenset[str]] = {}
    for copy in found.copies:
        topics[copy.key][copy.topic] += 1
        categories[copy.key] = frozenset(copy.categories)
        if not copy.same_bytes:
            verdict.misrouted.append(f"{copy.key} in {copy.topic}: not the bytes that were sent")
    for key, there in topics.items():
        if key not in account.events:
            verdict.misrouted.append(f"{key} in {sorted(there)}: nobody handed it over")
        verdict.doubled += [
            f"{key} lies {count} times in {topic}" for topic, count in there.items() if count > 1
        ]
    for key, expected in account.events.items():
        filed = expected.categories or categories.get(key, frozenset())
        if expected.refused is not None:
            wanted: set[str] = set()
        elif expected.categories is None and (expected.regions or expected.bureaus) and not filed:
            verdict.lost.append(f"{key}: in no topic")
            continue
        else:
            wanted = expected.topics(filed)
        lies_in = set(topics.get(key, ()))
        verdict.lost += [f"{key}: not in {topic}" for topic in sorted(wanted - lies_in)]
        verdict.misrouted += [f"{key}: in {topic}" for topic in sorted(lies_in - wanted)]


def _compare_dead_letters(account: Account, found: Found, verdict: Verdict) -> None:
    wanted = Counter(
        (key, expected.refused)
        for key, expected in account.events.items()
        if expected.refused is not None
    )
    for entry in wanted.keys() | found.dead.keys():
        key, code = entry
        if found.dead[key, str(code)] < wanted[entry]:
            verdict.lost.append(f"{key}: no dead letter {code}")
        elif wanted[entry] < found.dead[key, str(code)]:
            verdict.miscounted.append(f"{key}: dead letter {code}, not expected or twice")
    verdict.miscounted += [f"dead letter {text}" for text in found.dead_by_others]


def _compare_ledger(account: Account, found: Found, verdict: Verdict) -> None:
    booked: Counter[tuple[str, str, str]] = Counter()
    for key, entry in found.ledger.items():
        bureau, system, lane, _ = key
        if system == _UNATTRIBUTED:
            verdict.miscounted.append(f"account {key}: {entry}")
            continue
        booked[bureau, system, lane] += entry.accepted + entry.rejected + entry.quarantined
        if entry.missing or entry.high != entry.accepted + entry.rejected + entry.quarantined:
            verdict.miscounted.append(f"account {key}: {entry}")
        if found.receipts.get(key) != entry:
            verdict.miscounted.append(
                f"receipt {key}: {found.receipts.get(key)}, the ledger says {entry}"
            )
    for where, count in account.sent.items():
        if booked[where] != count:
            verdict.miscounted.append(f"{where}: {booked[where]} booked, {count} handed over")
    for where in booked.keys() - account.sent.keys():
        verdict.miscounted.append(f"{where}: {booked[where]} booked, none handed over")


def _compare_facts(account: Account, found: Found, verdict: Verdict) -> None:
    struck = account.struck()
    for key in account.accepted:
        plus, minus = found.facts.get(key, (0, 0))
        if plus == 0:
            verdict.lost.append(f"{key}: not in raw.facts")
        elif plus > 1:
            verdict.doubled.append(f"{key}: {plus} times in raw.facts")
        if (plus, minus) != (1, int(key in struck)):
            verdict.facts.add(key)
        if minus != (key in struck):
            verdict.miscounted.append(f"{key}: taken out {minus} times, not {int(key in struck)}")
    verdict.miscounted += [
        f"{key}: in raw.facts, nobody handed it over"
        for key in found.facts.keys() - account.accepted
    ]
    for bureau in account.searches.keys() | found.searches.keys():
        wanted, there = account.searches.get(bureau, 0), found.searches.get(bureau, 0)
        if wanted != there:
            verdict.miscounted.append(f"searches of {bureau}: {there}, handed over {wanted}")
    for kind in found.raw_by_kind.keys() | found.rollup_by_kind.keys():
        raw, rolled = found.raw_by_kind.get(kind, 0), found.rollup_by_kind.get(kind, 0)
        if raw != rolled:
            verdict.miscounted.append(f"rollup of {kind}: {rolled}, raw.facts has {raw}")


def _compare_given(account: Account, found: Found, region: str, verdict: Verdict) -> None:
    wanted = {
        key
        for key, expected in account.events.items()
        if region in expected.regions and expected.refused is None
    }
    given = found.given
    verdict.lost += [f"{key}: not given to the desk" for key in sorted(wanted - set(given.events))]
    verdict.misrouted += [f"{key}: given to the desk" for key in sorted(set(given.events) - wanted)]
    verdict.doubled += [f"{key}: given again though acknowledged" for key in given.again]
    if given.unreadable:
        verdict.lost.append(f"{given.unreadable} records that the desk could not read")


def _compare_surges(found: Found, verdict: Verdict) -> None:
    for cell in sorted(found.surge_counts.keys() | found.facts_for_surges.keys()):
        counted, there = found.surge_counts.get(cell, 0), found.facts_for_surges.get(cell, 0)
        if counted != there:
            verdict.miscounted.append(f"surge counts of {cell}: {counted}, raw.facts has {there}")
