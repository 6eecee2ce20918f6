"""The one folder that holds an embedded stack's state, and who may use it.

Invariants: one process at a time owns the folder (an exclusive lock that the kernel drops when that
process ends in whatever way); it, and each part's folder in it, is for its owner alone, since what
the servers keep there are the events themselves; `addresses.json` stands there only while the
stack is up and tells other terminals where it is; `ports.json` outlives a stop, so that the next
start can take the same ports. Both are replaced by rename, never written in place.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from schemas.clock import Clock, Deadline, SystemClock
from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.errors import ConfigurationError
from schemas.files import private_folder, replace_file
from schemas.rights import ROLES

__all__ = ["Addresses", "DataDirectory"]

# Broken by one of the places that paths go to: a Java class path or properties list, an H2 URL,
# a Quarkus expression, a line.
_UNFIT = re.compile(r"[:;,$\\{}\"'\x00-\x1f]")
_GLANCE_S = 0.5
_PASSWORDS = "clickhouse-passwords.json"
# What Liaison keeps in a data directory, without the endings of names.
_OURS = frozenset(
    {
        "addresses", "clickhouse", "clickhouse-passwords", "kafka", "lock", "logs", "outbox",
        "ports", "ready", "registry", "releases", "reports", "surge", "un-list",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running stack is. `clickhouse_url` is empty if the stack has no ClickHouse."""

    kafka_bootstrap: str
    registry_url: str
    clickhouse_url: str = ""

    @property
    def kafka(self) -> KafkaConnection:
        return KafkaConnection(self.kafka_bootstrap)

    @property
    def registry(self) -> RegistryConnection:
        return RegistryConnection(self.registry_url)

    @property
    def clickhouse(self) -> ClickHouseConnection:
        parts = urlsplit(self.clickhouse_url)
        if parts.hostname is None or parts.port is None:
            raise ConfigurationError(
                "this stack was started without ClickHouse: start it with `liaison up`",
                code="no-clickhouse",
            )
        return ClickHouseConnection(parts.hostname, parts.port)


class DataDirectory:
    """A folder of state. As a context manager it is owned; `find_running` needs no ownership."""

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self.path = path.expanduser().absolute()
        self._clock = clock or SystemClock()
        self._lock_fd: int | None = None

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def folder(self, name: str) -> Path:
        """A folder for one part's state, for its owner alone; made if it is not there."""
        try:
            self._close_to_others()
            return private_folder(self.path / name)
        except OSError as error:
            raise self._unusable(error) from error

    def __enter__(self) -> DataDirectory:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Own the folder, or raise naming the process that does."""
        unfit = _UNFIT.search(str(self.path))
        if unfit:
            raise ConfigurationError(
                f"the data directory {str(self.path)!r} holds {unfit[0]!r}, which Java or H2 "
                "cannot take in a path: choose one without it",
                code="bad-data-directory",
            )
        try:
            self._close_to_others()
            private_folder(self.logs)
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        # A reader that glances at the lock holds it for an instant: that is no owner.
        deadline = Deadline.after(self._clock, _GLANCE_S)
        while not _try_lock(fd, fcntl.LOCK_EX):
            if deadline.expired():
                owner = _owner(fd)
                os.close(fd)
                raise ConfigurationError(
                    f"the data directory {self.path} is in use by {owner}: "
                    "stop that one first, or choose another directory",
                    code="data-directory-in-use",
                )
            self._clock.sleep(0.02)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd
        (self.path / "addresses.json").unlink(missing_ok=True)  # of a run that was killed

    def release(self) -> None:
        """Give the folder up; its state stays."""
        if self._lock_fd is not None:
            (self.path / "addresses.json").unlink(missing_ok=True)
            os.close(self._lock_fd)
            self._lock_fd = None

    def publish(self, addresses: Addresses) -> None:
        """Tell other terminals that the stack is up."""
        self._replace("addresses.json", asdict(addresses))

    def find_running(self) -> Addresses:
        """Where the stack of this folder is, or an error that says why it cannot be used."""
        try:
            fd = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            running = False
        else:
            running = not _try_lock(fd, fcntl.LOCK_SH)
            os.close(fd)
        if not running:
            raise ConfigurationError(
                f"no stack is running on {self.path}: start one with `liaison up`, "
                "or name a broker, a registry and a ClickHouse in the settings",
                code="not-running",
            )
        found = self._read("addresses.json")
        try:
            return Addresses(**{name: str(value) for name, value in found.items()})
        except TypeError:
            raise ConfigurationError(
                f"the stack on {self.path} is starting or stopping, or `liaison run clickhouse` "
                "runs there alone: try again in a few seconds, or name the servers in the settings",
                code="not-ready",
            ) from None

    def clickhouse_password(self, role: str) -> str:
        """A role's password in the embedded ClickHouse.

        Raises:
            ConfigurationError: there is none, or it is not for this user to read.
        """
        known = self._clickhouse_passwords()
        if role not in known:
            raise ConfigurationError(
                f"there is no password of the role {role} in {self.path / _PASSWORDS}: start the "
                "stack again (`liaison up`), which makes it",
                code="no-passwords",
            )
        return known[role]

    def make_clickhouse_passwords(self) -> dict[str, str]:
        """All of them by role, with a new one for each role that has none."""
        known = self._clickhouse_passwords()
        made = {role: known.get(role) or secrets.token_urlsafe(32) for role in ROLES}
        if made != known:
            self._replace(_PASSWORDS, made)
        return made

    def _clickhouse_passwords(self) -> dict[str, str]:
        path = self.path / _PASSWORDS
        try:
            known = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            remedy = "remove it, and start the stack again"
            if isinstance(error, PermissionError):
                remedy = "run this as the owner of the data directory"
            raise ConfigurationError(
                f"ClickHouse's passwords in {path} can't be read: {remedy}", code="no-passwords"
            ) from None
        return {str(role): str(password) for role, password in dict(known).items()}

    def previous_ports(self) -> dict[str, int]:
        """The ports of the last run by name."""
        return {
            name: port for name, port in self._read("ports.json").items() if isinstance(port, int)
        }

    def remember_ports(self, ports: Mapping[str, int]) -> None:
        self._replace("ports.json", dict(ports))

    def _unusable(self, error: OSError) -> ConfigurationError:
        return ConfigurationError(
            f"cannot write to the data directory {self.path} ({error.strerror}): "
            "make it writable or choose another",
            code="bad-data-directory",
        )

    def _close_to_others(self) -> None:
        """A folder that holds foreign things too (somebody's home, /tmp) is not ours to close."""
        try:
            names = {entry.name.partition(".")[0] for entry in self.path.iterdir()}
        except FileNotFoundError:
            names = set()
        if names <= _OURS:
            private_folder(self.path)

    def _read(self, name: str) -> dict[str, object]:
        try:
            found = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _replace(self, name: str, value: Mapping[str, object]) -> None:
        content = json.dumps(value, indent=2) + "\n"
        replace_file(self.path / name, content.encode(), mode=0o600)


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(fd: int) -> str:
    pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
    return f"process {pid}" if pid.isdigit() else "another process"
