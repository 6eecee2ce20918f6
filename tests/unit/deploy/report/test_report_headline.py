"""Headline figures: what is hidden is said by its mark, and compared with nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.report.headline import Tile, headline
from deploy.report.language import Language
from deploy.report.published import Cell, Described, Publication
from deploy.report.wording import Wording

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIMENSIONS = ("time_period", "region", "indicator")


def tiles(members: int | None) -> list[Tile]:
    """Of a release that says of one quarter that 40 bureaus reported."""
    cells: dict[tuple[str, ...], Cell] = {
        ("2025-Q4", "total", "reporting"): Cell(40, "BUR", "A", "F"),
        ("2025-Q4", "total", "members"): Cell(
            members, "BUR", "Q" if members is None else "A", "C" if members is None else "F"
        ),
    }
    coverage = Described("coverage", DIMENSIONS, "threshold", "Coverage", "", len(cells), 0, 0)
    publication = Publication(
        1, NOW, NOW, "quarter", "", "test", "", (), {"coverage": coverage}, {"coverage": cells},
        {}, {}, None, {},
    )  # fmt: skip
    return headline(Wording(publication, Language.of("en")))


def test_bureaus_that_reported_stand_beside_the_members_and_alone_where_those_are_hidden() -> None:
    assert [(tile.figure.text, tile.beside) for tile in tiles(196)] == [("40", "of 196")]
    assert [(tile.figure.text, tile.beside) for tile in tiles(None)] == [("40", "")]
