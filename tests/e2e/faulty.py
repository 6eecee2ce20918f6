"""Real workers that die, or are old, at one exact step: `python -m tests.e2e.faulty STEP DATA_DIR`.

The code between the steps is the product's own; only the step itself sends SIGKILL to its own
process, which no handler sees.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.connections import find_connections
from deploy.handover import open_handover
from deploy.settings import Settings
from schemas.catalogue import Catalogue
from schemas.models import Arrest
from schemas.reference import Reference
from schemas.registry import SchemaIds, fetch_schema_ids
from sinks.clickhouse import Loader
from sinks.clickhouse.landing import BlockLander
from stream_apps.engine import TransactionalLoop
from stream_apps.engine.transactions import Transactions
from stream_apps.router.router import Router
from stream_apps.router.worker import router_settings, run_router


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def router_between_produce_and_commit(settings: Settings) -> None:
    """Everything of the first transaction is in the log, its commit never comes."""
    at = find_connections(settings)

    def flush_and_die(transactions: Any) -> None:
        transactions._producer.flush(10)
        die()

    setattr(Transactions, "_commit", flush_and_die)  # noqa: B010 - typed as another method
    run_router(at.kafka, at.registry, lane="message", worker="faulty", stop=threading.Event())


def loader_between_insert_and_mark(settings: Settings) -> None:
    """The block's rows are in, the mark and the offset are not."""
    at = find_connections(settings)
    setattr(BlockLander, "_move_mark", die)  # noqa: B010 - typed as another method
    Loader(at.kafka, at.clickhouse_as("loader")).run(threading.Event())


def publisher_between_outbox_and_broker(settings: Settings) -> None:
    """Receipts are given, the broker has nothing yet."""
    at = find_connections(settings)
    ids = fetch_schema_ids(at.registry, Catalogue.load())
    path = settings.data_dir / "outbox" / "killed.outbox"
    with open_handover(path, at.kafka, ids) as handover:
        handover.sender.stop(_at_once())
        publisher = handover.publisher("NO", "killed")
        receipts = publisher.publish_many(
            [Arrest(category="fugitives", case_ref=f"killed-{n}") for n in range(50)]
        )
        print(receipts[-1].sequence, flush=True)
        die()


def router_that_does_not_know_reports(settings: Settings) -> None:
    """A router of before a kind was added: quarantines it as `unknown-schema`."""
    at = find_connections(settings)
    catalogue = Catalogue.load()
    known = fetch_schema_ids(at.registry, catalogue)
    ids = SchemaIds({schema: known.id_of(schema) for schema in catalogue})
    ids.by_id = {n: s for n, s in ids.by_id.items() if s.name != "liaison.events.Report"}
    router = Router(lane="message", reference=Reference.load(), catalogue=catalogue, ids=ids)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    TransactionalLoop(at.kafka, router, router_settings("message", "old")).run(stop)


def _at_once() -> Any:
    from schemas.clock import Deadline, SystemClock

    return Deadline.after(SystemClock(), 1.0)


STEPS: dict[str, Callable[[Settings], None]] = {
    step.__name__: step
    for step in (
        router_between_produce_and_commit,
        loader_between_insert_and_mark,
        publisher_between_outbox_and_broker,
        router_that_does_not_know_reports,
    )
}

if __name__ == "__main__":
    STEPS[sys.argv[1]](Settings(data_dir=Path(sys.argv[2])))
