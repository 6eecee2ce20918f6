"""CSV and Parquet: the table's own columns, with labels beside the codes if asked for.

CSV is that of RFC 4180 in UTF-8, a hidden figure an empty field. No text in it comes from outside
the product: codes and labels are the reference data's, of which a test says that none begins as a
spreadsheet's formula does.
"""

from __future__ import annotations

from deploy.exports.published import Published
from sinks.statistics.dataset import TIME
from sinks.statistics.schema import columns_of

__all__ = ["CSV_SETTINGS", "plain_sql"]

CSV_SETTINGS = {"format_csv_null_representation": "", "output_format_csv_crlf_end_of_line": "1"}


def plain_sql(published: Published, language: str | None) -> str:
    """Asks for the rows in the order of their codes."""
    columns = []
    for name, _, _ in columns_of(published.dataset):
        columns.append(name)
        if language is not None and name in published.dataset.dimensions and name != TIME:
            labelled = f"dictGet('ref.code_labels', '{language}', ('{name}', {name}))"
            columns.append(f"{labelled} AS {name}_label")
    return (
        f"SELECT {', '.join(columns)} FROM {published.table} "
        f"WHERE release = {published.release} ORDER BY {published.order}"
    )
