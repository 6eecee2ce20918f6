"""Logs: what they show of an error, and what they must not show."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from deploy.cli.logs import configure_logs

SECRET = "Jean VALJEAN"
_FAILS = f"""
import sys
import structlog
from deploy.cli.logs import configure_logs

sys.stderr.isatty = lambda: {{tty}}
configure_logs()
def enrich(person_name):
    raise KeyError("region")
try:
    enrich({SECRET!r}.upper())
except KeyError:
    structlog.get_logger().exception("router.internal", topic="intel.europe")
"""


def logged(*, tty: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _FAILS.format(tty=tty)], capture_output=True, text=True, check=True
    )
    return done.stderr


@pytest.mark.parametrize("tty", [True, False])
def test_a_traceback_names_places_and_never_what_was_in_them(tty: bool) -> None:
    told = logged(tty=tty)
    assert "enrich" in told
    assert "KeyError" in told
    assert SECRET.upper() not in told


def test_a_line_that_can_not_be_written_stops_nobody() -> None:
    code = (
        "import os, sys, structlog\n"
        "from deploy.cli.logs import configure_logs\n"
        "configure_logs()\n"
        "log = structlog.get_logger()\n"
        "log.info('first')\n"
        "os.close(2)\n"
        "log.info('to a closed descriptor')\n"
        "sys.stderr.close()\n"
        "log.info('to a closed file')\n"
        "print('goes on')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_without_a_terminal_each_event_is_one_line_of_json() -> None:
    (line,) = logged(tty=False).splitlines()
    assert json.loads(line)["topic"] == "intel.europe"


_EVIL = "\x1b[2J\x9b\u202e"
_LOGS_EVIL = f"""
import sys
import structlog
from deploy.cli.logs import configure_logs

sys.stderr.isatty = lambda: {{tty}}
configure_logs()
try:
    raise KeyError({_EVIL!r} + "\\nfaked line")
except KeyError:
    structlog.get_logger().exception("refused", key={_EVIL!r}, headers=[{_EVIL!r}])
    structlog.get_logger().warning("refused", reason={_EVIL!r} + "\\nfaked line")
"""


@pytest.mark.parametrize("tty", [True, False])
def test_what_a_sender_wrote_steers_no_terminal(tty: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOGS_EVIL.format(tty=tty)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr)  # the log's own colours
    assert "refused" in told
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", told)
    assert "\nfaked line" not in told.replace("KeyError", "")


def test_a_level_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="bogus"):
        configure_logs("bogus")
