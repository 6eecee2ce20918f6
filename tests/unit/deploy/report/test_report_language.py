"""The report's words in four languages, and each language's own numbers, dates and periods."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files

import pytest

from deploy.report.language import Language, report_texts
from schemas.reference import LANGUAGES

TEXTS = report_texts()["texts"]
SAME = frozenset(report_texts()["same"])


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_every_text_is_there_in_all_four_languages_and_translated(key: str) -> None:
    words = TEXTS[key]
    assert list(words) == list(LANGUAGES)
    assert all(words.values())
    names = {code: set(re.findall(r"{(\w+)}", text)) for code, text in words.items()}
    assert len(set(map(frozenset, names.values()))) == 1, f"other values are filled in: {names}"
    if key not in SAME:
        others = [words[code] for code in LANGUAGES[1:]]
        assert words["en"] not in others, "not translated; `same` lists what may be equal"


def test_what_may_be_equal_is_a_key_whose_words_are_equal_somewhere() -> None:
    assert {key for key in SAME if len(set(TEXTS[key].values())) == len(LANGUAGES)} == set()


def test_every_key_is_used() -> None:
    sources = [
        entry.read_text(encoding="utf-8")
        for entry in files("deploy.report").iterdir()
        if entry.name.endswith((".py", ".jinja"))
    ]
    code = "\n".join(sources)
    unused = {
        key
        for key in TEXTS
        if f'"{key}"' not in code and f"'{key}'" not in code
        # the others are put together from their group and a name: t('section.' ~ name)
        and f"{key.split('.')[0]}.'" not in code and f"{key.split('.')[0]}.{{" not in code
    }  # fmt: skip
    assert unused == set()


@pytest.mark.parametrize(
    ("code", "number", "percent", "change", "date", "quarter", "month"),
    [
        ("en", "1,234,567", "12.5%", "\u22122.0%", "1 March 2026", "Q2 2026", "April 2026"),
        (
            "fr", "1\u202f234\u202f567", "12,5\u202f%", "\u22122,0\u202f%", "1er mars 2026",
            "T2 2026", "avril 2026",
        ),
        (
            "es", "1.234.567", "12,5\u00a0%", "\u22122,0\u00a0%", "1 de marzo de 2026",
            "T2 de 2026", "abril de 2026",
        ),
        (
            "ar", "١٬٢٣٤٬٥٦٧", "١٢٫٥٪", "\u061c\u2212٢٫٠٪", "١ مارس ٢٠٢٦",
            "الربع ٢ من ٢٠٢٦", "أبريل ٢٠٢٦",
        ),
    ],
)  # fmt: skip
def test_a_language_has_its_own_form_of_numbers_dates_and_periods(
    code: str, number: str, percent: str, change: str, date: str, quarter: str, month: str
) -> None:
    language = Language.of(code)
    assert language.number(1_234_567) == number
    assert language.percent(Decimal("12.46"), 1) == percent
    assert language.change(100, 98) == change
    assert language.date(datetime(2026, 3, 1, tzinfo=UTC)) == date
    assert language.period("2026-Q2") == quarter
    assert language.period("2026-04") == month


def test_four_digits_are_not_grouped_in_spanish() -> None:
    assert Language.of("es").number(1234) == "1234"
    assert Language.of("en").number(1234) == "1,234"
