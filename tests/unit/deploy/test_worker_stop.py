"""A worker that is told to stop ends: in order, or at its deadline."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from deploy.cli import exits

_WORKER = """
import sys, threading
from deploy.cli.workers import stop_on_signals
with stop_on_signals({within_s}) as stop:
    print("running", flush=True)
    stop.wait()
    {then}
print("in order", flush=True)
"""


def stopped(then: str, *, within_s: float) -> tuple[int, str, float]:
    code = _WORKER.format(within_s=within_s, then=then)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "running\n"
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        told = worker.stdout.read()
    return worker.returncode, told, time.monotonic() - began


def test_a_worker_that_hangs_at_its_end_is_ended_at_the_deadline() -> None:
    code, told, seconds = stopped("threading.Event().wait()", within_s=0.5)
    assert code == exits.RETRYABLE
    assert "worker.stop-deadline" in told
    assert seconds < 20


def test_a_worker_that_ends_in_order_is_left_to_it() -> None:
    code, told, _ = stopped("pass", within_s=30)
    assert (code, told) == (0, "in order\n")
