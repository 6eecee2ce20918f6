"""What is hidden with a sensitive cell, the proofs of it, and who can't tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.attacker import attack, judge, read_figures
from sinks.statistics.disclosure import (
    DESKS,
    Cell,
    CellId,
    Dimension,
    Protection,
    PublicTotal,
    Reason,
    Release,
    System,
    Table,
    TableError,
    Vintage,
    blocks_to_keep,
    check_proofs,
    losses,
    merge,
    protect,
)
from tests.unit.sinks.statistics.publishing import (
    figure_id,
    published,
    secrets_of,
    structure_of,
)
from tests.unit.sinks.statistics.small_worlds import release_of

Parts = Mapping[tuple[str, ...], Mapping[str, int]]
SQUARE = {
    "row": Dimension("row", {"total": (("a", "b", "c"),)}),
    "column": Dimension("column", {"total": (("x", "y", "z"),)}),
}
CUBE = {name: Dimension(name, {"total": (("0", "1", "2"),)}) for name in ("p", "q", "r")}


def table_of(
    dimensions: Mapping[str, Dimension], parts: Parts, *, state: str = "", read: bool = False
) -> Table:
    """All cells with all margins, from the parts of the innermost cells."""
    codes = {name: d.parts[d.total][0] for name, d in dimensions.items()}
    cells = []
    for place in product(*((*codes[name], d.total) for name, d in dimensions.items())):
        counted: dict[str, int] = {}
        for inner, by_bureau in parts.items():
            if all(at in (code, "total") for at, code in zip(place, inner, strict=True)):
                for bureau, part in by_bureau.items():
                    counted[bureau] = counted.get(bureau, 0) + part
        counted = {bureau: part for bureau, part in counted.items() if part}
        value = sum(counted.values())
        cells.append(Cell(place, value, counted, read=value if read else 0, state=state))
    return Table("t", "events", tuple(dimensions), tuple(cells))


def square(**values: int) -> Table:
    """Three rows by three columns; four bureaus share each cell evenly, but one has a 3 alone."""
    parts: dict[tuple[str, ...], dict[str, int]] = {}
    for row, column in product("abc", "xyz"):
        value = values.get(row + column, 40)
        names = ("fr",) if value == 3 else ("fr", "de", "es", "it")
        parts[row, column] = {
            name: value // len(names) + (n < value % len(names)) for n, name in enumerate(names)
        }
    return table_of(SQUARE, parts)


def at(row: str, column: str) -> CellId:
    return CellId("events", (("column", column), ("row", row)), "")


def assert_protected(release: Release, protection: Protection) -> None:
    """Proofs hold, nothing hidden is exact, and the attacker finds nothing."""
    system = System(release.tables, release.dimensions, release.vintages, release.public)
    assert not protection.unprotected
    assert check_proofs(protection.proofs, system, protection.hidden) == ()
    assert all(low < high for low, high in protection.widths.values())
    structure = structure_of(release.tables, release.dimensions)
    rows = published(release.tables, release.dimensions, protection.hidden)
    assert judge(read_figures(rows, structure), structure, secrets_of(release, protection)) == []


def test_one_sensitive_cell_takes_three_more_with_it() -> None:
    release = Release(SQUARE, (square(ax=3),))
    protection = protect(release)
    assert protection.primary == {
        at("a", "x"): {Reason.FEW_BUREAUS, Reason.BELOW_MINIMUM, Reason.DOMINANCE}
    }
    assert len(protection.secondary) == 3
    assert_protected(release, protection)


def test_hiding_only_what_is_sensitive_leaks_it() -> None:
    release = Release(SQUARE, (square(ax=3),))
    structure = structure_of(release.tables, SQUARE)
    rows = published(release.tables, SQUARE, frozenset({at("a", "x")}))
    found = attack(read_figures(rows, structure), structure)
    assert found.exact() == [figure_id(at("a", "x"))]
    assert found.low[figure_id(at("a", "x"))] == 3


def test_nothing_sensitive_hides_nothing() -> None:
    protection = protect(Release(SQUARE, (square(),)))
    assert protection.hidden == frozenset()
    assert protection.programs == 0


def test_cheap_cells_are_hidden_rather_than_large_ones() -> None:
    release = Release(SQUARE, (square(ax=3, ay=4000, bx=4000, by=4000),))
    assert protect(release).secondary == {at("a", "z"), at("c", "x"), at("c", "z")}


def test_a_zero_is_shown() -> None:
    protection = protect(Release(SQUARE, (square(ax=0),)))
    assert protection.hidden == frozenset()


@pytest.mark.parametrize("seed", range(5))
def test_shared_margins_link_tables(seed: int) -> None:
    release = release_of(seed + 100)
    assert_protected(release, protect(release))


def test_the_order_of_tables_and_cells_does_not_matter() -> None:
    release = release_of(1)
    shuffled = tuple(
        replace(table, cells=tuple(reversed(table.cells))) for table in reversed(release.tables)
    )
    first, second = protect(release), protect(replace(release, tables=shuffled))
    assert (first.primary, first.secondary) == (second.primary, second.secondary)
    assert set(map(repr, first.proofs)) == set(map(repr, second.proofs))


def test_a_proof_that_was_tampered_with_is_none() -> None:
    release = Release(SQUARE, (square(ax=3),))
    protection = protect(release)
    system = System(release.tables, SQUARE)
    proof = next(proof for proof in protection.proofs if proof.table and proof.upward)
    some = next(cell for cell in proof.table if cell != proof.cell)
    off_by_one = replace(proof, table={**proof.table, some: proof.table[some] + 1})
    too_low = replace(proof, bar=proof.bar + 1)
    unknown = replace(proof, table={**proof.table, at("d", "x"): 1})
    false = (off_by_one, too_low, unknown)
    assert check_proofs((proof, *false), system, protection.hidden) == false
    shown = protection.hidden - {some}
    assert proof in check_proofs(protection.proofs, system, shown)


def test_who_holds_most_of_the_cells_beside_does_not_tell_a_hidden_one() -> None:
    """The cells beside could be smaller by ten, but not for fr: the others have six there."""
    parts: dict[tuple[str, ...], dict[str, int]] = {
        place: {"fr": 30, "de": 2, "es": 2, "it": 2} for place in product("abc", "xyz")
    }
    parts["a", "x"] = {"de": 50, "es": 50}
    release = Release(SQUARE, (table_of(SQUARE, parts),))
    protection = protect(release)
    assert list(protection.primary) == [at("a", "x")]
    assert any(proof.reader == "fr" for proof in protection.proofs)
    assert_protected(release, protection)
    four = frozenset({at("a", "y"), at("b", "x"), at("b", "y")})
    secrets = secrets_of(release, replace(protection, proofs=(), secondary=four))
    structure = structure_of(release.tables, SQUARE)
    rows = published(release.tables, SQUARE, four | {at("a", "x")})
    found = judge(read_figures(rows, structure), structure, secrets)
    assert {(leak.kind, leak.figure) for leak in found} == {("insider", figure_id(at("a", "x")))}
    assert "fr knows" in found[0].message


def test_desks_can_subtract_what_they_read() -> None:
    many = {"fr": 4, "de": 4, "es": 4}
    left = dict.fromkeys(product("abc", "xyz"), many) | {("a", "x"): {"fr": 2, "de": 1}}
    release = Release(SQUARE, (handled(left),))
    protection = protect(release)
    assert protection.primary == {at("a", "x"): {Reason.RESTRICTED}}
    assert any(proof.reader == DESKS for proof in protection.proofs)
    assert_protected(release, protection)


def handled(left: Mapping[tuple[str, str], Mapping[str, int]]) -> Table:
    """The square with what desks can't read of each inner cell; they have read the rest."""
    cells = []
    for cell in square().cells:
        few: dict[str, int] = {}
        for place, by_bureau in left.items():
            if all(at in (code, "total") for at, code in zip(cell.codes, place, strict=True)):
                for bureau, part in by_bureau.items():
                    few[bureau] = few.get(bureau, 0) + part
        cells.append(replace(cell, restricted=few, read=cell.value - sum(few.values())))
    return Table("t", "events", ("row", "column"), tuple(cells))


