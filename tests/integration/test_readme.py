"""What the README shows in Python works as it stands there, but for the addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import Stack

pytestmark = pytest.mark.stack
README = Path(__file__).parent.parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def as_here(block: str, stack: Stack) -> str:
    return block.replace("127.0.0.1:9092", stack.kafka.bootstrap_servers).replace(
        "http://127.0.0.1:8080/apis/ccompat/v7", stack.registry.url
    )


@pytest.mark.parametrize("block", BLOCKS, ids=["publishing", "subscribing"])
def test_an_example_runs(
    block: str, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(as_here(block, stack), "README.md", "exec"), {})  # noqa: S102


def test_what_is_published_as_shown_is_numbered_from_one(
    stack: Stack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(as_here(BLOCKS[0], stack), "README.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.split()[1] == "1"


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.*]+)`", README.read_text("utf-8"))
    assert named
    missing = [name for name in named if not list(README.parent.glob(name.rstrip("/")))]
    assert missing == []
