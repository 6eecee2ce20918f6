"""`python -m tests.bench [NAME …] [--facts N] [--json]`; without a name, all of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tests.bench.arrow import arrow
from tests.bench.dashboards import dashboards
from tests.bench.disclosure import disclosure, releases
from tests.bench.latency import latency, restart
from tests.bench.loader import loader
from tests.bench.measure import Outcome, machine
from tests.bench.memory import memory
from tests.bench.outbox import outbox
from tests.bench.rollup_inserts import rollup_inserts
from tests.bench.rollups import rollups
from tests.bench.router import router, router_year
from tests.bench.whole_way import whole_way
from tests.bench.workers import router_workers

BENCHES: dict[str, Callable[[], Outcome]] = {
    "router": router,
    "router-year": router_year,
    "router-workers": router_workers,
    "loader": loader,
    "outbox": outbox,
    "whole-way": whole_way,
    "latency": latency,
    "memory": memory,
    "restart": restart,
    "disclosure": disclosure,
    "releases": releases,
}
OF_FACTS: dict[str, Callable[..., Outcome]] = {
    "dashboards": dashboards,
    "rollups": rollups,
    "rollup-inserts": rollup_inserts,
    "arrow": arrow,
}
"""Those that take how many facts, and have a number of their own."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    known = (*BENCHES, *OF_FACTS)
    parser.add_argument("names", nargs="*", choices=[*known, []], help="which; all by default")
    parser.add_argument("--facts", type=int, help=f"how many; {', '.join(OF_FACTS)} take it")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args()
    if given.facts is not None and given.facts < 1:
        parser.error("--facts is at least 1")
    outcomes = []
    sized = {} if given.facts is None else {"facts": given.facts}
    for name in given.names or known:
        outcome = BENCHES[name]() if name in BENCHES else OF_FACTS[name](**sized)
        outcomes.append(outcome)
        if given.json:
            print(json.dumps(outcome.as_dict()), flush=True)
    if not given.json:
        Console().print(_table(outcomes))


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(title=", ".join(f"{name} {value}" for name, value in machine().items()))
    for column in ("bench", "rate", "unit", "baseline", "its rate", "ratio", "required", "told"):
        table.add_column(column)
    for o in outcomes:
        told = ", ".join(f"{name} {value}" for name, value in o.told.items())
        table.add_row(
            o.bench, str(o.rate), o.unit, o.baseline, str(o.baseline_rate), str(o.ratio),
            str(o.required), told,
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
