"""What `liaison verify` prints: the counts that agree, every difference, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from deploy.cli.printing import note, print_json, print_table
from deploy.cli.session import Session
from deploy.handover import outbox_files
from deploy.releases.manifests import ManifestFolder
from deploy.verify.difference import Verdict
from deploy.verify.statistics import statistics_differences
from deploy.verify.verifier import verify

__all__ = ["print_verdict", "verify_command", "verify_session", "verify_statistics_command"]

_SHOWN = 50


def verify_command(session: Session, *, as_json: bool) -> int:
    """Verify the stack of a session: 0 if nothing differs, else 1."""
    verdict = verify_session(session, progress=note)
    if as_json:
        print_json({"clean": verdict.clean, **asdict(verdict)})
    else:
        print_verdict(verdict)
    return 0 if verdict.clean else 1


def verify_statistics_command(session: Session, *, as_json: bool) -> int:
    """Verify the releases of a session's ClickHouse: 0 if nothing differs, else 1."""
    auditor = session.connections.clickhouse_as("auditor").client()
    statistician = session.connections.clickhouse_as("statistician").client()
    manifests = ManifestFolder(session.settings.releases_folder).manifests()
    try:
        found = list(statistics_differences(auditor, statistician, manifests))
    finally:
        statistician.close()
        auditor.close()
    verdict = Verdict({"releases": len(manifests)}, found)
    if as_json:
        print_json({"clean": verdict.clean, **asdict(verdict)})
    else:
        print_verdict(verdict)
    return 0 if verdict.clean else 1


def verify_session(session: Session, *, progress: Callable[[str], None]) -> Verdict:
    """Verify the stack of a session, with every outbox of its data directory."""
    connections = session.connections
    client = connections.clickhouse_as("auditor").client()
    try:
        return verify(
            connections.kafka,
            client,
            session.schema_ids(),
            outboxes=outbox_files(session.outbox_folder),
            progress=progress,
        )
    finally:
        client.close()


def print_verdict(verdict: Verdict) -> None:
    """The counts, the first differences and one line of verdict."""
    print_table(("verify", "count"), list(verdict.counts.items()))
    for told in verdict.notes:
        note(told)
    if verdict.clean:
        note("verify: no difference")
        return
    print_table(
        ("check", "where", "expected", "found"),
        [(d.check, d.where, d.expected, d.found) for d in verdict.differences[:_SHOWN]],
    )
    note(f"verify: {len(verdict.differences)} differences, the first {_SHOWN} shown")
