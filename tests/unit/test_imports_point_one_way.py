"""`schemas` knows nobody; producers, stream_apps and sinks know `schemas`; `deploy` knows all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
MAY_IMPORT = {
    "schemas": {"schemas"},
    "producers": {"producers", "schemas"},
    "stream_apps": {"stream_apps", "schemas"},
    "sinks": {"sinks", "schemas"},
    "deploy": {"deploy", "schemas", "producers", "stream_apps", "sinks"},
}
OURS = {*MAY_IMPORT, "tests"}


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and first part of every absolute import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            yield node.lineno, (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_it_may_know(package: str) -> None:
    wrong = [
        f"{path.relative_to(PROJECT)}:{line} imports {name}"
        for path in sorted((PROJECT / package).rglob("*.py"))
        for line, name in imported(ast.parse(path.read_text("utf-8")))
        if name in OURS - MAY_IMPORT[package]
    ]
    assert wrong == []


def test_an_import_inside_a_function_is_seen() -> None:
    tree = ast.parse("def f():\n    from deploy.settings import Settings\n")
    assert list(imported(tree)) == [(2, "deploy")]
