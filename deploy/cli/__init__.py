"""The `liaison` command: one module a command group, imports inside the commands.

`main` never raises: what went wrong is one line on stderr and an exit code (see `exits`).
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process."""
    import sys

    from deploy.cli.app import run

    sys.exit(run(sys.argv[1:]))
