"""What the attacker reads over HTTP: published tables of every release, and the auditor's secrets.

A candidate that is not published yet is read where it is staged, in the very form in which it would
be published; everything else as a statistician reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from clickhouse_connect.driver.client import Client

from deploy.attacker.judge import ChangeId, Secret, Secrets
from deploy.attacker.limits import (
    coverage_limits,
    lag_limits,
    loss_limits,
    measure_limits,
    quality_limits,
    unseen_numbers,
)
from deploy.attacker.noise import faulty_noise_rows
from deploy.attacker.published import Figure, FigureId, Structure, TableShape, read_figures

__all__ = ["Publication", "read_publication", "read_secrets"]

_ADDITIVE = ("suppression", "rounding", "waiver", "noise")
_TOTAL = "total"
_LIMITING = {
    "coverage": ("time_period", "region", "indicator"),
    "reporting_lag": ("time_period", "region", "statistic"),
    "reporting_quality": ("time_period", "indicator"),
}
"""Tables that hold no counts, and limit them."""
_WITHIN = {"offences": "events"}
"""Events that name an offence, among all."""
_SHARES = ("declared", "keywords", "none")
_NOTHING_THERE = ("O", "M")
"""Status of what is not reported or not applicable: whoever reads that knows that it is none."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything that a statistician would see."""

    figures: tuple[Figure, ...]
    structure: Structure
    faulty_noise: tuple[int, ...]
    """Rows of a published noise table that give counts away."""


def read_publication(statistician: Client, staged: tuple[Client, int] | None = None) -> Publication:
    """All vintages in `pub`, and the candidate in `stage` with its number."""
    places = [(statistician, "pub", "")]
    if staged is not None:
        client, number = staged
        places.append((client, "stage", f"WHERE release = {number}"))
    tables: dict[str, TableShape] = {}
    parts: dict[str, dict[str, set[tuple[str, ...]]]] = {}
    rows: list[dict[str, object]] = []
    limiting: dict[str, list[dict[str, object]]] = {name: [] for name in _LIMITING}
    percents: dict[tuple[str, str], int] = {}
    faulty: set[int] = set()
    for client, database, where in places:
        shapes = _shapes(client, database, where)
        tables |= shapes
        _read_parts(client, database, where, parts)
        for name, shape in shapes.items():
            rows += _rows(client, database, where, name, shape)
        for name in _present(client, database, where) & _LIMITING.keys():
            limiting[name] += _limiting_rows(client, database, where, name)
        percents |= _percents(client, database, where, shapes)
        faulty |= _faulty_noise(client, database, where)
    dimensions = {name for shape in tables.values() for name in shape.dimensions}
    structure = Structure(
        tables,
        dict.fromkeys(dimensions, _TOTAL),
        {
            dimension: {code: tuple(sorted(ways)) for code, ways in found.items()}
            for dimension, found in parts.items()
            if dimension in dimensions
        },
        within=_WITHIN,
    )
    figures = read_figures(rows, structure)
    limits = [
        *coverage_limits(limiting["coverage"]),
        *lag_limits(limiting["reporting_lag"]),
        *quality_limits(limiting["reporting_quality"], _SHARES),
        *measure_limits(figures, structure),
    ]
    published = {figure.id for figure in figures}
    unseen = [
        _unseen(row, name)
        for name in ("coverage", "reporting_lag")
        for row in limiting[name]
        if name == "coverage" or row["obs_value"] is not None
    ]
    unseen += unseen_numbers(figures)
    figures += [figure for figure in unseen if figure.id not in published]
    limits += loss_limits(figures, structure, percents)
    structure = replace(structure, limits=tuple(limits))
    return Publication(tuple(figures), structure, tuple(sorted(faulty)))


def _unseen(row: Mapping[str, object], table: str) -> Figure:
    """The number of events of a row that says something of it; it may stand in no table."""
    at = [("time_period", str(row["time_period"])), ("region", str(row["region"]))]
    place = tuple(sorted((name, code) for name, code in at if code != _TOTAL))
    release = str(row["release"])
    return Figure(FigureId("events", place, str(row["cut_off"])), release, table, 0, None)


def _present(client: Client, database: str, where: str) -> set[str]:
    found = client.query(f"SELECT DISTINCT dataset FROM {database}.datasets {where}").result_rows
    return {name for (name,) in found}


def _limiting_rows(
    client: Client, database: str, where: str, name: str
) -> Iterable[dict[str, object]]:
    columns = (*_LIMITING[name], "obs_value", "cut_off", "release")
    found = client.query(
        f"SELECT {', '.join(columns)} FROM {database}.{name}_vintages {where} "
        f"ORDER BY release, {', '.join(_LIMITING[name])}"
    ).result_rows
    return [dict(zip(columns, values, strict=True)) for values in found]


