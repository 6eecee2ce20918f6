"""Names in the report's language: codes by the release's labels, and figures with their units."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.report.figure import Entry, Table, entry
from deploy.report.language import Language
from deploy.report.published import Cell, Publication
from sinks.statistics.dataset import TOTAL

__all__ = ["MEASURE_TABLES", "Wording"]

MEASURE_TABLES = {
    "persons-arrested": "persons_arrested_by_region",
    "victims-identified": "victims_identified_by_region",
    "victims-rescued": "victims_rescued_by_region",
    "accounts-blocked": "accounts_blocked_by_region",
    "amount-seized": "amount_seized_by_region",
    "amount-frozen": "amount_frozen_by_region",
    "amount-intercepted": "amount_intercepted_by_region",
}
"""The table by region of each measure."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A publication in a language."""

    publication: Publication
    language: Language

    def label(self, dimension: str, code: str) -> str:
        """The code's name; one that no source confirms says so."""
        label, is_verified = self.publication.labels.get((dimension, code), (code, True))
        label = self.language.digits(label)
        return label if is_verified else self.language.text("form.unverified", label=label)

    def reported_periods(self, table: str, *codes: str, years: bool = False) -> list[str]:
        """Periods of a table from the first to the last in which anything is told of `codes`."""
        periods = self.publication.periods(table, years=years)
        told = [
            place
            for place, period in enumerate(periods)
            if (cell := self.publication.cell(table, period, *codes)) is not None
            and cell.state not in ("unreported", "inapplicable")
        ]
        return periods[told[0] : told[-1] + 1] if told else []

    def newest_year(self) -> str | None:
        """The last year that has events."""
        years = self.reported_periods("events_by_kind", TOTAL, TOTAL, years=True)
        return years[-1] if years else None

    def title(self, table: str) -> str:
        return self.language.digits(self.publication.datasets[table].title)

    def said(self, cell: Cell | None) -> str:
        """A figure or its mark, in running text."""
        found = entry(self.language, cell)
        if found.is_mark:
            return self.language.text(f"says.{found.state}")
        return found.text

    def listed(self, pairs: list[tuple[str, str]]) -> str:
        """Names with their figures, for a text alternative."""
        return self.language.text("alt.separator").join(
            self.language.text("alt.pair", name=name, value=value) for name, value in pairs
        )

    def periods_table(
        self, periods: list[str], columns: list[tuple[str, list[Cell | None]]]
    ) -> Table:
        """A row a period, a column a series."""
        return Table(
            (self.language.text("column.period"), *(name for name, _ in columns)),
            tuple(
                (
                    Entry(self.language.period(period)),
                    *(entry(self.language, cells[place]) for _, cells in columns),
                )
                for place, period in enumerate(periods)
            ),
        )
