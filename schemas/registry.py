"""Schema ids: told to the registry by `liaison provision`, only looked up at run time.

Subjects follow RecordNameStrategy: a subject is a record's full name. Every subject is
FULL_TRANSITIVE, which the compatibility gate in the tests checks before, and more strictly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.catalogue import Catalogue, Schema
from schemas.connections import RegistryConnection
from schemas.errors import ConfigurationError, RetryableError

__all__ = ["COMPATIBILITY", "SchemaIds", "fetch_schema_ids", "register_schemas"]

COMPATIBILITY = "FULL_TRANSITIVE"
_WORKERS = 8
_NOT_FOUND = 404


class SchemaIds:
    """Both ways between a registry's numbers and the catalogue's schemas."""

    def __init__(self, numbers: Mapping[Schema, int]) -> None:
        self._id_of = dict(numbers)
        self.by_id: Mapping[int, Schema] = MappingProxyType({n: s for s, n in numbers.items()})

    @classmethod
    def numbered(cls, catalogue: Catalogue) -> SchemaIds:
        """Ids 1, 2, 3 … for work without a registry (a driver, a test)."""
        return cls({schema: number for number, schema in enumerate(catalogue, start=1)})

    def id_of(self, schema: Schema) -> int:
        return self._id_of[schema]

    def __iter__(self) -> Iterator[int]:
        return iter(self.by_id)


def register_schemas(connection: RegistryConnection, catalogue: Catalogue) -> SchemaIds:
    """Tell the registry of every schema, oldest version first; what it knows already keeps its id.

    Raises:
        ConfigurationError: the registry holds something incompatible.
        RetryableError: the registry cannot be reached.
    """

    def register(schemas: list[Schema]) -> list[tuple[Schema, int]]:
        out = []
        for schema in schemas:
            number = _call(connection, client.register_schema, schema.name, _registered(schema))
            out.append((schema, int(number)))
        _call(connection, client.set_compatibility, schemas[0].name, COMPATIBILITY)
        return out

    by_subject: dict[str, list[Schema]] = {}
    for schema in catalogue:
        by_subject.setdefault(schema.name, []).append(schema)
    with _client(connection) as client, ThreadPoolExecutor(_WORKERS) as pool:
        pairs = [pair for batch in pool.map(register, by_subject.values()) for pair in batch]
    return SchemaIds(dict(pairs))


def fetch_schema_ids(connection: RegistryConnection, catalogue: Catalogue) -> SchemaIds:
    """Look up the id of every schema.

    Raises:
        ConfigurationError: the registry does not know one of them.
        RetryableError: the registry cannot be reached.
    """

    def look_up(schema: Schema) -> tuple[Schema, int]:
        found = _call(connection, client.lookup_schema, schema.name, _registered(schema))
        return schema, int(found.schema_id)

    with _client(connection) as client, ThreadPoolExecutor(_WORKERS) as pool:
        return SchemaIds(dict(pool.map(look_up, catalogue)))


def _client(connection: RegistryConnection) -> SchemaRegistryClient:
    """One for all threads: making a client costs more than asking."""
    return SchemaRegistryClient({"url": connection.url, "timeout": 20})


def _registered(schema: Schema) -> RegisteredSchema:
    return RegisteredSchema(schema.text, "AVRO")


def _call(connection: RegistryConnection, call, *arguments):  # type: ignore[no-untyped-def]
    try:
        return call(*arguments)
    except SchemaRegistryError as error:
        if error.http_status_code == _NOT_FOUND:
            raise ConfigurationError(
                f"the registry at {connection.url} does not know schema {arguments[0]}: "
                "run `liaison provision`"
            ) from error
        if error.http_status_code < 500:
            raise ConfigurationError(
                f"the registry at {connection.url} refused schema {arguments[0]}: {error}"
            ) from error
        raise RetryableError(f"the registry at {connection.url} failed: {error}") from error
    except OSError as error:
        raise RetryableError(
            f"the registry at {connection.url} cannot be reached ({error}): is it running?"
        ) from error
