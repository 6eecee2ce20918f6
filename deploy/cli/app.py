"""Puts the command line together and turns errors into one line and an exit code.

Importing this imports typer and the command modules, and nothing that opens, parses or connects:
each command imports what it needs when it runs, which keeps `liaison --help` quick.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from deploy.cli import (
    demo,
    desk,
    dictionary,
    dlq,
    exits,
    exporting,
    importing,
    ledger,
    provisioning,
    publishing,
    rates,
    recalling,
    recomputing,
    release,
    report,
    simulating,
    sql,
    topics,
    up,
    verifying,
    workers,
)
from deploy.cli.logs import LogLevel, configure_logs
from deploy.cli.printing import error_line, fault_trace, no_more_output
from deploy.cli.session import Session
from schemas.errors import ConfigurationError, LiaisonError, RetryableError

__all__ = ["app", "run"]

# ClickHouse's codes for an account that it does not know or that may not do this.
_NOT_LET_IN = frozenset({192, 193, 194, 497, 516})
_EPILOG = "Exit codes: " + "; ".join(f"{code} {text}" for code, text in exits.TABLE.items()) + "."

app = typer.Typer(
    name="liaison",
    help="""Police intelligence as a stream of events: bureau → Kafka → desk and ClickHouse.

    Example: [bold]liaison up[/], and in another terminal
    [bold]liaison simulate --messages 5000[/] and [bold]liaison ledger[/]
    """,
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("provision")(provisioning.provision_command)
app.add_typer(workers.app, name="run")
app.command("publish")(publishing.publish)
app.command("recall")(recalling.recall)
app.command("simulate")(simulating.simulate)
app.add_typer(importing.app, name="import")
app.add_typer(desk.app, name="desk")
app.command("sql")(sql.sql)
release.app.command("recompute")(recomputing.recompute)
app.add_typer(release.app, name="release")
app.command("export")(exporting.export)
app.command("rates")(rates.rates)
app.command("report")(report.report)
app.command("dictionary")(dictionary.dictionary)
app.command("quality")(dictionary.quality)
app.add_typer(ledger.app, name="ledger")
app.add_typer(dlq.app, name="dlq")
app.command("verify")(verifying.verify)
app.command("topics")(topics.topics)
app.command("demo")(demo.demo)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"liaison {version('liaison')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file; LIAISON_CONFIG or ./liaison.toml unless given."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="State of the embedded stack and of outboxes; ./.liaison unless given."),
    ] = None,
    log_level: Annotated[
        LogLevel, typer.Option(case_sensitive=False, help="From which urgency on logs are written.")
    ] = LogLevel.INFO,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Police intelligence as a stream of events: bureau → Kafka → desk and ClickHouse."""
    configure_logs(log_level)
    context.obj = Session(config, data_dir, log_level)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code.

    The errors of the command line, too, are told by us: typer would put a frame of five lines round
    them, and take a reader that has gone away for an error.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("liaison", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer's own help, written by rich
            return _enough()
        return end.code if isinstance(end.code, int) else exits.OK
    except TyperException as error:
        return _wrong_usage(error)
    except LiaisonError as error:
        error_line(error.code, str(error))
        return exits.code_of(error)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:  # only data raises it: a note or an error that can't be said is dropped
        return _enough()
    except Exception as error:
        return _foreign(error)
    return exits.OK


def _enough() -> int:
    """Whoever read our output has enough; Python must not complain while closing it."""
    no_more_output()
    return exits.OK


def _wrong_usage(error: TyperException) -> int:
    """What about the command line is wrong. Without any words on it the help was shown instead."""
    told = error.format_message().replace("Value error, ", "")
    if told:
        context: typer.Context | None = getattr(error, "ctx", None)
        asked = "liaison" if context is None else context.command_path
        error_line("usage", f"{told.rstrip('.')}: see `{asked} --help`")
    return exits.USAGE


def _foreign(error: Exception) -> int:
    """Errors of the clients, which say nothing of ours; whatever else is a fault of Liaison."""
    origin = type(error).__module__.split(".")[0]
    if origin in ("cimpl", "confluent_kafka"):
        error_line("kafka", f"{error}: is the broker up, and are the settings right?")
        return exits.RETRYABLE
    if origin == "clickhouse_connect" and (ours := _of_clickhouse(error)) is not None:
        error_line(ours.code, str(ours))
        return exits.code_of(ours)
    fault_trace(traceback.format_exception(error))
    error_line("fault", f"{type(error).__name__}: {error}; this is a fault of Liaison, report it")
    return exits.FAULT


def _of_clickhouse(error: Exception) -> LiaisonError | None:
    """The error of ClickHouse's client as one of ours; None where a statement of ours is wrong."""
    from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

    code = getattr(error, "code", None)
    if "certificate verify failed" in str(error).lower():
        return ConfigurationError(
            f"{error}: the certificate is not trusted; name the PEM file of the authority that "
            "signed it in clickhouse.ca_file",
            code="clickhouse-certificate",
        )
    if code in _NOT_LET_IN:
        return ConfigurationError(
            f"{error}: correct clickhouse.username and clickhouse.password, or grant the rights",
            code="clickhouse-rights",
        )
    # Without a code it was no ClickHouse that answered.
    if isinstance(error, OperationalError) or (type(error) is DatabaseError and code is None):
        return RetryableError(
            f"{error}: is ClickHouse up, and is clickhouse.url right?", code="clickhouse-away"
        )
    return None
