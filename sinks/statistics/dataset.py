"""What is published: one file a dataset, and nothing about it anywhere else.

A file says what is counted (`source`), how it is broken down, in which unit, who the respondent is
and by which method it is protected. Column names are the dimensions' names.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml

from schemas.errors import ConfigurationError, PermanentError
from schemas.reference import LANGUAGES, Labels

__all__ = ["MONEY", "TIME", "TOTAL", "Dataset", "Protected", "find_dataset", "load_datasets"]

TIME = "time_period"
"""Name of the dimension that is a reference period."""
TOTAL = "total"
"""Code of what a dimension is not broken down by."""
MONEY = "USD"
"""Unit of tables of money, which have no minimum count."""
_SOURCES = frozenset(
    (
        "events", "counts", "money", "operations", "withdrawals", "searches", "offences", "lag",
        "bureaus", "coverage", "quality",
    )
)  # fmt: skip
_LEVELS = frozenset(("base", "quarter", "year"))
_FIELDS = frozenset(
    (
        "measure", "source", "of", "rounding", "decimals", "dimensions", "periods", "unit",
        "respondent", "protection", "title", "description",
    )
)  # fmt: skip


class Protected(StrEnum):
    """How a dataset's figures are protected."""

    SUPPRESSION = "suppression"
    """Exact, or hidden."""
    ROUNDING = "rounding"
    """The same, and what is shown is rounded."""
    NOISE = "noise"
    """Each figure is perturbed by its cell key."""
    THRESHOLD = "threshold"
    """Shown where the number of events behind it is, and where they are enough."""
    WAIVER = "waiver"
    """Only of bureaus that waived confidentiality."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One published table."""

    name: str
    measure: str
    """Tables of one measure have common margins and are protected as one."""
    source: str
    of: str
    """The code of what is measured; empty where the source says it all."""
    dimensions: tuple[str, ...]
    periods: tuple[str, ...]
    """Of the reference period: base (month, or quarter where traffic is thin), quarter, year."""
    unit: str
    respondent: str
    protection: Protected
    rounding: int
    """Published figures are multiples of this."""
    decimals: int
    """Digits after the point."""
    title: Labels
    description: Labels

    @property
    def is_suppressed(self) -> bool:
        """Whether cells of it are hidden, together with those of all other such tables."""
        return self.protection in (Protected.SUPPRESSION, Protected.ROUNDING, Protected.WAIVER)

    @property
    def is_count(self) -> bool:
        """Whether the minimum count applies: events and persons, no money."""
        return self.unit != MONEY

    @property
    def structure_digest(self) -> str:
        """SHA-256 of what figures depend on; wording may change under a release."""
        said = [
            self.measure, self.source, self.of, self.dimensions, self.periods, self.unit,
            self.respondent, self.protection, self.rounding, self.decimals,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def load_datasets(folder: Traversable | None = None) -> Mapping[str, Dataset]:
    """The declared datasets (or another folder's) by name.

    Raises:
        ConfigurationError: a file says too little, too much, or what nobody understands.
    """
    return _packaged() if folder is None else _load(folder)


def find_dataset(name: str) -> Dataset:
    """The declared one of that name.

    Raises:
        PermanentError: there is none.
    """
    declared = load_datasets()
    if name not in declared:
        raise PermanentError(
            f"there is no dataset {name}: {', '.join(sorted(declared))}", code="no-such-dataset"
        )
    return declared[name]


@functools.cache
def _packaged() -> Mapping[str, Dataset]:
    return _load(files("sinks.statistics") / "datasets")


def _load(folder: Traversable) -> Mapping[str, Dataset]:
    found = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".yaml")),
        key=lambda entry: entry.name,
    )
    return {
        (name := entry.name.removesuffix(".yaml")): _dataset(
            name, yaml.safe_load(entry.read_text(encoding="utf-8"))
        )
        for entry in found
    }


def _dataset(name: str, said: object) -> Dataset:
    def refuse(what: str) -> ConfigurationError:
        return ConfigurationError(
            f"dataset {name}.yaml: {what}; see the other files beside it", code="bad-dataset"
        )

    if not isinstance(said, dict) or not _FIELDS.issuperset(said):
        raise refuse(f"fields are {said}, allowed: {', '.join(sorted(_FIELDS))}")
    missing = sorted(_FIELDS - said.keys() - {"of", "rounding", "decimals"})
    if missing:
        raise refuse(f"{', '.join(missing)} is missing")
    if said["source"] not in _SOURCES or not _LEVELS.issuperset(said["periods"]):
        raise refuse(f"source {said['source']}, periods {said['periods']}: one of them is unknown")
    if said["protection"] not in {method.value for method in Protected}:
        raise refuse(f"there is no method {said['protection']}")
    if (said["source"] == "money") != (said["unit"] == MONEY):
        raise refuse(f"money, and nothing else, is in {MONEY}")
    if (TIME in said["dimensions"]) != bool(said["periods"]):
        raise refuse("a table has periods if time_period is one of its dimensions")
    for field in ("title", "description"):
        if set(said[field]) != set(LANGUAGES):
            raise refuse(f"{field} needs {', '.join(LANGUAGES)}")
    return Dataset(
        name=name,
        measure=said["measure"],
        source=said["source"],
        of=said.get("of", ""),
        dimensions=tuple(said["dimensions"]),
        periods=tuple(said["periods"]),
        unit=said["unit"],
        respondent=said["respondent"],
        protection=Protected(said["protection"]),
        rounding=said.get("rounding", 1),
        decimals=said.get("decimals", 0),
        title=said["title"],
        description=said["description"],
    )
