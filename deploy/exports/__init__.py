"""Published tables as files: CSV, Parquet and SDMX, and their changes and rates.

All is read as a statistician reads it.
"""

from deploy.exports.denominators import read_denominators
from deploy.exports.plain import CSV_SETTINGS, plain_sql
from deploy.exports.published import Published, find_published
from deploy.exports.rates import (
    BUREAUS,
    CHANGE_COLUMNS,
    RATE_COLUMNS,
    bureaus,
    changes_of,
    rates_of,
)
from deploy.exports.sdmx_data import sdmx_csv, sdmx_ml
from deploy.exports.sdmx_structure import Structure, structure_ml, structure_of

__all__ = [
    "BUREAUS",
    "CHANGE_COLUMNS",
    "CSV_SETTINGS",
    "RATE_COLUMNS",
    "Published",
    "Structure",
    "bureaus",
    "changes_of",
    "find_published",
    "plain_sql",
    "rates_of",
    "read_denominators",
    "sdmx_csv",
    "sdmx_ml",
    "structure_ml",
    "structure_of",
]
