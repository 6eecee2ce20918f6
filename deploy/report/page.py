"""The report as one HTML file: it loads nothing, so it can be kept, sent and opened anywhere.

A function of the release, its error notices and the language: no clock, no address, no random
order, so the same release gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deploy.report.drawing import draw_png, draw_svg
from deploy.report.figure import Entry, Figure, Table, entry, marks_in
from deploy.report.headline import headline
from deploy.report.language import Language
from deploy.report.palette import PALETTE
from deploy.report.published import Cell, Publication
from deploy.report.rankings import category_figure, hidden_figure, hidden_table
from deploy.report.trends import (
    category_trends,
    events_figure,
    region_figure,
    results_figure,
    revision_figure,
)
from deploy.report.wording import Wording
from sinks.statistics.periods import REVISED_AFTER_MONTHS
from sinks.statistics.planning import default_rules

__all__ = ["Report", "report_of"]

_SECTIONS = (
    "headline", "regions", "categories", "results", "operations", "revisions", "hidden", "rules",
)  # fmt: skip
_RULES = ("category", "period", "respondent", "twice", "late", "zero", "money", "units")
_OPERATIONS = "operations"
_FOOTNOTE_LETTERS = 110


@dataclass(frozen=True, slots=True)
class Operation:
    """What an operation's countries reported."""

    code: str
    name: str
    table: Table


@dataclass(frozen=True, slots=True)
class Report:
    """A release in a language, ready to be written."""

    wording: Wording
    figures: tuple[Figure, ...]

    @property
    def language(self) -> Language:
        return self.wording.language

    def figure(self, name: str) -> Figure | None:
        """None where the release has nothing to draw."""
        return next((figure for figure in self.figures if figure.name == name), None)

    def html(self) -> str:
        """The page."""
        style = _style()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        return (
            _environment()
            .get_template("page.html.jinja")
            .render(
                report=self,
                publication=self.wording.publication,
                language=self.language,
                words=self.wording,
                t=self.language.text,
                style=Markup(style),  # noqa: S704 - ours, from the stylesheet and the palette
                style_digest=digest,
                draw=partial(_drawn, language=self.language),
                marks_in=marks_in,
                sections=_SECTIONS,
                rules=_RULES,
                tiles=headline(self.wording),
                operations=list(_operations(self.wording)),
                vintages=_vintages(self.wording),
                changes=_changes(self.wording),
                hidden_table=hidden_table(self.wording),
                why=_why(self.wording),
                policy=_policy(self.language),
                has_unverified=not all(ok for _, ok in self.wording.publication.labels.values()),
            )
        )

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """File name and PNG of each figure."""
        publication = self.wording.publication
        for figure in self.figures:
            if not figure.panels:
                continue
            name = f"release-{publication.number}-{figure.name}.{self.language.code}.png"
            yield name, draw_png(figure, self.language, list(self._footnotes(figure)))

    def _footnotes(self, figure: Figure) -> Iterator[str]:
        """Where a picture's figures come from, as it may stand alone, and what its marks say."""
        number, text = self.wording.publication.number, self.language.text
        source = text("page.source", tables=", ".join(figure.tables), release=number)
        yield from textwrap.wrap(source, _FOOTNOTE_LETTERS)
        for state in marks_in(figure.table):
            if state in ("hidden", "unreported"):
                yield f"{text(f'mark.{state}')} {text(f'says.{state}')}"
            elif state == "provisional":
                yield text("note.pale")


def report_of(publication: Publication, language: str) -> Report:
    """The report of a release, read in that language."""
    wording = Wording(publication, Language.of(language))
    figures = [
        events_figure(wording), region_figure(wording), category_figure(wording),
        category_trends(wording), results_figure(wording), revision_figure(wording),
        hidden_figure(wording),
    ]  # fmt: skip
    return Report(wording, tuple(figure for figure in figures if figure is not None))


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("deploy.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style() -> str:
    """The stylesheet, after the palette in light and dark."""
    light, dark = (
        "".join(f"--{role}:{shade[place]};" for role, shade in PALETTE.items()) for place in (0, 1)
    )
    sheet = (files("deploy.report") / "page.css").read_text(encoding="utf-8")
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{sheet}"
    )


def _drawn(figure: Figure, language: Language) -> list[dict[str, Any]]:
    """Each panel's title and drawings; a figure of one panel is told by its alternative."""
    drawn = []
    for panel in figure.panels:
        said = figure.alt if len(figure.panels) == 1 else panel.title
        drawn.append(
            {
                "title": panel.title,
                "unit": panel.unit,
                "wide": draw_svg(panel.wide, language, said),
                "narrow": None if panel.narrow is None else draw_svg(panel.narrow, language, said),
            }
        )
    return drawn


def _operations(wording: Wording) -> Iterator[Operation]:
    publication, language = wording.publication, wording.language
    for code in publication.codes(_OPERATIONS, "operation"):
        rows = []
        for measure in publication.codes(_OPERATIONS, "measure"):
            cell = publication.cell(_OPERATIONS, code, measure)
            if cell is None or cell.value == 0 or cell.state in ("unreported", "inapplicable"):
                continue
            rows.append(
                (
                    Entry(wording.label("measure", measure)),
                    entry(language, cell),
                    Entry(wording.label("unit", cell.unit)),
                )
            )
        columns = tuple(language.text(f"column.{name}") for name in ("measure", "value", "unit"))
        yield Operation(code, wording.label("operation", code), Table(columns, tuple(rows)))


def _vintages(wording: Wording) -> Table:
    """A row a period, a column a release, withdrawn ones marked."""
    publication, language = wording.publication, wording.language
    columns = [language.text("column.period")]
    for number in publication.vintages:
        name = language.text("column.before", release=number)
        if number in publication.withdrawn:
            name += f" ({language.text('revisions.withdrawn')})"
        columns.append(name)
    table = "events_by_kind"
    periods = [
        *publication.periods(table, years=True), *publication.periods(table, years=False)
    ]  # fmt: skip
    rows = []
    for period in periods:
        cells: list[Cell | None] = [told.get(period) for told in publication.vintages.values()]
        if any(cell is not None and cell.state != "inapplicable" for cell in cells):
            rows.append(
                (Entry(language.period(period)), *(entry(language, cell) for cell in cells))
            )
    return Table(tuple(columns), tuple(rows))


def _changes(wording: Wording) -> Table:
    language = wording.language
    names = ("changed", "now_hidden", "now_shown", "new")
    return Table(
        tuple(language.text(f"column.{name}") for name in ("table", *names)),
        tuple(
            (
                Entry(wording.title(table)),
                *(
                    Entry(language.number(count), count, "final")
                    for count in (getattr(found, name) for name in names)
                ),
            )
            for table, found in wording.publication.changes.items()
        ),
    )


def _why(wording: Wording) -> list[str]:
    """The reasons for which figures are hidden, with the rules' numbers."""
    language, rules = wording.language, default_rules()
    higher = sorted(wording.label(dimension, code) for dimension, code in rules.higher_for)
    return [
        language.text(
            "hidden.minimum",
            minimum=rules.minimum,
            higher=rules.higher_minimum,
            categories=language.text("alt.separator").join(higher),
        ),
        language.text("hidden.bureaus", bureaus=rules.fewest_bureaus),
        language.text("hidden.dominance", percent=language.percent(rules.dominance_percent)),
        language.text("hidden.restricted"),
        language.text("hidden.secondary"),
    ]


def _policy(language: Language) -> str:
    months = language.text("revisions.and").join(map(language.number, REVISED_AFTER_MONTHS))
    return language.text("revisions.policy", months=months)
