"""`liaison run router`: one lane's router on the exactly-once loop.

Messages commit at once; searches every 5 s or 20,000 records, since folding pays and nobody waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from schemas.catalogue import Catalogue
from schemas.connections import KafkaConnection, RegistryConnection
from schemas.reference import Reference
from schemas.registry import fetch_schema_ids
from schemas.topics import SOURCE_REGIONS, source_topic
from stream_apps.engine import LoopSettings, TransactionalLoop
from stream_apps.router.router import Router

__all__ = ["router_group", "router_settings", "run_router"]


def router_group(lane: str) -> str:
    return f"liaison-router-{lane}"


def router_settings(lane: str, worker: str) -> LoopSettings:
    """How a lane is read and committed."""
    topics = tuple(source_topic(region, lane) for region in SOURCE_REGIONS)
    group = router_group(lane)
    if lane == "search":
        return LoopSettings(
            group, f"{group}-{worker}", topics, max_batch_records=20_000, linger_s=5.0
        )
    return LoopSettings(group, f"{group}-{worker}", topics, max_batch_records=5_000, linger_s=0.02)


def run_router(
    kafka: KafkaConnection,
    registry: RegistryConnection,
    *,
    lane: str,
    worker: str = "0",
    stop: threading.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Route a lane until `stop` is set; `worker` names the slot, stable over restarts.

    `ready` is called whenever partitions have been taken over.
    """
    catalogue = Catalogue.load()
    router = Router(
        lane=lane,
        reference=Reference.load(),
        catalogue=catalogue,
        ids=fetch_schema_ids(registry, catalogue),
    )
    TransactionalLoop(kafka, router, router_settings(lane, worker)).run(stop, ready)
