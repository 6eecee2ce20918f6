"""The attacker on its own: what it knows from rows and code lists, without the auditor."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from deploy.attacker import (
    ContradictionError,
    FigureId,
    Knowledge,
    Secret,
    Secrets,
    Structure,
    TableShape,
    attack,
    judge,
    read_figures,
)

CODES = ("a", "b", "c", "d")
STRUCTURE = Structure(
    tables={
        "t": TableShape("events", ("row", "column")),
        "rounded": TableShape("usd", ("row",), scale=1000, below=500, above=500),
    },
    totals={"row": "total", "column": "total"},
    parts={"row": {"total": (CODES,)}, "column": {"total": (CODES,)}},
)
VALUES = ((3, 10, 20, 5), (11, 12, 30, 6), (21, 31, 40, 7), (8, 9, 10, 11))


def rows(
    *hidden: str,
    values: tuple[tuple[int, ...], ...] = VALUES,
    release: str = "1",
    cut_off: str | None = None,
) -> list[dict[str, object]]:
    """Four by four with margins; `hidden` names cells, as `ab` or `a total`."""
    found: list[dict[str, object]] = []
    table = [[*line, sum(line)] for line in values]
    table.append([sum(column) for column in zip(*table, strict=True)])
    for row, line in zip((*CODES, "total"), table, strict=True):
        for column, value in zip((*CODES, "total"), line, strict=True):
            name = f"{row} {column}" if "total" in (row, column) else row + column
            found.append(
                {
                    "table": "t",
                    "row": row,
                    "column": column,
                    "obs_value": None if name in hidden else value,
                    "release": release,
                    "cut_off": cut_off,
                }
            )
    return found


def figure(row: str, column: str, cut_off: str = "release 1") -> FigureId:
    return FigureId("events", (("column", column), ("row", row)), cut_off)


def test_it_imports_nothing_of_what_it_attacks() -> None:
    package = Path(__file__).parents[4] / "deploy" / "attacker"
    imported = {
        name
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    ours = {name for name in imported if name.startswith(("sinks", "stream_apps", "schemas"))}
    assert ours == set()


def test_a_cell_hidden_alone_follows_from_its_margins() -> None:
    found = attack(read_figures(rows("aa"), STRUCTURE), STRUCTURE)
    assert found.exact() == [figure("a", "a")]
    assert found.low[figure("a", "a")] == 3
    assert found.programs == 0


def test_four_cells_have_a_range() -> None:
    found = attack(read_figures(rows("aa", "ab", "ba", "bb"), STRUCTURE), STRUCTURE)
    assert found.exact() == []
    assert (found.low[figure("a", "a")], found.high[figure("a", "a")]) == (0, 13)


def test_a_bureau_s_own_part_narrows_what_it_does_not_know() -> None:
    figures = read_figures(rows("aa", "ab", "ba", "bb"), STRUCTURE)
    found = attack(figures, STRUCTURE, own={figure("a", "b"): 9, figure("b", "b"): 11})
    assert (found.low[figure("a", "a")], found.high[figure("a", "a")]) == (2, 4)


def test_a_group_of_one_knows_that_it_is_alone() -> None:
    figures = read_figures(rows("aa", "ab", "ba", "bb"), STRUCTURE)
    found = attack(figures, STRUCTURE, own={figure("a", "b"): 10})
    assert found.high[figure("a", "a")] == 3


BLOCKS = ("aa", "ab", "ba", "bb", "cc", "cd", "dc", "dd")
"""Two squares of hidden cells, with nothing between them."""


def test_sums_that_only_a_program_finds() -> None:
    """Rows a and b less columns a and b leave one cell between two squares."""
    found = attack(read_figures(rows(*BLOCKS, "ac"), STRUCTURE), STRUCTURE)
    assert found.exact() == [figure("a", "c")]
    assert found.low[figure("a", "c")] == 20
    assert found.programs > 0


def test_without_an_upper_limit_it_says_so() -> None:
    hidden = ("aa", "ab", "ba", "bb", "a total", "b total", "total a", "total b", "total total")
    found = attack(read_figures(rows(*hidden), STRUCTURE), STRUCTURE)
    assert found.high[figure("a", "a")] is None


def test_two_releases_with_one_cut_off_are_one_table() -> None:
    first = rows("aa", "ab", "ba", "bb", cut_off="x")
    second = rows("aa", "ac", "ba", "bc", release="2", cut_off="x")
    found = attack(read_figures([*first, *second], STRUCTURE), STRUCTURE)
    assert figure("a", "a", "x") in found.exact()
    other = [row | {"cut_off": "y"} for row in second]
    found = attack(read_figures([*first, *other], STRUCTURE), STRUCTURE)
    assert found.exact() == []


def test_what_was_rounded_is_known_to_within_half() -> None:
    published = [
        {"table": "rounded", "row": code, "obs_value": value, "release": 1}
        for code, value in (("a", 3), ("b", 1), ("c", None), ("d", 1), ("total", 10))
    ]
    found = attack(read_figures(published, STRUCTURE), STRUCTURE)
    hidden = FigureId("usd", (("row", "c"),), "release 1")
    assert (found.low[hidden], found.high[hidden]) == (3000, 7000)


def test_an_unpublished_rest_is_worked_out() -> None:
    some = [row for row in rows() if row["row"] != "c"]
    knowledge = Knowledge(read_figures(some, STRUCTURE), STRUCTURE)
    rests = {
        name.at: knowledge.low[number]
        for name, number in knowledge.number.items()
        if "without row" in name.measure
    }
    assert rests[("column", "a"),] == 21
    assert all(knowledge.is_exact(number) for number in knowledge.number.values())


def test_sums_that_do_not_hold_are_a_contradiction() -> None:
    wrong = rows("aa")
    wrong[4]["obs_value"] = 2
    with pytest.raises(ContradictionError):
        attack(read_figures(wrong, STRUCTURE), STRUCTURE)


def test_sums_that_hold_one_by_one_but_not_together_are_a_contradiction() -> None:
    wrong = rows(*BLOCKS, "c total", "total total")
    by_name = {(row["row"], row["column"]): row for row in wrong}
    by_name["a", "total"]["obs_value"] = 39
    with pytest.raises(ContradictionError):
        attack(read_figures(wrong, STRUCTURE), STRUCTURE)


def test_a_truth_outside_of_what_follows_is_a_contradiction() -> None:
    figures = read_figures(rows("aa", "ab", "ba", "bb"), STRUCTURE)
    secrets = Secrets({figure("a", "a"): Secret(99)})
    assert [leak.kind for leak in judge(figures, STRUCTURE, secrets)] == ["contradiction"]


def test_a_hidden_figure_that_is_in_no_row_is_a_contradiction() -> None:
    secrets = Secrets({figure("e", "a"): Secret(1)})
    found = judge(read_figures(rows(), STRUCTURE), STRUCTURE, secrets)
    assert [leak.message for leak in found] == [f"{figure('e', 'a')} is in no published row"]


def test_other_tables_that_do_not_hold_spare_no_program() -> None:
    """The auditor's table would cover fr, who knows better; it breaks a sum."""
    figures = read_figures(rows("aa", "ab", "ba", "bb"), STRUCTURE)
    truth = {"aa": (3, (1, 6)), "ab": (10, None), "ba": (11, None), "bb": (12, None)}
    secrets = Secrets(
        {figure(*name): Secret(value, bars) for name, (value, bars) in truth.items()},
        parts={"fr": {figure("a", "b"): 10, figure("b", "b"): 12}},
        tables=({figure("a", "a"): 0}, {figure("a", "a"): 13, figure("a", "b"): 0}),
    )
    found = judge(figures, STRUCTURE, secrets)
    assert [(leak.kind, leak.figure) for leak in found] == [("insider", figure("a", "a"))]
