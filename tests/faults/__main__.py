"""`python -m tests.faults --faults 1000 --seed 1 --report FILE`: 0 if nothing is wrong."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from tests.faults.soak import soak, table, write


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the schedule and the traffic")
    parser.add_argument("--rate", type=float, default=30.0, help="events a second handed over")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="strike no longer than this"
    )
    parser.add_argument("--report", type=Path, help="write the report here too, as JSON")
    parser.add_argument("--keep", type=Path, help="a new folder for all data and logs, kept")
    given = parser.parse_args()
    report = soak(
        given.faults, given.seed, events_per_s=given.rate, minutes=given.minutes, keep=given.keep
    )
    if given.report is not None:
        write(report, given.report)
    print(json.dumps(report, indent=2))
    print(table(report), file=sys.stderr)
    wrong = ("lost", "doubled", "misrouted", "miscounted")
    return int(any(report[name] for name in wrong) or bool(report["down"]))


if __name__ == "__main__":
    sys.exit(main())
