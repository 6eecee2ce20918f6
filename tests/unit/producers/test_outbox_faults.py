"""The outbox under kill -9 and on a full disk: nothing accepted is lost or numbered twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers import Outbox
from schemas.clock import SystemClock
from schemas.errors import RetryableError
from tests.unit.producers.bureau_side import draft, open_outbox

KILLS = 30
ROOM_BYTES = 1024 * 1024


def _publish_until_killed(path: Path, first: int, receipts: int) -> None:
    """In a child process: accept batches, and tell each receipt once it is durable."""
    rng = random.Random(first)
    outbox = Outbox(path, SystemClock())
    for at in range(first, first + 1_000_000, 10):
        size = rng.randint(1, 10)
        batch = [
            draft(n, bureau=rng.choice(["FR", "DE", "KE"]), size=rng.choice([10, 9000]))
            for n in range(at, at + size)
        ]
        for receipt in outbox.accept(batch):
            line = f"{receipt.bureau} {receipt.sequence} {receipt.event_id}\n"
            os.write(receipts, line.encode())


def _run_and_kill(path: Path, first: int, after_bytes: int) -> list[str]:
    """Kill a publishing child at some instant after it has told that many bytes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            _publish_until_killed(path, first, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while len(told) < after_bytes:
            part = pipe.read(64)
            assert part, "the publishing child died by itself"
            told += part
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += pipe.readall()
    return told.decode().splitlines()


def test_kill_9_at_any_instant_leaves_no_gap_and_loses_no_receipt(tmp_path: Path) -> None:
    path = tmp_path / "o"
    rng = random.Random(7)
    told: list[str] = []
    for kill in range(KILLS):
        lines = _run_and_kill(path, kill * 10_000_000, rng.randint(1, 6000))
        told += [line for line in lines if len(line.split(" ")[-1]) == 36]

    with open_outbox(path) as outbox:
        held = outbox.read(0, max_records=1_000_000, max_bytes=1 << 40)
        stored = {(r.account.lane.bureau, r.sequence): str(r.event_id) for r in held}
        assert len(stored) == len(held) == outbox.pending()
        for account in outbox.sent_counts():
            given = [sequence for bureau, sequence in stored if bureau == account.bureau]
            assert sorted(given) == list(range(1, account.last_sequence + 1))
        assert len({account.epoch for account in outbox.sent_counts()}) == 3
        assert len(told) > KILLS
        for line in told:
            bureau, sequence, event_id = line.split(" ")
            assert stored[bureau, int(sequence)] == event_id


def test_a_killed_removal_leaves_a_record_or_not_but_never_half(tmp_path: Path) -> None:
    path = tmp_path / "o"
    with open_outbox(path) as outbox:
        outbox.accept([draft(n) for n in range(500)])
    child = os.fork()
    if child == 0:
        try:
            outbox = open_outbox(path)
            for row in range(1, 401):
                outbox.remove([(row, row)])
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    with open_outbox(path) as outbox:
        rows = [r.row for r in outbox.read(0, max_records=1000, max_bytes=1 << 30)]
        assert rows == list(range(rows[0], 501))
        assert rows[0] <= 401


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with little room; only root may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root; the page-count test covers the rest")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, capture_output=True)  # noqa: S607


def _fill(outbox: Outbox) -> int:
    """Accept until the disk is full; returns how many records were taken."""
    taken = 0
    with pytest.raises(RetryableError) as caught:  # noqa: PT012 - which call fails is the disk's choice
        while True:
            outbox.accept([draft(taken + n, size=5000) for n in range(7)])
            taken += 7
    assert caught.value.code == "outbox-disk-full"
    assert "make room" in str(caught.value)
    return taken


def _is_whole(outbox: Outbox, taken: int) -> None:
    held = outbox.read(0, max_records=1_000_000, max_bytes=1 << 40)
    assert [record.sequence for record in held] == list(range(1, taken + 1))
    assert outbox.pending() == taken
    assert [account.last_sequence for account in outbox.sent_counts()] == [taken]


def test_a_full_disk_refuses_whole_calls_and_room_mends_it(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (ROOM_BYTES // 2))
    with open_outbox(small_disk / "o") as outbox:
        taken = _fill(outbox)
        assert taken > 0
        _is_whole(outbox, taken)
        filler.unlink()
        (receipt,) = outbox.accept([draft(taken, size=5000)])
        assert receipt.sequence == taken + 1
        _is_whole(outbox, taken + 1)
    with open_outbox(small_disk / "o") as outbox:
        _is_whole(outbox, taken + 1)


def test_a_full_database_refuses_whole_calls_and_room_mends_it(tmp_path: Path) -> None:
    with open_outbox(tmp_path / "o") as outbox:
        outbox._db.execute("PRAGMA max_page_count = 60")
        taken = _fill(outbox)
        _is_whole(outbox, taken)
        outbox._db.execute("PRAGMA max_page_count = 100000")
        assert outbox.accept([draft(taken)])[0].sequence == taken + 1
        _is_whole(outbox, taken + 1)


def test_a_file_that_another_program_locks_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.storage._BUSY_TIMEOUT_S", 0.05)
    with open_outbox(tmp_path / "o") as outbox:
        other = sqlite3.connect(tmp_path / "o", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryableError) as caught:
            outbox.accept([draft(1)])
        assert caught.value.code == "outbox-io"
        other.execute("ROLLBACK")
        other.close()
        assert outbox.accept([draft(1)])[0].sequence == 1


def test_what_no_note_can_be_written_of_is_sent_all_the_same_and_does_not_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.storage._BUSY_TIMEOUT_S", 0.05)
    with open_outbox(tmp_path / "o") as outbox:
        outbox.accept([draft(1)])
        outbox.confirm()
        waiting = outbox.read(0, max_records=9, max_bytes=1 << 20)
        other = sqlite3.connect(tmp_path / "o", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # as a disk without room: nothing can be written
        assert outbox.offer(waiting, outbox.moves)
        other.execute("ROLLBACK")
        other.close()
        assert outbox.readdress(lambda _lane: "intel.africa", lambda value, *_: value) == []
