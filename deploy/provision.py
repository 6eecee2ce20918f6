"""`liaison provision`: everything that workers find and never make themselves.

Topics, schemas in the registry, first positions of the workers' groups (they refuse to guess one:
auto.offset.reset=error), rights, ClickHouse's schema, labels and roles. Invariants: it may be run
at any time and again; what is there is compared, not altered; `is_as_declared` is false while
anything differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from deploy.access import acls, product_topics
from deploy.cluster import Cluster
from deploy.positions import set_first_positions
from schemas.catalogue import Catalogue
from schemas.clock import Clock, SystemClock
from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.reference import Reference
from schemas.registry import register_schemas
from schemas.topics import FACTS, LANES, SOURCE_REGIONS, Topic, source_topic
from sinks.clickhouse import load_reference, migrate, provision_roles
from stream_apps.cutter.worker import CUTTER_GROUP
from stream_apps.router.worker import router_group

__all__ = ["ProvisionOptions", "ProvisionReport", "acls", "group_topics", "provision"]

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class ProvisionOptions:
    """What depends on the cluster and not on the declarations."""

    replicas: int = 1
    min_insync: int = 1
    with_acls: bool = False


@dataclass(frozen=True, slots=True)
class ProvisionReport:
    """What was done, and what is not as declared."""

    topics_created: tuple[str, ...]
    topics_existing: int
    schemas: int
    positions_set: int
    migrations: tuple[str, ...]
    acls: int
    differences: tuple[str, ...]

    @property
    def is_as_declared(self) -> bool:
        return not self.differences


def provision(
    kafka: KafkaConnection,
    registry: RegistryConnection,
    reference: Reference,
    clickhouse: ClickHouseConnection | None,
    *,
    options: ProvisionOptions | None = None,
    clock: Clock | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> ProvisionReport:
    """Make what is missing; without `clickhouse`, its schema is left to another run.

    Raises:
        ConfigurationError: something there contradicts the declarations, or may not be made.
        RetryableError: a server can't be reached, or a group without positions is active.
    """
    options = options or ProvisionOptions()
    clock = clock or SystemClock()
    cluster = Cluster(kafka, replicas=options.replicas, min_insync=options.min_insync)
    declared = product_topics(reference)
    there = cluster.partitions()
    missing = [topic for topic in declared if topic.name not in there]
    existing = [topic for topic in declared if topic.name in there]
    cluster.create_topics(missing, lambda done, total: progress("topics", done, total))
    differences = cluster.differences(existing, there)

    catalogue = Catalogue.load()
    total = len(list(catalogue))
    progress("schemas", 0, total)
    register_schemas(registry, catalogue)
    progress("schemas", total, total)

    groups = group_topics(declared)
    positions = sum(
        set_first_positions(kafka, name, topics, clock) for name, topics in groups.items()
    )
    progress("positions", len(groups), len(groups))

    granted = 0
    if options.with_acls:
        bindings = acls(reference, clock.now_ms())
        cluster.grant(bindings)
        differences += cluster.undeclared_rights(bindings)
        granted = len(bindings)
        progress("acls", granted, granted)

    migrations: tuple[str, ...] = ()
    if clickhouse is not None:
        progress("clickhouse", 0, 3)
        client = clickhouse.client()
        try:
            migrations = migrate(client, login=_dictionary_login(client, clickhouse))
            progress("clickhouse", 1, 3)
            load_reference(client, reference, clock)
            progress("clickhouse", 2, 3)
            differences += provision_roles(client)
            progress("clickhouse", 3, 3)
        finally:
            client.close()
    return ProvisionReport(
        topics_created=tuple(topic.name for topic in missing),
        topics_existing=len(existing),
        schemas=total,
        positions_set=positions,
        migrations=migrations,
        acls=granted,
        differences=tuple(differences),
    )


def _dictionary_login(client: Client, at: ClickHouseConnection) -> tuple[str, str]:
    """Whom dictionaries read their tables as: who provisions.

    The embedded service has accounts of its own over the one user of its engine, whose dictionaries
    need no login.
    """
    user = str(client.query("SELECT currentUser()").result_rows[0][0])
    return (user, at.password) if user == at.username else ("default", "")


def group_topics(declared: tuple[Topic, ...]) -> dict[str, list[Topic]]:
    """The workers' groups and what each reads."""
    by_name = {topic.name: topic for topic in declared}
    groups = {
        router_group(lane): [by_name[source_topic(region, lane)] for region in SOURCE_REGIONS]
        for lane in LANES
    }
    groups[CUTTER_GROUP] = [by_name[FACTS]]
    return groups
