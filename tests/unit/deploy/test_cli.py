"""The command line without servers: help, exit codes, errors, what it reads and prints."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from deploy.cli import exits
from deploy.cli.app import app, run
from deploy.cli.desk import duration_ms
from deploy.cli.printing import print_json
from deploy.cli.publishing import parse_events
from deploy.handover import outbox_file
from schemas.errors import ConfigurationError, FencedError, PermanentError, RetryableError
from sinks.desk import EXIT_GAP, EXIT_OK
from stream_apps.router.refusals import CODES

Capture = pytest.CaptureFixture[str]
PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LIAISON_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERMINAL_WIDTH", "200")


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, by its words."""
    root = typer.main.get_command(app)
    for name, command in sorted(root.commands.items()):  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        if below is None:
            yield (name,)
        else:
            if command.invoke_without_command:
                yield (name,)
            yield from ((name, word) for word in sorted(below))


ALL = list(commands())


def test_the_commands_are_those_that_the_readme_promises() -> None:
    assert {" ".join(words) for words in ALL} == {
        "up", "provision", "demo", "publish", "recall", "simulate", "sql", "report", "ledger",
        "ledger retire", "verify", "topics", "import un-list", "desk tail", "dlq list", "dlq show",
        "dlq replay", "run router", "run cutter", "run loader", "run surge", "run clickhouse",
            "release create", "release list", "release show", "release diff", "release withdraw",
            "release replay", "release calendar", "release recompute", "dictionary", "quality",
            "export", "rates",
    }  # fmt: skip


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], capsys: Capture) -> None:
    assert run([*words, "--help"]) == exits.OK
    shown = capsys.readouterr().out
    assert "Example:" in shown
    assert f"liaison {' '.join(words)}" in shown.replace("\n", " ") or "liaison --" in shown


def test_the_root_help_lists_the_exit_codes(capsys: Capture) -> None:
    assert run(["--help"]) == exits.OK
    shown = capsys.readouterr().out
    assert "Example: liaison up" in shown
    assert "Exit codes:" in shown
    assert "130" in shown


def test_an_unknown_command_is_wrong_usage(capsys: Capture) -> None:
    assert run(["topicz"]) == exits.USAGE
    assert "topics" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["dlq"]], ids=str)
def test_no_command_at_all_is_answered_by_the_help_alone(words: list[str], capsys: Capture) -> None:
    assert run(words) == exits.USAGE
    shown = capsys.readouterr()
    assert "Commands" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermanentError("no"), exits.DIFFERENCE),
        (FencedError("no"), exits.DIFFERENCE),
        (ConfigurationError("no"), exits.CONFIGURATION),
        (RetryableError("no"), exits.RETRYABLE),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: PermanentError, code: int) -> None:
    assert exits.code_of(error) == code


def test_an_error_is_one_line_with_its_code(capsys: Capture) -> None:
    assert run(["--data-dir", "nowhere", "ledger"]) == exits.CONFIGURATION
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error[not-running]: no stack is running on ")
    assert shown.err.count("\n") == 1
    assert "liaison up" in shown.err


