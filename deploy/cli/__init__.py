"""The `liaison` command: one module a command group, imports inside the commands.

`main` never raises: what went wrong is one line on stderr and an exit code (see `exits`). Whatever
the command and what it starts write is for its owner alone: outboxes, copies of events, logs.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process."""
    import os
    import sys

    os.umask(0o077)
    from deploy.cli.app import run

    sys.exit(run(sys.argv[1:]))
