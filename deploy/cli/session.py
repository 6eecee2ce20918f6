"""What the options before a command's name choose: settings and data directory, read once.

Settings are read when the first command asks, so that `--help` needs none.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from deploy.connections import Connections
    from deploy.settings import Settings
    from schemas.registry import SchemaIds

__all__ = ["Session", "command_line", "session_of"]


@dataclass(slots=True)
class Session:
    """One command line's surroundings."""

    config: Path | None = None
    data_dir: Path | None = None
    log_level: str = "info"
    _settings: Settings | None = None
    _connections: Connections | None = None

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            from deploy.settings import load_settings

            given = {} if self.data_dir is None else {"data_dir": self.data_dir}
            self._settings = load_settings(self.config, **given)
        return self._settings

    @property
    def connections(self) -> Connections:
        if self._connections is None:
            from deploy.connections import find_connections

            self._connections = find_connections(self.settings)
        return self._connections

    def schema_ids(self) -> SchemaIds:
        """Every schema's id, as the registry has it now."""
        from schemas.catalogue import Catalogue
        from schemas.registry import fetch_schema_ids

        return fetch_schema_ids(self.connections.registry, Catalogue.load())

    def outbox_schema_ids(self) -> SchemaIds:
        """The same, for this command's outboxes: the last ones known if the registry is away."""
        from producers import outbox_schema_ids
        from schemas.catalogue import Catalogue

        return outbox_schema_ids(self.outbox_folder, self.connections.registry, Catalogue.load())

    @property
    def outbox_folder(self) -> Path:
        """Where the outboxes of this command lie; made if missing, for its owner alone."""
        from deploy.embedded import DataDirectory

        return DataDirectory(self.settings.data_dir).folder("outbox")


def command_line(data_dir: Path, *words: str) -> str:
    """A command as one writes it in another terminal, over the stack of this data directory."""
    return shlex.join(["liaison", "--data-dir", str(data_dir), *words])


def session_of(context: typer.Context) -> Session:
    """The session that the root command made."""
    session = context.find_object(Session)
    return session if session is not None else Session()
