"""Categories found in free text by keywords in four languages.

Keywords are a floor, not the classifier: a bureau's own category outranks them. All four
languages are searched whatever is declared, since charges arrive untranslated. Texts are folded,
then compared word by word: a keyword never matches inside a word; an Arabic word may carry the
clitics wa-, fa-, bi-, ka-, li- and the article; a Latin one a plural ending. A match inside a
longer one does not count ("scam" in "scam centre", "ivory" in "Ivory Coast"). An ambiguous word
counts only beside a second cue. Linear in the length of the text; the same text always gives the
same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from schemas.reference import LANGUAGES, Reference
from stream_apps.router.folding import fold

__all__ = ["NOTHING_FOUND", "Classification", "Classifier"]

_WORD = re.compile(r"[^\W_]+")
_ARABIC = re.compile(r"[\u0621-\u064a]")
_ARTICLE = "ال"
_CONJUNCTIONS = ("", "و", "ف")
_BEFORE_ARTICLE = ("ال", "بال", "كال", "لل")
_BEFORE_STEM = ("", "ب", "ك", "ل", *_BEFORE_ARTICLE)
_SHORTEST_PLURAL_STEM = 4
_HOMELESS = "uncategorised"


@dataclass(frozen=True, slots=True)
class Classification:
    """What the words of a text point to."""

    primary: str | None
    further: tuple[str, ...]
    """The other categories, the strongest first."""
    matched: tuple[str, ...]
    """The keywords that counted, as the reference data writes them, in the order of the text."""


NOTHING_FOUND = Classification(None, (), ())


@dataclass(slots=True)
class _Phrase:
    """A phrase to look for; `category` is its place in the reference, None if neutral or a cue."""

    shown: str
    words: int
    category: int | None = None
    cue_only: bool = False
    cues: frozenset[int] | None = None
    """Ids of phrases of which one must stand in the text too; None: it counts alone."""
    unless_language: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Node:
    """What may follow; and the phrases that end here."""

    following: dict[int, _Node] = field(default_factory=dict)
    phrases: list[int] = field(default_factory=list)


class Classifier:
    """Built once from the reference data; then pure."""

    __slots__ = ("_categories", "_forms", "_phrases", "_root")

    def __init__(
        self,
        categories: tuple[str, ...],
        phrases: tuple[_Phrase, ...],
        root: _Node,
        forms: Mapping[str, tuple[int, ...]],
    ) -> None:
        self._categories = categories
        self._phrases = phrases
        self._root = root
        self._forms = forms

    @classmethod
    def from_reference(cls, reference: Reference) -> Classifier:
        """Compiled from the keywords, labels, cues and neutral phrases, once for an edition."""
        return _compiled(reference)

    def classify(self, text: str, language: str | None) -> Classification:
        """Categories that the text names; the primary has the most keywords, weighed by length.

        `language` is the declared one; it only spares a word its cue where that leaves no doubt.
        """
        spans, present = self._find(list(map(self._forms.get, _WORD.findall(fold(text)))))
        if not spans:
            return NOTHING_FOUND
        found = self._without_contained(spans)
        counted = [number for number in found if self._counts(number, found, present, language)]
        if not counted:
            return NOTHING_FOUND
        weights: dict[int, int] = {}
        for number in counted:
            category = self._phrases[number].category
            assert category is not None
            weights[category] = weights.get(category, 0) + self._phrases[number].words
        ranked = sorted(weights, key=lambda category: (-weights[category], category))
        names = [self._categories[category] for category in ranked]
        matched = tuple(dict.fromkeys(self._phrases[number].shown for number in counted))
        return Classification(names[0], tuple(names[1:]), matched)

    def _find(
        self, words: list[tuple[int, ...] | None]
    ) -> tuple[list[tuple[int, int, list[int]]], set[int]]:
        """Spans (first word, one past the last, phrases) by start; and every phrase present."""
        spans: list[tuple[int, int, list[int]]] = []
        present: set[int] = set()
        root, last = self._root.following, len(words)
        for start, stems in enumerate(words):
            if stems is None:
                continue
            nodes = [root[stem] for stem in stems if stem in root]
            end, first = start + 1, len(spans)
            while nodes:
                for node in nodes:
                    if node.phrases:
                        present.update(node.phrases)
                        spans.insert(first, (start, end, node.phrases))
                following = words[end] if end < last else None
                if following is None:
                    break
                nodes = [
                    node.following[stem]
                    for node in nodes
                    for stem in following
                    if stem in node.following
                ]
                end += 1
        return spans, present

    def _without_contained(
        self, spans: list[tuple[int, int, list[int]]]
    ) -> dict[int, tuple[int, int]]:
        """Category phrases, with their first span, that lie in no longer one, as in the text."""
        found: dict[int, tuple[int, int]] = {}
        reach = begin = 0
        for start, end, numbers in spans:  # by start; at one start the longest first
            if end < reach or (end == reach and start != begin):
                continue
            for number in numbers:
                phrase = self._phrases[number]
                if not phrase.cue_only:
                    reach, begin = end, start
                    if phrase.category is not None:
                        found.setdefault(number, (start, end))
        return found

    def _counts(
        self,
        number: int,
        found: Mapping[int, tuple[int, int]],
        present: set[int],
        language: str | None,
    ) -> bool:
        phrase = self._phrases[number]
        if phrase.cues is None or language in phrase.unless_language:
            return True
        if not phrase.cues.isdisjoint(present):
            return True
        start, end = found[number]
        return any(
            self._phrases[other].category == phrase.category and (begin >= end or stop <= start)
            for other, (begin, stop) in found.items()
        )


class _Compiler:
    """Builds the tree of phrases and the table of the forms that each word may take."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._stems: dict[tuple[str, bool], int] = {}
        self._forms: dict[str, list[int]] = {}
        self._root = _Node()
        self._phrases: list[_Phrase] = []
        self._by_key: dict[tuple[int | None, bool, tuple[int, ...]], int] = {}

    def classifier(self) -> Classifier:
        categories = [slug for slug in self._reference.categories if slug != _HOMELESS]
        for order, slug in enumerate(categories):
            category = self._reference.categories[slug]
            keywords = [
                keyword
                for language in LANGUAGES
                for keyword in (*category.keywords[language], category.labels[language])
            ]
            bare = {tuple(_words(keyword)) for keyword in keywords}
            for keyword in keywords:
                (word, with_article), *more = _words(keyword)
                if not (with_article and not more and ((word, False),) in bare):
                    self._add(keyword, order)
        for phrase in self._reference.neutral_phrases:
            self._add(phrase, None)
        for cued in self._reference.cued_keywords:
            number = self._add(cued.word, categories.index(cued.category))
            cues = frozenset(self._add(cue, None, cue_only=True) for cue in cued.cues)
            entry = self._phrases[number]
            entry.cues = (entry.cues or frozenset()) | cues
            entry.unless_language |= cued.unless_language
        return Classifier(
            tuple(categories),
            tuple(self._phrases),
            self._root,
            {form: tuple(stems) for form, stems in self._forms.items()},
        )

    def _add(self, phrase: str, category: int | None, *, cue_only: bool = False) -> int:
        """Number of a phrase; the same words for the same purpose are one phrase."""
        stems = tuple(self._stem(*word) for word in _words(phrase))
        key = (category, cue_only, stems)
        number = self._by_key.get(key)
        if number is None:
            number = self._by_key[key] = len(self._phrases)
            self._phrases.append(_Phrase(phrase, len(stems), category, cue_only))
            node = self._root
            for stem in stems:
                node = node.following.setdefault(stem, _Node())
            node.phrases.append(number)
        return number

    def _stem(self, word: str, with_article: bool) -> int:
        number = self._stems.get((word, with_article))
        if number is None:
            number = self._stems[word, with_article] = len(self._stems)
            for form in dict.fromkeys(_forms_of(word, with_article=with_article)):
                self._forms.setdefault(form, []).append(number)
        return number


