"""Files of ours and files that a user named: written whole or not at all, folders for their owner.

A file is written beside its place under a random name, brought to the disk, and renamed: whoever
looks sees the old one or the new one, two writers at once don't meet, and nothing else in the
folder is touched. An error leaves the old one, and nothing of the new one. What a user named may be
a symlink (it stays, and what it points to is replaced) or no file at all (a FIFO, a terminal,
/dev/null): that is written into.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["private_folder", "replace_file", "write_named_file"]

_OF_OTHERS = 0o077
_MODE = 0o666
"""Of a new file that a user named, less what the umask takes."""
_LONGEST_PREFIX = 40
"""Of the old name in the new one, which a folder must take too: signs of four bytes, 255 in all."""

Content = bytes | Iterable[bytes]


def replace_file(path: Path, content: Content, *, mode: int) -> None:
    """A file of ours. `mode` holds from its first byte on, and it outlives a power cut.

    Raises:
        OSError: it can't be written.
    """
    _replace(path, content, mode)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_named_file(path: Path, content: Content) -> None:
    """A file that a user named. One that was there keeps its mode and its owner.

    Raises:
        OSError: it can't be written, or names a folder.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        _replace(_real(path), content, _MODE)
        return
    output = _output_of_ours(found)
    if stat.S_ISREG(found.st_mode) and output is None and _real(path).exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CLOEXEC))  # a rename asks for no such right
        _replace(_real(path), content, stat.S_IMODE(found.st_mode), found)
        return
    # Through our own descriptor, since what `>> file` found there is to stay.
    flags = os.O_WRONLY | os.O_TRUNC | os.O_NOCTTY | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags) if output is None else os.dup(output), "wb") as file:
        _put(file, content)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _output_of_ours(found: os.stat_result) -> int | None:
    """Stdout or stderr, if it goes to that file."""
    for output in (1, 2):
        with suppress(OSError):  # closed
            if os.path.samestat(found, os.fstat(output)):
                return output
    return None


def _replace(path: Path, content: Content, mode: int, old: os.stat_result | None = None) -> None:
    new = path.with_name(f"{path.name[:_LONGEST_PREFIX]}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if old is not None:
                with suppress(PermissionError):  # only root may give a file to somebody else
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                os.fchmod(descriptor, mode)
            _put(file, content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _put(file: BinaryIO, content: Content) -> None:
    file.writelines([content] if isinstance(content, bytes) else content)


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
