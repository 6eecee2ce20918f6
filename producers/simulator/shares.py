"""The year's traffic as data: who sends, in what language, about what, graded and restricted how.

From the domain facts' model of a year, whose shares are design assumptions for a generator, not
facts about anybody. Kinds and their weights are the reference data's `traffic`.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "ADMIRALTY",
    "CATEGORIES",
    "DATABASES",
    "EUROPOL_4X4",
    "LANGUAGES",
    "NOTICE_COLOURS",
    "RECALL_REASONS",
    "REGIONS",
    "SEARCHES_PER_YEAR",
    "SUB_BUREAUS",
    "UK_3X5X2",
    "URGENCIES",
    "Weights",
]

Weights = Mapping[str, float]

REGIONS: Weights = {
    "europe": 45, "asia-pacific": 18, "americas": 17, "mena": 11, "africa": 9,
}  # fmt: skip

LANGUAGES: Mapping[str, Weights] = {
    "europe": {"en": 77, "fr": 18, "es": 5},
    "asia-pacific": {"en": 97, "fr": 3},
    "americas": {"es": 70, "en": 28, "fr": 2},
    "mena": {"ar": 90, "en": 5, "fr": 5},
    "africa": {"fr": 55, "en": 45},
    "global": {"en": 70, "fr": 12, "es": 12, "ar": 6},
}
"""By region, so that the year's totals are en 62, fr 14, es 14, ar 10."""

CATEGORIES: Weights = {
    "financial-fraud": 17,
    "cyber-enabled-financial-crime": 15,
    "transnational-organized-crime": 12,
    "drug-trafficking": 12,
    "fugitives": 10,
    "human-trafficking": 6,
    "migrant-smuggling": 6,
    "terrorism": 6,
    "online-child-sexual-exploitation": 5,
    "cybercrime": 3,
    "cyber-scam-centres": 2,
    "missing-persons": 2,
    "violent-crime": 1.2,
    "firearms-trafficking": 0.8,
    "vehicle-crime": 0.6,
    "corruption": 0.4,
    "illicit-goods": 0.4,
    "environmental-crime": 0.3,
    "cultural-property": 0.2,
    "maritime-security": 0.1,
}

ADMIRALTY: Weights = {
    "B2": 30, "B3": 20, "A1": 12, "A2": 12, "C3": 10, "F6": 8, "C2": 3, "D4": 2, "D5": 1,
    "E5": 1, "C4": 1,
}  # fmt: skip
EUROPOL_4X4: Weights = {
    "B2": 30, "A1": 15, "A2": 15, "B3": 14, "X4": 14, "B1": 5, "B4": 4, "C3": 3,
}  # fmt: skip
UK_3X5X2: Weights = {"1A": 30, "1B": 20, "2B": 20, "2C": 15, "3E": 15}

NOTICE_COLOURS: Weights = {
    "red": 12_300, "blue": 3_700, "yellow": 2_700, "green": 1_100, "black": 250, "purple": 130,
    "orange": 50, "silver": 50, "unsc-special": 20,
}  # fmt: skip
RECALL_REASONS: Weights = {
    "withdrawal": 40, "no-longer-wanted": 25, "located": 15, "expiry": 8, "error": 6,
    "legal-basis-ended": 3, "cancellation": 1.5, "non-compliant": 1, "ccf-decision": 0.5,
}  # fmt: skip
URGENCIES: Weights = {"routine": 80, "urgent": 15, "bulk": 4, "flash": 1}

SEARCHES_PER_YEAR = 8_000_000_000
DATABASES: Mapping[str, tuple[float, float]] = {
    "sltd": (3_600_000_000, 232_423),
    "nominal": (4_100_000_000, 1_150_000),
    "smv": (270_000_000, 250_000),
    "tdawn": (18_000_000, 1_500),
    "iarms": (6_000_000, 2_400),
    "sad": (4_000_000, 900),
    "vessels": (1_200_000, 300),
    "woa": (600_000, 150),
    "fingerprints": (60_000, 2_000),
    "face": (80_000, 200),
    "dna": (30_000, 80),
    "ibin": (20_000, 40),
    "edison": (10_000, 7),
}
"""Searches and hits of a year; what is below `smv` splits the facts' `all others` (30 million
searches, 7,577 hits)."""

SUB_BUREAUS: Mapping[str, tuple[str, ...]] = {
    "GB": ("GI", "BM", "KY", "VG"),
    "NL": ("BQ",),
    "CN": ("HK", "MO"),
    "US": ("PR", "AS"),
}
