"""Texts in four languages that name a category by its own keywords, or none at all.

An event without a declared category is classified by such a text. Words that count only beside a
cue are left out: a text says its category plainly or says nothing. Texts on the exploitation of
children hold a reference and the category's name, never a description.
"""

from __future__ import annotations

from random import Random

from schemas.reference import Reference

__all__ = ["Texts"]

_SENTENCES = {
    "en": (
        "Request concerning {a}; possible link with {b}. Please check your records and reply.",
        "We hold information on {a} and {b}. Details follow in the annex.",
        "File opened for {a}. Recent findings point to {b}. Any trace is of interest.",
    ),
    "fr": (
        "Demande concernant {a} ; lien possible avec {b}. Prière de vérifier vos fichiers.",
        "Nous disposons de renseignements sur {a} et {b}. Les détails suivent en annexe.",
        "Dossier ouvert pour {a}. Des éléments récents évoquent {b}. Toute trace est utile.",
    ),
    "es": (
        "Solicitud relativa a {a}; posible relación con {b}. Rogamos comprueben sus registros.",
        "Disponemos de información sobre {a} y {b}. Los detalles figuran en el anexo.",
        "Expediente abierto por {a}. Los datos recientes apuntan a {b}. Todo indicio interesa.",
    ),
    "ar": (
        "طلب بشأن {a} وصلة محتملة مع {b}. يرجى مراجعة سجلاتكم والرد.",
        "لدينا معلومات عن {a} و {b}. ترد التفاصيل في المرفق.",
        "فتح ملف بشأن {a}. تشير المعطيات الأخيرة إلى {b}. كل أثر مفيد.",
    ),
}
_SAYS_NOTHING = {
    "en": "Please confirm receipt of our letter of last week and name a contact.",
    "fr": "Merci de confirmer la réception de notre courrier et d'indiquer un contact.",
    "es": "Sírvanse confirmar la recepción de nuestra carta e indicar un contacto.",
    "ar": "يرجى تأكيد استلام رسالتنا وتحديد جهة الاتصال.",
}
_TITLES = {
    "en": "Case {n}: {label}",
    "fr": "Affaire {n} : {label}",
    "es": "Caso {n}: {label}",
    "ar": "القضية {n}: {label}",
}


class Texts:
    """Prepared texts by category and language."""

    def __init__(self, reference: Reference) -> None:
        cued = {keyword.word for keyword in reference.cued_keywords}
        self._labels = {slug: found.labels for slug, found in reference.categories.items()}
        self._prepared: dict[tuple[str, str], tuple[str, ...]] = {}
        for slug, category in reference.categories.items():
            for language, sentences in _SENTENCES.items():
                words = [w for w in category.keywords.get(language, ()) if w not in cued]
                if not words:
                    continue
                pairs = zip(words, (*words[1:], words[0]), strict=True)
                self._prepared[slug, language] = tuple(
                    sentence.format(a=a, b=b) for a, b in pairs for sentence in sentences
                )

    def about(self, rng: Random, category: str, language: str) -> str:
        """A text that keywords of this language find to be about the category."""
        found = self._prepared.get((category, language)) or self._prepared.get((category, "en"))
        return rng.choice(found) if found else _SAYS_NOTHING[language]

    def about_nothing(self, language: str) -> str:
        return _SAYS_NOTHING[language]

    def title(self, category: str | None, language: str, number: int) -> str:
        label = self._labels[category][language] if category else "-"
        return _TITLES[language].format(n=number, label=label)
