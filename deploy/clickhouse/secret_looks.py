"""What a secret looks like inside a string, whatever the statement does with that string.

A secret is told by what stands before it: the name of a secret and `=` or `:` (a URL's parameter, a
connection string, JSON, a header), a login before `@`, the scheme of an authorization, or how
somebody logs in, in SQL. Where that ends the string, the secret is in another.

Everybody waits while this reads. So an expression reads a bounded number of signs from wherever it
begins, which takes time in proportion to the text; and it begins with letters of one case, which
`re` finds quickly: what must not stand before them is looked at after them.
"""

from __future__ import annotations

import re

__all__ = ["announces_a_secret", "holds_a_secret"]

_QUOTE = r"(?:\\?[\"']){0,2}+"
_NAME = (
    r"(?:passw(?:or)?d|passphrase|passcode|pwd|pass(?<![a-z]pass)"
    r"|secret|credentials?|token(?<!deduplication_token)s?"
    r"|(?:api|access|account|private|encryption|subscription)[_-]?key|key(?<=[?&]key)"
    r"|signature|sig(?<![a-z]sig)|authorization|auth(?<![a-z]auth))"
    # and the rest of a longer name: password2, secret_id, passwordHash
    rf"\d?+(?:[_-]\w{{0,16}}+|key|id|hash|value)?+{_QUOTE}\s{{0,4}}+"
)
_GIVEN = rf"{_NAME}(?:[:=]|%3[ad])"
_SQL = (
    r"identified(?<!\widentified)(?:\s{1,8}+(?:by|with)\b|\s{0,8}+(?:/\*|--))"
    r"|named\s{1,8}+collection\b|password\s{1,8}+['\"]"
)
_HOLDS = re.compile(rf"{_GIVEN}|<[\w-]{{0,16}}?{_NAME}>|{_SQL}|bearer\s")
_ANNOUNCES = re.compile(rf"(?:{_GIVEN}|{_SQL}|(?:bearer|basic)\s)\s{{0,4}}+{_QUOTE}(?:\Z|[{{%])")
_SCHEME = re.compile(
    # and not two ordinary words
    r"\A[\s'\"]*(?i:basic|digest|negotiate|token|apikey)\s+"
    r"(?=\S*[\d=+/]|\S+[A-Z])\S{6,}\s*\Z"
)
_BLANK = re.compile(r"\s")
_LOGIN = re.compile(r"://[^/]*:|://[^/?#]*\Z|\A['\"(]{0,2}[\w.%+-]*:[^/]")
"""Before an `@`, without a blank: a user and a password, or in a URL one of both."""


def holds_a_secret(text: str) -> bool:
    """Whether it is to be left out alone."""
    if _HOLDS.search(text.lower()) is not None or _SCHEME.search(text) is not None:
        return True
    # As one expression this takes time by the square.
    return any(
        ":" in before and _LOGIN.search(_BLANK.split(before)[-1]) is not None
        for before in text.split("@")[:-1]
    )


def announces_a_secret(text: str) -> bool:
    """Whether a secret follows that is not in it: it is joined from pieces, or formatted."""
    return _ANNOUNCES.search(text.lower()) is not None
