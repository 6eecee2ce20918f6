"""Codes and labels into ClickHouse, so that SQL can name what it counts in four languages.

Codes that leave the reference data stay: old facts carry them. Loading twice changes nothing that
a reader sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from schemas.clock import Clock, SystemClock
from schemas.reference import LANGUAGES, Labels, Reference
from sinks.statistics.codes import labelled_codes

__all__ = ["load_reference"]

_DICTIONARIES = {
    "regions": "region",
    "members": "member",
    "categories": "category",
    "kinds": "kind",
    "operations": "operation",
    "measures": "measure",
    "units": "unit",
    "databases": "database",
    "offences": "offence",
    "urgencies": "urgency",
}


def load_reference(client: Client, reference: Reference, clock: Clock | None = None) -> None:
    """Fill every `ref.*` table and reload its dictionary."""
    now_ms = (clock or SystemClock()).now_ms()
    loaded_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)
    for table, labels in _lists(reference).items():
        client.insert(
            f"ref.{table}",
            [
                [code, *(names.get(language, "") for language in LANGUAGES)]
                + [reference.version, loaded_at]
                for code, names in labels.items()
            ],
            ["code", *LANGUAGES, "reference_version", "loaded_at"],
        )
        client.command(f"SYSTEM RELOAD DICTIONARY ref.{_DICTIONARIES[table]}_labels")
    client.insert(
        "ref.statistical_codes",
        [[*code, reference.version, loaded_at] for code in labelled_codes(reference)],
    )
    client.command("SYSTEM RELOAD DICTIONARY ref.code_labels")
    client.insert(
        "ref.member_regions",
        [
            [code, period.region, period.valid_from, period.valid_until]
            + [reference.version, loaded_at]
            for code, member in reference.members.items()
            for period in member.periods
        ],
        ["code", "region", "valid_from", "valid_until", "reference_version", "loaded_at"],
    )


def _lists(reference: Reference) -> Mapping[str, Mapping[str, Labels]]:
    secretariat = reference.general_secretariat
    return {
        "regions": dict(reference.region_labels),
        "members": {code: member.names for code, member in reference.members.items()}
        | {secretariat.code: secretariat.labels},
        "categories": _labels(reference.categories.items()),
        "kinds": _labels(reference.kinds.items()),
        "operations": _labels(reference.operations.items()),
        "measures": _labels(reference.measures.items()),
        "units": _labels(reference.units.items()),
        "databases": _labels(reference.databases.items()),
        "offences": _labels(reference.iccs.items()),
        "urgencies": _labels(reference.urgencies.items()),
    }


def _labels(items: Iterable[tuple[str, object]]) -> dict[str, Labels]:
    return {code: item.labels for code, item in items}  # type: ignore[attr-defined]
