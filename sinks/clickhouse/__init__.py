"""Facts in ClickHouse: the schema's migrations, the loader, and the labels that SQL needs."""

from sinks.clickhouse.landing import BlockLander
from sinks.clickhouse.loader import Loader, LoaderSettings
from sinks.clickhouse.metrics import LoaderMetrics
from sinks.clickhouse.migrate import load_migrations, migrate
from sinks.clickhouse.reference import load_reference
from sinks.clickhouse.refusals import BLOCK_REFUSED
from sinks.clickhouse.roles import check_own_rights, provision_roles

__all__ = [
    "BLOCK_REFUSED",
    "BlockLander",
    "Loader",
    "LoaderMetrics",
    "LoaderSettings",
    "check_own_rights",
    "load_migrations",
    "load_reference",
    "migrate",
    "provision_roles",
]
