"""`liaison demo` and `liaison up` as a newcomer runs them, on a data directory of their own."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from deploy.cli import exits
from deploy.cli.app import run
from schemas.clock import Deadline, SystemClock

pytestmark = pytest.mark.timeout(400)

PROJECT = Path(__file__).parents[2]
PATIENCE_S = 300.0
STALL_S = 8.0
LIST = PROJECT / "tests" / "unit" / "producers" / "un_list_sample.xml"
SURGES = "Surges: windows far above their own past"
TABLES = (
    "Receipts: what became of it, by region",
    "Refused, each kept in a dlq",
    "Events by category and region",
    "Two operations, from the reports of the countries that took part",
    "1. Who reports what, in Arabic",
    "2. Hits per million searches",
    "3. Money in US dollars",
    "4. What was taken back",
    "5. Reporting lag by region",
    SURGES,
    "Release: what protection hides, beside whole rows",
    "Release: other tables that nobody can tell from the truth",
    "A statistician asks",
    "FROM raw.facts GROUP BY bureau",
    "FROM audit.cells WHERE is_hidden",
    "Release: the report, pages to open",
    "Processes",
)


@dataclass
class Command:
    """A `liaison` that runs, and what it has said so far."""

    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path

    @property
    def printed(self) -> str:
        return self.stdout.read_text("utf-8")

    @property
    def told(self) -> str:
        return self.stderr.read_text("utf-8")

    def until(self, done: Callable[[], bool]) -> None:
        clock = SystemClock()
        deadline = Deadline.after(clock, PATIENCE_S)
        while not done():
            assert self.process.poll() is None, self.told
            assert not deadline.expired(), self.told
            clock.sleep(0.1)

    def child(self, word: str) -> psutil.Process:
        """The child with this word on its command line."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if word in child.cmdline())

    def ends(self) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def liaison(data: Path, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[Command]:
    """The command; it and all that it started are gone afterwards, or the test fails."""
    name = arguments[0]
    stdout, stderr = data.with_name(f"{name}.out"), data.with_name(f"{name}.err")
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "--data-dir", str(data), *options, *arguments],
            cwd=PROJECT, stdout=out, stderr=err,
        )  # fmt: skip
    try:
        yield Command(process, stdout, stderr)
    finally:
        process.kill()
        process.wait()
    left = subprocess.run(
        ["pgrep", "-f", str(data)],  # noqa: S607
        capture_output=True, check=False,
    )  # fmt: skip
    assert left.stdout == b""


def open_to_others(data: Path) -> list[Path]:
    """What in the data directory, itself included, others may read."""
    there = [data, *data.rglob("*")]
    assert len(there) > 1000, "a broker's storage, ClickHouse's, logs …"
    return [
        path
        for path in there
        if path.lstat().st_mode & 0o077
        and not path.is_symlink()
        and path != data / "registry" / "tmp" / "vertx-cache"  # Vert.x sets its mode itself
    ]


def test_the_demo_shows_everything_outlives_its_broker_and_leaves_a_stack_to_go_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "d"
    small = ("--messages", "400", "--searches", "800", "--un-list", str(LIST), "--stay")
    with liaison(data, "demo", *small) as demo:
        demo.until(lambda: "The stack stays up" in demo.told)
        places = [demo.printed.index(title) for title in TABLES]
        assert places == sorted(places)
        surges = demo.printed[places[TABLES.index(SURGES)] :]
        assert "cyber-scam-centres" in surges, "the planted surge"
        assert demo.printed.count("ACCESS_DENIED") == 2, "what a statistician may not read"
        assert re.search("[\u0600-\u06ff]{4}", demo.printed), "labels in Arabic"
        assert "verify: no difference" in demo.told

        advised = [line for line in demo.told.splitlines() if line.startswith("  liaison ")]
        assert len(advised) == 5
        for line in advised:
            words = shlex.split(line)[1:]
            words += ["--no-follow"] * ("tail" in words)
            assert run(words) == exits.OK, (line, capsys.readouterr().err)
        assert not open_to_others(data)

        # The broker hangs while a worker comes back: the worst time to ask it anything.
        broker = demo.child("kafka.Kafka")
        broker.suspend()
        demo.child("surge").kill()
        demo.until(lambda: "surge was killed by SIGKILL" in demo.told)
        SystemClock().sleep(STALL_S)
        broker.resume()
        demo.until(lambda: demo.told.count("surge is ready") == 2)
        assert demo.ends() == exits.OK

    config = tmp_path / "own.toml"
    config.write_text("[surge]\nstandstill_s = 61\n", "utf-8")
    with liaison(data, "up", "--json", options=("--config", str(config))) as up:
        up.until(lambda: up.printed.rstrip().endswith("}"))
        assert json.loads(up.printed)["kafka"].startswith("127.0.0.1:")
        words = up.child("surge").cmdline()
        assert words[words.index("--config") + 1] == str(config)
        assert "--log-level" in words
        assert up.ends() == exits.OK
