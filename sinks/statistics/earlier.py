"""A release that was made before, as far as a later one must know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sinks.statistics.disclosure import Vintage
from sinks.statistics.manifest import Manifest
from sinks.statistics.rows import PublishedRow

__all__ = ["CodeParts", "Earlier"]

CodeParts = Mapping[str, Mapping[str, tuple[tuple[str, ...], ...]]]
"""Dimension, code, and the ways in which it is split."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """See the module; withdrawn releases, too."""

    manifest: Manifest
    vintage: Vintage
    parts: CodeParts
    noise: Mapping[str, tuple[PublishedRow, ...]]
    """Perturbed figures by dataset: those of a year are told once."""
