"""A year's traffic at any scale: the same seed and start give the same events, byte for byte.

A generator without I/O. The numbers of messages and searches are exact; which kinds, bureaus and
restrictions come is drawn by the shares of :mod:`producers.simulator.shares`. Answers answer
something that was asked, corrections and withdrawals are of the same bureau's earlier events, hits
follow searches that hit. Faulty records (see :mod:`producers.simulator.items`) come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Literal

from producers.simulator import shares
from producers.simulator.choice import Choice
from producers.simulator.composer import Composer
from producers.simulator.frame import Framer, Rates, at
from producers.simulator.instants import Shape, instants_ms
from producers.simulator.items import Handover, Item, Repeat, Unparsable
from producers.simulator.memory import Memory, OpenSearch, Pending, Sent
from producers.simulator.population import Population
from producers.simulator.sequel import Sequel
from schemas.errors import ConfigurationError
from schemas.models import Event, Measure, Search, Supersedes, event_lane
from schemas.reference import Reference
from schemas.topics import GENERAL_SECRETARIAT

__all__ = ["Mix", "Simulator"]

_YEAR = timedelta(days=365)
_SECRETARIAT_SHARE_OF_RECALLS = 0.2
_NOISE_BYTES = (8, 400)


@dataclass(frozen=True, slots=True)
class Mix:
    """How many events, over how long. Both counts are exact."""

    messages: int
    searches: int
    span: timedelta

    @classmethod
    def of(
        cls,
        mix: Literal["messages", "year"],
        messages: int,
        *,
        searches: int | None = None,
        span: timedelta | None = None,
    ) -> Mix:
        """`messages`: none but messages. `year`: searches at the year's ratio (444 a message).

        Without a span the messages come at the year's average rate.
        """
        per_year = 18_000_000
        if searches is None:
            searches = messages * shares.SEARCHES_PER_YEAR // per_year if mix == "year" else 0
        if messages < 0 or searches < 0 or messages + searches == 0:
            raise ConfigurationError(
                f"{messages} messages and {searches} searches: give at least one event"
            )
        if span is None:
            span = (
                _YEAR * messages / per_year
                if messages
                else _YEAR * searches / shares.SEARCHES_PER_YEAR
            )
        return cls(messages, searches, span)


class Simulator:
    """Yields items in time order; iterate it once or often, it always begins anew."""

    def __init__(
        self,
        reference: Reference,
        seed: int,
        start: datetime,
        mix: Mix,
        *,
        rates: Rates | None = None,
        shape: Shape = "flat",
    ) -> None:
        self.reference = reference
        self.seed = seed
        self.start = start
        self.mix = mix
        self.rates = rates or Rates()
        self.shape = shape

    def __iter__(self) -> Iterator[Item]:
        return _Run(self).items()


class _Run:
    """One pass: the random numbers and the memory."""

    def __init__(self, plan: Simulator) -> None:
        self._plan = plan
        self._rng = Random(plan.seed)
        self._rates = plan.rates
        start_ms = next(instants_ms(Random(0), plan.start, timedelta(0), 1, "flat"))
        self._population = Population(plan.reference, start_ms)
        self._framer = Framer(plan.reference, self._population, self._rng, plan.rates)
        self._composer = Composer(self._framer)
        self._sequel = Sequel(self._framer)
        self._memory = Memory(self._rng)
        self._rows = Choice(
            {(row.row, row.subtype): row.messages_per_year for row in plan.reference.traffic}
        )
        self._databases = Choice(
            {slug: searches for slug, (searches, _) in shares.DATABASES.items()}
        )
        self._hit_rates = {slug: hits / n for slug, (n, hits) in shares.DATABASES.items()}
        self._query_by = {
            slug: (*found.query_by, "")[0] for slug, found in plan.reference.databases.items()
        }
        self._searches: dict[tuple[str, str], Search] = {}
        self._hit = (Measure(measure="hits", value=Decimal(1)),)
        self._makers = self._table()

    def items(self) -> Iterator[Item]:
        rng, rates, mix = self._rng, self._rates, self._plan.mix
        messages, left = mix.messages, mix.messages + mix.searches
        instants = instants_ms(rng, self._plan.start, mix.span, left, self._plan.shape)
        for ms in instants:
            if rng.random() * left < messages:
                messages -= 1
                handover = self._message(ms)
            else:
                handover = self._search(ms)
            left -= 1
            yield handover
            lane = event_lane(handover.event)
            if rng.random() < rates.repeats:
                yield Repeat(handover.bureau, lane, handover.event.event_id)
            if rng.random() < rates.unparsable:
                yield self._unparsable(handover, lane)

    # -- searches ------------------------------------------------------------------------------

    def _search(self, ms: int) -> Handover:
        rng = self._rng
        bureau = self._population.pick(rng)
        database = self._databases.pick(rng)
        base = self._searches.get((bureau, database)) or self._search_base(bureau, database)
        fields: dict[str, Any] = {
            "event_id": self._framer.event_id(ms),
            "occurred_at": at(ms - rng.randrange(2000)),
            "key_hash": rng.randbytes(16),
        }
        if rng.random() < self._hit_rates[database]:
            fields["measures"] = self._hit
            self._memory.searched(OpenSearch(bureau, database, fields["event_id"]))
        system = self._population.search_system(rng)
        return Handover(bureau, system, base.model_copy(update=fields))

    def _search_base(self, bureau: str, database: str) -> Search:
        """A validated search; what differs from search to search is put over it."""
        language = self._population.main_language(bureau)
        made = Search(
            event_id=self._framer.event_id(0),
            occurred_at=at(0),
            subtype=database,
            purpose="border-management" if database == "sltd" else "security-check",
            language=language,
            query_by=self._query_by[database],
        )
        self._searches[bureau, database] = made
        return made

    # -- messages ------------------------------------------------------------------------------

    def _message(self, ms: int) -> Handover:
        row, subtype = self._rows.pick(self._rng)
        made = self._makers[row](ms, subtype)
        if made is None:  # nothing to correct, answer or withdraw yet
            made = self._ask(ms, "information-request")
        return made

    def _table(self) -> dict[str, Callable[[int, str], Handover | None]]:
        """What makes each row of the year's model."""
        composer = self._composer
        return {
            "information-request": self._ask,
            "information-reply": self._answer,
            "reminder": self._remind,
            "ack": self._answer,
            "other case correspondence": self._plain_message,
            "hit-confirmation": self._answer,
            "database-hit": self._report_hit,
            "correction": lambda ms, _: self._correct(ms),
            "access-change": lambda ms, _: self._change_access(ms),
            "notice amendment": lambda ms, _: self._amend(ms),
            "withdrawal": lambda ms, _: self._withdraw(ms),
            "asset-freeze": self._freeze,
            "stop-payment request": self._freeze,
            "stop-payment result": self._freeze_result,
            "indicator": lambda ms, _: self._own(ms, composer.indicator),
            "sighting": lambda ms, _: self._own(ms, composer.sighting),
            "seizure": lambda ms, _: self._own(ms, composer.seizure),
            "arrest or located": lambda ms, _: self._own(ms, composer.arrest),
            "operation-report": lambda ms, _: self._own(ms, composer.operation_report),
            "victim-identified": lambda ms, _: self._own(ms, composer.victim_identified),
            "diffusion": lambda ms, _: self._own(ms, composer.diffusion),
            "notice (new)": lambda ms, _: self._secretariat(ms, composer.notice),
            "modus-operandi": lambda ms, subtype: self._own(
                ms, lambda bureau, when: composer.report(subtype, bureau, when)
            ),
            "analytical-report": lambda ms, subtype: self._secretariat(
                ms, lambda bureau, when: composer.report(subtype, bureau, when)
            ),
        }

    def _hand_over(self, bureau: str, event: Event) -> Handover:
        if not event.test:  # an exercise is neither corrected nor recalled
            self._memory.sent(bureau, event)
        return Handover(bureau, self._population.system(bureau), event)

    def _own(self, ms: int, make: Callable[[str, int], Event]) -> Handover:
        bureau = self._population.pick(self._rng)
        return self._hand_over(bureau, make(bureau, ms))

    def _secretariat(self, ms: int, make: Callable[[str, int], Event]) -> Handover:
        return self._hand_over(GENERAL_SECRETARIAT, make(GENERAL_SECRETARIAT, ms))

    def _plain_message(self, ms: int, subtype: str) -> Handover:
        bureau = self._population.pick(self._rng)
        event = self._composer.message(subtype, bureau, ms, None, None)
        self._expect_receipt(event, bureau)
        return self._hand_over(bureau, event)

    def _ask(self, ms: int, subtype: str) -> Handover:
        """A request; each addressee owes a reply."""
        handover = self._plain_message(ms, subtype)
        for asked in handover.event.addressees:
            self._memory.owe("information-reply", Pending(handover.event, handover.bureau, asked))
        return handover

    def _answer(self, ms: int, subtype: str) -> Handover:
        """A reply, receipt or confirmation by whoever owes one, or to something older."""
        pending = self._memory.owed(subtype)
        if pending is None:
            return self._plain_message(ms, subtype)
        event = self._composer.message(subtype, pending.asked, ms, pending.event, pending.asked_by)
        if subtype == "information-reply":
            self._expect_receipt(event, pending.asked)
        return self._hand_over(pending.asked, event)

    def _remind(self, ms: int, subtype: str) -> Handover:
        pending = self._memory.owed("information-reply", settle=False)
        if pending is None:
            return self._plain_message(ms, subtype)
        event = self._composer.message(subtype, pending.asked_by, ms, pending.event, pending.asked)
        return self._hand_over(pending.asked_by, event)

    def _expect_receipt(self, event: Event, bureau: str) -> None:
        to = event.addressees[0]
        self._memory.owe("acknowledgement", Pending(event, bureau, to))

    def _report_hit(self, ms: int, subtype: str) -> Handover:
        """A hit on a search that is open, or else on one from before the run."""
        search = self._memory.open_search()
        bureau = self._population.pick(self._rng) if search is None else search.bureau
        owner = self._population.other(self._rng, bureau)
        event = self._composer.hit(
            None if search is None else search.database,
            bureau,
            ms,
            None if search is None else search.event_id,
            owner,
        )
        self._memory.owe("hit-confirmation", Pending(event, bureau, owner))
        return self._hand_over(bureau, event)

    def _freeze(self, ms: int, subtype: str) -> Handover:
        bureau = self._population.pick(self._rng)
        event = self._composer.freeze(subtype, bureau, ms, None, None)
        if subtype == "stop-payment-request":
            asked = event.addressees[0]
            self._memory.owe("stop-payment-result", Pending(event, bureau, asked))
        return self._hand_over(bureau, event)

    def _freeze_result(self, ms: int, subtype: str) -> Handover:
        pending = self._memory.owed(subtype)
        if pending is None:
            return self._freeze(ms, subtype)
        event = self._composer.freeze(subtype, pending.asked, ms, pending.event, pending.asked_by)
        return self._hand_over(pending.asked, event)

    # -- what follows an earlier event ---------------------------------------------------------

    def _earlier(self) -> Sent | None:
        return self._memory.take(self._population.pick(self._rng))

    def _correct(self, ms: int) -> Handover | None:
        earlier = self._earlier()
        if earlier is None:
            return None
        return self._follow(ms, earlier, self._sequel.corrected(earlier.event))

    def _change_access(self, ms: int) -> Handover | None:
        earlier = self._earlier()
        if earlier is None:
            return None
        changes = self._sequel.other_readers(earlier.event, earlier.bureau)
        return self._follow(ms, earlier, changes)

    def _amend(self, ms: int) -> Handover | None:
        earlier = self._memory.take(GENERAL_SECRETARIAT, "notice")
        if earlier is None:
            return None
        return self._follow(ms, earlier, self._sequel.amended(earlier.event))

    def _follow(self, ms: int, earlier: Sent, changes: dict[str, Any]) -> Handover:
        """A full event of the same kind that supersedes the earlier one."""
        old = earlier.event
        event = old.model_copy(
            update={
                **changes,
                "event_id": self._framer.event_id(ms),
                "supersedes": Supersedes(
                    event_id=old.event_id, bureau=earlier.bureau, kind=old.kind
                ),
                "root": earlier.root,
                "root_bureau": earlier.bureau,
            }
        )
        return self._hand_over(earlier.bureau, event)

    def _withdraw(self, ms: int) -> Handover | None:
        """A recall of the whole chain, named by its first event."""
        by_secretariat = self._rng.random() < _SECRETARIAT_SHARE_OF_RECALLS
        earlier = self._memory.take(GENERAL_SECRETARIAT) if by_secretariat else self._earlier()
        if earlier is None:
            return None
        event = self._sequel.recall(ms, earlier)
        return Handover(earlier.bureau, self._population.system(earlier.bureau), event)

    # -- faults --------------------------------------------------------------------------------

    def _unparsable(self, handover: Handover, lane: str) -> Unparsable:
        rng = self._rng
        dice = rng.random()
        if dice < 0.4:
            keep = rng.randint(1, 30)  # the event id alone has 37 bytes: the envelope is cut
            return Unparsable(
                handover.bureau, lane, "cut", of=handover.event.event_id, keep_bytes=keep
            )
        # a first byte that no framing has
        noise = b"\xff" + rng.randbytes(rng.randint(*_NOISE_BYTES))
        way: Literal["noise", "garbled-origin"] = "noise" if dice < 0.8 else "garbled-origin"
        return Unparsable(handover.bureau, lane, way, noise=noise)
