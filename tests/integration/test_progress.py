"""Long work shows on a terminal how far it is, on stderr alone; elsewhere nothing is drawn."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy.cli import exits
from deploy.handover import open_handover
from schemas.clock import SystemClock
from schemas.headers import Disposition, Refusal, refusal_headers
from schemas.topics import DLQ_BLOCKS, FACT_BLOCKS, ledger_topic
from stream_apps.engine import read_topics
from tests.conftest import Stack
from tests.integration.source_records import make_topic
from tests.unit.producers.bureau_side import IDS, draft
from tests.unit.producers.test_schema_ids import registry_numbering

PROJECT = Path(__file__).parents[2]
SAMPLE = PROJECT / "tests" / "unit" / "producers" / "un_list_sample.xml"
NOBODY = "127.0.0.1:1"
PATIENCE_S = 120.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def on_a_terminal(
    *arguments: str, environment: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """The exit code, what was printed, and what a terminal on stderr has shown."""
    own, theirs = pty.openpty()
    shown: list[bytes] = []

    def look() -> None:
        while True:
            try:
                part = os.read(own, 1 << 16)
            except OSError:  # whoever wrote there is gone
                return
            if not part:
                return
            shown.append(part)

    looking = threading.Thread(target=look)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *arguments],
            cwd=PROJECT,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        os.close(theirs)
        looking.start()
        printed, _ = process.communicate(timeout=PATIENCE_S)
        looking.join(PATIENCE_S)
    finally:
        os.close(own)
    text = _CONTROL.sub("", b"".join(shown).decode("utf-8", "replace"))
    return process.returncode, printed.decode(), text


@pytest.mark.parametrize(
    ("command", "stages"),
    [
        (("publish", "{events}", "--bureau", "FR"), ("publishing", "sending")),
        (("import", "un-list", str(SAMPLE)), ("notices", "sending")),
    ],
    ids=["publish", "import"],
)
def test_what_is_handed_over_is_shown_as_it_is_taken_and_as_it_is_sent(
    command: tuple[str, ...], stages: tuple[str, ...], tmp_path: Path
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text('{"kind": "seizure", "what": "cocaine"}\n' * 3)
    given = [events.as_posix() if word == "{events}" else word for word in command]
    with registry_numbering() as registry:
        code, printed, shown = on_a_terminal(
            "--data-dir", str(tmp_path), *given, "--timeout-s", "1", "--json",
            environment={
                "LIAISON_KAFKA__BOOTSTRAP_SERVERS": NOBODY, "LIAISON_REGISTRY__URL": registry.url
            },
        )  # fmt: skip
    assert code == exits.RETRYABLE, shown
    assert printed == ""
    for stage in stages:
        found = re.search(rf"{stage} .*?(\d+)/(\d+)", shown)
        assert found is not None, shown
        assert int(found[2]) > 0, "the bar has an end"


@pytest.mark.stack
@pytest.mark.parametrize(
    ("command", "stage"), [(("ledger",), "reading"), (("dlq", "list"), "blocks")], ids=str
)
def test_reading_whole_topics_is_shown_and_is_no_part_of_the_json(
    command: tuple[str, ...], stage: str, stack: Stack
) -> None:
    refusal = Refusal("block-refused", Disposition.QUARANTINED, "no", "load", FACT_BLOCKS, 9, 9, 1)
    producer = Producer(stack.kafka.producer_config())
    producer.produce(DLQ_BLOCKS, b"no block", headers=list(refusal_headers((), refusal)))
    producer.produce(ledger_topic("global"), None, key=b"nobody/test/message")
    assert producer.flush(PATIENCE_S) == 0
    given = ("--data-dir", str(stack.data_dir), *command, "--json")
    code, printed, shown = on_a_terminal(*given)
    assert code == exits.OK, shown
    assert isinstance(json.loads(printed), list)
    assert re.search(rf"{stage} .*?(\d+)/\1", shown), shown
    in_a_pipe = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *given],
        cwd=PROJECT, capture_output=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert in_a_pipe.stderr == b""


@pytest.mark.stack
def test_whoever_waits_for_the_broker_is_told_how_much_it_has(stack: Stack, tmp_path: Path) -> None:
    topic, told = make_topic(stack.kafka), list[tuple[int, int]]()
    with open_handover(tmp_path / "o", stack.kafka, IDS) as handover:
        handover.outbox.accept([draft(number)._replace(topic=topic) for number in range(1, 6)])
        handover.finish(PATIENCE_S, lambda done, total: told.append((done, total)))
    done, total = told[-1]
    assert done == total
    read = list[tuple[int, int]]()
    records = list(
        read_topics(
            stack.kafka, [topic], SystemClock(), progress=lambda *passed: read.append(passed)
        )
    )
    assert len(records) == 5
    assert read[-1][0] == read[-1][1] >= 5
    assert [done for done, _ in read] == sorted(done for done, _ in read)
