"""`liaison run cutter`: the cutter on the exactly-once loop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from schemas.catalogue import Catalogue
from schemas.connections import KafkaConnection, RegistryConnection
from schemas.registry import fetch_schema_ids
from schemas.topics import FACTS
from stream_apps.cutter.cutter import Cutter
from stream_apps.engine import LoopSettings, TransactionalLoop

__all__ = ["CUTTER_GROUP", "run_cutter"]

CUTTER_GROUP = "liaison-cutter"


def run_cutter(
    kafka: KafkaConnection,
    registry: RegistryConnection,
    *,
    worker: str = "0",
    stop: threading.Event,
    ready: Callable[[], None] = lambda: None,
    cut_interval_s: float = 0.5,
) -> None:
    """Cut blocks until `stop` is set; `worker` names the slot, stable over restarts.

    `ready` is called whenever partitions have been taken over.
    """
    catalogue = Catalogue.load()
    cutter = Cutter(catalogue=catalogue, ids=fetch_schema_ids(registry, catalogue))
    settings = LoopSettings(
        group_id=CUTTER_GROUP,
        transactional_id=f"{CUTTER_GROUP}-{worker}",
        topics=(FACTS,),
        max_batch_records=2000,
        linger_s=cut_interval_s,
    )
    TransactionalLoop(kafka, cutter, settings).run(stop, ready)
