"""Reference data: packaged files, made from the domain facts, and their typed, validated loader.

`Reference.load()` gives one frozen value a process. Codes decide, labels (English, French,
Spanish, Arabic) are for people. An edition is immutable: whoever edits a file gets another
`version`, which is stamped on every decision taken with it.
"""

from schemas.reference.files import LANGUAGES
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
    RegionPeriod,
    Term,
    TrafficRow,
    Urgency,
)
from schemas.reference.reference import Reference

__all__ = [
    "LANGUAGES",
    "Category",
    "CuedKeyword",
    "Database",
    "GradingScheme",
    "IccsCode",
    "Labels",
    "Language",
    "MeasureCode",
    "Member",
    "Operation",
    "Reference",
    "RegionPeriod",
    "Term",
    "TrafficRow",
    "Urgency",
]
