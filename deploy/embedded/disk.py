"""Room on the disk, asked for before anything is started that would fail half-way without it."""

from __future__ import annotations

import shutil
from pathlib import Path

from schemas.errors import ConfigurationError

__all__ = ["require_free_bytes"]

_MIB = 1024 * 1024


def require_free_bytes(folder: Path, needed_bytes: int, *, purpose: str) -> None:
    """Raise unless the file system of `folder` has that much left for us."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise ConfigurationError(
            f"{folder} has {free_bytes // _MIB} MiB free, {purpose} need {needed_bytes // _MIB}: "
            "free some space or name a folder on another disk",
            code="no-disk",
        )
