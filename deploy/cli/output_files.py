"""Files that a command line names for output: each another one; what is wrong is one line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

__all__ = ["refuse_same", "telling", "write_output"]


def write_output(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write it whole or not at all; what is no file (a FIFO, /dev/stdout) as it comes.

    Raises:
        ConfigurationError: it can't be written.
    """
    from schemas.files import write_named_file

    with telling(path):
        write_named_file(path, content)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """What can't be written there is told; that a reader has enough is for the whole command."""
    from schemas.errors import ConfigurationError

    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be written ({error.strerror}): name another place, or make room",
            code="no-output",
        ) from error


def refuse_same(one: str, one_path: Path, other: str, other_path: Path) -> None:
    """Two options that name one place, whichever way each says it."""
    if os.path.realpath(one_path) == os.path.realpath(other_path):
        raise typer.BadParameter(f"{one} and {other} are one place, {one_path}: name two")
