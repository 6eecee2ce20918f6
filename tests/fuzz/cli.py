"""Command lines, in this process: any exit code but the one for a fault of Liaison.

Commands that start servers are only asked what their options may be; the others find no stack in
the empty directory that each case is given, and say so.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from unittest.mock import patch

from deploy.cli import exits
from deploy.cli.app import run
from tests.fuzz.case import Case, Finding
from tests.fuzz.mutate import NUMBERS, spoil_bytes, spoil_text

__all__ = ["CliTarget"]

_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("publish",), ("recall",), ("sql",), ("ledger",), ("verify",), ("topics",), ("provision",),
    ("import", "un-list"), ("desk", "tail"), ("dlq", "list"), ("dlq", "show"), ("dlq", "replay"),
    ("simulate",), ("release", "create"), ("release", "list"), ("release", "show"),
    ("release", "diff"), ("release", "withdraw"), ("release", "recompute"), ("release", "calendar"),
    ("export",), ("rates",), ("report",), ("dictionary",), ("quality",), (), ("no-such",), ("dlq",),
)  # fmt: skip
_OPTIONS = (
    "--bureau", "--system", "--timeout-s", "--skip-invalid", "--json", "--event-id", "--kind",
    "--reason", "--of",
    "--root", "--root-bureau", "--explanation", "--format", "--max-rows", "--region", "--graph",
    "--no-graph",
    "--all", "--category", "--since", "--store", "--urgency", "--iccs", "--min-score",
    "--no-follow", "--limit",
    "--code", "--disposition", "--summary", "--messages", "--searches", "--seed", "--days",
    "--speed", "--help",
    "--config", "--log-level", "--data-dir", "-h", "--", "-", "--nothing", "--version", "--bureau=",
    "--json=x",
    "--out", "--structure", "--figures", "--fonts", "--lang", "--change", "--denominator", "--per",
    "--decimals", "--release", "--as-of", "--at", "--by", "--from", "--open", "--notice",
)  # fmt: skip
_WORDS = (
    "FR", "europe", "terrorism", "events.jsonl", "-", "", "1", "-1", "nan", "inf", "1e400", "7d",
    "-5m", "0x10",
    "2025-01-01", "99999-01-01", "0001-01-01T00:00:00+23:59", "europe/1/2", "europe/1", "a/b/c",
    "europe/-1/-1",
    "europe/99999999999999999999/1", "00000000-0000-0000-0000-000000000000", "arrest", "/dev/null",
    "/", "\udcff",
    "events_by_kind", "quarter", "2026-13", "sdmx-ml", "ar", "members", "previous",
    "SELECT 1", "debug", "no-such", "9" * 5000, "9999999999999999w", "١٢٣", "..",
)  # fmt: skip
_LINES = (
    b'{"kind": "seizure", "category": "drug-trafficking", "what": "x"}', b"[" * 100_000,
    b"{" * 100_000, b"{}",
    b'{"kind": "arrest", "occurred_at": "0000-01-01"}', b'{"kind": ["arrest"]}', b'{"kind": {}}',
    b"null",
    b'{"kind": "arrest", "occurred_at": 1e400}', b'{"kind": "arrest", "a": ' + b"9" * 5000 + b"}",
    b"NaN",
    b'{"kind": "arrest", "description": "\\ud800"}',
    b'{"kind": "arrest", "measures": [{"value": "NaN"}]}',
    b'{"kind":"arrest","occurred_at":' + b"9" * 30 + b"}", b'\xff', b'"' ,
    b'{"kind":' + b'{"a":' * 50_000,
    b'{"kind":"arrest","event_id":"' + b"0" * 32 + b'"}', b'{"kind":"arrest","a":1,"a":2}',
    b'{"kind":"seizure","occurred_at":"9999-12-31T23:59:59-14:00"}',
    b'{"kind":"seizure","occurred_at":-1e18}',
    b'{"kind":"seizure","measures":[{"measure":"x","value":1e1000000,"unit":"kg"}]}',
    b'{"kind":"seizure","measures":[{"measure":"x","value":"1E+999999999","unit":"kg"}]}',
)  # fmt: skip
_SOUND = tuple(exits.TABLE.keys() - {exits.FAULT})


class CliTarget:
    """One command line, and the file that it may name."""

    name = "cli"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="liaison-fuzz-")

    def make(self, rng: Random) -> Case:
        arguments: list[str] = []
        if rng.random() < 0.1:
            arguments += [rng.choice(("--log-level", "--data-dir", "--config")), self._word(rng)]
        if rng.random() < 0.25:
            arguments += ["publish", "events.jsonl", "--bureau", "FR"]
        else:
            arguments += rng.choice(_COMMANDS)
            for _ in range(rng.randint(0, 5)):
                arguments += [rng.choice(_OPTIONS)] if rng.random() < 0.6 else []
                arguments += [self._word(rng)] if rng.random() < 0.7 else []
        lines = [
            rng.choice(_LINES) if rng.random() < 0.6 else spoil_bytes(rng, rng.choice(_LINES)[:200])
            for _ in range(rng.randint(1, 3))
        ]
        return {"arguments": arguments, "events": b"\n".join(lines)}

    def _word(self, rng: Random) -> str:
        if rng.random() < 0.7:
            return rng.choice(_WORDS)
        return (spoil_text(rng)[:300] if rng.random() < 0.7 else str(rng.choice(NUMBERS))).replace(
            "\0", "x"
        )

    def run(self, case: Case) -> list[str]:
        said = io.StringIO()
        with (
            self._elsewhere(case["events"]),
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
        ):
            code = run(case["arguments"])
        if code not in _SOUND:
            raise Finding(f"exit code {code}: {said.getvalue()[-1500:]}")
        return [f"exit-{code}"]

    @contextlib.contextmanager
    def _elsewhere(self, events: bytes) -> Iterator[None]:
        """A fresh directory, no settings of ours, stdin at its end."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith("LIAISON_")}
        before = Path.cwd()
        with tempfile.TemporaryDirectory(dir=self._folder.name) as here:
            Path(here, "events.jsonl").write_bytes(events)
            os.chdir(here)
            try:
                with (
                    patch.dict(os.environ, kept, clear=True),
                    patch("sys.stdin", io.TextIOWrapper(io.BytesIO(events))),
                ):
                    yield
            finally:
                os.chdir(before)

    def close(self) -> None:
        self._folder.cleanup()
