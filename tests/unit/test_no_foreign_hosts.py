"""Nothing in the repository names a package registry's host, or a path of one machine.

Where packages and jars come from is the surroundings' business: a mirror must work unchanged.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
# In pieces, so that this file doesn't find itself.
HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("maven", "org"), ("maven", "apache", "org"),
        ("npmjs", "org"), ("jfrog", "io"), ("sonatype", "org"), ("docker", "io"), ("ghcr", "io"),
        ("quay", "io"), ("crates", "io"), ("proxy", "golang", "org"), ("anaconda", "org"),
        ("confluent", "io"),
    )
)  # fmt: skip
PATHS = ("/" + "work/", "/" + "root/")
FORBIDDEN = re.compile("|".join(re.escape(text) for text in (*HOSTS, *PATHS)))


def files() -> list[Path]:
    listed = subprocess.run(  # noqa: S603
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    paths = (PROJECT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


def found(text: str) -> list[str]:
    return [match.group() for match in FORBIDDEN.finditer(text)]


def test_no_file_names_a_registry_or_a_machine_s_path() -> None:
    wrong = {
        str(path.relative_to(PROJECT)): hits
        for path in files()
        if (hits := found(path.read_text("utf-8", "replace")))
    }
    assert wrong == {}


@pytest.mark.parametrize("text", [f"https://{HOSTS[0]}/simple", f"cd {PATHS[0]}main"])
def test_what_is_forbidden_is_found(text: str) -> None:
    assert len(found(text)) == 1
