"""`liaison topics`: what is declared, who writes it for whom, why records are refused.

Needs no server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.printing import print_json, print_table, print_text

if TYPE_CHECKING:
    from schemas.topics import Topic

__all__ = ["families", "graph_lines", "topics"]


def topics(
    graph: Annotated[bool, typer.Option(help="Print the routing graph too.")] = True,
    every: Annotated[
        bool, typer.Option("--all", help="Every topic by name, not one line a family.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Print the declared topics, the routing graph, and the codes of refused records.

    Example: [bold]liaison topics --all --json | jq '.topics | length'[/]
    """
    from deploy.access import product_topics
    from schemas.reference import Reference
    from stream_apps.router.refusals import CODES

    declared = product_topics(Reference.load())
    if as_json:
        print_json(
            {
                "topics": [
                    {
                        "name": topic.name,
                        "partitions": topic.partitions,
                        "key": topic.key,
                        "value": topic.value,
                        "writers": topic.writers,
                        "readers": topic.readers,
                        "config": topic.config,
                    }
                    for topic in declared
                ],
                "edges": [
                    {"writer": writer, "topic": family, "reader": reader}
                    for writer, family, reader in _edges(declared)
                ],
                "codes": [asdict(code) for code in CODES.values()],
            }
        )
        return
    rows = (
        [(t.name, 1, t.partitions, t.key, _kept(t), t.value) for t in declared]
        if every
        else [
            (family, len(members), members[0].partitions, members[0].key)
            + (_kept(members[0]), members[0].value)
            for family, members in families(declared).items()
        ]
    )
    print_table(("topic", "topics", "partitions", "key", "kept", "value"), rows)
    if graph:
        print_text("")
        for line in graph_lines(declared):
            print_text(line)
    print_table(
        ("code", "disposition", "meaning", "what to do"),
        [(c.code, c.disposition.value, c.meaning, c.remedy) for c in CODES.values()],
        title="Why a record is refused (rejected: the sender must act; quarantined: an operator)",
    )


def families(declared: Iterable[Topic]) -> dict[str, list[Topic]]:
    """Topics by family: `desk.<region>.<category>` and so on."""
    found: dict[str, list[Topic]] = {}
    for topic in declared:
        found.setdefault(_family(topic.name), []).append(topic)
    return found


def graph_lines(declared: Iterable[Topic]) -> list[str]:
    """The graph as text: each writer, what it writes, and who reads that."""
    by_writer: dict[str, dict[str, list[str]]] = {}
    for writer, family, reader in _edges(declared):
        readers = by_writer.setdefault(writer, {}).setdefault(family, [])
        readers.append(reader)
    lines = []
    for writer, written in by_writer.items():
        lines.append(writer)
        last = len(written) - 1
        for index, (family, readers) in enumerate(written.items()):
            branch = "└─▶" if index == last else "├─▶"
            lines.append(f"  {branch} {family:<28} ──▶ {', '.join(readers)}")
    return lines


def _edges(declared: Iterable[Topic]) -> list[tuple[str, str, str]]:
    edges = {
        (_role(writer), family, _role(reader)): None
        for family, members in families(declared).items()
        for topic in members
        for writer in topic.writers
        for reader in topic.readers
    }
    return list(edges)


def _family(name: str) -> str:
    head, _, rest = name.partition(".")
    pattern = {
        "intel": "intel.<region>",
        "search": "search.<region>",
        "desk": "desk.<region>.<category>",
        "alerts": "alerts.<region>",
        "bureau": "bureau.<iso2>",
        "receipts": "receipts.<iso2>",
        "ledger": "ledger.<region>",
        "dlq": "dlq.blocks" if rest == "blocks" else "dlq.<region>",
    }
    return pattern.get(head, name)


def _role(role: str) -> str:
    if role.startswith("bureaus of "):
        return "bureaus of the region"
    return "the bureau" if len(role) == 2 and role.isupper() else role


def _kept(topic: Topic) -> str:
    if topic.config.get("cleanup.policy") == "compact":
        return "the newest of a key"
    kept_ms = int(topic.config.get("retention.ms", "-1"))
    return "for ever" if kept_ms < 0 else f"{kept_ms // 86_400_000} days"
