"""A surge detector as a process of its own, to be killed: `python -m … '<settings as JSON>'`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from schemas.connections import KafkaConnection, RegistryConnection
from stream_apps.surge import SurgeSettings, SurgeTopics, run_surge

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    run_surge(
        KafkaConnection(given["kafka"]),
        RegistryConnection(given["registry"]),
        Path(given["data_dir"]),
        SurgeSettings(**given["settings"]),
        SurgeTopics(given["app_id"], given["facts"], given["prefix"]),
        session_timeout_s=2.0,
    )
