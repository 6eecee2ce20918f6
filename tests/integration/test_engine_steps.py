"""The exactly-once loop, struck at each of its steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from schemas.clock import Deadline, SystemClock
from tests.conftest import Stack
from tests.integration.test_engine import assert_each_once, feed, numbered, topics

__all__ = ["topics"]

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

_PROJECT = Path(__file__).parent.parent.parent
Topics = tuple[str, str, str]


@contextmanager
def worker(
    stack: Stack, names: Topics, slot: str, step: str = "as_it_is"
) -> Iterator[subprocess.Popen[bytes]]:
    """Killed at the end if it still lives."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "tests.integration.engine_faulty_worker",
            stack.kafka.bootstrap_servers, *names, slot, step,
        ],
        cwd=_PROJECT,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def is_stopped(process: subprocess.Popen[bytes]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    return "State:\tT" in status


def test_kill_9_at_each_step_of_the_loop_loses_and_doubles_nothing(
    stack: Stack, topics: Topics
) -> None:
    steps = ("between_consume_and_produce", "between_produce_and_commit", "between_commit_and_next")
    for number, step in enumerate(steps):
        feed(stack.kafka, topics[0], range(number * 500, number * 500 + 500))
        with worker(stack, topics, "a", step) as process:
            assert process.wait(90) == -signal.SIGKILL
    with worker(stack, topics, "a"):
        assert_each_once(numbered(stack.kafka, topics[1], 1500), 1500)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc whether a process is stopped")
def test_a_worker_whose_transaction_times_out_while_its_successor_works_writes_nothing_more(
    stack: Stack, topics: Topics
) -> None:
    feed(stack.kafka, topics[0], range(1000))
    with worker(stack, topics, "a", "stands_still_before_the_commit") as paused:
        deadline = Deadline.after(SystemClock(), 90)
        while not is_stopped(paused):
            assert not deadline.expired()
            time.sleep(0.1)
        with worker(stack, topics, "b"):
            assert_each_once(numbered(stack.kafka, topics[1], 1000), 1000)
            os.kill(paused.pid, signal.SIGCONT)
            feed(stack.kafka, topics[0], range(1000, 2000))
            assert_each_once(numbered(stack.kafka, topics[1], 2000), 2000)


def test_a_rebalance_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    stack: Stack, topics: Topics
) -> None:
    with ExitStack() as undo:
        undo.enter_context(worker(stack, topics, "a", "is_slow_before_each_commit"))
        feed(stack.kafka, topics[0], range(500))
        numbered(stack.kafka, topics[1], 1)  # it is at work
        undo.enter_context(worker(stack, topics, "b"))
        feed(stack.kafka, topics[0], range(500, 1500))
        assert_each_once(numbered(stack.kafka, topics[1], 1500), 1500)
