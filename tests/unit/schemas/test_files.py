"""What is written in a user's folder: the file that was named, whole, and nothing else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from deploy.cli import exits
from deploy.cli.app import run
from schemas.files import replace_file, write_named_file

NOBODY = 65534


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def written_by_a_process(call: str, stdout: IO[bytes] | None = None) -> str:
    """What it says of errors."""
    code = f"import resource\nfrom pathlib import Path\nfrom schemas.files import *\n{call}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, text=True, stdout=stdout, stderr=subprocess.PIPE)
    return done.stderr


def test_a_new_file_is_for_those_whom_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_named_file(tmp_path / "kinds.csv", b"new")
        replace_file(tmp_path / "secret", b"new", mode=0o600)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "kinds.csv"), mode(tmp_path / "secret")) == (0o640, 0o600)
    assert names(tmp_path) == ["kinds.csv", "secret"]


def test_what_is_replaced_keeps_its_mode_and_its_owner(tmp_path: Path) -> None:
    file = tmp_path / ("k" * 251 + ".csv")
    file.write_bytes(b"old and longer")
    file.chmod(0o664)
    owner = NOBODY if os.geteuid() == 0 else os.geteuid()
    os.chown(file, owner, -1)
    write_named_file(file, [b"n", b"ew"])
    assert file.read_bytes() == b"new"
    assert (mode(file), file.stat().st_uid) == (0o664, owner)


@pytest.mark.parametrize("target", ["there", "not-yet"])
def test_a_symlink_stays_and_what_it_points_to_is_written(tmp_path: Path, target: str) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "kinds.csv").symlink_to(target)
    write_named_file(tmp_path / "kinds.csv", b"new")
    assert (tmp_path / "kinds.csv").is_symlink()
    assert (tmp_path / target).read_bytes() == b"new"
    assert names(tmp_path) == sorted({"kinds.csv", "there", target})


def test_a_fifo_is_written_into(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    write_named_file(fifo, b"new")
    reader.join()
    assert read == [b"new"]
    assert fifo.is_fifo()
    assert names(tmp_path) == ["fifo"]


def test_a_device_stays_one() -> None:
    write_named_file(Path("/dev/null"), b"new")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left"):
        write_named_file(Path("/dev/full"), b"new")


def test_what_stdout_is_sent_to_keeps_what_stood_there(tmp_path: Path) -> None:
    with (tmp_path / "all").open("wb") as output:
        output.write(b"first,")
        output.flush()
        call = "write_named_file(Path('/dev/stdout'), b'second')"
        assert written_by_a_process(call, output) == ""
    assert (tmp_path / "all").read_bytes() == b"first,second"


def test_a_file_without_a_name_is_written_where_it_is(tmp_path: Path) -> None:
    with (tmp_path / "gone").open("w+b") as file:
        (tmp_path / "gone").unlink()
        write_named_file(Path(f"/proc/self/fd/{file.fileno()}"), b"new")
        assert file.read() == b"new"
    assert names(tmp_path) == []


def test_two_writers_and_a_file_of_the_user_s_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "kinds.csv"
    (tmp_path / "kinds.csv.tmp").write_bytes(b"mine")

    def pieces() -> Iterator[bytes]:
        yield b"first, "
        write_named_file(file, b"another")
        assert file.read_bytes() == b"another"
        yield b"whole"

    write_named_file(file, pieces())
    assert file.read_bytes() == b"first, whole"
    assert (tmp_path / "kinds.csv.tmp").read_bytes() == b"mine"
    assert names(tmp_path) == ["kinds.csv", "kinds.csv.tmp"]


def test_what_breaks_off_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "kinds.csv"
    file.write_bytes(b"old")

    def broken() -> Iterator[bytes]:
        yield b"new"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_named_file(file, broken())
    with pytest.raises(ConnectionError):
        replace_file(file, broken(), mode=0o600)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_disk_that_is_full_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "kinds.csv"
    file.write_bytes(b"old")
    full = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    said = written_by_a_process(f"{full}\nwrite_named_file(Path({str(file)!r}), b'x' * 9000)")
    assert "File too large" in said
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("name", ["", ".", "..", "/", "{here}", "{here}/none/kinds.csv"])
def test_what_names_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Is a directory|No such file"):
        write_named_file(Path(name.format(here=tmp_path)), b"new")
    assert names(tmp_path) == []


@pytest.fixture
def of_nobody() -> Iterator[Path]:
    """A folder that no right of root's opens: for its length this is somebody else."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if before == 0:
            os.chown(folder, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            os.seteuid(before)


def test_a_file_that_may_not_be_written_is_left_alone(of_nobody: Path) -> None:
    (of_nobody / "kinds.csv").write_bytes(b"old")
    (of_nobody / "kinds.csv").chmod(0o444)
    with pytest.raises(PermissionError):
        write_named_file(of_nobody / "kinds.csv", b"new")
    of_nobody.chmod(0o500)
    with pytest.raises(PermissionError):
        write_named_file(of_nobody / "new.csv", b"new")
    assert [path.read_bytes() for path in of_nobody.iterdir()] == [b"old"]


@pytest.mark.parametrize("link", ["link", "./none/../kinds.xml", "kinds.xml"])
def test_two_options_never_name_one_file(
    link: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to("kinds.xml")
    given = ["--out", str(tmp_path / "kinds.xml"), "--structure", f"{tmp_path}/{link}"]
    assert run(["export", "events_by_kind", "--format", "sdmx-ml", *given]) == exits.USAGE
    assert "--structure and --out are one place" in capsys.readouterr().err
    assert names(tmp_path) == ["link"]
