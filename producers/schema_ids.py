"""The schema ids that an outbox is filled with, also while the registry is away.

Invariants: the ids of the last answer lie in a file beside the outboxes, under the registry's
address and a fingerprint of every schema that they number, in the catalogue's order. They are used
only where both are the same and the registry can't be reached: whatever it answers, a refusal too,
goes before them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import structlog

from schemas.catalogue import Catalogue
from schemas.connections import RegistryConnection
from schemas.errors import ConfigurationError, RetryableError
from schemas.files import replace_file
from schemas.registry import SchemaIds, fetch_schema_ids

__all__ = ["outbox_schema_ids"]

_FILE = "schema-ids.json"


def outbox_schema_ids(
    folder: Path, registry: RegistryConnection, catalogue: Catalogue
) -> SchemaIds:
    """Every schema's id, for the outboxes in this folder.

    Raises:
        ConfigurationError: the registry does not know a schema, or the ids can't be kept.
        RetryableError: `registry-away`, and no ids of this registry and catalogue are kept.
    """
    file = folder / _FILE
    named = {"registry": registry.url, "catalogue": _fingerprint(catalogue)}
    try:
        ids = fetch_schema_ids(registry, catalogue)
    except RetryableError as away:
        kept = _read(file, named, catalogue)
        if kept is None:
            raise RetryableError(
                f"{away} {file} holds no ids of this registry for these schemas, which would do "
                "without: any command that publishes keeps them there while it answers",
                code=away.code,
            ) from away
        structlog.get_logger(__name__).warning(
            "the registry is away: its last schema ids are used", file=str(file), reason=str(away)
        )
        return kept
    kept = _read(file, named, catalogue)
    if kept is None or kept.by_id != ids.by_id:
        _write(file, {**named, "ids": [ids.id_of(schema) for schema in catalogue]})
    return ids


def _fingerprint(catalogue: Catalogue) -> str:
    texts = "\n".join(f"{schema.version} {schema.text}" for schema in catalogue)
    return hashlib.sha256(texts.encode()).hexdigest()


def _read(file: Path, named: dict[str, str], catalogue: Catalogue) -> SchemaIds | None:
    """The ids that are kept under these names; None where there are none, or no whole ones."""
    try:
        found = json.loads(file.read_bytes())
        if {name: found[name] for name in named} != named:
            return None
        return SchemaIds(dict(zip(catalogue, map(int, found["ids"]), strict=True)))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(file: Path, content: dict[str, object]) -> None:
    """All or nothing, also for another command that reads or writes it now."""
    try:
        replace_file(file, json.dumps(content, indent=1).encode(), mode=0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the schema ids can't be kept in {file} ({error.strerror}): give the outbox a folder "
            "that exists and may be written",
            code="outbox-unusable",
        ) from error
