"""The files of other projects that the embedded stack runs, pinned by name and SHA-256.

`sums.sha256` has the form that `sha256sum --check` reads, its paths being the layout of a Maven
repository, so a cache folder can be checked by hand. A path is also the file's coordinate, which is
why no second list of coordinates exists that could disagree. Apache Kafka needs 45 jars; one more
(log4j's binding for slf4j) gives its log lines somewhere to go, without which a broker that cannot
start dies in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from schemas.errors import ConfigurationError

__all__ = ["KAFKA_VERSION", "REGISTRY_VERSION", "PinnedFile", "parse_sums", "pinned_files"]

KAFKA_VERSION = "4.3.1"
REGISTRY_VERSION = "3.3.3"

_LINE = re.compile(r"^(?P<sha256>[0-9a-f]{64})  (?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){3,})$")


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file of a Maven repository and the only content that we run."""

    path: PurePosixPath
    sha256: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def group(self) -> str:
        return ".".join(self.path.parts[:-3])

    @property
    def artifact(self) -> str:
        return self.path.parts[-3]

    @property
    def version(self) -> str:
        return self.path.parts[-2]

    @property
    def classifier(self) -> str:
        return self._tail()[0]

    @property
    def packaging(self) -> str:
        return self._tail()[1]

    def _tail(self) -> tuple[str, str]:
        rest = self.name.removeprefix(f"{self.artifact}-{self.version}")
        classifier, _, packaging = rest.partition(".")
        return classifier.removeprefix("-"), packaging


def parse_sums(lines: Iterable[str], *, origin: str) -> tuple[PinnedFile, ...]:
    """Read lines as `sha256sum` writes them; a line of any other form is refused."""
    found: list[PinnedFile] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line.rstrip("\n"))
        if match is None or ".." in match["path"].split("/"):
            raise ConfigurationError(
                f"{origin}, line {number}: not a line of `sha256sum` over a Maven path: {line!r}",
                code="bad-sums",
            )
        found.append(PinnedFile(PurePosixPath(match["path"]), match["sha256"]))
    return tuple(found)


def pinned_files() -> tuple[PinnedFile, ...]:
    """Every file that this version of Liaison may run."""
    source = files(__package__).joinpath("sums.sha256")
    return parse_sums(source.read_text("ascii").splitlines(), origin="sums.sha256")
