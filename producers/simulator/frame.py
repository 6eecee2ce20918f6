"""What every simulated event has in common: whose, when, about what, who may read it.

The rules keep events readable but for the share that must not be: an event for named readers has
at least one left after every list; whoever withholds something does so from somebody who is not
its addressee. The `no_reader` share breaks exactly that, on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal
from uuid import UUID

from producers.simulator import shares
from producers.simulator.choice import Choice
from producers.simulator.numbers import CHECKED, MAKERS, wrong
from producers.simulator.population import Population
from producers.simulator.texts import Texts
from schemas.ids import uuid7
from schemas.models import MODELS, Event, Grading, Identifier, Notice, Recall, Supersedes
from schemas.reference import Reference
from schemas.rules import DIRECT_KINDS

__all__ = ["Fields", "Framer", "Rates", "at"]

Fields = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_ANY_TYPES = (
    "person_name",
    "travel_document",
    "phone_e164",
    "national_id",
    "vehicle_plate",
    "email",
)
_NATIONAL_TYPES = frozenset({"travel_document", "national_id", "vehicle_plate", "bank_account"})
_SEEN_BEFORE = 0.5
_MOST_KNOWN = 2048
_TLP = {"AMBER": 50, "GREEN": 25, "AMBER_STRICT": 14, "CLEAR": 11}
_HANDLING: Mapping[tuple[str, ...], float] = {
    (): 45, ("H0",): 25, ("H1",): 22, ("H3",): 5, ("H1", "H3"): 3,
}  # fmt: skip
_CONFIDENTIALITY = {"OFFICIAL_USE_ONLY": 85, "RESTRICTED": 12, "CONFIDENTIAL": 3}
_TERRITORIES = ("HK", "GI", "PR", "GL", "XK")
_CAVEATS = ("Not to be used as evidence", "Source must not be disclosed", "Contact us before use")


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares that a run may turn up or down; the defaults are the year's model."""

    repeats: float = 0.05
    unparsable: float = 0.002
    late: float = 0.01
    wrong_check_digits: float = 0.03
    recipient_list: float = 0.22
    deny_list: float = 0.06
    no_reader: float = 0.01
    second_category: float = 1 / 3
    undeclared: float = 0.12
    exercises: float = 0.001


def at(ms: int) -> datetime:
    """A time in milliseconds since 1970 as the models want it."""
    return _EPOCH + timedelta(0, 0, 0, ms)


