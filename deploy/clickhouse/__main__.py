"""`python -m deploy.clickhouse --data-dir D --port P`: the service in the foreground.

Who may log in stands in a file, since arguments are readable by every user of the machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.clickhouse.accounts import open_account, read_accounts
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.service import serve
from schemas.errors import ConfigurationError

_HIGHEST_PORT = 65_535


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.clickhouse",
        description="ClickHouse's engine (chDB) behind ClickHouse's HTTP interface.",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="made if missing")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8123, help="0 takes a free one")
    parser.add_argument(
        "--accounts",
        type=Path,
        help="who may log in, with hashed passwords; without it, whoever reaches the port is the "
        "operator",
    )
    parser.add_argument(
        "--reader-timeout-s",
        type=float,
        default=ServiceLimits().reader_timeout_s,
        help="how long a statement of a read-only role may run at most",
    )
    options = parser.parse_args(arguments)
    try:
        if options.accounts is None:
            print("No --accounts: whoever reaches the port is the operator.", file=sys.stderr)
        serve(
            options.data_dir,
            options.host,
            options.port,
            accounts=read_accounts(options.accounts) if options.accounts else (open_account(),),
            limits=ServiceLimits(reader_timeout_s=options.reader_timeout_s),
        )
    except ConfigurationError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 2
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: choose 0 to {_HIGHEST_PORT}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
