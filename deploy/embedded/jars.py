"""Fetches Apache Kafka and Apicurio Registry once into a cache of the user's.

Invariants: a file stands under its final name only after its SHA-256 was found to be the pinned one
(it is downloaded into a private folder and renamed), so whoever sees it may run it; one process
fetches at a time (a lock on the cache), all others wait and then find everything there; nothing is
downloaded when everything is there, so a machine without network starts. The registry comes as an
archive: it is checked, unpacked beside, and appears by one rename.
Kafka's jars are hashed again at every start (0.1 s); of the unpacked registry names and sizes are.
Where files come from is jgo's default, or `repository`, a mirror with Maven's layout.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.disk import require_free_bytes
from deploy.embedded.pins import REGISTRY_VERSION, PinnedFile, pinned_files
from schemas.clock import Clock, SystemClock
from schemas.errors import ConfigurationError, RetryableError

__all__ = ["FetchProgress", "JarCache", "Jars", "default_cache_dir", "registry_main"]

_ARCHIVE_PACKAGING = "tar.gz"
_ATTEMPTS = 3
_DOWNLOADS_AT_ONCE = 6
_NEEDED_BYTES = 500 * 1024 * 1024
_NETWORK_TIMEOUT_S = 30
_TELL_EVERY_BYTES = 1024 * 1024
_REGISTRY_MAIN = "quarkus-run.jar"


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far the fetching is; `file` is the one that something has just arrived of."""

    file: str
    files_done: int
    files_total: int
    bytes_done: int


@dataclass(frozen=True, slots=True)
class Jars:
    """What the JVMs are started with."""

    kafka_classpath: tuple[Path, ...]
    registry_home: Path


def default_cache_dir(environ: Mapping[str, str]) -> Path:
    """Where a user's caches belong, after the XDG base directory specification."""
    base = environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "liaison"


class _Cancelled(Exception):  # noqa: N818 - no error: the other downloads' way out
    """Somebody gave up the fetching."""


