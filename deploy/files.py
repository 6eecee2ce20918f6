"""Files and folders of ours: small files are replaced whole, folders are for their owner alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["private_folder", "replace_file"]

_OF_OTHERS = 0o077


def replace_file(path: Path, content: bytes | Iterable[bytes], *, mode: int) -> None:
    """Write a new file beside and rename it; `mode` holds from its first byte on.

    What comes in pieces and breaks off leaves the old file.
    """
    new = path.with_name(f"{path.name}.tmp")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.writelines([content] if isinstance(content, bytes) else content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def private_folder(path: Path) -> Path:
    """A folder that its owner alone can enter; made if it is not there, with those above it.

    One that is there and belongs to this user is closed to others; what belongs to somebody else (a
    mounted volume) stays as it was given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.stat()
    if found.st_uid == os.geteuid() and found.st_mode & _OF_OTHERS:
        path.chmod(found.st_mode & 0o7777 & ~_OF_OTHERS)
    return path