def test_cells_that_desks_have_read_whole_hide_nothing_from_them() -> None:
    """Three restricted events, and neighbours that can't be smaller for who read all of them."""
    many = {"fr": 4, "de": 4, "es": 4}
    left = dict.fromkeys(product("abc", "xyz"), many)
    left |= {("a", "x"): {"fr": 2, "de": 1}, ("a", "y"): {}, ("b", "x"): {}}
    release = Release(SQUARE, (handled(left),))
    protection = protect(release)
    assert protection.primary == {at("a", "x"): {Reason.RESTRICTED}}
    assert_protected(release, protection)
    beside = frozenset({at("a", "y"), at("b", "x"), at("b", "y")})
    secrets = secrets_of(release, replace(protection, proofs=(), secondary=beside))
    structure = structure_of(release.tables, SQUARE)
    rows = published(release.tables, SQUARE, beside | {at("a", "x")})
    found = judge(read_figures(rows, structure), structure, secrets)
    assert {(leak.kind, leak.figure) for leak in found} == {("insider", figure_id(at("a", "x")))}
    assert {leak.message.partition(" knows ")[0] for leak in found} == {DESKS}


def test_a_group_of_one_bureau_is_as_hidden_as_its_cells() -> None:
    release = Release(SQUARE, (square(ax=3, ay=3, az=3),))
    protection = protect(release)
    row = CellId("events", (("row", "a"),), "")
    assert Reason.FEW_BUREAUS in protection.primary[row]
    assert_protected(release, protection)
    structure = structure_of(release.tables, SQUARE)
    rows = published(release.tables, SQUARE, protection.hidden - {row})
    found = judge(read_figures(rows, structure), structure, secrets_of(release, protection))
    assert ("narrow", figure_id(row)) in {(leak.kind, leak.figure) for leak in found}


