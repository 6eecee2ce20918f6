"""What words point to, in four languages; and what they must not."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reference import LANGUAGES, Reference
from stream_apps.router.folding import fold
from stream_apps.router.keywords import NOTHING_FOUND, Classification, Classifier

REFERENCE = Reference.load()
CATEGORIES = [slug for slug in REFERENCE.categories if slug != "uncategorised"]
SEED = {slug for slug in CATEGORIES if "seed" in REFERENCE.categories[slug].flags}

SEED_TEXT_AR = (
    "ناقش رؤساء المكاتب المركزية الوطنية سبل مكافحة الجريمة المنظمة عبر الوطنية والاحتيال المالي "
    "والاستغلال الجنسي للأطفال عبر الإنترنت، وتصدّيهم للإرهاب وللاتجار بالبشر وتهريب المهاجرين، "
    "وعمل مراكز الاحتيال السيبري، والجرائم المالية عبر الإنترنت."
)
SEED_TEXTS = {
    "ar": SEED_TEXT_AR,
    **{
        language: ". ".join(REFERENCE.categories[slug].labels[language] for slug in sorted(SEED))
        for language in ("en", "fr", "es")
    },
}


@functools.cache
def compiled() -> Classifier:
    return Classifier.from_reference(REFERENCE)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return compiled()


def named(found: Classification) -> set[str]:
    return set() if found.primary is None else {found.primary, *found.further}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_names_the_eight_seed_categories_raises_all_eight(
    classifier: Classifier, language: str
) -> None:
    assert named(classifier.classify(SEED_TEXTS[language], language)) == SEED


@pytest.mark.parametrize("slug", CATEGORIES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_category_is_found_by_its_own_name(
    classifier: Classifier, slug: str, language: str
) -> None:
    assert classifier.classify(REFERENCE.categories[slug].labels[language], None).primary == slug


def test_every_keyword_counts_alone_unless_it_is_declared_ambiguous(
    classifier: Classifier,
) -> None:
    ambiguous = {(cued.category, fold(cued.word)) for cued in REFERENCE.cued_keywords}
    for slug in CATEGORIES:
        for language, keywords in REFERENCE.categories[slug].keywords.items():
            for keyword in keywords:
                alone = slug in named(classifier.classify(keyword, None))
                assert alone != ((slug, fold(keyword)) in ambiguous), (slug, language, keyword)


def test_an_ambiguous_word_counts_beside_each_of_its_cues(classifier: Classifier) -> None:
    for cued in REFERENCE.cued_keywords:
        for cue in cued.cues:
            text = f"{cued.word} ... {cue}"
            assert cued.category in named(classifier.classify(text, None)), text


NOT_FOUND = [
    "He was convicted of conspiracy",
    "pirates of software piracy",
    "She wanted to leave",
    "la recherche continue, le vin est servi",
    "Ivory Coast",
    "Côte d’Ivoire",
    "un ciudadano de Costa de Marfil",
    "مواطن من ساحل العاج",
    "se trata de una banda de música",
    "أزيح الستار عن نصب تذكاري",
    "the gang of four ate lunch",
    "آثار جانبية",
    "",
    "   \n\t",
    "12345 !!! ___",
]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_words_that_mean_no_offence(classifier: Classifier, text: str) -> None:
    assert classifier.classify(text, None) == NOTHING_FOUND


FOUND = [
    ("piracy", "maritime-security", ()),
    ("PIRACY, off the coast.", "maritime-security", ()),
    ("a scam centre", "cyber-scam-centres", ()),
    ("a scam", "financial-fraud", ()),
    ("sextortion", "cyber-enabled-financial-crime", ()),
    (
        "sextortion of a child",
        "online-child-sexual-exploitation",
        ("cyber-enabled-financial-crime",),
    ),
    ("counterfeit, product piracy", "illicit-goods", ()),
    ("l'Escroquerie", "financial-fraud", ()),
    ("mandat d’arrêt", "fugitives", ()),
    ("mandat d'arret", "fugitives", ()),
    ("narcotrafico y ESTUPEFACIENTES", "drug-trafficking", ()),
    ("tráfico de migrantes", "migrant-smuggling", ()),
    ("tra\u0301fico de migrantes", "migrant-smuggling", ()),
    ("robberies", "violent-crime", ()),
    ("HOMICIDIO AGRAVADO\r\n\tY ROBO CON VIOLENCIA", "violent-crime", ()),
    ("بِالإِرْهَـــاب", "terrorism", ()),
    ("وللإرهاب", "terrorism", ()),
    ("الارهاب", "terrorism", ()),
    ("إرهابي", "terrorism", ()),
    ("للسخرة", "human-trafficking", ()),
    ("الاحتيال الإلكتروني", "cyber-enabled-financial-crime", ()),
    ("احتيال إلكتروني", "cyber-enabled-financial-crime", ()),
    ("\ufe8d\ufedf\ufed2\ufeb4\ufe8e\ufea9", "corruption", ()),  # presentation forms
    ("wanted by the court", "fugitives", ()),
    ("murder; wanted in two countries", "violent-crime", ("fugitives",)),
]


@pytest.mark.parametrize(("text", "primary", "further"), FOUND)
def test_words_that_do(
    classifier: Classifier, text: str, primary: str, further: tuple[str, ...]
) -> None:
    found = classifier.classify(text, None)
    assert (found.primary, found.further) == (primary, further)


@pytest.mark.parametrize("text", ["سخره منه", "xراإرهاب", "conspiracy", "scammer"])
def test_a_keyword_never_matches_inside_a_word(classifier: Classifier, text: str) -> None:
    assert classifier.classify(text, None) == NOTHING_FOUND


def test_a_word_is_spared_its_cue_in_a_language_that_has_no_doubt(classifier: Classifier) -> None:
    assert classifier.classify("racket", "fr").primary == "transnational-organized-crime"
    assert classifier.classify("racket", "en").primary is None


def test_the_primary_has_the_most_distinct_keywords_weighed_by_length(
    classifier: Classifier,
) -> None:
    text = "fraud fraud fraud, stolen vehicle, murder"
    assert classifier.classify(text, "en") == Classification(
        "vehicle-crime",
        ("financial-fraud", "violent-crime"),
        ("fraud", "stolen vehicle", "murder"),
    )


def test_a_tie_goes_to_the_order_of_the_reference_data(classifier: Classifier) -> None:
    for text in ("cocaine murder", "murder cocaine"):
        assert classifier.classify(text, "en").primary == "violent-crime"


def test_overlapping_phrases_both_count_but_contained_ones_do_not(classifier: Classifier) -> None:
    found = classifier.classify("investment fraud factory", "en")
    assert named(found) == {"financial-fraud", "cyber-scam-centres"}
    assert found.matched == ("investment fraud", "fraud factory")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_gives_the_same_answer_twice(text: str) -> None:
    classifier = compiled()
    found = classifier.classify(text, None)
    assert found == classifier.classify(text, None)
    assert named(found) <= set(CATEGORIES)


@settings(max_examples=100, deadline=None)
@given(
    before=st.sampled_from(["", "و", "ف", "ب", "ك", "ل", "ال", "وال", "بال", "لل", "ولل", "فبال"]),
    keyword=st.sampled_from(["قتل", "رشوة", "مخدرات", "اختلاس"]),
)
def test_arabic_clitics_do_not_hide_a_word(before: str, keyword: str) -> None:
    classifier = compiled()
    assert classifier.classify(f"جرى {before}{keyword} أمس", "ar").primary is not None


@pytest.mark.parametrize("unit", ["scam ", "fraud", "\u0301\u0327", "إ", "\ufdfa", "cyber scam "])
def test_a_long_text_is_read_to_its_end(classifier: Classifier, unit: str) -> None:
    text = unit * (200_000 // len(unit)) + " ransomware"
    assert "cybercrime" in named(classifier.classify(text, None))
