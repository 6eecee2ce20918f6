"""A case: what one run feeds in, as plain values that a file can hold.

Bytes stand in JSON as `{"hex": …}`; text may hold lone surrogates, which JSON escapes.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, Protocol

__all__ = ["Case", "Finding", "Target", "from_json", "to_json"]

Case = dict[str, Any]
"""Field names to bytes, text, numbers, None, lists and further such dicts (string keys)."""


class Finding(Exception):  # noqa: N818 - a broken promise, not a fault of the fuzzer
    """A promise does not hold for an input; the text says which."""


class Target(Protocol):
    """One door that hostile input comes in by."""

    name: str

    def make(self, rng: Random) -> Case:
        """A case from these random numbers and nothing else."""
        ...

    def run(self, case: Case) -> list[str]:
        """Feed it; a stable code for each hostile input in it.

        Raises:
            Finding: a promise is broken. Whatever else leaves it is a crash.
        """
        ...

    def close(self) -> None:
        """End what was started."""
        ...


def to_json(case: Case) -> str:
    """A case as JSON."""
    return json.dumps(_plain(case), indent=1)


def from_json(text: str) -> Case:
    """The case that `to_json` wrote."""
    case = _back(json.loads(text))
    assert isinstance(case, dict)
    return case


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _back(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"hex"}:
            return bytes.fromhex(value["hex"])
        return {name: _back(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_back(item) for item in value]
    return value
