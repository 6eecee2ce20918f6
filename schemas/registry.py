"""Schema ids: told to the registry by `liaison provision`, only looked up at run time.

Subjects follow RecordNameStrategy: a subject is a record's full name. Every subject is
FULL_TRANSITIVE, which the compatibility gate in the tests checks before, and more strictly.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType
from typing import TypeVar

import httpx2  # what the registry's client speaks with: its errors come through
from confluent_kafka.schema_registry import Schema as RegisteredSchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.catalogue import Catalogue, Schema
from schemas.connections import RegistryConnection
from schemas.errors import ConfigurationError, RetryableError

__all__ = [
    "COMPATIBILITY",
    "SchemaIds",
    "fetch_schema_ids",
    "register_schemas",
    "registered_name",
]

_Answer = TypeVar("_Answer")

COMPATIBILITY = "FULL_TRANSITIVE"
_WORKERS = 8
_NOT_FOUND = 404
_NOT_LET_IN = (401, 403)
_REGISTER_TIMEOUT_S = 20
_LOOK_UP_TIMEOUT_S = 5
_NO_SUCH_ID = 40403
_MAX_ID = (1 << 31) - 1
_RETRY_WAIT_MS = 200
"""Three retries, each waiting up to twice as long: whoever can do without must hear of it soon."""


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
        ConfigurationError: the registry holds something incompatible, or is none.
        RetryableError: the registry cannot be reached.
    """

    def register(schemas: list[Schema]) -> list[tuple[Schema, int]]:
        out = []
        for schema in schemas:
            number = _ask(connection, schema.name, partial(_register, client, schema))
            out.append((schema, number))
        subject = schemas[0].name
        _ask(connection, subject, partial(client.set_compatibility, subject, COMPATIBILITY))
        return out

    by_subject: dict[str, list[Schema]] = {}
    for schema in catalogue:
        by_subject.setdefault(schema.name, []).append(schema)
    with (
        _client(connection, _REGISTER_TIMEOUT_S) as client,
        ThreadPoolExecutor(_WORKERS) as pool,
    ):
        pairs = [pair for batch in pool.map(register, by_subject.values()) for pair in batch]
    return SchemaIds(dict(pairs))


def fetch_schema_ids(connection: RegistryConnection, catalogue: Catalogue) -> SchemaIds:
    """Look up the id of every schema.

    Raises:
        ConfigurationError: the registry does not know one of them, or is none.
        RetryableError: the registry cannot be reached.
    """

    def look_up(schema: Schema) -> tuple[Schema, int]:
        return schema, _ask(connection, schema.name, partial(_look_up, client, schema))

    with _client(connection, _LOOK_UP_TIMEOUT_S) as client, ThreadPoolExecutor(_WORKERS) as pool:
        return SchemaIds(dict(pool.map(look_up, catalogue)))


def registered_name(connection: RegistryConnection, schema_id: int) -> str | None:
    """The full name of the schema that the registry has under this id; None if it has none.

    Raises:
        ConfigurationError: no registry answers there.
        RetryableError: the registry cannot be reached.
    """
    if schema_id > _MAX_ID:
        return None

    def look_up() -> str | None:
        try:
            text = client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            if error.error_code == _NO_SUCH_ID:
                return None
            raise
        record = json.loads(text or "")
        return ".".join(filter(None, (record.get("namespace"), record["name"])))

    with _client(connection, _LOOK_UP_TIMEOUT_S) as client:
        return _ask(connection, f"id {schema_id}", look_up)


def _client(connection: RegistryConnection, timeout_s: int) -> SchemaRegistryClient:
    """One for all threads: making a client costs more than asking."""
    try:
        return SchemaRegistryClient(
            connection.client_config(timeout=timeout_s, retries_wait_ms=_RETRY_WAIT_MS)
        )
    except ValueError as error:
        raise _no_registry(connection, error) from error


def _register(client: SchemaRegistryClient, schema: Schema) -> int:
    return int(client.register_schema(schema.name, RegisteredSchema(schema.text, "AVRO")))


def _look_up(client: SchemaRegistryClient, schema: Schema) -> int:
    found = client.lookup_schema(schema.name, RegisteredSchema(schema.text, "AVRO"))
    return int(found.schema_id)  # type: ignore[arg-type]  # a foreign answer has none


def _ask(connection: RegistryConnection, name: str, ask: Callable[[], _Answer]) -> _Answer:
    """The registry's answer about the schema of that name."""
    try:
        return ask()
    except SchemaRegistryError as error:
        if error.http_status_code >= 500:
            raise RetryableError(
                f"the registry at {connection.url} failed: {error}", code="registry-away"
            ) from error
        if error.http_status_code in _NOT_LET_IN:
            who = "without a login" if connection.username is None else f"{connection.username!r}"
            raise ConfigurationError(
                f"the registry at {connection.url} does not let us in ({who}; HTTP "
                f"{error.http_status_code}): correct registry.username and registry.password, or "
                "grant the rights",
                code="registry-rights",
            ) from error
        if error.error_code == SchemaRegistryError.UNKNOWN:
            raise _no_registry(connection, error) from error
        if error.http_status_code == _NOT_FOUND:
            raise ConfigurationError(
                f"the registry at {connection.url} does not know schema {name}: "
                "run `liaison provision`"
            ) from error
        raise ConfigurationError(
            f"the registry at {connection.url} refused schema {name}: {error}"
        ) from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, ValueError, TypeError) as error:
        raise _no_registry(connection, error) from error
    except httpx2.HTTPError as error:
        if _is_untrusted(error):
            raise ConfigurationError(
                f"the certificate of the registry at {connection.url} is not trusted ({error}): "
                "name the PEM file of the authority that signed it in registry.ca_file",
                code="registry-certificate",
            ) from error
        raise RetryableError(
            f"the registry at {connection.url} cannot be reached ({error}): is it running?",
            code="registry-away",
        ) from error


def _is_untrusted(error: BaseException) -> bool:
    """Whether it came from a certificate that could not be verified."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _no_registry(connection: RegistryConnection, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"at {connection.url!r} no schema registry answers ({error}): set registry.url to the "
        "address of Confluent's HTTP interface, its path too",
        code="no-registry",
    )
