"""Denominators that somebody gives as a file: inhabitants, as a rule."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from deploy.exports.rates import Denominator, Denominators
from schemas.errors import ConfigurationError
from sinks.statistics.periods import Period

__all__ = ["COLUMNS", "read_denominators"]

COLUMNS = ("area", "year", "value", "source")
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    area: _Text
    year: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{4}$")]
    value: Annotated[
        str,
        StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?$"),
    ]
    source: _Text


def read_denominators(path: Path) -> Denominators:
    """A CSV file with the columns area (a code, `total` is the world), year, value and source.

    A period takes the denominator of the year that it lies in.

    Raises:
        ConfigurationError: the file can't be used.
    """
    found: dict[tuple[str, str], Denominator] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file, strict=True)
            if sorted(lines.fieldnames or ()) != sorted(COLUMNS):
                raise _unusable(path, f"its columns are {', '.join(lines.fieldnames or ())}")
            for given in lines:
                line = _Line.model_validate(given)
                key, value = (line.area, line.year), Decimal(line.value)
                if key in found or not value:
                    what = "twice" if key in found else "0"
                    raise _unusable(path, f"line {lines.line_num}: {' '.join(key)} is there {what}")
                found[key] = Denominator(value, line.source)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _unusable(path, f"line {lines.line_num}: {where}: {first['msg']}") from error

    def of(area: str, period: Period) -> Denominator | None:
        return found.get((area, str(period.year)))

    return of


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} can't be used ({why}): a CSV file with the columns {', '.join(COLUMNS)}, each "
        "area and year once, the value above 0",
        code="bad-denominators",
    )
