"""A release's manifest: everything that its figures are a function of, besides the facts.

Kept as a file outside ClickHouse, written before anything is published and never changed. Figures
made again from it, by whoever and whenever, are the same; `digests` tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

from schemas.errors import ConfigurationError
from schemas.reference import Reference
from sinks.statistics.dataset import Dataset, load_datasets
from sinks.statistics.disclosure import Rules
from sinks.statistics.periods import Frequency, Period, parse_cut_off

__all__ = ["Codes", "KnownTotal", "LedgerCounts", "Manifest", "Noise", "given_up"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Codes:
    """The code lists that a release counts by."""

    reference_version: str
    regions: tuple[str, ...]
    kinds: tuple[str, ...]
    categories: tuple[str, ...]
    offences: tuple[str, ...]
    """ICCS sections and divisions."""
    databases: tuple[str, ...]
    reasons: tuple[str, ...]
    """Of recalls."""
    operations: Mapping[str, str]
    """Operation and its last day."""
    measures: Mapping[str, str]
    """Measure and its unit; USD for money."""
    periods: tuple[tuple[str, str, str, str], ...]
    """Member, region, first day and first day that no longer counts."""

    @classmethod
    def of(cls, reference: Reference) -> Codes:
        """Those of an edition of the reference data."""
        recall_subtypes = reference.subtypes.get("recall", frozenset())
        return cls(
            reference_version=reference.version,
            regions=reference.regions,
            kinds=tuple(sorted(reference.kinds.keys() - {"search", "recall"})),
            categories=tuple(reference.categories),
            offences=tuple(sorted(code for code in reference.iccs if len(code) <= 4)),
            databases=tuple(sorted(reference.databases)),
            reasons=tuple(sorted(recall_subtypes)),
            operations={
                slug: operation.ends_on.isoformat()
                for slug, operation in sorted(reference.operations.items())
            },
            measures={
                code: "USD" if measure.dimension == "money" else measure.default_unit
                for code, measure in sorted(reference.measures.items())
                if measure.dimension != "quantity"
            },
            periods=tuple(
                (code, period.region, str(period.valid_from), str(period.valid_until or date.max))
                for code, member in sorted(reference.members.items())
                for period in member.periods
            ),
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """Of the perturbed datasets; the secret itself is kept elsewhere."""

    most: int = 5
    variance: float = 4.0
    seed: str = "liaison"
    secret_digest: str = ""
    """SHA-256 of the secret: another one would make other figures."""


@dataclass(frozen=True, slots=True)
class KnownTotal:
    """A figure that somebody else published of what a cell of ours counts."""

    measure: str
    at: Mapping[str, str]
    """Dimension and code; totals left out."""
    low: int
    high: int
    source: str


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """What the ledger said of all records handed over, when the release was made."""

    handed_over: int
    refused: int
    missing: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """See the module."""

    number: int
    cut_off: str
    """The newest; no fact recorded later is in the release."""
    frequency: Frequency
    first: str
    """The first period."""
    with_open: bool
    """Whether the period that is not over yet is published, too."""
    made_at: str
    """When somebody asked for it; no figure depends on it."""
    reason: str
    """Why it was made: the calendar, or a correction of an error."""
    cut_offs: Mapping[str, str]
    """Block (a period, or an operation) and the cut-off as of which it is counted."""
    codes: Codes
    rules: Rules
    noise: Noise
    datasets: Mapping[str, str]
    """Dataset and the digest of its structure."""
    earlier: tuple[int, ...]
    """Releases before this one, withdrawn ones too."""
    public: tuple[KnownTotal, ...] = ()
    waivers: tuple[str, ...] = ()
    """Bureaus that waived confidentiality."""
    ledger: LedgerCounts | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    """Dataset and the SHA-256 of its rows as CSV, without the release's number."""

    @property
    def newest(self) -> datetime:
        """`cut_off` as a moment."""
        return parse_cut_off(self.cut_off)

    @property
    def blocks(self) -> dict[Period, str]:
        """Periods that are published, and their cut-offs."""
        return {
            Period.parse(code): cut_off
            for code, cut_off in self.cut_offs.items()
            if code not in self.codes.operations
        }

    @property
    def operations(self) -> dict[str, str]:
        """Operations that are published, and their cut-offs."""
        return {
            code: cut_off
            for code, cut_off in self.cut_offs.items()
            if code in self.codes.operations
        }

    def published_datasets(self) -> dict[str, Dataset]:
        """Its datasets, as they are declared.

        Raises:
            ConfigurationError: one is declared otherwise today, so figures would differ.
        """
        declared = load_datasets()
        for name, digest in self.datasets.items():
            if name not in declared or declared[name].structure_digest != digest:
                raise ConfigurationError(
                    f"release {self.number} has the dataset {name} as another version of Liaison "
                    "declares it: make it again with that version",
                    code="changed-dataset",
                )
        return {name: declared[name] for name in sorted(self.datasets)}

    def as_json(self) -> bytes:
        """What is written to the file; the same manifest gives the same bytes."""
        said = {"format": _FORMAT, **asdict(self)}
        said["rules"]["higher_for"] = sorted(self.rules.higher_for)
        said["rules"]["change_exempt"] = sorted(self.rules.change_exempt)
        return json.dumps(said, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes, where: str) -> Manifest:
        """Read a file's text.

        Raises:
            ConfigurationError: it is no manifest that this version understands.
        """
        try:
            said = json.loads(text)
            if said.pop("format") != _FORMAT:
                raise ValueError("another format")
            return cls(**_typed(said))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"the manifest {where} can't be read ({error}): put it back from a copy; the "
                "release is lost without it",
                code="bad-manifest",
            ) from error


def given_up(manifests: Iterable[Manifest]) -> frozenset[int]:
    """Releases that never became one: later ones were made, and none of them knows of it."""
    manifests = list(manifests)
    known = {number for manifest in manifests for number in manifest.earlier}
    newest = max((manifest.number for manifest in manifests), default=0)
    return frozenset(m.number for m in manifests if m.number < newest and m.number not in known)


def _typed(said: dict[str, Any]) -> dict[str, Any]:
    codes = said["codes"]
    for name in (f.name for f in fields(Codes)):
        if isinstance(codes[name], list):
            codes[name] = tuple(codes[name])
    codes["periods"] = tuple(map(tuple, codes["periods"]))
    rules = said["rules"]
    rules["higher_for"] = frozenset(map(tuple, rules["higher_for"]))
    rules["change_exempt"] = frozenset(rules["change_exempt"])
    return said | {
        "frequency": Frequency(said["frequency"]),
        "codes": Codes(**codes),
        "rules": Rules(**rules),
        "noise": Noise(**said["noise"]),
        "earlier": tuple(said["earlier"]),
        "public": tuple(KnownTotal(**total) for total in said["public"]),
        "waivers": tuple(said["waivers"]),
        "ledger": None if said["ledger"] is None else LedgerCounts(**said["ledger"]),
    }
