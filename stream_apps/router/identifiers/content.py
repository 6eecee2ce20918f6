"""What describes people, places and files: names, handles, hashes, references to biometrics.

Most of it can't be checked: the comparison form is all there is. References to images and
profiles are opaque; a value long enough to be the image itself is refused, since no image may
stand in an event.
"""

from __future__ import annotations

import re

from stream_apps.router.folding import ascii_digits, fold
from stream_apps.router.identifiers.outcome import (
    EMPTY,
    MALFORMED,
    Outcome,
    invalid,
    unknown,
    valid,
)

__all__ = [
    "address",
    "file_hash",
    "geo_point",
    "organization_name",
    "perceptual_hash",
    "person_name",
    "reference",
    "username",
]

_MAX_NAME = 512
_MAX_ADDRESS = 1024
_MAX_REFERENCE = 256
_HASH_NAMES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HASH = re.compile(r"(?:(md5|sha-?1|sha-?256|sha-?512)[:=])?([0-9a-f]{32,128})")
_PERCEPTUAL = re.compile(r"([a-z0-9_-]{2,24}):([0-9a-f]{8,512}|[A-Za-z0-9+/=]{8,512})")
_HANDLE = re.compile(r"(?:([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):)?@?(\S{1,128})")
_CASE_BLIND = frozenset(
    {"telegram", "twitter", "x", "instagram", "facebook", "tiktok", "github", "reddit", "skype"}
    | {"snapchat", "youtube", "linkedin", "discord", "twitch"}
)
_DECIMAL = r"([+-]?\d{1,3}(?:\.\d{1,15})?)"
_POINT = re.compile(
    rf"(?:geo:)?{_DECIMAL}[ \t]{{0,4}}[,; ][ \t]{{0,4}}{_DECIMAL}"
    r"(?:[ \t]{0,4}[,;][ \t]{0,4}(\d{1,7}(?:\.\d{1,6})?)[ \t]{0,2}m?)?"
)
_WORDS = re.compile(r"[^\W_]+")
_LEGAL_FORMS = {
    "limited": "ltd",
    "ltd": "ltd",
    "ltda": "ltda",
    "limitada": "ltda",
    "incorporated": "inc",
    "inc": "inc",
    "corporation": "corp",
    "corp": "corp",
    "company": "co",
    "co": "co",
    "ооо": "ooo",
    "ooo": "ooo",
    "зао": "zao",
    "оао": "oao",
    "ао": "ao",
}
_DOTTED_FORMS = re.compile(
    r"\b(s\.? ?a\.? ?r\.? ?l|s\.? ?a\.? ?s|s\.? ?p\.? ?a|s\.? ?r\.? ?l|s\.? ?a|l\.? ?l\.? ?c|"
    r"l\.? ?l\.? ?p|p\.? ?l\.? ?c|b\.? ?v|n\.? ?v|g\.? ?m\.? ?b\.? ?h|"
    r"ش\.? ?م\.? ?م|ذ\.? ?م\.? ?م)\.?$"
)


def _shown(value: str) -> str:
    return " ".join(ascii_digits(value).split())


def person_name(value: str, country: str | None, bureau: str) -> Outcome:
    """Folded words in their order. A name decides nothing: matching is another part's work."""
    if len(value) > _MAX_NAME:
        return invalid(None, "too-long")
    folded = " ".join(_WORDS.findall(fold(value)))
    return unknown(folded, "name") if folded else EMPTY


def organization_name(value: str, country: str | None, bureau: str) -> Outcome:
    """Folded words; the legal form in one spelling."""
    if len(value) > _MAX_NAME:
        return invalid(None, "too-long")
    folded = " ".join(fold(value).split())
    form = _DOTTED_FORMS.search(folded)
    suffix = ""
    if form is not None:
        suffix = "".join(_WORDS.findall(form[1]))
        folded = folded[: form.start()]
    words = [_LEGAL_FORMS.get(word, word) for word in _WORDS.findall(folded)]
    if suffix:
        words.append(suffix)
    return unknown(" ".join(words), "name") if words else EMPTY


def address(value: str, country: str | None, bureau: str) -> Outcome:
    """Folded text; there is no global key for a place."""
    if len(value) > _MAX_ADDRESS:
        return invalid(None, "too-long")
    folded = " ".join(_WORDS.findall(fold(value)))
    if not folded:
        return EMPTY
    return unknown(f"{country}:{folded}" if country else folded, "free-text")


def reference(value: str, country: str | None, bureau: str) -> Outcome:
    """Opaque: a pointer into another system."""
    text = value.strip()
    if not text:
        return EMPTY
    if len(text) > _MAX_REFERENCE or text[:5].lower() == "data:":
        return invalid(None, "not-a-reference")
    return unknown(text, "opaque")


def username(value: str, country: str | None, bureau: str) -> Outcome:
    """`platform:handle`; case counts unless the platform is known to ignore it."""
    found = _HANDLE.fullmatch(_shown(value))
    if found is None or found[2].startswith("//"):
        return EMPTY if not value.strip() else MALFORMED
    platform, handle = found[1], found[2]
    if platform is None:
        return unknown(handle, "no-platform")
    platform = platform.lower()
    return unknown(
        f"{platform}:{handle.lower() if platform in _CASE_BLIND else handle}", "no-check-digit"
    )


def file_hash(value: str, country: str | None, bureau: str) -> Outcome:
    """MD5, SHA-1, SHA-256 or SHA-512, told by its length."""
    text = ascii_digits(value).strip().lower()
    if not text:
        return EMPTY
    found = _HASH.fullmatch(text)
    if found is None:
        return MALFORMED
    name = _HASH_NAMES.get(len(found[2]))
    if name is None or (found[1] is not None and found[1].replace("-", "") != name):
        return invalid(None, "bad-length")
    return valid(found[2])


def perceptual_hash(value: str, country: str | None, bureau: str) -> Outcome:
    """`algorithm:value`; hashes of two algorithms can't be compared."""
    text = value.strip()
    if not text:
        return EMPTY
    name, _, digest = text.partition(":")
    found = _PERCEPTUAL.fullmatch(f"{name.lower()}:{digest}")
    return MALFORMED if found is None else unknown(f"{found[1]}:{found[2]}", "no-check-digit")


def geo_point(value: str, country: str | None, bureau: str) -> Outcome:
    """WGS 84 latitude, longitude and, if given, accuracy in metres; to about 0.1 m."""
    text = ascii_digits(value).strip().lower()
    if not text:
        return EMPTY
    found = _POINT.fullmatch(text)
    if found is None:
        return MALFORMED
    latitude, longitude = float(found[1]), float(found[2])
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return invalid(None, "out-of-range")
    return valid(f"{latitude + 0.0:.6f},{longitude + 0.0:.6f}".replace("-0.000000", "0.000000"))
