"""Turns the packaged files into the records of :mod:`schemas.reference.model`.

Everything that could make a decision wrong later is refused here, once: a label missing in a
language, a category's ICCS code that no list knows, a cue for a category that does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from schemas.reference.files import LANGUAGES, DataFiles, Record, fault, unique
from schemas.reference.model import (
    Category,
    CuedKeyword,
    Database,
    GradingScheme,
    IccsCode,
    Language,
    MeasureCode,
    Member,
    Operation,
    RegionPeriod,
    Term,
    TrafficRow,
    Urgency,
)
from schemas.reference.regions import check_periods
from schemas.rules import CURRENCY, ICCS_CODE

__all__ = [
    "load_categories",
    "load_countries",
    "load_cues",
    "load_databases",
    "load_gradings",
    "load_iccs",
    "load_kinds",
    "load_languages",
    "load_measures",
    "load_members",
    "load_operations",
    "load_terms",
    "load_traffic",
    "load_urgencies",
]

_SLUG = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
_DIMENSIONS = ("count", "money", "quantity")
_MEMBER_COLUMNS = (
    "iso2",
    "iso3",
    "name_en",
    "name_fr",
    "name_es",
    "name_ar",
    "un_m49",
    "capital_utc_offset_h",
)


def _slug(record: Record, name: str = "slug") -> str:
    slug = record.text(name)
    if not _SLUG.fullmatch(slug):
        raise record.fault(
            f"{name} is {slug!r}", "use lower-case letters, digits and single hyphens"
        )
    return slug


def _known(record: Record, what: str, found: Iterable[str], allowed: Iterable[str]) -> None:
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        raise record.fault(f"{what} {', '.join(unknown)} unknown", "declare or correct it")


def load_terms(file: str, records: list[Record], key: str = "slug") -> dict[str, Term]:
    """Codes with their labels, in the order of the file."""
    terms = [Term(record.text(key), record.labels()) for record in records]
    unique(file, (term.code for term in terms))
    return {term.code: term for term in terms}


def load_countries(files: DataFiles) -> dict[str, str]:
    """alpha-2 to alpha-3 of every country that may be mentioned."""
    file = "countries.csv"
    rows = files.csv(file, ("iso2", "iso3"))
    unique(file, (row.text("iso2") for row in rows))
    unique(file, (row.text("iso3") for row in rows))
    countries: dict[str, str] = {}
    for row in rows:
        iso2, iso3 = row.text("iso2"), row.text("iso3")
        if not (re.fullmatch("[A-Z]{2}", iso2) and re.fullmatch("[A-Z]{3}", iso3)):
            raise row.fault(f"{iso2}, {iso3}", "ISO 3166 codes have two and three capital letters")
        countries[iso2] = iso3
    return countries


def _load_periods(
    files: DataFiles, regions: Iterable[str]
) -> Mapping[str, tuple[RegionPeriod, ...]]:
    periods: dict[str, list[RegionPeriod]] = {}
    for row in files.csv("member_regions.csv", ("iso2", "region", "valid_from", "valid_until")):
        _known(row, "region", [row.text("region")], regions)
        until: date | None = row.day("valid_until") if row.text_or_empty("valid_until") else None
        periods.setdefault(row.text("iso2"), []).append(
            RegionPeriod(row.text("region"), row.day("valid_from"), until)
        )
    return {
        iso2: tuple(sorted(found, key=lambda period: period.valid_from))
        for iso2, found in periods.items()
    }


def load_members(
    files: DataFiles, regions: Iterable[str], countries: Mapping[str, str]
) -> dict[str, Member]:
    """The members with their dated regions."""
    file = "members.csv"
    periods = _load_periods(files, regions)
    rows = files.csv(file, _MEMBER_COLUMNS)
    for column in ("iso2", "iso3", "un_m49", *(f"name_{language}" for language in LANGUAGES)):
        unique(file, (row.text(column) for row in rows))
    members: dict[str, Member] = {}
    for row in rows:
        iso2 = row.text("iso2")
        if countries.get(iso2) != row.text("iso3"):
            raise row.fault(f"{iso2} is {row.text('iso3')}", "countries.csv must say the same")
        check_periods(iso2, periods.get(iso2, ()))
        members[iso2] = Member(
            iso2=iso2,
            iso3=row.text("iso3"),
            names={language: row.text(f"name_{language}") for language in LANGUAGES},
            un_m49=row.text("un_m49"),
            capital_utc_offset_h=Decimal(row.text("capital_utc_offset_h")),
            periods=periods[iso2],
        )
    strangers = sorted(set(periods) - set(members))
    if strangers:
        raise fault("member_regions.csv", f"{', '.join(strangers)} no member", "remove the rows")
    return members


def load_iccs(files: DataFiles) -> dict[str, IccsCode]:
    """Every code with its label; those from general knowledge are marked unverified."""
    file = "iccs.yaml"
    codes: dict[str, IccsCode] = {}
    records = files.yaml(file).records("codes")
    unique(file, (record.text("code") for record in records))
    for record in records:
        code, src = record.text("code"), record.text("src")
        if not ICCS_CODE.match(code):
            raise record.fault(f"code {code!r}", "ICCS codes have 2, 4, 5 or 6 digits, 01 to 11")
        codes[code] = IccsCode(code, record.labels(), src, src != "gk")
    for code in codes:
        if code[:2] not in codes:
            raise fault(file, f"{code} has no section {code[:2]}", "add the section")
    return codes


def load_categories(
    files: DataFiles, iccs: Mapping[str, IccsCode], identifier_types: Iterable[str]
) -> dict[str, Category]:
    """The threat categories, in the order that breaks ties."""
    file = "categories.yaml"
    records = files.yaml(file).records("categories")
    unique(file, (record.text("slug") for record in records))
    categories: dict[str, Category] = {}
    for order, record in enumerate(records):
        codes = [code.text("code") for code in record.records("iccs")]
        _known(record, "ICCS code", codes, iccs)
        types = record.texts("identifier_types")
        _known(record, "identifier type", types, identifier_types)
        overrides = {
            override.text("subtype"): override.whole("priority")
            for override in record.records("priority_overrides")
        }
        priority = record.whole("priority")
        if not all(1 <= p <= 4 for p in (priority, *overrides.values())):
            raise record.fault("priority out of range", "1 (now) to 4 (batch)")
        keywords = record.record("keywords")
        categories[record.text("slug")] = Category(
            slug=_slug(record),
            labels=record.labels(),
            order=order,
            priority=priority,
            priority_overrides=overrides,
            flags=frozenset(record.texts("flags")),
            iccs=tuple(codes),
            identifier_types=types,
            keywords={language: keywords.texts(language) for language in LANGUAGES},
        )
    if "uncategorised" not in categories:
        raise fault(file, "there is no `uncategorised`", "add it: events without category go there")
    return categories


def load_cues(
    files: DataFiles, categories: Mapping[str, Category]
) -> tuple[tuple[CuedKeyword, ...], tuple[str, ...]]:
    """Words that need a second cue, and phrases that mean no offence."""
    root = files.yaml("keyword_cues.yaml")
    cued = []
    for record in root.records("cued"):
        _known(record, "category", [record.text("category")], categories)
        languages = record.texts_or_none("unless_language")
        _known(record, "language", languages, LANGUAGES)
        cued.append(
            CuedKeyword(
                record.text("word"),
                record.text("category"),
                record.texts("cues"),
                frozenset(languages),
            )
        )
    unique("keyword_cues.yaml", (f"{cue.category}: {cue.word}" for cue in cued))
    return tuple(cued), root.texts("neutral")


def load_measures(files: DataFiles) -> tuple[dict[str, MeasureCode], dict[str, Term]]:
    """Measure codes and the units of counts and quantities."""
    file = "measures.yaml"
    root = files.yaml(file)
    units = load_terms(file, root.records("units"), "code")
    measures: dict[str, MeasureCode] = {}
    records = root.records("measures")
    unique(file, (record.text("code") for record in records))
    for record in records:
        dimension, unit = record.text("dimension"), record.text("default_unit")
        _known(record, "dimension", [dimension], _DIMENSIONS)
        if dimension == "money":
            if not CURRENCY.match(unit):
                raise record.fault(f"default_unit {unit!r}", "money needs an ISO 4217 code")
        else:
            _known(record, "default_unit", [unit], units)
        code = _slug(record, "code")
        measures[code] = MeasureCode(code, dimension, unit, record.labels())
    return measures, units


def load_databases(files: DataFiles) -> dict[str, Database]:
    file = "databases.yaml"
    records = files.yaml(file).records("databases")
    unique(file, (record.text("slug") for record in records))
    return {
        record.text("slug"): Database(
            _slug(record), record.labels(), record.texts("query_by"), record.text("src")
        )
        for record in records
    }


def load_operations(
    files: DataFiles, categories: Mapping[str, Category], measures: Mapping[str, MeasureCode]
) -> dict[str, Operation]:
    file = "operations.yaml"
    records = files.yaml(file).records("operations")
    unique(file, (record.text("slug") for record in records))
    operations: dict[str, Operation] = {}
    for record in records:
        named = record.texts("categories")
        _known(record, "category", named, categories)
        figures = record.record("figures")
        values = {code: Decimal(figures.whole(code)) for code, _ in figures.items()}
        _known(record, "measure", values, measures)
        starts_on, ends_on = record.day("starts_on"), record.day("ends_on")
        if ends_on < starts_on:
            raise record.fault("it ends before it starts", "correct the dates")
        slug = _slug(record)
        operations[slug] = Operation(
            slug,
            record.labels(),
            named,
            starts_on,
            ends_on,
            record.whole("countries"),
            values,
            record.text("src"),
        )
    return operations


def load_kinds(
    files: DataFiles, databases: Mapping[str, Database]
) -> tuple[dict[str, Term], dict[str, dict[str, Term]]]:
    """Kinds, and of each the subtypes; a kind without any has the empty one."""
    file = "subtypes.yaml"
    records = files.yaml(file).records("kinds")
    kinds = load_terms(file, records)
    subtypes: dict[str, dict[str, Term]] = {}
    for record in records:
        found = load_terms(file, record.records("subtypes"))
        subtypes[record.text("slug")] = found
    for kind in ("search", "hit"):
        if set(subtypes.get(kind, ())) != set(databases):
            raise fault(file, f"subtypes of {kind} are not the databases", "list databases.yaml's")
    return kinds, subtypes


def load_traffic(
    files: DataFiles, subtypes: Mapping[str, Mapping[str, Term]]
) -> tuple[TrafficRow, ...]:
    rows = []
    for record in files.yaml("subtypes.yaml").records("traffic"):
        kind, subtype = record.text("kind"), record.text_or_empty("subtype")
        _known(record, "kind", [kind], [*subtypes, "same"])
        if subtype not in ("any", "same"):
            _known(record, "subtype", [subtype], subtypes.get(kind) or [""])
        rows.append(
            TrafficRow(
                record.text("row"),
                kind,
                subtype,
                record.flag("supersedes"),
                record.whole("messages_per_year"),
            )
        )
    unique("subtypes.yaml", (row.row for row in rows))
    return tuple(rows)


def load_gradings(files: DataFiles) -> tuple[dict[str, GradingScheme], dict[str, str]]:
    """Grading schemes by slug, and each alias's slug."""
    file = "gradings.yaml"
    schemes: dict[str, GradingScheme] = {}
    aliases: dict[str, str] = {}
    records = files.yaml(file).records("schemes")
    unique(file, (record.text("slug") for record in records))
    for record in records:
        slug = _slug(record)
        parts = {part: record.records(part) for part in ("source", "information")}
        terms = {part: load_terms(file, found, "code") for part, found in parts.items()}
        scores = {
            part: {code.text("code"): code.whole_or_none("score") for code in found}
            for part, found in parts.items()
        }
        schemes[slug] = GradingScheme(
            slug,
            record.labels(),
            terms["source"],
            terms["information"],
            scores["source"],
            scores["information"],
        )
        aliases.update(dict.fromkeys((slug, *record.texts_or_none("aliases")), slug))
    return schemes, aliases


def load_urgencies(files: DataFiles) -> dict[str, Urgency]:
    file = "urgency.yaml"
    records = files.yaml(file).records("urgencies")
    unique(file, (record.text("slug") for record in records))
    return {
        record.text("slug"): Urgency(
            _slug(record), record.labels(), rank, record.whole("machine_budget_s")
        )
        for rank, record in enumerate(records)
    }


def load_languages(files: DataFiles) -> dict[str, Language]:
    file = "languages.yaml"
    records = files.yaml(file).records("languages")
    if [record.text("code") for record in records] != list(LANGUAGES):
        raise fault(file, "languages differ", f"list {', '.join(LANGUAGES)} in this order")
    return {
        record.text("code"): Language(
            record.text("code"), record.labels(), record.text("direction")
        )
        for record in records
    }
