"""The compatibility gate: every version of every schema beside every other.

Avro's own rules come first (FULL_TRANSITIVE: each reads each, says the `avro` package's checker).
They let changes pass that a reader would take for something else, so what an older and a newer
version both have must also agree in: logical type, precision and scale; type, where Avro would
convert; names of records and enums; defaults; the order of a record's fields (the router cuts an
envelope where its decisive stretch begins). An enum keeps its symbols.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.catalogue import Catalogue, DeliveredSchema, Schema

__all__ = ["incompatibilities"]

_LOGICAL = ("logicalType", "precision", "scale")


def incompatibilities(catalogue: Catalogue) -> list[str]:
    """Every pair of versions that does not fit together, with the reason."""
    by_name: dict[str, list[Schema]] = {}
    for schema in catalogue:
        by_name.setdefault(schema.name, []).append(schema)
    found = []
    for versions in by_name.values():
        parsed = [(schema, parse(schema.text)) for schema in versions]
        for (a, reader), (b, writer) in itertools.permutations(parsed, 2):
            checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
            result = checker.get_compatibility(reader, writer)
            if result.compatibility is not SchemaCompatibilityType.compatible:
                found.append(f"{_label(a)} can't read {_label(b)}: {result.messages}")
            if all(age <= later for age, later in zip(_age(a), _age(b), strict=True)):
                found += [f"{_label(b)} changed {_label(a)}: {c}" for c in _changes(reader, writer)]
    return found


def _age(schema: Schema) -> tuple[int, int]:
    enrichment = schema.enrichment_version if isinstance(schema, DeliveredSchema) else 0
    return schema.version, enrichment


def _label(schema: Schema) -> str:
    version, enrichment = _age(schema)
    return f"{schema.name} v{version}" + (f" with enrichment v{enrichment}" if enrichment else "")


def _changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """What changed of all that both versions have."""
    if old.type != new.type:
        yield f"{path} was {old.type}, is {new.type}"
        return
    for name in _LOGICAL:
        if old.props.get(name) != new.props.get(name):
            yield f"{name} of {path} was {old.props.get(name)}, is {new.props.get(name)}"
    match old.type:
        case "record":
            yield from _renamed(old, new, path)
            yield from _field_changes(old, new, path)
        case "enum":
            yield from _renamed(old, new, path)
            if gone := [symbol for symbol in old.symbols if symbol not in new.symbols]:
                yield f"{path} lost {', '.join(gone)}"
            if old.props.get("default") != new.props.get("default"):
                yield f"default of {path} was {old.props['default']}, is {new.props['default']}"
        case "array":
            yield from _changes(old.items, new.items, f"{path}[]")
        case "union":
            before, after = _branches(old), _branches(new)
            if before.keys() != after.keys():
                yield f"{path} was {'|'.join(before)}, is {'|'.join(after)}"
            for key in before.keys() & after.keys():
                yield from _changes(before[key], after[key], path)


def _field_changes(old: Any, new: Any, path: str) -> Iterator[str]:
    before, after = old.fields_dict, new.fields_dict
    order = [name for name in before if name in after]
    if order != (now := [name for name in after if name in before]):
        yield f"order of {path} was {', '.join(order)}, is {', '.join(now)}"
    for name in order:
        at = f"{path}.{name}"
        if _default(before[name]) != _default(after[name]):
            yield f"default of {at} was {_default(before[name])}, is {_default(after[name])}"
        yield from _changes(before[name].type, after[name].type, at)


def _renamed(old: Any, new: Any, path: str) -> Iterator[str]:
    if old.fullname != new.fullname:
        yield f"{path} was named {old.fullname}, is named {new.fullname}"


def _default(field: Any) -> str:
    return repr(field.default) if field.has_default else "none"


def _branches(union: Any) -> dict[str, Any]:
    return {getattr(branch, "fullname", branch.type): branch for branch in union.schemas}
