"""Codes of statistics with their labels: the reference data's, and those that statistics add."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from schemas.reference import LANGUAGES, Reference

__all__ = ["LabelledCode", "kind_groups", "labelled_codes", "near_kinds"]


class LabelledCode(NamedTuple):
    """A row of `ref.statistical_codes`."""

    dimension: str
    code: str
    en: str
    fr: str
    es: str
    ar: str
    verified: bool
    """False where the code comes from general knowledge and was not checked in a source."""


@functools.cache
def _own() -> Mapping[str, Any]:
    text = (files("sinks.statistics") / "codes.yaml").read_text(encoding="utf-8")
    said: Mapping[str, Any] = yaml.safe_load(text)
    return said


def kind_groups() -> dict[str, str]:
    """Kind, or near kinds, and the group that they are merged into."""
    groups: Mapping[str, list[str]] = _own()["groups"]
    found = {kind: group for group, kinds in groups.items() for kind in kinds}
    return found | {code: found[kinds[0]] for code, kinds in near_kinds().items()}


def near_kinds() -> Mapping[str, list[str]]:
    """Code and the kinds, of one group, that it stands for where one of them is thin."""
    near: Mapping[str, list[str]] = _own()["near"]
    return near


def labelled_codes(reference: Reference) -> Iterator[LabelledCode]:
    """Every code that a dataset may have, each once; periods name themselves."""
    for dimension, labels in _own()["labels"].items():
        for code, names in labels.items():
            yield _labelled(dimension, str(code), names)
    lists: Mapping[str, Mapping[str, Any]] = {
        "kind": reference.kinds,
        "category": reference.categories,
        "database": reference.databases,
        "operation": reference.operations,
        "measure": reference.measures,
    }
    for dimension, items in lists.items():
        for code, item in items.items():
            yield _labelled(dimension, code, item.labels)
    for region in reference.regions:
        yield _labelled("region", region, reference.region_labels[region])
    for code, member in reference.members.items():
        yield _labelled("region", code, member.names)
    for code, iccs in reference.iccs.items():
        yield _labelled("offence", code, iccs.labels, verified=iccs.verified)
    for code, names in reference.subtype_labels.get("recall", {}).items():
        yield _labelled("reason", code, names)


def _labelled(
    dimension: str, code: str, names: Mapping[str, str], *, verified: bool = True
) -> LabelledCode:
    en, fr, es, ar = (names[language] for language in LANGUAGES)
    return LabelledCode(dimension, code, en, fr, es, ar, verified)
