"""The packaged edition is whole, and a damaged one is refused with a message that helps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from schemas import topics
from schemas.errors import ConfigurationError, PermanentError
from schemas.reference import LANGUAGES, Reference

NOW_MS = 1_760_000_000_000
Edit = Callable[[str, str, str], Path]


@pytest.fixture(scope="module")
def ref() -> Reference:
    return Reference.load()


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A copy of the packaged files in which one text was replaced."""
    folder = tmp_path / "data"
    shutil.copytree(Path(str(files("schemas.reference") / "data")), folder)

    def edit(name: str, old: str, new: str) -> Path:
        path = folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")
        return folder

    return edit


def test_only_members_and_the_secretariat_publish(ref: Reference) -> None:
    assert len(ref.members) == 196
    assert len(ref.publishers) == 197
    assert "XP" in ref.publishers
    assert not {"KP", "TV", "XK", "TW", "HK"} & ref.publishers


def test_any_iso_country_may_be_mentioned(ref: Reference) -> None:
    assert len(ref.countries) == 251
    assert {"HK", "KP", "XK", "XP", "BQ"} <= ref.countries
    assert ref.publishers <= ref.countries


def test_each_member_has_the_region_of_the_domain_facts(ref: Reference) -> None:
    sizes = {region: len(ref.members_of(region, NOW_MS)) for region in ref.regions}
    assert sizes == {"africa": 47, "americas": 38, "asia-pacific": 42, "europe": 50, "mena": 19}
    assert sum(sizes.values()) == len(ref.members)
    assert ref.region_of("SD", NOW_MS) == "mena"
    assert ref.region_of("IR", NOW_MS) == "asia-pacific"
    assert ref.region_of("XP", NOW_MS) == "global"
    assert ref.members_of("global", NOW_MS) == frozenset()


def test_regions_are_those_of_the_topics(ref: Reference) -> None:
    assert ref.regions == topics.REGIONS
    assert ref.general_secretariat.code == topics.GENERAL_SECRETARIAT
    assert set(ref.region_labels) == set(topics.SOURCE_REGIONS)


@pytest.mark.parametrize("stranger", ["KP", "HK", "", "fr", "ZZ"])
def test_nobody_else_has_a_region(ref: Reference, stranger: str) -> None:
    with pytest.raises(PermanentError, match="no member") as refused:
        ref.region_of(stranger, NOW_MS)
    assert refused.value.code == "unknown-publisher"


def test_a_member_may_change_region_without_rewriting_history(edited: Edit) -> None:
    folder = edited(
        "member_regions.csv",
        "IL,europe,1923-01-01,\n",
        "IL,asia-pacific,1923-01-01,2006-09-01\nIL,europe,2006-09-01,\n",
    )
    ref = Reference.load(folder)
    change_ms = 1_157_068_800_000  # 2006-09-01T00:00:00Z
    assert ref.region_of("IL", change_ms - 1) == "asia-pacific"
    assert ref.region_of("IL", change_ms) == "europe"
    assert ref.has_belonged("IL", "asia-pacific", change_ms)
    assert ref.has_belonged("IL", "europe", change_ms)
    assert not ref.has_belonged("IL", "europe", change_ms - 1)
    assert not ref.has_belonged("IL", "mena", change_ms)
    assert ref.has_belonged("FR", "europe", change_ms)
    assert not ref.has_belonged("FR", "mena", change_ms)
    assert not ref.has_belonged("KP", "asia-pacific", change_ms)
    assert "IL" in ref.members_of("asia-pacific", change_ms - 1)
    assert "IL" not in ref.members_of("asia-pacific", change_ms)
    assert "IL" in ref.members_of("europe", change_ms)


def test_a_late_member_has_no_region_before_it_joined(edited: Edit) -> None:
    ref = Reference.load(
        edited("member_regions.csv", "PW,asia-pacific,1923-01-01,", "PW,asia-pacific,2023-11-29,")
    )
    assert ref.region_of("PW", NOW_MS) == "asia-pacific"
    with pytest.raises(PermanentError, match="2023-11-29"):
        ref.region_of("PW", 1_600_000_000_000)
    assert "PW" not in ref.members_of("asia-pacific", 1_600_000_000_000)


def test_the_version_changes_with_any_edit(ref: Reference, edited: Edit) -> None:
    other = Reference.load(edited("members.csv", "Andorre", "Andorra la Vella"))
    day, fingerprint = ref.version.split(".")
    assert day == "2026-11-24"
    assert len(fingerprint) == 12
    assert other.version != ref.version


def test_load_is_cached(ref: Reference) -> None:
    assert Reference.load() is ref


def test_seed_categories_and_their_home_for_the_rest(ref: Reference) -> None:
    seed = [slug for slug, category in ref.categories.items() if "seed" in category.flags]
    assert seed == [
        "transnational-organized-crime",
        "financial-fraud",
        "online-child-sexual-exploitation",
        "terrorism",
        "human-trafficking",
        "migrant-smuggling",
        "cyber-scam-centres",
        "cyber-enabled-financial-crime",
    ]
    assert list(ref.categories)[-1] == "uncategorised"
    money = ref.categories["cyber-enabled-financial-crime"]
    assert money.priority_for("stop-payment-request") == 1
    assert money.priority_for("asset-freeze") == 2


def test_kinds_are_the_events_of_the_catalogue(ref: Reference) -> None:
    folder = files("schemas") / "avro" / "v1"
    records = {
        entry.name.removeprefix("liaison.events.").removesuffix(".avsc")
        for entry in folder.iterdir()
        if entry.name.startswith("liaison.events.")
    }
    camel = {"".join(part.capitalize() for part in kind.split("_")) for kind in ref.kinds}
    assert len(camel) == 14
    assert camel <= records


