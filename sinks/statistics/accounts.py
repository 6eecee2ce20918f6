"""The auditor's account of a release: true cells, what is secret, proofs, changes, losses."""

from __future__ import annotations

from collections.abc import Iterator

from sinks.statistics.disclosure import (
    DESKS,
    CellId,
    Release,
    System,
    sensitive_change,
)
from sinks.statistics.implied import EVENTS, MEASURED
from sinks.statistics.making import Made
from sinks.statistics.rows import published_state

__all__ = ["Account", "audit_rows"]

Account = list[list[object]]
"""Rows, in the order of their table's columns."""


def audit_rows(made: Made) -> dict[str, Account]:
    """Table of `audit` and the rows of this release."""
    number, release = made.manifest.number, made.release
    system = System(release.tables, release.dimensions, release.vintages, release.public)
    return {
        "cells": list(_cells(made)),
        "secrets": [[number, *row] for row in _secrets(made, system)],
        "parts": [[number, *row] for row in _parts(made)],
        "proofs": [[number, *row] for row in _proofs(made)],
        "changes": [[number, *row] for row in _changes(release, system)],
        "losses": list(_losses(made)),
        "merges": [
            [number, index, done.dimension, list(done.codes), done.into]
            for index, done in enumerate(made.merges)
        ],
    }  # fmt: skip


def _named(cell: CellId) -> tuple[str, list[tuple[str, str]], str]:
    return cell.measure, list(cell.at), published_state(cell.state)


def _proofs(made: Made) -> Iterator[list[object]]:
    """Every other table once, with all that it proves."""
    proves: dict[frozenset[tuple[CellId, int]], list[tuple[object, ...]]] = {}
    for proof in made.protection.proofs:
        said = (*_named(proof.cell), proof.upward, proof.bar, proof.reader or "")
        proves.setdefault(frozenset(proof.table.items()), []).append(said)
    for index, (table, targets) in enumerate(proves.items()):
        others = [(*_named(cell), value) for cell, value in sorted(table)]
        yield [index, others, targets]


def _cells(made: Made) -> Iterator[list[object]]:
    release, protection = made.release, made.protection
    hidden = protection.hidden
    for table in release.tables:
        for cell in table.cells:
            cell_id = table.id_of(cell, release.dimensions)
            low, high = protection.widths.get(cell_id, (cell.value, cell.value))
            reasons = sorted(reason.value for reason in protection.primary.get(cell_id, ()))
            yield [
                made.manifest.number, table.name, table.measure, list(cell.codes), cell.state,
                cell.value, dict(cell.contributions), dict(cell.restricted), cell.read,
                list(cell.shows or ()), cell_id in hidden, reasons, low, high,
            ]  # fmt: skip


def _secrets(made: Made, system: System) -> Iterator[list[object]]:
    """Every figure that is hidden, here or in an earlier release, and who knows what of it."""
    release, protection = made.release, made.protection
    hidden = protection.hidden.union(*(vintage.hidden for vintage in release.vintages))
    guarded = frozenset(protection.primary).union(
        *(vintage.sensitive for vintage in release.vintages)
    )
    parts: dict[int, dict[str, int]] = {}
    for reader, known in system.known_parts.items():
        for number, part in known.items():
            parts.setdefault(number, {})[reader] = part
    for cell in sorted(hidden):
        number = system.index[cell]
        value = system.values[number]
        bars = (
            [release.rules.lower_bar(value), release.rules.upper_bar(value)]
            if cell in guarded
            else []
        )
        yield [*_named(cell), value, bars, parts.get(number, {})]


def _parts(made: Made) -> Iterator[list[object]]:
    """What readers know of figures that say something of events, though they are shown.

    These are offences, the events of their places, and what is measured.
    """
    release, datasets = made.release, made.manifest.published_datasets()
    found = {
        table.id_of(cell, release.dimensions): cell
        for table in made.perturbed
        for cell in table.cells
    }
    places = {(cell_id.at, cell_id.state) for cell_id in found}
    for table in release.tables:
        is_measured = datasets[table.name].source in MEASURED
        for cell in table.cells:
            cell_id = table.id_of(cell, release.dimensions)
            is_event = table.measure == EVENTS and (cell_id.at, cell_id.state) in places
            if is_event or (is_measured and cell.value):
                found[cell_id] = cell
    for cell_id, cell in sorted(found.items()):
        known = {bureau: part for bureau, part in cell.contributions.items() if part > 0}
        if cell.read:
            known[DESKS] = cell.read
        if known:
            yield [*_named(cell_id), known]


def _changes(release: Release, system: System) -> Iterator[list[object]]:
    for change in release.changes:
        found = system.cells.get(change.cell)
        if found is not None:
            sensitive = sensitive_change(
                change.cell, change.gross, change.contributions, found[1], release.rules
            )
            yield [
                int(change.since), change.cell.measure, list(change.cell.at), change.gross,
                dict(change.contributions), sensitive,
            ]  # fmt: skip


def _losses(made: Made) -> Iterator[list[object]]:
    release, protection = made.release, made.protection
    for loss, table in zip(made.losses, release.tables, strict=True):
        sensitive = sum(
            table.id_of(cell, release.dimensions) in protection.primary for cell in table.cells
        )
        yield [
            made.manifest.number, loss.table, loss.nonzero, loss.hidden, loss.hidden_zeros,
            sensitive, loss.by_whole_rows, loss.value, loss.hidden_value,
        ]  # fmt: skip