@lru_cache(maxsize=4)
def _compiled(reference: Reference) -> Classifier:
    return _Compiler(reference).classifier()


def _words(phrase: str) -> Iterator[tuple[str, bool]]:
    """Folded words without an Arabic article; True where the word must have it in the text.

    The article is told by its bare alef before folding: in `إلكتروني` the letters are the root's.
    A single word that the list gives with the article keeps it, since without it may mean another.
    """
    raw = phrase.split()
    for word in raw:
        folded = _WORD.findall(fold(word))
        if word.startswith(_ARTICLE) and len(folded) == 1:
            yield folded[0].removeprefix(_ARTICLE), len(raw) == 1
        else:
            yield from ((part, False) for part in folded)


def _forms_of(word: str, *, with_article: bool) -> Iterable[str]:
    """Every form of a word that counts as it."""
    if _ARABIC.search(word):
        prefixes = _BEFORE_ARTICLE if with_article else _BEFORE_STEM
        return [before + prefix + word for before in _CONJUNCTIONS for prefix in prefixes]
    if len(word) < _SHORTEST_PLURAL_STEM or not word.isalpha() or word.endswith("s"):
        return [word]
    plurals = [word, f"{word}s", f"{word}es"]
    if word.endswith("y"):
        plurals.append(f"{word[:-1]}ies")
    return plurals
