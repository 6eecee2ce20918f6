"""What the demo has to show: tables one after the other, or all of them as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.cli.printing import print_json, print_table
from deploy.verify.command import print_verdict
from deploy.verify.difference import Verdict

__all__ = ["Shown"]


@dataclass(slots=True)
class Shown:
    """Prints each table as it comes; as JSON, keeps it until `end`."""

    as_json: bool
    _kept: dict[str, Any] = field(default_factory=dict)

    def table(
        self,
        name: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        title: str | None = None,
    ) -> None:
        """A table; `name` is its own in the JSON document, the title a person's."""
        if self.as_json:
            self._kept[name] = [dict(zip(columns, row, strict=True)) for row in rows]
        else:
            print_table(columns, rows, title=title)

    def verdict(self, found: Verdict) -> None:
        """What the verifier found."""
        if self.as_json:
            self._kept["verify"] = {"clean": found.clean, **asdict(found)}
        else:
            print_verdict(found)

    def end(self) -> None:
        """Nothing more comes."""
        if self.as_json:
            print_json(self._kept)
