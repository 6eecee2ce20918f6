"""The reference data as one frozen value: who publishes, what may be said, what it is called.

Loaded once a process and checked whole: whoever holds a `Reference` may look things up without
asking whether they are there. `version` changes with any byte of any file and is stamped on every
decision. Collections are plain dicts and frozensets since the router asks them for every event;
never change one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable

from schemas.reference import loading
from schemas.reference.files import DataFiles
from schemas.reference.model import (
    Category,
    CuedKeyword,
    Database,
    GradingScheme,
    IccsCode,
    Labels,
    Language,
    MeasureCode,
    Member,
    Operation,
    Term,
    TrafficRow,
    Urgency,
)
from schemas.reference.regions import RegionLookup

__all__ = ["Reference"]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """One edition of the reference data."""

    version: str
    """`<date>.<12 hex digits of SHA-256 over all files>`."""
    languages: Mapping[str, Language]
    countries: frozenset[str]
    """Every ISO 3166 alpha-2 code that may be mentioned, `XK` and the secretariat's included."""
    country_iso3: Mapping[str, str]
    members: Mapping[str, Member]
    general_secretariat: Term
    publishers: frozenset[str]
    """The members and the General Secretariat."""
    regions: tuple[str, ...]
    """The regions with a desk, in order."""
    region_labels: Mapping[str, Labels]
    """Labels of those and of `global`."""
    categories: Mapping[str, Category]
    cued_keywords: tuple[CuedKeyword, ...]
    neutral_phrases: tuple[str, ...]
    iccs: Mapping[str, IccsCode]
    kinds: Mapping[str, Term]
    subtypes: Mapping[str, frozenset[str]]
    """What `envelope.subtype` may be for a kind; `{""}` where a kind has none."""
    subtype_labels: Mapping[str, Mapping[str, Labels]]
    traffic: tuple[TrafficRow, ...]
    measures: Mapping[str, MeasureCode]
    units: Mapping[str, Term]
    databases: Mapping[str, Database]
    operations: Mapping[str, Operation]
    handling_codes: Mapping[str, Term]
    tlp: tuple[str, ...]
    """The strictest first; so are confidentiality and PAP."""
    confidentiality: tuple[str, ...]
    pap: tuple[str, ...]
    handling_labels: Mapping[str, Mapping[str, Labels]]
    """Labels by list (`tlp`, `confidentiality`, `pap`) and code."""
    purposes: Mapping[str, Term]
    gradings: Mapping[str, GradingScheme]
    grading_aliases: Mapping[str, str]
    urgencies: Mapping[str, Urgency]
    identifier_types: Mapping[str, Term]
    identifier_roles: Mapping[str, Term]
    _lookup: RegionLookup

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Reference:
        """The packaged edition (cached), or that of another folder."""
        if folder is None:
            return _packaged()
        return _load(folder)

    def region_of(self, bureau: str, on_ms: int) -> str:
        """Region of a publisher at a time; `global` for the General Secretariat.

        Raises PermanentError `unknown-publisher` for anyone else.
        """
        return self._lookup.region_of(bureau, on_ms)

    def has_belonged(self, bureau: str, region: str, until_ms: int) -> bool:
        """Whether a publisher is or was of a region in a period that began by then."""
        return self._lookup.has_belonged(bureau, region, until_ms)

    def members_of(self, region: str, on_ms: int) -> frozenset[str]:
        """Codes of the members of a region with a desk at a time."""
        return self._lookup.members_of(region, on_ms)


@functools.cache
def _packaged() -> Reference:
    return _load(package_files("schemas.reference") / "data")


def _load(folder: Traversable) -> Reference:
    data = DataFiles(folder)
    countries = loading.load_countries(data)
    region_file = data.yaml("regions.yaml")
    regions = loading.load_terms("regions.yaml", region_file.records("regions"))
    whole_world = region_file.record("global")
    secretariat_record = region_file.record("general_secretariat")
    secretariat = Term(secretariat_record.text("code"), secretariat_record.labels())
    members = loading.load_members(data, regions, countries)
    types_file = data.yaml("identifier_types.yaml")
    types = loading.load_terms("identifier_types.yaml", types_file.records("identifier_types"))
    iccs = loading.load_iccs(data)
    categories = loading.load_categories(data, iccs, types)
    cued, neutral = loading.load_cues(data, categories)
    measures, units = loading.load_measures(data)
    databases = loading.load_databases(data)
    kinds, subtypes = loading.load_kinds(data, databases)
    gradings, grading_aliases = loading.load_gradings(data)
    handling = data.yaml("handling.yaml")
    ladders = {
        name: loading.load_terms("handling.yaml", handling.records(name), "code")
        for name in ("tlp", "confidentiality", "pap")
    }
    return Reference(
        version=f"{data.yaml('edition.yaml').day('date').isoformat()}.{data.fingerprint()}",
        languages=loading.load_languages(data),
        countries=frozenset(countries) | {secretariat.code},
        country_iso3=countries,
        members=members,
        general_secretariat=secretariat,
        publishers=frozenset(members) | {secretariat.code},
        regions=tuple(regions),
        region_labels={slug: region.labels for slug, region in regions.items()}
        | {whole_world.text("slug"): whole_world.labels()},
        categories=categories,
        cued_keywords=cued,
        neutral_phrases=neutral,
        iccs=iccs,
        kinds=kinds,
        subtypes={kind: frozenset(found) or frozenset({""}) for kind, found in subtypes.items()},
        subtype_labels={
            kind: {slug: term.labels for slug, term in found.items()}
            for kind, found in subtypes.items()
        },
        traffic=loading.load_traffic(data, subtypes),
        measures=measures,
        units=units,
        databases=databases,
        operations=loading.load_operations(data, categories, measures),
        handling_codes=loading.load_terms(
            "handling.yaml", handling.records("handling_codes"), "code"
        ),
        tlp=tuple(ladders["tlp"]),
        confidentiality=tuple(ladders["confidentiality"]),
        pap=tuple(ladders["pap"]),
        handling_labels={
            name: {code: term.labels for code, term in ladder.items()}
            for name, ladder in ladders.items()
        },
        purposes=loading.load_terms("handling.yaml", handling.records("purposes")),
        gradings=gradings,
        grading_aliases=grading_aliases,
        urgencies=loading.load_urgencies(data),
        identifier_types=types,
        identifier_roles=loading.load_terms("identifier_types.yaml", types_file.records("roles")),
        _lookup=RegionLookup(members, secretariat.code, whole_world.text("slug")),
    )
