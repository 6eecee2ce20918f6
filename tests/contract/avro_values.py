"""Hypothesis strategies for values of any Avro schema, in the plain form (no logical types)."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from schemas.catalogue import Schema

__all__ = ["values_of", "values_of_plain"]

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def values_of(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Records of a schema."""
    return values_of_plain(schema.plain)


def values_of_plain(parsed: Any) -> st.SearchStrategy[Any]:
    """Values of a parsed schema without logical types."""
    return _strategy(parsed, {})


def _strategy(node: Any, named: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    if isinstance(node, list):
        return st.one_of([_strategy(branch, named) for branch in node])
    kind = node["type"] if isinstance(node, Mapping) else node
    if isinstance(kind, Mapping | list):
        return _strategy(kind, named)
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "int":
            return st.integers(-(2**31), 2**31 - 1)
        case "long":
            return st.integers(-(2**63), 2**63 - 1)
        case "double":
            return st.floats(allow_nan=False)
        case "bytes":
            return st.binary(max_size=9)
        case "string":
            return _TEXT
        case "enum":
            symbols = st.sampled_from(node["symbols"])
            named[node["name"]] = symbols
            return symbols
        case "array":
            return st.lists(_strategy(node["items"], named), max_size=3)
        case "record":
            fields = {f["name"]: _strategy(f["type"], named) for f in node["fields"]}
            record = st.fixed_dictionaries(fields)
            named[node["name"]] = record
            return record
        case _:
            return named[kind]
