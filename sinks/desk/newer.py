"""A schema that was not known when the subscriber began: is it newer, or are the bytes broken?

Only the router writes where a desk reads, by schemas that the registry was told of, and the
registry forgets none. So an id that it does not know is that of broken bytes: nobody can have
written by it, and waiting would block the topic for ever. An id of a delivered event that it knows
is a newer version's: the record is sound and must wait for a reader that can read it.
"""

from __future__ import annotations

from typing import Any

from schemas.catalogue import DELIVERED_NAMESPACE, Catalogue, packaged_folders
from schemas.connections import RegistryConnection
from schemas.errors import LiaisonError, RetryableError
from schemas.registry import SchemaIds, fetch_schema_ids, registered_name
from schemas.wire import WireError, schema_id_of
from sinks.desk.reading import UNKNOWN_SCHEMA, DeliveredReader, Opened

__all__ = ["AskingReader", "NewerSchemaError"]


class NewerSchemaError(RetryableError):
    """A record that this process can't read yet: the place stays before it, nothing is lost."""

    code = "newer-schema"


class AskingReader:
    """Opens delivered records; fetches the ids anew where one is unknown.

    The schema files are read anew too: an update of Liaison may lie there already. Where that did
    not help, the registry is asked again only once the files have changed.
    """

    def __init__(self, schema_ids: SchemaIds, registry: RegistryConnection | None) -> None:
        self._reader = DeliveredReader(schema_ids)
        self._registry = registry
        self._in_vain: dict[int, Any] = {}
        self.schema_ids = schema_ids

    def open(self, value: bytes | None) -> Opened:
        """Decode the enrichment.

        Raises:
            NewerSchemaError: it is of a newer version than is installed, or nobody can tell.
            WireError: it is no delivered record; its schema may be none of the registry's.
        """
        try:
            return self._reader.open(value)
        except WireError as wrong:
            if wrong.code != UNKNOWN_SCHEMA:
                raise
            schema_id = schema_id_of(value)
            ids = self._ids_with(schema_id)
            if ids is None:
                raise WireError(
                    f"schema id {schema_id} is no delivered event's, here or in the registry"
                ) from wrong
        self.schema_ids = ids
        self._reader = DeliveredReader(ids)
        return self._reader.open(value)

    def _ids_with(self, schema_id: int) -> SchemaIds | None:
        """All ids anew, that one among them; None if it is no delivered event's."""
        if self._registry is None:
            raise NewerSchemaError(
                f"schema id {schema_id} is unknown here, and there is no registry to ask: start "
                "the subscriber again, updated if need be, or give it `registry`"
            )
        try:
            folders = packaged_folders()
            if self._in_vain.get(schema_id) != folders:
                name = registered_name(self._registry, schema_id)
                if name is None or not name.startswith(f"{DELIVERED_NAMESPACE}."):
                    return None
                ids = fetch_schema_ids(self._registry, Catalogue(folders))
                if schema_id in ids.by_id:
                    return ids
                self._in_vain[schema_id] = folders
        # The last two: an update that is being written.
        except (LiaisonError, OSError, ValueError) as error:
            raise NewerSchemaError(
                f"schema id {schema_id} is unknown here, and could not be asked for: {error}"
            ) from error
        raise NewerSchemaError(
            f"schema id {schema_id} is of a newer version than this subscriber: update Liaison "
            "and start it again; it goes on with this record"
        )
