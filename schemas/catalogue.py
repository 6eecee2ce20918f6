"""All Avro schemas, parsed once: event kinds in every version, and what the router makes of them.

A version folder (`avro/v1`, `avro/v2` …) holds the files that changed in it; a schema's text at
version N is made of the newest file up to N of each type that it mentions, inlined, so it stands
alone in a registry. A schema has a new version only where that text changed.

A delivered schema is made of two: an event's, in its version, and the enrichment's, in its own. All
pairs are kept, so a record on a desk stays readable whichever router wrote it.

Each parsed schema has a *plain* twin without logical types: the same bytes, but ids stay text and
times stay integers, which is what the hot path wants.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import fastavro

from schemas.errors import ConfigurationError

__all__ = [
    "DELIVERED_NAMESPACE",
    "EVENT_NAMESPACE",
    "KINDS",
    "STRETCH_START",
    "Catalogue",
    "DeliveredSchema",
    "EventSchema",
    "Schema",
    "packaged_folders",
]

EVENT_NAMESPACE = "liaison.events"
DELIVERED_NAMESPACE = "liaison.delivered"
_ENRICHMENT = f"{DELIVERED_NAMESPACE}.Enrichment"
STRETCH_START = "bureau"
"""The envelope's first field of the stretch that decides routing."""
_PREFIX_FIELDS = ("envelope", "measures", "identifiers")
_SINGLES = (
    _ENRICHMENT,
    "liaison.facts.Fact",
    "liaison.facts.FactMiniBlock",
    "liaison.ledger.LedgerEntry",
    "liaison.ledger.Receipt",
    "liaison.strikes.Strike",
    "liaison.strikes.Link",
    "liaison.alerts.Alert",
)

KINDS: Mapping[str, str] = {
    "notice": "Notice",
    "diffusion": "Diffusion",
    "message": "Message",
    "search": "Search",
    "hit": "Hit",
    "sighting": "Sighting",
    "indicator": "Indicator",
    "seizure": "Seizure",
    "arrest": "Arrest",
    "victim_identified": "VictimIdentified",
    "freeze": "Freeze",
    "operation_report": "OperationReport",
    "report": "Report",
    "recall": "Recall",
}
"""Kind slug to Avro record name."""

_PRIMITIVES = frozenset(
    ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
    + ("record", "enum", "array", "map", "union", "fixed")
)


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One self-contained schema. `plain` decodes the same bytes without logical types."""

    name: str
    version: int
    definition: Mapping[str, Any]
    kind: str | None = None
    parsed: Any = field(init=False)
    plain: Any = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parsed", _parse(self.definition))
        object.__setattr__(self, "plain", _parse(_without_logical_types(self.definition)))

    @property
    def text(self) -> str:
        """The schema as it is registered."""
        return json.dumps(self.definition, ensure_ascii=False, separators=(",", ":"))

    def part(self, *names: str) -> Any:
        """Plain parsed schema of some consecutive fields, in order."""
        return _parse(_without_logical_types(_select(self.definition, names)))


@dataclass(frozen=True, slots=True, eq=False)
class EventSchema(Schema):
    """An event kind at one version, with the parts that the hot path decodes one by one."""

    prefix: Any = field(init=False)
    head: Any = field(init=False)
    stretch: Any = field(init=False)
    counted: Any = field(init=False)

    def __post_init__(self) -> None:
        Schema.__post_init__(self)
        names = [f["name"] for f in self.definition["fields"]]
        if tuple(names[:3]) != _PREFIX_FIELDS:
            raise ConfigurationError(
                f"{self.name} v{self.version} begins with {names[:3]}, not {list(_PREFIX_FIELDS)}: "
                "put the prefix first in its .avsc file"
            )
        envelope = self.definition["fields"][0]["type"]
        fields = [f["name"] for f in envelope["fields"]]
        cut = fields.index(STRETCH_START)
        plain = _without_logical_types(envelope)
        object.__setattr__(self, "prefix", self.part(*_PREFIX_FIELDS))
        object.__setattr__(self, "head", _parse(_select(plain, fields[:cut])))
        object.__setattr__(self, "stretch", _parse(_select(plain, fields[cut:])))
        object.__setattr__(self, "counted", self.part("measures", "identifiers"))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DeliveredSchema(Schema):
    """`{enrichment, event}`, what a desk reads. `version` is the event's."""

    enrichment_version: int


def _parse(definition: Any) -> Any:
    return fastavro.parse_schema(json.loads(json.dumps(definition)))


def _select(record: Mapping[str, Any], names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    return {**record, "fields": [f for f in record["fields"] if f["name"] in names]}


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, Mapping):
        kept = {
            key: _without_logical_types(value)
            for key, value in node.items()
            if not ("logicalType" in node and key in ("logicalType", "precision", "scale"))
        }
        return kept["type"] if set(kept) == {"type"} and isinstance(kept["type"], str) else kept
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    return node


