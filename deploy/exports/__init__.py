"""Published tables as files: CSV, Parquet and SDMX, read as a statistician reads them."""

from deploy.exports.plain import CSV_SETTINGS, plain_sql
from deploy.exports.published import Published, find_published
from deploy.exports.sdmx_data import sdmx_csv, sdmx_ml
from deploy.exports.sdmx_structure import Structure, structure_ml, structure_of

__all__ = [
    "CSV_SETTINGS",
    "Published",
    "Structure",
    "find_published",
    "plain_sql",
    "sdmx_csv",
    "sdmx_ml",
    "structure_ml",
    "structure_of",
]