def test_a_public_figure_is_not_hidden_and_protects_nothing() -> None:
    release = Release(SQUARE, (square(ax=3),))
    plain = protect(release)
    known = sorted(plain.secondary)[0]
    value = System(release.tables, SQUARE).values[System(release.tables, SQUARE).index[known]]
    public = replace(release, public=(PublicTotal((known,), value, value, "a press release"),))
    protection = protect(public)
    assert known not in protection.hidden
    assert_protected(public, protection)


def test_a_public_sum_of_cells_is_one_more_margin() -> None:
    release = Release(SQUARE, (square(ax=3),))
    plain = protect(release)
    (opposite,) = (cell for cell in plain.secondary if not {*cell.at} & {*at("a", "x").at})
    total = PublicTotal((at("a", "x"), opposite), 43, 43, "a press release")
    public = replace(release, public=(total,))
    system = System(public.tables, SQUARE, public=public.public)
    assert len(check_proofs(plain.proofs, system, plain.hidden)) == 2
    protection = protect(public)
    assert not protection.unprotected
    assert check_proofs(protection.proofs, system, protection.hidden) == ()


def test_a_public_figure_of_a_cell_that_is_not_published_is_known_too() -> None:
    """Only sums over x and y are published, but a press release had x."""
    table = square(ax=3)
    merged = merge(Release(SQUARE, (table,)), "column", ("x", "y"), "x or y")
    assert protect(merged).hidden == frozenset()
    known = PublicTotal((at("a", "x"),), 3, 3, "a press release")
    protection = protect(replace(merged, public=(known,)))
    assert protection.hidden == frozenset()
    with pytest.raises(TableError, match="isn't published"):
        protect(replace(merged, public=(replace(known, high=4),)))


def test_a_public_figure_that_is_wrong_is_refused() -> None:
    release = Release(SQUARE, (square(),), public=(PublicTotal((at("a", "x"),), 1, 2, "press"),))
    with pytest.raises(TableError, match="outside of what is public"):
        protect(release)


def test_what_an_earlier_release_showed_is_not_hidden_again() -> None:
    release = Release(SQUARE, (square(ax=3),))
    old = protect(release)
    vintage = Vintage("1", release.tables, old.hidden, frozenset(old.primary))
    again = replace(release, vintages=(vintage,))
    protection = protect(again)
    assert protection.hidden == old.hidden
    assert protection.primary[at("a", "x")] >= {Reason.EARLIER}
    assert_protected(again, protection)
    shown = replace(vintage, hidden=frozenset({at("a", "x")}))
    assert protect(replace(release, vintages=(shown,))).unprotected == {at("a", "x")}


def test_an_old_figure_that_is_hidden_stays_protected_by_the_new_tables() -> None:
    """The new release alone would hide nothing: its cell is no longer sensitive."""
    before, after = square(ax=3), square(ax=40)
    old = protect(Release(SQUARE, (before,)))
    vintage = Vintage("1", (before,), old.hidden, frozenset(old.primary))
    moved = replace(
        after, cells=tuple(replace(c, state="2" if "y" not in c.codes else "") for c in after.cells)
    )
    unmoved = {c.codes: c for c in before.cells}
    moved = replace(
        moved,
        cells=tuple(c if c.state else unmoved[c.codes] for c in moved.cells),
    )
    release = Release(SQUARE, (moved,), vintages=(vintage,))
    protection = protect(release)
    system = System(release.tables, SQUARE, (vintage,))
    assert check_proofs(protection.proofs, system, protection.hidden) == ()
    assert not protection.unprotected
    assert at("a", "x") in {proof.cell for proof in protection.proofs}


def test_blocks_with_many_sensitive_changes_keep_their_cut_off() -> None:
    cells = [CellId("events", (("kind", k), ("time", t)), "") for k in "abcd" for t in "12"]
    changed = [cell for cell in cells if cell.at[1] == ("time", "1")][:2]

    def month(cell: CellId) -> str:
        return dict(cell.at)["time"]

    assert blocks_to_keep(changed, cells, month) == {"1"}
    assert blocks_to_keep(changed, cells, month, most_percent=50) == set()


