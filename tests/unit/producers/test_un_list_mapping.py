"""An entry becomes a notice that says the same, and nothing more."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest

from producers.un_list import Entry, Predecessor, load_list, to_notice
from producers.un_list.countries import country_code
from producers.un_list.documents import identifier_of
from producers.un_list.entry import BirthDateText, Document
from schemas.errors import PermanentError
from schemas.models import BirthDate, Notice

SAMPLE = Path(__file__).with_name("un_list_sample.xml")
REAL_DATA = os.environ.get("LIAISON_REAL_DATA")
EVENT_ID = UUID(int=1)


def entry(number: int = 0) -> Entry:
    return load_list(SAMPLE).entries[number]


def test_a_person_becomes_a_notice() -> None:
    notice = to_notice(entry(), EVENT_ID)
    assert (notice.kind, notice.subtype, notice.category) == ("notice", "unsc-special", "terrorism")
    assert notice.event_id == EVENT_ID
    assert notice.reference == notice.case_ref == "QDi.901"
    assert notice.occurred_at == datetime(2001, 1, 25, tzinfo=UTC)
    assert notice.concerned_countries == ("FR",)
    assert notice.tlp == "CLEAR"
    (subject,) = notice.subjects
    assert subject.type == "person"
    assert subject.sex == "M"
    assert subject.nationalities == ("FR", "Ruritania")
    assert [(name.kind, name.full, name.quality) for name in subject.names] == [
        ("primary", "EXAMPLE PERSON OF FICTION", None),
        ("original_script", "مثال خيالي", None),
        ("alias", "Invented Alias", "Good"),
        ("alias", "Al", "Low"),
    ]
    assert subject.birth_dates == (
        BirthDate(earliest=date(1960, 2, 29), latest=date(1960, 2, 29), precision="exact"),
        BirthDate(earliest=date(1961, 1, 1), latest=date(1961, 12, 31), precision="year"),
        BirthDate(earliest=date(1962, 1, 1), latest=date(1962, 12, 31), precision="approximate"),
        BirthDate(earliest=date(1963, 1, 1), latest=date(1965, 12, 31), precision="between"),
    )
    assert [(found.type, found.value, found.country) for found in notice.identifiers] == [
        ("un_sanctions_reference", "QDi.901", None),
        ("person_name", "EXAMPLE PERSON OF FICTION", None),
        ("person_name", "مثال خيالي", None),
        ("person_name", "Invented Alias", None),
        ("travel_document", "XX 000123", "IR"),
        ("national_id", "0001112223", "JO"),
    ]


def test_what_has_no_field_stands_in_the_description() -> None:
    description = to_notice(entry(), EVENT_ID).subjects[0].description or ""
    for text in (
        "Title: Dr.",
        "Designation: Invented office",
        "Alias Al: note: as a child",
        "late fifties",
        "Ration card no., 0000777",
        "issued 3 Mar. 1990",
        "Updated on: 2007-12-21",
    ):
        assert text in description


def test_an_entity_becomes_a_notice() -> None:
    notice = to_notice(entry(2), EVENT_ID)
    assert notice.category == "transnational-organized-crime"
    assert notice.concerned_countries == ("HT",)
    assert notice.subjects[0].type == "entity"
    assert {found.type for found in notice.identifiers} == {
        "un_sanctions_reference",
        "organization_name",
    }


def test_a_list_that_is_about_no_one_threat_declares_no_category() -> None:
    notice = to_notice(entry(1), EVENT_ID)
    assert notice.category is None
    assert notice.occurred_at == datetime(2016, 3, 2, tzinfo=UTC)
    unknown = to_notice(replace(entry(1), list_type="Atlantis"), EVENT_ID)
    assert unknown.category is None
    assert unknown.legal_basis == "Security Council sanctions"


def test_a_correction_names_what_it_replaces_and_its_root() -> None:
    notice = to_notice(entry(), UUID(int=3), Predecessor(UUID(int=2), UUID(int=1)))
    assert notice.supersedes is not None
    assert notice.supersedes.event_id == UUID(int=2)
    assert (notice.supersedes.bureau, notice.supersedes.kind) == ("XP", "notice")
    assert notice.root == UUID(int=1)


def test_without_a_date_of_listing_the_first_update_counts_and_without_any_it_is_unmapped() -> None:
    updated = replace(entry(), listed_on="unknown", updated_on=("2009-02-03", "2007-12-21"))
    assert to_notice(updated, EVENT_ID).occurred_at == datetime(2007, 12, 21, tzinfo=UTC)
    with pytest.raises(PermanentError, match="it can't be said when it was listed"):
        to_notice(replace(entry(), listed_on="", updated_on=()), EVENT_ID)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BirthDateText("", date="1970-05-06"), ("1970-05-06", "1970-05-06", "approximate")),
        (BirthDateText("BETWEEN", from_year="1950"), ("1950-01-01", "1950-12-31", "approximate")),
        (BirthDateText("EXACT", year="0000"), None),
        (BirthDateText("EXACT", year="1" * 5_000), None),
        (BirthDateText("EXACT", date="1970-13-45", note="?"), None),
    ],
)
def test_birth_dates_are_never_made_up(
    text: BirthDateText, expected: tuple[str, str, str] | None
) -> None:
    found = to_notice(replace(entry(), birth_dates=(text,)), EVENT_ID).subjects[0]
    if expected is None:
        assert found.birth_dates == ()
        assert "Birth date: EXACT" in (found.description or "")
        return
    (birth,) = found.birth_dates
    assert (str(birth.earliest), str(birth.latest), birth.precision) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (Document("Passport", number="XX 000123"), ("travel_document", "XX 000123", None)),
        (Document("Passport", number="XX-A 000 123"), ("travel_document", "XX-A 000 123", None)),
        (
            Document("Passport", number="France passport number AB000123"),
            ("travel_document", "AB000123", "FR"),
        ),
        (
            Document("Passport", number="German passport (“Reisepass”) C 0001234"),
            ("travel_document", "C 0001234", "DE"),
        ),
        (
            Document("Passport", number="0001234 (expired 12 Feb. 2010)"),
            ("travel_document", "0001234", None),
        ),
        (
            Document("Passport", number="A0001234, under a false name"),
            ("travel_document", "A0001234", None),
        ),
        (Document("Número de pasaporte", number="0001"), ("travel_document", "0001", None)),
        (
            Document("National Identification Number", number="Afghan tazkira number 000-11-22"),
            ("national_id", "000-11-22", "AF"),
        ),
        (
            Document("National Identification Number", "national identity card number 000665"),
            ("national_id", "000665", None),
        ),
        (Document("National Identification Number", "Birth certificate", "000123"), None),
        (Document("National Identification Number", "Driver's Permit", "000123A"), None),
        (Document("Passport", note="no number known"), None),
        (Document("Passport", number="unknown"), None),
        (Document("", number="000123"), None),
    ],
)
def test_documents(document: Document, expected: tuple[str, str, str | None] | None) -> None:
    found = identifier_of(document)
    assert (found and (found.type, found.value, found.country)) == expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Iran (Islamic Republic of)", "IR"),
        ("Democratic People’s Republic of Korea", "KP"),
        ("Côte d’Ivoire", "CI"),
        ("the Netherlands", "NL"),
        ("TÜRKIYE", "TR"),
        ("Turkey", "TR"),
        ("China, Hong Kong Special Administrative Region", "HK"),
        ("former Soviet Union", None),
        ("na", None),
        ("", None),
    ],
)
def test_country_names(name: str, code: str | None) -> None:
    assert country_code(name) == code


@pytest.mark.skipif(not REAL_DATA, reason="LIAISON_REAL_DATA is not set: the real UN list")
def test_real_un_list_all_1003_entries_become_notices() -> None:
    found = load_list(Path(REAL_DATA or "") / "un" / "UN_consolidated.xml")
    notices = [to_notice(item, EVENT_ID) for item in found.entries]
    assert len(notices) == 1003
    assert all(Notice.model_validate(notice.model_dump()) == notice for notice in notices[::25])
    subjects = [notice.subjects[0] for notice in notices]
    names = Counter(name.kind for subject in subjects for name in subject.names)
    assert names["primary"] == 1003
    assert names["original_script"] > 370
    assert sum(len(subject.birth_dates) > 1 for subject in subjects) > 110
    types = Counter(found.type for notice in notices for found in notice.identifiers)
    assert types["travel_document"] > 300
    assert types["national_id"] > 120
    unknown = [text for subject in subjects for text in subject.nationalities if len(text) != 2]
    assert len(unknown) <= 1
