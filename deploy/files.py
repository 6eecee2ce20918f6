"""Small files that are replaced whole: who reads one sees the old or the new."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file beside and rename it; `mode` holds from its first byte on."""
    new = path.with_name(f"{path.name}.tmp")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    new.replace(path)