def test_a_rounded_table_needs_less_hiding() -> None:
    def rounded(cell: Cell) -> Cell:
        middle = round(cell.value / 50) * 50
        return replace(cell, shows=(max(0, middle - 25), middle + 25))

    table = square(ax=3)
    release = Release(
        SQUARE, (replace(table, is_count=False, cells=tuple(map(rounded, table.cells))),)
    )
    protection = protect(release)
    assert list(protection.primary) == [at("a", "x")]
    assert protection.secondary == frozenset()
    system = System(release.tables, SQUARE)
    assert check_proofs(protection.proofs, system, protection.hidden) == ()
    assert len(protection.proofs) > 1


def test_a_perturbed_cell_is_never_hidden() -> None:
    table = square(ax=3)
    cells = tuple(
        replace(cell, shows=(max(0, cell.value - 5), cell.value + 5), perturbed=True)
        for cell in table.cells
    )
    protection = protect(Release(SQUARE, (replace(table, cells=cells),)))
    assert protection.hidden == frozenset()


def test_parts_that_are_not_all_published_leave_a_rest() -> None:
    """Only two of three rows are published, by consent; the third hides what it may."""
    table = square(ax=3)
    some = replace(table, cells=tuple(c for c in table.cells if c.codes[0] != "c"))
    release = Release(SQUARE, (some,))
    assert_protected(release, protect(release))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": -1}, "below 0"),
        ({"value": 41}, "add up to"),
        ({"value": 42}, "42 in another"),
        ({"value": 7}, "exceed its value"),
        ({"state": "other"}, "another cut-off"),
        ({"perturbed": True}, "say in `shows`"),
        ({"shows": (0, 3)}, "outside of what it shows"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    change: dict[str, object], message: str
) -> None:
    table = square()
    wrong = replace(table.cells[0], **change)  # type: ignore[arg-type]
    cells = (wrong, *table.cells[1:])
    tables = (replace(table, cells=cells), *([table] if "other" in message else []))
    with pytest.raises(TableError, match=message):
        protect(Release(SQUARE, tables))


def test_losses_are_told_in_whole_per_cents() -> None:
    release = Release(SQUARE, (square(ax=3),))
    protection = protect(release)
    (loss,) = losses(release.tables, SQUARE, protection)
    assert (loss.nonzero, loss.hidden, loss.cells_percent) == (16, 4, 25)
    assert (loss.value, loss.hidden_value, loss.value_percent) == (323, 123, 39)
    assert loss.by_whole_rows == 4


def test_a_loss_is_told_so_coarsely_that_it_says_nothing_of_a_hidden_total() -> None:
    """17 of 117 are 15 per cent, as no neighbour is; 20 is as true of 14 and of 20."""
    line = {"row": Dimension("row", {"total": (("a", "b", "c"),)})}
    parts = {"a": {"fr": 9, "de": 8}, "b": {"fr": 20, "de": 20, "es": 20}, "c": {"fr": 40}}
    parts["total"] = {"fr": 69, "de": 28, "es": 20}
    cells = tuple(Cell((code,), sum(of.values()), of) for code, of in parts.items())
    table = Table("t", "events", ("row",), cells)
    known = tuple(
        PublicTotal((CellId("events", (("row", code),), ""),), value, value, "a press release")
        for code, value in (("b", 60), ("c", 40))
    )
    release = Release(line, (table,), public=known)
    protection = protect(release)
    assert protection.hidden == {CellId("events", (("row", "a"),), ""), CellId("events", (), "")}
    (loss,) = losses(release.tables, line, protection)
    assert (loss.value, loss.hidden_value, loss.cells_percent) == (117, 17, 50)
    assert loss.value_percent == 20


@st.composite
def cubes(draw: st.DrawFn) -> Table:
    """Three by three by three, with up to four bureaus a cell, many of them zero."""
    part = st.one_of(st.just(0), st.integers(0, 6), st.integers(0, 200))
    parts = {
        place: {bureau: draw(part) for bureau in ("fr", "de", "es", "it")}
        for place in product("012", repeat=3)
    }
    return table_of(CUBE, parts)


@settings(max_examples=10, deadline=None)
@given(table=cubes())
def test_every_cube_is_protected_or_said_not_to_be(table: Table) -> None:
    release = Release(CUBE, (table,))
    protection = protect(release)
    system = System(release.tables, CUBE)
    assert check_proofs(protection.proofs, system, protection.hidden) == ()
    widths = protection.widths
    assert all(widths[cell][0] < widths[cell][1] for cell in widths.keys() - protection.unprotected)
    structure = structure_of(release.tables, CUBE)
    rows = published(release.tables, CUBE, protection.hidden)
    found = judge(read_figures(rows, structure), structure, secrets_of(release, protection))
    allowed = {figure_id(cell) for cell in protection.unprotected}
    assert {leak.figure for leak in found} <= allowed
    if not protection.unprotected:
        assert found == []