def test_wrong_settings_are_told_before_anything_else(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIAISON_KAFKA__BOOTSTRAP_SERVERS", "b:9092")
    assert run(["ledger"]) == exits.CONFIGURATION
    assert "error[settings]" in capsys.readouterr().err


def test_a_registry_that_is_away_is_one_line_and_the_same_command_may_work_later(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIAISON_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LIAISON_REGISTRY__URL", "http://127.0.0.1:1")
    file = tmp_path / "events.jsonl"
    file.write_text('{"kind": "seizure", "what": "cocaine"}\n')
    assert run(["publish", str(file), "--bureau", "FR"]) == exits.RETRYABLE
    assert "error[registry-away]: the registry at http://127.0.0.1:1" in capsys.readouterr().err


def test_up_is_refused_where_a_broker_outside_is_named(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIAISON_KAFKA__BOOTSTRAP_SERVERS", "b:9092")
    monkeypatch.setenv("LIAISON_REGISTRY__URL", "http://r:8081")
    assert run(["up"]) == exits.CONFIGURATION
    assert "liaison run" in capsys.readouterr().err


def test_topics_are_printed_as_json(capsys: Capture) -> None:
    assert run(["topics", "--json"]) == exits.OK
    told = json.loads(capsys.readouterr().out)
    names = {topic["name"] for topic in told["topics"]}
    assert {"intel.europe", "desk.mena.terrorism", "strikes", "fact-blocks"} <= names
    assert {"writer": "cutter", "topic": "fact-blocks", "reader": "loader"} in told["edges"]
    assert [code["code"] for code in told["codes"]] == list(CODES)
    assert all(code["meaning"] and code["remedy"] for code in told["codes"])


def test_topics_draw_the_graph(capsys: Capture) -> None:
    assert run(["topics"]) == exits.OK
    shown = capsys.readouterr().out
    assert "desk.<region>.<category>" in shown
    assert "──▶ cutter, surge" in shown
    for code in CODES.values():
        assert f"{code.code} " in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "SELECT 1", "--format", "xls"],
        ["dlq", "replay"],
        ["dlq", "replay", "dlq.europe/0/1", "--code", "no-reader"],
        ["dlq", "show", "dlq.europe"],
        ["dlq", "list", "--region", "mars"],
        ["ledger", "--region", "mars"],
        ["ledger", "--bureau", "fr"],
        ["ledger", "retire"],
        ["export", "events_by_kind", "--format", "sdmx-ml", "--lang", "fr"],
        ["export", "events_by_kind", "--format", "csv", "--structure", "s.xml"],
        ["export", "events_by_kind", "--lang", "de"],
        ["sql", ""],
        ["sql", " \n"],
        ["bogus"],
        ["--log-level", "bogus", "topics"],
        ["desk", "tail", "--region", "mars"],
        ["desk", "tail", "--region", "europe", "--category", "tea"],
        ["desk", "tail", "--region", "europe", "--bureau", "fr"],
        ["desk", "tail", "--region", "europe", "--kind", "robbery"],
        ["desk", "tail", "--region", "europe", "--kind", "search"],
        ["desk", "tail", "--region", "europe", "--urgency", "hot"],
        ["desk", "tail", "--region", "europe", "--from", "fr"],
        ["simulate", "--days", "1e10"],
        ["run", "router", "--lane", "slow"],
        ["publish", "-"],
        ["import", "un-list", "list.xml", "--max-recall-share", "2"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_refused_as_such_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: Capture
) -> None:
    # Settings that could be used: what is refused is the command line alone.
    assert run(["--data-dir", str(tmp_path), *arguments]) == exits.USAGE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error[usage]: ")
    assert shown.err.count("\n") == 1
    assert "--help`" in shown.err


def test_a_reader_that_has_enough_is_no_error() -> None:
    words = [sys.executable, "-m", "deploy.cli", "topics", "--all"]
    with subprocess.Popen(
        words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()  # far more comes than a pipe holds
        told = process.stderr.read()
        assert (process.wait(), told) == (exits.OK, b"")


@pytest.mark.parametrize("name", ["events.jsonl", "-"])
def test_a_line_ends_where_a_file_s_line_ends_and_nowhere_else(
    name: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = "\u2028\u2029\x85\x0b\x0c\x1c"
    lines = ('{"kind": "robbery", "what": "' + strange + '"}\r\n') * 2
    Path("events.jsonl").write_bytes(lines.encode())
    with open("events.jsonl", encoding="utf-8") as given:  # noqa: PTH123 - as a shell's `<`
        monkeypatch.setattr("sys.stdin", given)
        assert run(["publish", name, "--bureau", "FR"]) == exits.DIFFERENCE
    told = capsys.readouterr().err
    assert told.count("error[bad-event]") == 2
    assert "correct 2 lines" in told


def test_a_statement_on_stdin_that_is_no_utf_8_is_one_line(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"SELECT '\xc8'")))
    assert run(["sql", "-"]) == exits.USAGE
    told = capsys.readouterr().err
    assert told.startswith("error[usage]: ")
    assert "no UTF-8 (byte 8)" in told
    assert told.count("\n") == 1


@pytest.fixture
def servers_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers outside are named, and nobody answers there."""
    monkeypatch.setenv("LIAISON_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LIAISON_REGISTRY__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LIAISON_CLICKHOUSE__URL", "http://127.0.0.1:1")


@pytest.mark.usefixtures("servers_away")
def test_a_clickhouse_that_is_away_is_one_line(capsys: Capture) -> None:
    for command in (["run", "loader"], ["sql", "SELECT 1"]):
        assert run(command) == exits.RETRYABLE
        told = capsys.readouterr().err
        assert told.startswith("error[clickhouse-away]")
        assert told.count("\n") == 1


@pytest.mark.usefixtures("servers_away")
def test_a_role_is_chosen_in_the_embedded_clickhouse_only(capsys: Capture) -> None:
    assert run(["sql", "--as", "auditor", "SELECT 1"]) == exits.USAGE
    assert "clickhouse.username" in capsys.readouterr().err
    assert run(["sql", "--as", "king", "SELECT 1"]) == exits.USAGE


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_a_binary_format_is_not_written_to_a_terminal(
    name: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, theirs = pty.openpty()
    with os.fdopen(own), os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        assert run(["sql", "--format", name, "SELECT 1"]) == exits.USAGE
    told = capsys.readouterr().err
    assert f"{name} is binary and stdout is a terminal" in told
    assert told.count("\n") == 1


def test_sql_needs_a_clickhouse_and_nothing_else(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIAISON_CLICKHOUSE__URL", "http://127.0.0.1:1")
    assert run(["sql", "SELECT 1"]) == exits.RETRYABLE
    assert "error[clickhouse-away]" in capsys.readouterr().err


def test_what_is_printed_is_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="utf-8"))
    print_json({"kafka": "127.0.0.1:9092"})
    assert json.loads(written.getvalue()) == {"kafka": "127.0.0.1:9092"}


def test_events_are_read_from_json_lines() -> None:
    events, wrong = parse_events(
        [
            b'{"kind": "seizure", "what": "coca\xe2\x80\xa8ine", "category": "drug-trafficking"}',
            b"",
            b'{"kind": "seizure", "category": "drugs"}',
            b'{"kind": "robbery"}',
            b"[1]",
            b"{",
            b'{"kind": "seizure", "colour": "red"}',
            b'{"kind": "seizure", "what": "\xff"}',
            b"[" * 100_000,
            b'{"kind": "seizure", "what": ' + b"[" * 300 + b"]" * 300 + b"}",
            b'{"kind": []}',
        ]
    )
    assert [event.kind for event in events] == ["seizure"]
    assert [line for line, _ in wrong] == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    told = dict(wrong)
    assert "kind [] is none of notice" in told[11]
    assert "category: 'drugs' is no threat category" in told[3]
    assert "none of notice" in told[4]
    assert "colour: no such field; known: event_id, " in told[7]
    assert "utf-8" in told[8]
    assert "nested too deeply" in told[9]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"catgory": "terrorism"}, "catgory: no such field; did you mean category"),
        (
            {"measures": [{"measure": "quantity-seized", "value": "1", "units": "kg"}]},
            "measures.0.units: no such field; did you mean unit?",
        ),
        (
            {"supersedes": {"event": str(uuid.uuid4()), "bureau": "FR", "kind": "seizure"}},
            "supersedes.event: no such field; did you mean event_id?",
        ),
    ],
    ids=["event", "measure", "supersedes"],
)
def test_an_unknown_field_is_told_with_the_one_that_was_meant(
    fields: dict[str, object], told: str
) -> None:
    given = {"kind": "seizure", "what": "cocaine", **fields}
    _, ((_, problem),) = parse_events([json.dumps(given).encode()])
    assert told in problem


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--disposition", "xyz", "rejected, quarantined"),
        ("--code", "xyz", "undecodable, too-large"),
        ("--code", "no-readers", "block-refused"),
    ],
)
def test_what_no_refusal_has_is_wrong_usage_with_what_is_allowed(
    option: str, value: str, allowed: str, capsys: Capture, tmp_path: Path
) -> None:
    given = ["--data-dir", str(tmp_path), "dlq", "list", option, value]
    assert run(given) == exits.USAGE
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert f"'{value}' is none of " in shown
    assert allowed in shown


def test_a_desk_s_code_for_a_gap_is_the_command_s() -> None:
    assert (EXIT_OK, EXIT_GAP) == (exits.OK, exits.DIFFERENCE)


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("30m", 1_800_000), ("1h", 3_600_000), ("7d", 604_800_000)]
)
def test_durations_are_read(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "h", "1w", "-1h", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="no duration"):
        duration_ms(text)


@pytest.mark.parametrize("name", ["../FR.cli", "FR/cli", "", ".hidden", "FR.cli\n"])
def test_an_outbox_never_lies_outside_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't name an outbox"):
        outbox_file(tmp_path, name)
