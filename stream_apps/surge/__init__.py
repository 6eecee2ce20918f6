"""Surge detection: facts counted by region and category, an alert where a window stands out.

`run_surge` blocks until it is told to end. The decision is in `windows` and `tail`, pure and
without Kafka; Faust (`app`, `driver`) only brings records and keeps the table.
"""

from stream_apps.surge.app import SurgeTopics
from stream_apps.surge.run import run_surge
from stream_apps.surge.windows import RegionState, Surge, SurgeSettings, alert_id

__all__ = [
    "RegionState",
    "Surge",
    "SurgeSettings",
    "SurgeTopics",
    "alert_id",
    "run_surge",
]
