"""The published tables as SQL, from the datasets' declarations.

`pub.<dataset>_vintages` is a physical table with every release; `pub.<dataset>` picks the newest
one that was not withdrawn out of it, so one row in `pub.releases` makes all of a release current at
once. It computes nothing and reads nothing that a statistician may not read anyway.
"""

from __future__ import annotations

from sinks.statistics.dataset import TIME, Dataset

__all__ = ["columns_of", "current_sql", "vintages_sql"]

_CURRENT = (
    "(SELECT max(release) FROM pub.releases "
    "WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))"
)
_DIMENSIONS = {
    TIME: "Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC",
    "region": "Region of the respondent bureau, or total for the world; other-regions if merged",
    "kind": "Kind of event, or total; a group of kinds if merged",
    "category": "Primary threat category, or total",
    "offence": "ICCS section (2 digits) or division (4 digits), or total",
    "database": "Database that was searched, or total",
    "result": "hit, no-hit or total",
    "reason": "Reason of the recall, or total",
    "operation": "Operation",
    "measure": "Code of what was measured; never add across measures",
    "statistic": "median or p90 (90th percentile)",
    "indicator": "What is told",
}


def columns_of(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Name, type and comment of each column, in order."""
    value = f"Nullable(Decimal(18, {dataset.decimals}))" if dataset.decimals else "Nullable(Int64)"
    return [
        *((name, "LowCardinality(String)", _DIMENSIONS[name]) for name in dataset.dimensions),
        ("obs_value", value, "The figure; null where it is hidden, not reported or not applicable"),
        ("unit_measure", "LowCardinality(String)", "Unit, by ref.code_labels"),
        (
            "obs_status",
            "LowCardinality(String)",
            "A normal, B break in the series, P provisional, Q hidden, O not reported, M not "
            "applicable; B goes before Q, Q before P",
        ),
        ("conf_status", "LowCardinality(String)", "F free, C confidential"),
        (
            "cut_off",
            "LowCardinality(String)",
            "Facts recorded before it are counted; of several the newest, and a sum of them all",
        ),
        ("release", "UInt32", "Number of the release"),
    ]


def vintages_sql(dataset: Dataset) -> str:
    """The physical table."""
    return (
        f"CREATE TABLE IF NOT EXISTS pub.{dataset.name}_vintages\n({_columns(dataset)}\n)\n"
        "ENGINE = MergeTree\nPARTITION BY release\n"
        f"ORDER BY ({', '.join((*dataset.dimensions, 'release'))})\n"
        f"COMMENT '{_quoted(dataset.title['en'])}: every release'"
    )


def current_sql(dataset: Dataset) -> str:
    """The newest release of it."""
    names = ", ".join(name for name, _, _ in columns_of(dataset))
    return (
        f"CREATE VIEW IF NOT EXISTS pub.{dataset.name}\n({_columns(dataset)}\n) AS\n"
        f"SELECT {names}\nFROM pub.{dataset.name}_vintages\nWHERE release = {_CURRENT}\n"
        f"COMMENT '{_quoted(dataset.title['en'])}: the newest release'"
    )


def _columns(dataset: Dataset) -> str:
    return ",".join(
        f"\n    {name} {kind} COMMENT '{_quoted(comment)}'"
        for name, kind, comment in columns_of(dataset)
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
