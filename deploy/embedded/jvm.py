"""What both JVMs have in common: an environment without surprises, temporary files of their own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.embedded.java import JavaRuntime

__all__ = ["jvm_environment", "jvm_options"]

# Nothing else is handed on: JAVA_TOOL_OPTIONS, CLASSPATH, QUARKUS_* and the like of whoever starts
# us would change servers that this project configures.
_HANDED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

# Java warns of what these libraries do inside; the warnings would be a dead server's last words.
_QUIET_SINCE_24 = ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED")


def jvm_environment(environ: Mapping[str, str], **own: str) -> dict[str, str]:
    """The whole environment of a JVM."""
    return {name: environ[name] for name in _HANDED_ON if name in environ} | own


def jvm_options(home: Path, java: JavaRuntime, *, heap_mib: int) -> tuple[str, ...]:
    """Options for a server that keeps everything below `home`."""
    temporary = home / "tmp"
    # A killed JVM leaves the native libraries that it unpacked there.
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return (
        f"-Xmx{heap_mib}m",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        # One small machine: in its first minutes a broker spends half its time on compiling itself
        # and on parallel collection otherwise.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dfile.encoding=UTF-8",
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={temporary}",
        *(_QUIET_SINCE_24 if java.major >= 24 else ()),
    )
