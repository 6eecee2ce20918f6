"""kill -9 at any point of an import loses nothing and publishes nothing twice.

A process of its own imports into a real outbox and kills itself; the next one finishes the work.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from producers import Outbox
from producers.un_list import ImportState, import_list
from schemas import wire
from schemas.clock import SystemClock
from schemas.models import Event
from tests.unit.producers.bureau_side import IDS, publisher

SAMPLE = Path(__file__).parents[1] / "unit" / "producers" / "un_list_sample.xml"
REAL_DATA = os.environ.get("LIAISON_REAL_DATA")
POINTS = ("before-publishing", "half-published", "published", "finished")
VICTIM = """
import os, signal, sys
from pathlib import Path
from tests.integration.test_un_list_kill import import_once
import_once(Path(sys.argv[1]), Path(sys.argv[2]), kill_at=sys.argv[3])
"""


def import_once(folder: Path, path: Path, kill_at: str = "") -> tuple[int, ...]:
    """Import into the folder's outbox; die at a named point."""

    def die(point: str) -> None:
        if point == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = SystemClock()
    with Outbox(folder / "outbox.sqlite", clock) as outbox:
        secretariat = publisher(outbox, bureau="XP", system="un-list", clock=clock)

        def publish(events: list[Event]) -> None:
            die("before-publishing")
            secretariat.publish_many(events[: len(events) // 2])
            die("half-published")
            secretariat.publish_many(events)
            die("published")

        with ImportState(folder / "un-list.sqlite") as state:
            report = import_list(path, state, publish)
        die("finished")
    return report.new, report.corrections, report.recalls, report.unchanged, report.resumed


def killed(folder: Path, path: Path, point: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, str(folder), str(path), point],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def published(folder: Path) -> list[tuple[int, str, str | None]]:
    """Number, id and superseded id of everything in the outbox, in order."""
    found = []
    with Outbox(folder / "outbox.sqlite", SystemClock()) as outbox:
        (count,) = outbox.sent_counts()
        for pending in outbox.read(0, max_records=5000, max_bytes=1 << 30):
            schema = IDS.by_id[wire.schema_id_of(pending.value)]
            envelope = wire.decode(schema.plain, pending.value[wire.FRAME_BYTES :])["envelope"]
            earlier = envelope["supersedes"]
            found.append((pending.sequence, envelope["event_id"], earlier and earlier["event_id"]))
        assert count.last_sequence == len(found)
    return found


@pytest.mark.parametrize("point", POINTS)
def test_kill_9_during_an_import_loses_nothing_and_repeats_nothing(
    tmp_path: Path, point: str
) -> None:
    killed(tmp_path, SAMPLE, point)
    import_once(tmp_path, SAMPLE)
    first = published(tmp_path)
    assert [number for number, _, _ in first] == [1, 2, 3]
    assert len({event_id for _, event_id, _ in first}) == 3

    changed = tmp_path / "changed.xml"
    text = SAMPLE.read_text("utf-8").replace("2026-01-05", "2026-01-06")
    text = text.replace("Invented office", "Other office").replace("HTe.903", "HTe.904")
    changed.write_text(text, "utf-8")
    killed(tmp_path, changed, point)

    newest = tmp_path / "newest.xml"
    text = text.replace("2026-01-06", "2026-01-07").replace("Other office", "Third office")
    newest.write_text(text, "utf-8")
    import_once(tmp_path, newest)
    found = published(tmp_path)
    assert len(found) == 7  # 3; then new, correction, recall; then one more correction
    corrections = [row for row in found if row[2] is not None]
    person = first[0][1]
    assert corrections[0][2] == person
    assert corrections[-1][2] == corrections[0][1]
    assert import_once(tmp_path, newest) == (0, 0, 0, 3, 0)


@pytest.mark.skipif(not REAL_DATA, reason="LIAISON_REAL_DATA is not set: the real UN list")
def test_real_un_list_twice_is_1003_notices_once(tmp_path: Path) -> None:
    path = Path(REAL_DATA or "") / "un" / "UN_consolidated.xml"
    killed(tmp_path, path, "half-published")
    assert import_once(tmp_path, path) == (0, 0, 0, 1003, 1003)
    assert import_once(tmp_path, path) == (0, 0, 0, 1003, 0)
    found = published(tmp_path)
    assert len(found) == len({event_id for _, event_id, _ in found}) == 1003