def _percents(
    client: Client, database: str, where: str, tables: Iterable[str]
) -> dict[tuple[str, str], int]:
    """What is hidden of the value, by release and table."""
    found = client.query(
        f"SELECT release, dataset, hidden_value_percent FROM {database}.datasets {where}"
    ).result_rows
    names = set(tables)
    return {(str(number), name): int(percent) for number, name, percent in found if name in names}


def _shapes(client: Client, database: str, where: str) -> dict[str, TableShape]:
    found = client.query(
        "SELECT DISTINCT dataset, measure, dimensions, rounding, noise, protection "
        f"FROM {database}.datasets {where} ORDER BY dataset"
    ).result_rows
    return {
        name: TableShape(
            measure,
            tuple(dimensions),
            below=rounding // 2 + noise,
            above=rounding - rounding // 2 - 1 + noise,
        )
        for name, measure, dimensions, rounding, noise, protection in found
        if protection in _ADDITIVE
    }


def _read_parts(
    client: Client, database: str, where: str, into: dict[str, dict[str, set[tuple[str, ...]]]]
) -> None:
    found = client.query(
        f"SELECT dimension, code, groupArray(part) FROM (SELECT * FROM {database}.code_parts "
        f"{where} ORDER BY part) GROUP BY release, dimension, code, way"
    ).result_rows
    for dimension, code, codes in found:
        into.setdefault(dimension, {}).setdefault(code, set()).add(tuple(codes))


def _rows(
    client: Client, database: str, where: str, name: str, shape: TableShape
) -> Iterable[dict[str, object]]:
    columns = (*shape.dimensions, "obs_value", "obs_status", "cut_off", "release")
    # an older vintage is in order, so that equal publications give equal programs
    found = client.query(
        f"SELECT {', '.join(columns)} FROM {database}.{name}_vintages {where} "
        f"ORDER BY release, {', '.join(shape.dimensions)}"
    ).result_rows
    for values in found:
        row = dict(zip(columns, values, strict=True))
        if row["obs_status"] in _NOTHING_THERE:
            row["obs_value"] = 0
        yield row | {"table": name}


def _faulty_noise(client: Client, database: str, where: str) -> set[int]:
    rows = client.query(
        f"SELECT release, row, noises FROM {database}.noise_rows {where} ORDER BY release, row"
    ).result_rows
    tables: dict[int, list[list[int]]] = {}
    for release, _, noises in rows:
        tables.setdefault(release, []).append(list(noises))
    most = client.query(f"SELECT max(noise) FROM {database}.datasets {where}").result_rows[0][0]
    return {row for table in tables.values() for row in faulty_noise_rows(table, int(most))}


def read_secrets(client: Client, number: int) -> Secrets:
    """What the auditor's account of a release says must not be found out."""
    figures: dict[FigureId, Secret] = {}
    parts: dict[str, dict[FigureId, int]] = {}
    for measure, at, cut_off, value, bars, known in client.query(
        f"SELECT measure, at, cut_off, value, bars, parts FROM audit.secrets "
        f"WHERE release = {number}"
    ).result_rows:
        name = _figure(measure, at, cut_off)
        figures[name] = Secret(int(value), (int(bars[0]), int(bars[1])) if bars else None)
        for reader, part in known.items():
            parts.setdefault(reader, {})[name] = int(part)
    for measure, at, cut_off, known in client.query(
        f"SELECT measure, at, cut_off, parts FROM audit.parts WHERE release <= {number}"
    ).result_rows:
        for reader, part in known.items():
            parts.setdefault(reader, {})[_figure(measure, at, cut_off)] = int(part)
    tables = [
        {_figure(*other[:3]): other[3] for other in map(_values, others)}
        for (others,) in client.query(
            f"SELECT others FROM audit.proofs WHERE release = {number} ORDER BY number"
        ).result_rows
    ]
    changes = {
        ChangeId(measure, _place(at), str(since), str(release)): bool(sensitive)
        for release, since, measure, at, sensitive in client.query(
            "SELECT release, since, measure, at, is_sensitive FROM audit.changes "
            f"WHERE release <= {number}"
        ).result_rows
    }
    return Secrets(figures, parts, tables=tuple(tables), changes=changes)


def _values(named: Any) -> list[Any]:
    """A tuple with names comes as a mapping."""
    return list(named.values() if isinstance(named, Mapping) else named)


def _figure(measure: Any, at: Any, cut_off: Any) -> FigureId:
    return FigureId(str(measure), _place(at), str(cut_off))


def _place(at: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(code)) for name, code in at))
