"""Manifests on disk, outside ClickHouse: a file a release, and one beside it if it is withdrawn.

A manifest is written before anything of its release is published, so a release that was killed on
its way is finished from it. One process makes releases at a time: the folder is locked.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from schemas.errors import ConfigurationError, RetryableError
from schemas.files import replace_file
from sinks.statistics.manifest import Manifest

__all__ = ["ErrorNotice", "ManifestFolder", "secret_digest"]

_NAME = re.compile(r"(\d{6})\.json")
_SECRET = "noise-secret"  # noqa: S105 - a file's name
_MODE = 0o600


class ErrorNotice(NamedTuple):
    """Why a release was withdrawn, and when."""

    withdrawn_at: str
    notice: str


class ManifestFolder:
    """The releases' files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within, nobody else makes, withdraws or replays a release.

        Raises:
            RetryableError: somebody does already.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise RetryableError(
                f"another process works on the releases in {self.path}: wait for it",
                code="release-under-way",
            ) from None
        try:
            yield
        finally:
            os.close(lock)

    def manifests(self) -> list[Manifest]:
        """All of them, in order."""
        if not self.path.is_dir():
            return []
        names = sorted(name.name for name in self.path.iterdir() if _NAME.fullmatch(name.name))
        return [
            Manifest.from_json((self.path / name).read_bytes(), str(self.path / name))
            for name in names
        ]

    def write(self, manifest: Manifest) -> None:
        """For good."""
        replace_file(self._file(manifest.number), manifest.as_json(), mode=_MODE)

    def notice(self, number: int) -> ErrorNotice | None:
        """The error notice of a release, if it was withdrawn."""
        path = self._notice_file(number)
        return ErrorNotice(**json.loads(path.read_text("utf-8"))) if path.exists() else None

    def write_notice(self, number: int, notice: ErrorNotice) -> None:
        """For good."""
        text = json.dumps(notice._asdict(), ensure_ascii=False, indent=1)
        replace_file(self._notice_file(number), text.encode() + b"\n", mode=_MODE)

    def noise_secret(self) -> str:
        """What cell keys are made with: made once, for the owner alone.

        Raises:
            ConfigurationError: it can't be read.
        """
        path = self.path / _SECRET
        try:
            if not path.exists():
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(path, secrets.token_hex(32).encode(), mode=_MODE)
            return path.read_text("ascii").strip()
        except OSError as error:
            raise ConfigurationError(
                f"the secret of the noise in {path} can't be read ({error.strerror}): run this as "
                "the owner of the folder",
                code="no-noise-secret",
            ) from None

    def _file(self, number: int) -> Path:
        return self.path / f"{number:06}.json"

    def _notice_file(self, number: int) -> Path:
        return self.path / f"{number:06}.withdrawn.json"


def secret_digest(secret: str) -> str:
    """What a manifest says of the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
