"""Kafka, a schema registry and ClickHouse on one machine: real servers, supervised.

`EmbeddedStack` is the door; `DataDirectory(path).find_running()` finds one that another terminal
started. Production needs none of this: there the same workers are given addresses by settings.
"""

from deploy.embedded.child import Child, EventKind, SupervisorEvent, always_ready
from deploy.embedded.data_directory import Addresses, DataDirectory
from deploy.embedded.jars import FetchProgress, JarCache, default_cache_dir
from deploy.embedded.stack import (
    ClickHouseCommand,
    EmbeddedStack,
    StackOptions,
    interruptible,
)
from deploy.embedded.supervisor import ChildStartError, RestartPolicy, Supervisor

__all__ = [
    "Addresses",
    "Child",
    "ChildStartError",
    "ClickHouseCommand",
    "DataDirectory",
    "EmbeddedStack",
    "EventKind",
    "FetchProgress",
    "JarCache",
    "RestartPolicy",
    "StackOptions",
    "Supervisor",
    "SupervisorEvent",
    "always_ready",
    "default_cache_dir",
    "interruptible",
]
