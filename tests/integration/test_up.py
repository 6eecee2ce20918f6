"""`liaison up`: what chooses the servers chooses what its workers do, too."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from schemas.clock import Deadline, SystemClock

pytestmark = pytest.mark.timeout(400)
PROJECT = Path(__file__).parents[2]
PATIENCE_S = 300.0


def test_the_workers_get_the_settings_file_and_the_log_level_of_the_command(
    tmp_path: Path,
) -> None:
    config, told = tmp_path / "settings.toml", tmp_path / "told"
    config.write_text("[surge]\nwindow_s = 60\n", "utf-8")
    chosen = ("--data-dir", str(tmp_path / "d"), "--config", str(config), "--log-level", "warning")
    with told.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *chosen, "up"],
            cwd=PROJECT, stdout=lines, stderr=lines,
        )  # fmt: skip
    clock = SystemClock()
    deadline = Deadline.after(clock, PATIENCE_S)
    try:
        while not (words := surge_s_words(process.pid)):
            assert process.poll() is None, told.read_text("utf-8")
            assert not deadline.expired(), told.read_text("utf-8")
            clock.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
        process.wait()
    assert f"--config {config} " in words
    assert "--log-level warning " in words


def surge_s_words(parent: int) -> str:
    """The command line of surge detection, which `up` has started; empty until then."""
    children = psutil.Process(parent).children()
    return next((" ".join(w) for w in map(words_of, children) if "surge" in w), "")


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it is gone
        return []
