"""What a release takes from people and from Kafka: waivers, public figures, the ledger's sums."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from deploy.accounts import newest_entries
from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.topics import SOURCE_REGIONS, ledger_topic
from sinks.statistics.manifest import KnownTotal, LedgerCounts
from stream_apps.engine import read_topics

__all__ = ["ledger_counts", "read_public_totals", "read_waivers"]


class _PublicTotal(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    measure: str
    at: dict[str, str]
    low: Annotated[int, Field(ge=0)]
    high: Annotated[int, Field(ge=0)]
    source: str


_TOTALS = TypeAdapter(list[_PublicTotal])
_BUREAUS = TypeAdapter(list[str])


def read_public_totals(path: Path) -> tuple[KnownTotal, ...]:
    """Figures that others published of what we count.

    The file is a YAML list of mappings: measure, at (dimension and code), low, high, source.

    Raises:
        ConfigurationError: the file can't be used.
    """
    return tuple(KnownTotal(**total.model_dump()) for total in _read(path, _TOTALS))


def read_waivers(path: Path, reference: Reference) -> tuple[str, ...]:
    """Bureaus that waived confidentiality in writing: a YAML list of their codes.

    Raises:
        ConfigurationError: the file can't be used, or names what is no member.
    """
    bureaus = _read(path, _BUREAUS)
    unknown = sorted(set(bureaus) - reference.members.keys())
    if unknown:
        raise ConfigurationError(
            f"{path} names {', '.join(unknown)}: members are two capital letters each",
            code="bad-waivers",
        )
    return tuple(sorted(set(bureaus)))


def _read(path: Path, form: TypeAdapter[Any]) -> Any:
    try:
        return form.validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} can't be used ({error}): see `liaison release create --help`",
            code="bad-release-file",
        ) from error


def ledger_counts(kafka: KafkaConnection, ids: SchemaIds) -> LedgerCounts:
    """All accounts together, as the ledger has them now."""
    topics = [ledger_topic(region) for region in SOURCE_REGIONS]
    entries = newest_entries(read_topics(kafka, topics, SystemClock()), ids)
    return LedgerCounts(
        sum(entry["high"] for entry in entries),
        sum(entry["rejected"] + entry["quarantined"] for entry in entries),
        sum(gap["last"] - gap["first"] + 1 for entry in entries for gap in entry["missing"]),
    )