class _Meter:
    """Counts what arrives over all downloads, and stops them when asked to."""

    def __init__(self, files_total: int, on_progress: Callable[[FetchProgress], None]) -> None:
        self.cancelled = threading.Event()
        self._files_total = files_total
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._files_done = 0
        self._bytes_done = 0
        self._bytes_told = 0

    def arrived(self, name: str) -> None:
        with self._lock:
            self._files_done += 1
            self._tell(name)

    @contextmanager
    def of_file(self, name: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """What jgo asks for before a download: the function to call with each piece's length."""

        def count(piece_bytes: int) -> None:
            if self.cancelled.is_set():
                raise _Cancelled
            with self._lock:
                self._bytes_done += piece_bytes
                if self._bytes_done - self._bytes_told >= _TELL_EVERY_BYTES:
                    self._tell(name)

        yield count

    def _tell(self, name: str) -> None:
        self._bytes_told = self._bytes_done
        self._on_progress(
            FetchProgress(name, self._files_done, self._files_total, self._bytes_done)
        )


class JarCache:
    """One cache folder. Safe for any number of processes at once."""

    def __init__(
        self,
        root: Path,
        *,
        repository: str | None = None,
        pinned: Sequence[PinnedFile] | None = None,
        on_progress: Callable[[FetchProgress], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._root = root
        self._repository = repository
        pinned = pinned_files() if pinned is None else pinned
        self._jars = tuple(file for file in pinned if file.packaging != _ARCHIVE_PACKAGING)
        self._archives = tuple(file for file in pinned if file.packaging == _ARCHIVE_PACKAGING)
        self._on_progress = on_progress or (lambda progress: None)
        self._clock = clock or SystemClock()

    def ensure(self) -> Jars:
        """Everything in place and checked; fetches what is missing or broken."""
        if self._missing():
            with self._exclusive():
                missing = self._missing()  # another process may have fetched them meanwhile
                if missing:
                    require_free_bytes(self._root, _NEEDED_BYTES, purpose="Kafka and the registry")
                    self._fetch_all(missing)
        return Jars(
            kafka_classpath=tuple(self._root / file.path for file in self._jars),
            registry_home=self._unpacked(self._archives[0]) if self._archives else self._root,
        )

    def _missing(self) -> list[PinnedFile]:
        with ThreadPoolExecutor(2) as pool:
            whole = list(
                pool.map(lambda file: _sha256(self._root / file.path) == file.sha256, self._jars)
            )
        jars = [file for file, good in zip(self._jars, whole, strict=True) if not good]
        return jars + [file for file in self._archives if not _is_whole(self._unpacked(file))]

    def _unpacked(self, archive: PinnedFile) -> Path:
        """The name holds the sum, so that another archive never passes for this one."""
        return self._root / f"{archive.artifact}-{archive.version}-{archive.sha256[:12]}"

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            lock = (self._root / "lock").open("a")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to the cache folder {self._root} ({error.strerror}): "
                "make it writable or name another one",
                code="cache-unusable",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for stale in self._root.glob("incoming-*"):
                shutil.rmtree(stale, ignore_errors=True)  # left by a fetch that was killed
            yield

    def _fetch_all(self, missing: Sequence[PinnedFile]) -> None:
        # The archive is by far the largest: it starts first.
        order = sorted(missing, key=lambda file: file.packaging != _ARCHIVE_PACKAGING)
        meter = _Meter(len(order), self._on_progress)
        with tempfile.TemporaryDirectory(prefix="incoming-", dir=self._root) as folder:
            pool = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE)
            try:
                for future in [
                    pool.submit(self._fetch, file, Path(folder), meter) for file in order
                ]:
                    future.result()
            except BaseException:
                meter.cancelled.set()  # Ctrl-C need not wait for a large file's end
                raise
            finally:
                pool.shutdown(cancel_futures=True)

    def _fetch(self, file: PinnedFile, incoming: Path, meter: _Meter) -> None:
        problem = ""
        for attempt in range(_ATTEMPTS):
            self._clock.sleep(attempt)
            folder = incoming / f"{file.name}.{attempt}"
            try:
                arrived = _download(file, folder, self._repository, meter)
            except RetryableError as error:
                problem = str(error)
                continue
            found = _sha256(arrived)
            if found == file.sha256:
                self._accept(file, arrived)
                meter.arrived(file.name)
                return
            problem = (
                f"arrived broken ({arrived.stat().st_size} bytes, SHA-256 {found[:12]}…, "
                f"expected {file.sha256[:12]}…)"
            )
        raise ConfigurationError(
            f"{file.name} {problem}, {_ATTEMPTS} times: check the network or the mirror of "
            f"Maven's repository in use, then start again; what was fetched so far is kept",
            code="broken-download",
        )

    def _accept(self, file: PinnedFile, arrived: Path) -> None:
        if file.packaging != _ARCHIVE_PACKAGING:
            target = self._root / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            arrived.replace(target)
            return
        tree = arrived.parent / "tree"
        with tarfile.open(arrived) as archive:
            archive.extractall(tree, filter="data")
        (tree / "sizes.json").write_text(json.dumps(_sizes(tree)))
        target = self._unpacked(file)
        if target.exists():
            shutil.rmtree(target)
        tree.replace(target)
        arrived.unlink()


def registry_main(home: Path) -> Path:
    """The jar that starts Apicurio Registry."""
    main = home / _REGISTRY_MAIN
    if not main.is_file():
        raise ConfigurationError(
            f"Apicurio Registry {REGISTRY_VERSION} is incomplete: {main} is missing; "
            f"delete {home} and start again",
            code="broken-download",
        )
    return main


def _sha256(path: Path) -> str:
    """The file's sum, empty if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _sizes(tree: Path) -> dict[str, int]:
    return {
        str(path.relative_to(tree)): path.stat().st_size
        for path in sorted(tree.rglob("*"))
        if path.is_file() and path.name != "sizes.json"
    }


def _is_whole(tree: Path) -> bool:
    try:
        expected = json.loads((tree / "sizes.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(expected == _sizes(tree))


def _download(file: PinnedFile, folder: Path, repository: str | None, meter: _Meter) -> Path:
    # jgo pulls in requests and a tree of its own: only those who download pay for its import.
    import requests
    from jgo.maven import MavenContext, PythonResolver

    logging.getLogger("jgo").setLevel(logging.ERROR)  # its checksum warning: ours is the judge
    context = MavenContext(
        resolver=PythonResolver(progress_callback=meter.of_file),
        repo_cache=folder,
        remote_repos=None if repository is None else {"mirror": repository.rstrip("/")},
        timeout=_NETWORK_TIMEOUT_S,
    )
    component = context.project(file.group, file.artifact).at_version(file.version)
    artifact = component.artifact(classifier=file.classifier, packaging=file.packaging)
    try:
        return Path(os.fspath(artifact.resolve()))
    except requests.RequestException as error:
        raise RetryableError(f"could not be downloaded ({type(error).__name__})") from error
    except RuntimeError as error:  # jgo's word for an answer other than 200
        raise RetryableError("could not be downloaded (the repository refuses it)") from error
    except OSError as error:
        raise ConfigurationError(
            f"{file.name} could not be written to the cache ({error.strerror}): "
            "free some disk space, then start again",
            code="no-disk",
        ) from error
