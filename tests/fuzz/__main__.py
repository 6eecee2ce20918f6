"""`python -m tests.fuzz`: run hostile input, or one kept case again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tests.fuzz.runner import replay
from tests.fuzz.shards import quiet, run_sharded
from tests.fuzz.targets import SHARES, TARGETS

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Exit with 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="inputs over all targets")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same cases")
    parser.add_argument("--first", type=int, default=0, help="begin with this case of a target")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="side by side; default: cores"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run a kept case again")
    given = parser.parse_args(arguments)
    quiet()
    if given.replay is not None:
        problem = replay(given.replay, TARGETS)
        print(problem or "it does no harm any more")
        return 1 if problem else 0
    chosen = given.target or list(SHARES)
    whole = sum(SHARES[name] for name in chosen)
    counts = {name: max(1, given.count * SHARES[name] // whole) for name in chosen}
    reports = []
    for report in run_sharded(counts, given.seed, first=given.first, processes=given.processes):
        reports.append(report.as_dict())
        if not given.json:
            print(_line(reports[-1]), flush=True)
    crashes = sum(report["crashes"] for report in reports)
    total = {
        "inputs": sum(report["inputs"] for report in reports),
        "crashes": crashes,
        "slowest_s": max(report["slowest_s"] for report in reports),
        "peak_mb": max(report["peak_mb"] for report in reports),
        "seed": given.seed,
        "targets": reports,
    }
    if given.json:
        print(json.dumps(total, indent=1))
    else:
        print(f"{total['inputs']} inputs, {crashes} findings")
    return 1 if crashes else 0


def _line(report: dict[str, object]) -> str:
    return (
        f"{report['target']}: {report['inputs']} inputs, {report['crashes']} findings, "
        f"slowest {report['slowest_s']} s, peak {report['peak_mb']} MB, {report['codes']}"
    )


if __name__ == "__main__":
    sys.exit(main())
