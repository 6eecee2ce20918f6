"""Protection and attack of set R with a million messages, against the half minute it may take.

Tells too how much is hidden, beside hiding whole rows. All of it runs in one process and thread.
"""

from __future__ import annotations

import time

from deploy.attacker import judge, read_figures
from sinks.statistics.disclosure import Release, System, check_proofs, losses, protect
from tests.bench.measure import Outcome
from tests.bench.message_world import DIMENSIONS, set_r
from tests.unit.sinks.statistics.publishing import published, secrets_of, structure_of

__all__ = ["disclosure"]

_ALLOWED_S = 30.0
_MESSAGES = 1_000_000
_MOST_CELLS_PERCENT = 20
_MOST_EVENTS_PERCENT = 1


def disclosure() -> Outcome:
    """Set R, once; raises :class:`AssertionError` if it leaks or hides too much."""
    release = Release(DIMENSIONS, set_r(_MESSAGES))
    started = time.perf_counter()
    protection = protect(release)
    protected = time.perf_counter()
    structure = structure_of(release.tables, DIMENSIONS)
    rows = published(release.tables, DIMENSIONS, protection.hidden)
    secrets = secrets_of(release, protection)
    handed_over = time.perf_counter()
    leaks = judge(read_figures(rows, structure), structure, secrets)
    attacked = time.perf_counter()
    system = System(release.tables, DIMENSIONS)
    assert not protection.unprotected
    assert check_proofs(protection.proofs, system, protection.hidden) == ()
    assert leaks == []

    nonzero = [cell_id for cell_id, (cell, _) in system.cells.items() if cell.value]
    hidden = sum(cell_id in protection.hidden for cell_id in nonzero)
    by_table = losses(release.tables, DIMENSIONS, protection)
    assert 100 * hidden <= _MOST_CELLS_PERCENT * len(nonzero)
    assert all(loss.value_percent <= _MOST_EVENTS_PERCENT for loss in by_table)
    assert sum(loss.hidden for loss in by_table) < sum(loss.by_whole_rows for loss in by_table)
    cells = len(system.cells)
    took = protected - started + attacked - handed_over
    return Outcome(
        "disclosure", "cells/s", round(cells / took), "half a minute", round(cells / _ALLOWED_S),
        round(_ALLOWED_S / took, 2), 1.0,
        {
            "cells": cells,
            "primary": len(protection.primary),
            "secondary": len(protection.secondary),
            "hidden_percent": round(100 * hidden / len(nonzero), 1),
            "hidden_by_table": [loss.hidden for loss in by_table],
            "by_whole_rows": [loss.by_whole_rows for loss in by_table],
            "programs": protection.programs,
            "fractional": protection.fractional,
            "proofs": len(protection.proofs),
            "protect_s": round(protected - started, 1),
            "attack_s": round(attacked - handed_over, 1),
        },
    )  # fmt: skip