class Framer:
    """Makes the fields that do not depend on the kind."""

    def __init__(
        self,
        reference: Reference,
        population: Population,
        rng: Random,
        rates: Rates,
    ) -> None:
        self.rng = rng
        self.rates = rates
        self.population = population
        self.texts = Texts(reference)
        self._category = Choice(
            {slug: w for slug, w in shares.CATEGORIES.items() if slug in reference.categories}
        )
        self._offences = {slug: found.iccs for slug, found in reference.categories.items()}
        self._identifier_types = {
            slug: tuple(t for t in found.identifier_types if t in MAKERS) or _ANY_TYPES
            for slug, found in reference.categories.items()
        }
        self._urgency = Choice(shares.URGENCIES)
        self._tlp = Choice(_TLP)
        self._handling = Choice(_HANDLING)
        self._confidentiality = Choice(_CONFIDENTIALITY)
        self._gradings = {
            "admiralty": _gradings("admiralty", shares.ADMIRALTY),
            "europol-4x4": _gradings("europol-4x4", shares.EUROPOL_4X4),
            "uk-3x5x2": _gradings("uk-3x5x2", shares.UK_3X5X2),
        }
        self._bases = {kind: _base(kind, reference) for kind in MODELS}
        self._known: dict[tuple[str, Any], list[Identifier]] = {}
        self._slips = rng.random()
        self._case_number = 0

    def event(self, kind: str, fields: Fields) -> Event:
        """An event of a kind: fields over a validated one (a test validates the whole)."""
        return self._bases[kind].model_copy(update=fields)

    def category(self) -> str:
        return self._category.pick(self.rng)

    def event_id(self, ms: int) -> UUID:
        return uuid7(ms, self.rng.getrandbits(74))

    def common(self, kind: str, bureau: str, ms: int, *, graded: bool, worded: bool) -> Fields:
        """Fields of any message; a `worded` kind has a text, so its category may be undeclared."""
        rng, rates = self.rng, self.rates
        category = self.category()
        fields: Fields = {
            "event_id": self.event_id(ms),
            "occurred_at": at(ms - self.age_ms()),
            "case_ref": self.case_ref(bureau, ms),
            "sub_bureau": self.population.sub_bureau(rng, bureau),
            "category": category,
            "urgency": self._urgency.pick(rng),
            "tlp": self._tlp.pick(rng),
            "handling_codes": self._handling.pick(rng),
            "confidentiality": self._confidentiality.pick(rng),
            "language": self.population.language(rng, bureau),
        }
        self.of_category(fields, category)
        if graded:
            fields["gradings"] = self._grading(bureau)
        if worded and rng.random() < rates.undeclared:
            fields["category"] = None
            fields["further_categories"] = ()
            fields["offence"] = None
        if rng.random() < 0.03:
            fields["caveats"] = (rng.choice(_CAVEATS),)
        if rng.random() < rates.exercises:
            fields["test"] = True
        if rng.random() < 0.3:
            fields["retain_until"] = at(ms + rng.randrange(3 * 365, 5 * 365) * _DAY_MS)
        return fields

    def of_category(self, fields: Fields, category: str) -> None:
        """Set a category, a second one for a third of events, and an offence for some."""
        rng = self.rng
        fields["category"] = category
        if rng.random() < self.rates.second_category:
            second = self._category.pick(rng)
            while second == category:
                second = self._category.pick(rng)
            fields["further_categories"] = (second,)
        else:
            fields["further_categories"] = ()
        offences = self._offences[category]
        fields["offence"] = rng.choice(offences) if offences and rng.random() < 0.4 else None

    def age_ms(self) -> int:
        """How long ago it happened: minutes to hours, for some days to weeks."""
        rng = self.rng
        if rng.random() < self.rates.late:
            return _DAY_MS + int(rng.random() * 29 * _DAY_MS)
        return min(int(rng.expovariate(1 / (2 * _HOUR_MS))), 20 * _HOUR_MS)

    def case_ref(self, bureau: str, ms: int) -> str:
        self._case_number += 1
        return f"{bureau}/{at(ms).year}/{self._case_number:06}"

    def number(self) -> int:
        return self._case_number

    def text(self, fields: Fields, category: str) -> str:
        """A text on the event's category; where none is declared, the only trace of it."""
        language = fields["language"]
        if fields["category"] is None and self.rng.random() < 0.08:
            return self.texts.about_nothing(language)
        return self.texts.about(self.rng, category, language)

    def title(self, fields: Fields) -> str:
        return self.texts.title(fields["category"], fields["language"], self._case_number)

    def identifiers(self, category: str, most: int, least: int = 0) -> tuple[Identifier, ...]:
        rng = self.rng
        types = self._identifier_types[category]
        return tuple(self.identifier(rng.choice(types)) for _ in range(rng.randint(least, most)))

    def identifier(self, type: str, role: Any = "subject") -> Identifier:
        """An identifier, half of them seen before: the same people and things come up again.

        Wrong check digits are slips in writing: what is known stays right, and every so many
        mentions one is wrong, so that even short traffic has its share of them.
        """
        found = self._known_or_new(type, role)
        if type in CHECKED:
            self._slips += self.rates.wrong_check_digits
            if self._slips >= 1:
                self._slips -= 1
                return found.model_copy(update={"value": wrong(type, found.value)})
        return found

    def _known_or_new(self, type: str, role: Any) -> Identifier:
        rng = self.rng
        known = self._known.setdefault((type, role), [])
        if known and rng.random() < _SEEN_BEFORE:
            return known[int(rng.random() * len(known))]
        country = None
        if type in _NATIONAL_TYPES:
            country = self.population.pick(rng)
        made = Identifier(type=type, value=MAKERS[type](rng), country=country, role=role)
        if len(known) < _MOST_KNOWN:
            known.append(made)
        else:
            known[int(rng.random() * _MOST_KNOWN)] = made
        return made

    def countries(self, bureau: str, most: int = 2) -> tuple[str, ...]:
        """Concerned countries: the bureau's own and some others, territories now and then."""
        rng = self.rng
        found = {bureau, *(self.population.pick(rng) for _ in range(rng.randint(0, most)))}
        found.discard("XP")
        if rng.random() < 0.02:
            found.add(rng.choice(_TERRITORIES))
        return tuple(sorted(found))

    def addressees(self, bureau: str) -> tuple[str, ...]:
        """Mostly one, sometimes several."""
        rng = self.rng
        dice = rng.random()
        if dice < 0.75:
            return (self.population.other(rng, bureau),)
        return self.population.others(rng, bureau, 2 if dice < 0.92 else rng.randint(3, 6))

    def restrict(self, fields: Fields, bureau: str) -> None:
        """Decide who may read it, once its addressees are known."""
        rng, rates = self.rng, self.rates
        addressees: tuple[str, ...] = fields.get("addressees", ())
        fields["restricted_to"] = None
        fields["withheld_from"] = ()
        if rng.random() < rates.no_reader:
            self._leave_nobody(fields, bureau, addressees)
            return
        if addressees and rng.random() < 0.03:
            fields["tlp"] = "RED"
        if rng.random() < rates.recipient_list:
            more = self.population.others(rng, bureau, rng.randint(1, 8))
            fields["restricted_to"] = tuple(sorted({*addressees, *more}))
        if rng.random() < rates.deny_list:
            readers = {*addressees, *(fields["restricted_to"] or ())}
            denied = self.population.others(rng, bureau, rng.randint(1, 3))
            fields["withheld_from"] = tuple(name for name in denied if name not in readers)

    def _leave_nobody(self, fields: Fields, bureau: str, addressees: tuple[str, ...]) -> None:
        rng = self.rng
        way = rng.randrange(3)
        if way == 0 or not addressees:
            fields["restricted_to"] = ()
        elif way == 1:
            fields["withheld_from"] = addressees
        else:
            others = self.population.others(rng, bureau, 4)
            fields["restricted_to"] = tuple(name for name in others if name not in addressees)

    def _grading(self, bureau: str) -> tuple[Grading, ...]:
        rng = self.rng
        scheme = "admiralty"
        if self.population.region[bureau] == "europe":
            dice = rng.random()
            if dice < 0.8:
                scheme = "uk-3x5x2" if bureau == "GB" and dice < 0.4 else "europol-4x4"
        return self._gradings[scheme].pick(rng)


def _gradings(
    scheme: Literal["admiralty", "europol-4x4", "uk-3x5x2"], weights: shares.Weights
) -> Choice[tuple[Grading, ...]]:
    return Choice(
        {
            (Grading(scheme=scheme, source=code[0], information=code[1]),): weight
            for code, weight in weights.items()
        }
    )


def _base(kind: str, reference: Reference) -> Event:
    """A validated event of a kind, to be given other fields."""
    subtype = min(reference.subtypes[kind])
    nobody = UUID(int=0)
    if kind == Recall.kind:
        supersedes = Supersedes(event_id=nobody, bureau="XP", kind=Notice.kind)
        return Recall(event_id=nobody, occurred_at=_EPOCH, subtype=subtype, supersedes=supersedes)
    addressees = ("XP",) if kind in DIRECT_KINDS else ()
    return MODELS[kind](event_id=nobody, occurred_at=_EPOCH, subtype=subtype, addressees=addressees)
