"""`liaison simulate`: a year's traffic of every bureau, at any scale, handed over as bureaus do."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.printing import note, print_json, print_table, progress_bar
from deploy.cli.session import session_of

__all__ = ["simulate"]

_MOST_DAYS = 3660.0


def simulate(
    context: typer.Context,
    messages: Annotated[int, typer.Option(min=0, help="How many messages.")] = 1000,
    searches: Annotated[int, typer.Option(min=0, help="How many searches.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic.")] = 1,
    days: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=_MOST_DAYS,
            help="The time that the traffic is spread over, until now.",
        ),
    ] = 1.0,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="Times faster than its own clock; as fast as it goes if not."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Hand over simulated traffic of all bureaus, with the faults that real traffic has.

    Repeats and unreadable records go past the outbox, as a faulty client's would.

    Example: [bold]liaison simulate --messages 5000 --searches 20000 --seed 7[/]
    """
    from datetime import UTC, datetime, timedelta

    from deploy.handover import open_handover
    from deploy.traffic import play_traffic, played_rows, simulator_outbox
    from producers.simulator import Mix, Simulator
    from schemas.clock import SystemClock
    from schemas.reference import Reference

    session = session_of(context)
    clock = SystemClock()
    reference = Reference.load()
    span = timedelta(days=days)
    start = datetime.fromtimestamp(clock.now_ms() / 1000, UTC) - span
    mix = Mix.of("year", messages, searches=searches, span=span)
    kafka = session.connections.kafka
    begin_s = clock.monotonic_s()
    with (
        progress_bar("events", messages + searches) as progress,
        open_handover(
            simulator_outbox(session), kafka, session.outbox_schema_ids(), clock
        ) as handover,
    ):
        played = play_traffic(
            Simulator(reference, seed, start, mix), handover, kafka, speed=speed, progress=progress
        )
    spent_s = clock.monotonic_s() - begin_s
    report = {
        "events": played.events,
        "records": played.records,
        "kinds": dict(played.kinds.most_common()),
        "corrections": played.corrections,
        "recalls": played.recalls,
        "repeats": played.repeats.total(),
        "unparsable": played.unparsable.total(),
        "seconds": round(spent_s, 1),
    }
    if as_json:
        print_json(report)
        return
    print_table(("handed over", "events"), played_rows(played))
    note(f"{played.records} records in {spent_s:.1f} s; `liaison ledger` shows what became of them")
