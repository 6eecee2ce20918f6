"""Values that a command line may name, checked while it is read: callbacks of options.

What nobody has would be waited for in vain, or looked up at a server that may be away; so it
is refused first, as wrong usage, with what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

__all__ = [
    "AsOf",
    "categories",
    "desk_region",
    "kinds",
    "language",
    "one_release",
    "publisher",
    "publishers",
    "source_region",
    "urgencies",
]

AsOf = Annotated[
    str | None, typer.Option(help="The newest release made at or before this (ISO 8601).")
]
"""Instead of a release's number; `one_release` refuses both."""


def source_region(value: str | None) -> str | None:
    """A region that records come from."""
    from schemas.topics import SOURCE_REGIONS

    return value if value is None else _of([value], SOURCE_REGIONS)[0]


def desk_region(value: str) -> str:
    """A region with a desk."""
    from schemas.topics import REGIONS

    return _of([value], REGIONS)[0]


def categories(values: list[str] | None) -> list[str] | None:
    """Threat categories."""
    from schemas.reference import Reference

    return _of(values, Reference.load().categories) if values else values


def kinds(values: list[str] | None) -> list[str] | None:
    """Kinds of events that a desk may read."""
    from schemas.reference import Reference
    from schemas.rules import READERLESS_KINDS

    known = [kind for kind in Reference.load().kinds if kind not in READERLESS_KINDS]
    return _of(values, known) if values else values


def language(value: str | None) -> str | None:
    """A language in which labels are."""
    from schemas.reference import LANGUAGES

    if value is not None and value not in LANGUAGES:
        raise typer.BadParameter(f"--lang is one of {', '.join(LANGUAGES)}")
    return value


def one_release(number: int | None, as_of: str | None) -> None:
    """A release is named by its number or by a moment."""
    if number is not None and as_of is not None:
        raise typer.BadParameter(
            f"--as-of {as_of} and release {number} may be two releases: name one of them"
        )


def urgencies(values: list[str] | None) -> list[str] | None:
    """Urgencies."""
    from schemas.reference import Reference

    return _of(values, Reference.load().urgencies) if values else values


def publisher(value: str | None) -> str | None:
    """A bureau that publishes, or the General Secretariat."""
    return value if value is None else _published([value])[0]


def publishers(values: list[str] | None) -> list[str] | None:
    """Bureaus that publish."""
    return _published(values) if values else values


def _of(values: list[str], known: Iterable[str]) -> list[str]:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise typer.BadParameter(f"{', '.join(map(repr, unknown))}: choose from {', '.join(known)}")
    return values


def _published(values: list[str]) -> list[str]:
    from schemas.reference import Reference

    unknown = sorted(set(values) - Reference.load().publishers)
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(map(repr, unknown))}: no bureau publishes under this code, so nothing "
            "would ever come; write ISO 3166 alpha-2 in capitals, or XP"
        )
    return values
