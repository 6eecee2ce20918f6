"""A run of many faults, and its report."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults.faults import schedule
from tests.faults.field import Recovery, open_field

__all__ = ["soak"]


def soak(faults: int, seed: int, *, events_per_s: float = 100.0) -> dict[str, Any]:
    """Strike `faults` times, settle, verify; the report as plain values."""
    recoveries: list[Recovery] = []
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="liaison-faults-") as folder,
        open_field(Path(folder), seed=seed, events_per_s=events_per_s) as field,
    ):
        targets = field.targets()
        for fault in schedule(seed, faults, targets):
            field.strike(fault)
            recoveries.append(field.recover(fault))
            print(f"{fault.text()}, over after {recoveries[-1].seconds:.1f} s", file=sys.stderr)
        account, found, verdict = field.finish()
        down = [name for name in targets if name != "bureaus" and field.pid(name) is None]
    times = sorted(recovery.seconds for recovery in recoveries)
    return {
        "seed": seed,
        "faults": faults,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "kinds": Counter(r.fault.kind.name for r in recoveries),
        "targets": Counter(r.fault.target for r in recoveries),
        "events handed over": len(account.events),
        "copies on desks": len(found.copies),
        "recovery p50 s": round(statistics.median(times), 1) if times else None,
        "recovery p99 s": round(times[int(len(times) * 0.99)], 1) if times else None,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "misrouted": len(verdict.misrouted),
        "miscounted": len(verdict.miscounted),
        "differences": verdict.all()[:50],
        "down": down,
    }


def write(report: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(report, indent=2) + "\n")
