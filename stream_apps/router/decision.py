"""What an envelope's stretch decides: topics, the enrichment's fixed part, the fact's fixed part.

A :class:`Decision` depends on the kind, the stretch, the categories, the UTC day and the reference
data, and on nothing else, so a router may remember it under those. A stretch that breaks a rule is
remembered as the refusal that it earns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.catalogue import STRETCH_START, Catalogue
from schemas.compiled import compile_writer
from schemas.reference import Reference
from schemas.rules import (
    ICCS_CODE,
    LANGUAGE,
    MAX_FURTHER_CATEGORIES,
    MAX_HANDLING_CODES,
    MAX_LANGUAGE_CHARS,
    MAX_LIST,
)
from schemas.topics import bureau_topic, desk_topic
from stream_apps.router.audience import Audience, handling_class, readers
from stream_apps.router.facts import SEARCH_RESULTS, FactWriter
from stream_apps.router.priority import static_parts
from stream_apps.router.refusals import BAD_ENVELOPE, NO_READER, UNKNOWN_PUBLISHER, Refused

__all__ = ["ROUTER_VERSION", "UNCATEGORISED", "Decider", "Decision"]

ROUTER_VERSION = "1"
UNCATEGORISED = "uncategorised"
_LISTS = {
    "further_categories": MAX_FURTHER_CATEGORIES,
    "handling_codes": MAX_HANDLING_CODES,
    "concerned_countries": MAX_LIST,
    "addressees": MAX_LIST,
    "restricted_to": MAX_LIST,
    "withheld_from": MAX_LIST,
}
_OTHER = "other"
"""Stands in a fact for a code that the reference data does not know: facts hold no free text."""
_SCHEMES = frozenset({"admiralty", "europol-4x4", "uk-3x5x2"})


class Decision(NamedTuple):
    """The remembered part of routing one event."""

    kind: str
    bureau: str
    system: str
    lane: str
    epoch: int
    region: str
    topics: tuple[str, ...]
    categories: tuple[str, ...]
    category_source: str
    flags: tuple[str, ...]
    enrichment: bytes
    fact: Mapping[str, Any]
    score_parts: tuple[tuple[str, int], ...]
    fold: tuple[bytes, ...]
    """Of a search its fact's middle without a hit and with one; empty for all that isn't folded."""


class Decider:
    """Decides for one version of the reference data."""

    def __init__(self, reference: Reference, catalogue: Catalogue) -> None:
        self._reference = reference
        enrichment = catalogue.schema("liaison.delivered.Enrichment")
        names = [f["name"] for f in enrichment.definition["fields"]]
        self._facts = FactWriter(catalogue)
        self._write_fixed = compile_writer(enrichment.part(*names[names.index(STRETCH_START) :]))

    def decide(
        self,
        kind: str,
        envelope: Mapping[str, Any],
        at_ms: int,
        found: tuple[str, ...] | None = None,
    ) -> Decision:
        """Decide for a stretch; `found` are categories by keywords, for an undeclared one.

        Raises:
            Refused: the stretch breaks a rule, or leaves nobody to read the event.
        """
        reference = self._reference
        bureau = envelope["bureau"]
        self._check(kind, envelope)
        region = reference.region_of(bureau, at_ms)
        audience = readers(kind, envelope, region, at_ms, reference)
        if audience is None:
            raise Refused(
                NO_READER,
                f"a {kind} of {bureau}: after restricted_to, withheld_from, addressees, TLP and "
                "handling codes nobody is left to read it",
            )
        categories, source = self._categories(envelope, found)
        fact = self._fact(kind, envelope, region, categories, source)
        return Decision(
            kind=kind,
            bureau=bureau,
            system=envelope["system"],
            lane=envelope["lane"],
            epoch=envelope["epoch"],
            region=region,
            topics=_topics(audience, categories),
            categories=categories,
            category_source=source,
            flags=self._flags(envelope, source),
            enrichment=self._enrichment(kind, envelope, region, audience),
            fact=fact,
            score_parts=static_parts(
                kind, envelope["subtype"], categories[0], envelope["urgency"], envelope["gradings"]
            ),
            fold=tuple(self._facts.middle(fact, result) for result in SEARCH_RESULTS)
            if kind == "search"
            else (),
        )

    def _check(self, kind: str, envelope: Mapping[str, Any]) -> None:
        reference = self._reference
        if envelope["bureau"] not in reference.publishers:
            raise Refused(
                UNKNOWN_PUBLISHER,
                f"bureau {envelope['bureau'][:20]!r} is neither one of the 196 members nor XP",
            )
        if (kind == "search") != (envelope["lane"] == "search") or envelope["lane"] == "unknown":
            _bad("lane", envelope["lane"], "search for a search, message for everything else")
        subtypes = reference.subtypes.get(kind) or frozenset(("",))
        if envelope["subtype"] not in subtypes:
            _bad("subtype", envelope["subtype"], ", ".join(sorted(subtypes)) or "none")
        for name, most in _LISTS.items():
            if len(envelope[name] or ()) > most:
                _bad(name, f"{len(envelope[name])} items", f"at most {most}")
        categories = [*envelope["further_categories"]]
        if envelope["category"] is not None:
            categories.append(envelope["category"])
        elif categories:
            _bad("further_categories", ", ".join(categories)[:80], "none without a category")
        for category in categories:
            if category not in reference.categories:
                _bad("category", category, ", ".join(sorted(reference.categories)))
        for country in (*envelope["concerned_countries"], envelope["sub_bureau"]):
            if country is not None and country not in reference.countries:
                _bad("country", country, "ISO 3166 alpha-2")
        restricted_to = envelope["restricted_to"] or ()
        for reader in (*envelope["addressees"], *restricted_to, *envelope["withheld_from"]):
            if reader not in reference.publishers:
                _bad("reader", reader, "a member bureau or XP")
        offence = envelope["offence"]
        if offence is not None and not ICCS_CODE.match(offence):
            _bad("offence", offence, "an ICCS code of 2, 4, 5 or 6 digits")
        if (
            not LANGUAGE.match(envelope["language"])
            or len(envelope["language"]) > MAX_LANGUAGE_CHARS
        ):
            _bad("language", envelope["language"], "an ISO 639 code")

    def _categories(
        self, envelope: Mapping[str, Any], found: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], str]:
        declared = envelope["category"]
        if declared is not None:
            return tuple(dict.fromkeys((declared, *envelope["further_categories"]))), "declared"
        return (found, "keywords") if found else ((UNCATEGORISED,), "none")

    def _flags(self, envelope: Mapping[str, Any], source: str) -> tuple[str, ...]:
        reference = self._reference
        flags = []
        operation = envelope["operation"]
        if operation is not None and operation not in reference.operations:
            flags.append("unknown-operation")
        if envelope["offence"] is not None and envelope["offence"] not in reference.iccs:
            flags.append("unknown-offence")
        if source != "declared":
            flags.append("undeclared-category")
        return tuple(flags)

    def _enrichment(
        self, kind: str, envelope: Mapping[str, Any], region: str, audience: Audience
    ) -> bytes:
        return self._write_fixed(
            {
                "bureau": envelope["bureau"],
                "kind": kind,
                "subtype": envelope["subtype"],
                "region": region,
                "audience_regions": audience.regions,
                "audience_bureaus": audience.bureaus,
                "countries": envelope["concerned_countries"],
                "urgency": envelope["urgency"],
                "tlp": envelope["tlp"],
                "handling_codes": envelope["handling_codes"],
                "restricted": handling_class(kind, envelope),
                "operation": envelope["operation"],
                "offence": envelope["offence"],
                "language": envelope["language"],
                "test": envelope["test"],
                "reference_version": self._reference.version,
                "router_version": ROUTER_VERSION,
            },
        )

    def _fact(
        self,
        kind: str,
        envelope: Mapping[str, Any],
        region: str,
        categories: tuple[str, ...],
        source: str,
    ) -> Mapping[str, Any]:
        known = [g for g in envelope["gradings"] if _known_grading(g)]
        grading = known[0] if known else {}
        operation = envelope["operation"]
        if operation is not None and operation not in self._reference.operations:
            operation = _OTHER
        return {
            "kind": kind,
            "subtype": envelope["subtype"],
            "category": categories[0],
            "categories": categories,
            "category_source": source,
            "offence": envelope["offence"] or "",
            "bureau": envelope["bureau"],
            "sub_bureau": envelope["sub_bureau"] or "",
            "system": envelope["system"],
            "lane": envelope["lane"],
            "region": region,
            "reference_version": self._reference.version,
            "urgency": envelope["urgency"],
            "grading_scheme": grading.get("scheme", ""),
            "grading_source": grading.get("source", ""),
            "grading_information": grading.get("information", ""),
            "language": envelope["language"],
            "operation": operation or "",
            "countries": envelope["concerned_countries"],
            "restricted": handling_class(kind, envelope),
            "test": envelope["test"],
            "router_version": ROUTER_VERSION,
            "sign": 1,
        }


def _topics(audience: Audience, categories: tuple[str, ...]) -> tuple[str, ...]:
    desks = [desk_topic(region, category) for region in audience.regions for category in categories]
    return (*desks, *(bureau_topic(bureau) for bureau in audience.bureaus))


def _known_grading(grading: Mapping[str, Any]) -> bool:
    return grading["scheme"] in _SCHEMES and all(
        len(grading[name]) == 1 and grading[name].isascii() and grading[name].isalnum()
        for name in ("source", "information")
    )


def _bad(name: str, value: str, allowed: str) -> None:
    raise Refused(BAD_ENVELOPE, f"{name} is {value[:80]!r}; allowed: {allowed}")