def test_subtypes(ref: Reference) -> None:
    assert "unsc-special" in ref.subtypes["notice"]
    assert "unsc-special" not in ref.subtypes["diffusion"]
    assert ref.subtypes["search"] == ref.subtypes["hit"] == frozenset(ref.databases)
    assert ref.subtypes["arrest"] == frozenset({""})
    assert {"withdrawal", "cancellation", "ccf-decision"} <= ref.subtypes["recall"]


def test_traffic_rows_add_up_to_the_year(ref: Reference) -> None:
    assert sum(row.messages_per_year for row in ref.traffic) == 18_000_000
    by_row = {row.row: row for row in ref.traffic}
    assert by_row["correction"].kind == "same"
    assert by_row["correction"].supersedes
    assert by_row["withdrawal"].kind == "recall"
    assert by_row["notice amendment"].kind == "notice"


def test_operations_carry_the_published_figures(ref: Reference) -> None:
    haechi = ref.operations["haechi-iv"].figures
    assert haechi["amount-seized"] == 300_000_000
    assert haechi["amount-seized-cash"] + haechi["amount-seized-virtual"] == haechi["amount-seized"]
    assert ref.operations["storm-makers-ii"].figures["persons-arrested"] == 281


def test_unknown_gradings_have_no_score(ref: Reference) -> None:
    admiralty, europol = ref.gradings["admiralty"], ref.gradings["europol-4x4"]
    assert admiralty.source_scores["F"] is None
    assert admiralty.information_scores["6"] is None
    assert europol.source_scores["X"] is None
    assert europol.source_scores["C"] == admiralty.source_scores["D"]
    assert ref.grading_aliases["4x4"] == "europol-4x4"


def test_general_knowledge_is_flagged(ref: Reference) -> None:
    assert ref.iccs["0204"].verified
    assert not ref.iccs["0905"].verified


def test_every_label_is_in_four_languages(ref: Reference) -> None:
    labelled = [
        *(category.labels for category in ref.categories.values()),
        *(member.names for member in ref.members.values()),
        *(measure.labels for measure in ref.measures.values()),
        *(kind.labels for kind in ref.kinds.values()),
        *ref.region_labels.values(),
    ]
    assert all(tuple(labels) == LANGUAGES for labels in labelled)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("members.csv", "AE,ARE,", "AD,ARE,", "'AD' stands twice"),
        ("members.csv", "AD,AND,Andorra,", "AD,AND,,", "name_en is empty"),
        ("members.csv", "iso2,iso3", "iso2,code", "columns are"),
        ("member_regions.csv", "FR,europe,1923-01-01,\n", "", "FR has no region"),
        ("member_regions.csv", "FR,europe,", "FR,middle-earth,", "region middle-earth unknown"),
        (
            "member_regions.csv",
            "FR,europe,1923-01-01,\n",
            "FR,europe,1923-01-01,\nFR,mena,2001-01-01,\n",
            "until ever and in mena",
        ),
        (
            "member_regions.csv",
            "FR,europe,1923-01-01,\n",
            "FR,europe,1923-01-01,2000-01-01\nFR,mena,2001-01-01,\n",
            "until 2000-01-01 and in mena from 2001-01-01",
        ),
        (
            "member_regions.csv",
            "FR,europe,1923-01-01,\n",
            "FR,europe,1923-01-01,2020-01-01\n",
            "FR has no region today",
        ),
        ("member_regions.csv", "FR,europe,1923-01-01", "FR,europe,1923-13-01", "YYYY-MM-DD"),
        ("member_regions.csv", "FR,europe", "KP,europe,1923-01-01,\nFR,europe", "KP no member"),
        ("categories.yaml", "      fr: Criminalité transnationale organisée\n", "", "give a label"),
        ("categories.yaml", "code: '0905'", "code: '0999'", "ICCS code 0999 unknown"),
        ("categories.yaml", "code: '0905'", "code: 905", "quote numeric codes"),
        ("categories.yaml", "priority: 3", "priority: 7", "priority out of range"),
        ("categories.yaml", "slug: uncategorised", "slug: misc", "no `uncategorised`"),
        ("categories.yaml", "slug: terrorism", "slug: Terror ism", "lower-case"),
        ("categories.yaml", "slug: terrorism", "slug: financial-fraud", "stands twice"),
        ("iccs.yaml", "code: '0101'", "code: '010'", "ICCS codes have"),
        ("measures.yaml", "dimension: count\n", "dimension: weight\n", "dimension weight unknown"),
        ("measures.yaml", "default_unit: USD", "default_unit: dollars", "ISO 4217"),
        ("operations.yaml", "checks: 270000", "cheques: 270000", "measure cheques unknown"),
        ("operations.yaml", "ends_on: '2023-10-20'", "ends_on: '2023-10-02'", "ends before"),
        ("subtypes.yaml", "slug: sltd", "slug: sltx", "are not the databases"),
        ("keyword_cues.yaml", "category: terrorism", "category: terror", "category terror unknown"),
        ("regions.yaml", "regions:", "regions: [", "no YAML"),
    ],
)
def test_a_damaged_file_is_refused_by_name(
    edited: Edit, file: str, old: str, new: str, message: str
) -> None:
    folder = edited(file, old, new)
    with pytest.raises(ConfigurationError, match=message) as refused:
        Reference.load(folder)
    assert file in str(refused.value) or "countries.csv" in str(refused.value)
    assert refused.value.code == "reference-data-invalid"


def test_a_missing_file_is_refused_by_name(edited: Edit) -> None:
    folder = edited("members.csv", "AD", "AD")
    (folder / "measures.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"measures\.yaml: the file is missing"):
        Reference.load(folder)
