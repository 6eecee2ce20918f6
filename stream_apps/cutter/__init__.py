"""Mini-blocks of facts into blocks that never change."""

from stream_apps.cutter.cutter import RANGES_HEADER, ROWS_HEADER, Cutter
from stream_apps.cutter.worker import CUTTER_GROUP, run_cutter

__all__ = ["CUTTER_GROUP", "RANGES_HEADER", "ROWS_HEADER", "Cutter", "run_cutter"]