class Catalogue:
    """Every schema by full name and version.

    `Catalogue.load()` reads the packaged files once; `Catalogue(folders)` takes the contents of
    version folders, which is how a test tries a version that does not exist yet.
    """

    def __init__(self, folders: Mapping[int, Mapping[str, Any]]) -> None:
        if not folders or sorted(folders) != list(range(1, len(folders) + 1)):
            raise ConfigurationError(
                f"version folders are {sorted(folders)}: they must be v1, v2 … without a gap"
            )
        self._folders = folders
        self._schemas: dict[str, dict[int, Schema]] = {}
        for kind, record in KINDS.items():
            self._add(f"{EVENT_NAMESPACE}.{record}", kind)
        for name in _SINGLES:
            self._add(name, None)
        self._delivered = {
            (kind, version, enrichment.version): self._deliver(kind, version, enrichment)
            for kind in KINDS
            for version in self.event_versions(kind)
            for enrichment in self.versions(_ENRICHMENT)
        }

    @classmethod
    @functools.cache
    def load(cls) -> Catalogue:
        """The packaged catalogue."""
        return cls(packaged_folders())

    def event(self, kind: str, version: int | None = None) -> EventSchema:
        """An event kind's schema, the newest unless a version is named."""
        schema = self.schema(f"{EVENT_NAMESPACE}.{KINDS[kind]}", version)
        assert isinstance(schema, EventSchema)
        return schema

    def event_versions(self, kind: str) -> tuple[int, ...]:
        return tuple(self._schemas[f"{EVENT_NAMESPACE}.{KINDS[kind]}"])

    def delivered(
        self, kind: str, version: int | None = None, enrichment: int | None = None
    ) -> DeliveredSchema:
        """`{enrichment, event}`, each in its newest version unless one is named."""
        event = self.event(kind, version)
        added = self.schema(_ENRICHMENT, enrichment)
        return self._delivered[kind, event.version, added.version]

    def schema(self, name: str, version: int | None = None) -> Schema:
        """A schema by its full name, the newest unless a version is named."""
        versions = self._schemas[name]
        return versions[version if version is not None else max(versions)]

    def versions(self, name: str) -> tuple[Schema, ...]:
        """All versions of one schema, oldest first."""
        return tuple(self._schemas[name].values())

    def __iter__(self) -> Iterator[Schema]:
        """All schemas that a registry is told of, oldest version first."""
        for versions in self._schemas.values():
            yield from versions.values()
        yield from self._delivered.values()

    def _add(self, name: str, kind: str | None) -> None:
        versions: dict[int, Schema] = {}
        previous = None
        for version in self._folders:
            if not any(name in self._folders[v] for v in range(1, version + 1)):
                continue
            definition = self._resolve(name, version)
            if definition != previous:
                maker = EventSchema if kind else Schema
                versions[version] = maker(name, version, definition, kind)
                previous = definition
        if not versions:
            raise ConfigurationError(f"schema {name} has no file in any version folder")
        self._schemas[name] = versions

    def _deliver(self, kind: str, version: int, enrichment: Schema) -> DeliveredSchema:
        record = KINDS[kind]
        definition = {
            "type": "record",
            "name": f"Delivered{record}",
            "namespace": DELIVERED_NAMESPACE,
            "doc": f"What a desk reads: enrichment, then the very bytes of {record}.",
            "fields": [
                {"name": "enrichment", "type": enrichment.definition},
                {"name": "event", "type": self.event(kind, version).definition},
            ],
        }
        return DeliveredSchema(
            f"{DELIVERED_NAMESPACE}.Delivered{record}",
            version,
            definition,
            kind,
            enrichment_version=enrichment.version,
        )

    def _resolve(self, name: str, version: int) -> dict[str, Any]:
        seen: set[str] = set()

        def file_of(full_name: str) -> Any:
            for number in range(version, 0, -1):
                if full_name in self._folders[number]:
                    return self._folders[number][full_name]
            return None

        def inline(node: Any) -> Any:
            if isinstance(node, list):
                return [inline(item) for item in node]
            if isinstance(node, Mapping):
                out = {
                    key: inline(value) if key in ("type", "items", "values") else value
                    for key, value in node.items()
                }
                if "fields" in node:
                    out["fields"] = [inline(f) for f in node["fields"]]
                return out
            if isinstance(node, str) and node not in _PRIMITIVES and "." in node:
                if node in seen:
                    return node
                seen.add(node)
                found = file_of(node)
                if found is None:
                    raise ConfigurationError(f"{name} v{version} names {node}, which has no file")
                return inline(found)
            return node

        seen.add(name)
        resolved = inline(file_of(name))
        assert isinstance(resolved, dict)
        return resolved


def packaged_folders() -> dict[int, dict[str, Any]]:
    """The packaged version folders: number to full name to parsed JSON."""
    folders: dict[int, dict[str, Any]] = {}
    root = resources.files("schemas") / "avro"
    for folder in root.iterdir():
        if folder.name.startswith("v") and folder.name[1:].isdigit():
            folders[int(folder.name[1:])] = {
                file.name.removesuffix(".avsc"): json.loads(file.read_text(encoding="utf-8"))
                for file in folder.iterdir()
                if file.name.endswith(".avsc")
            }
    return dict(sorted(folders.items()))
