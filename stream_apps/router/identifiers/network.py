"""The internet: addresses, domains, mail, web. Nothing here ever asks the network.

Defanged forms (hxxp, [.], [at]) are restored. Domains are compared in their ASCII form; a label
that mixes scripts, or is spelled wholly in letters that look Latin, is flagged, not refused.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from bisect import bisect_right
from urllib.parse import urlsplit

import idna

from stream_apps.router.folding import ascii_digits
from stream_apps.router.identifiers.outcome import EMPTY, MALFORMED, Outcome, invalid, valid

__all__ = ["domain", "email", "ip_address", "refang", "url"]

_MAX_HOST = 253
_MAX_IDN_LABELS = 12
_DEFANGED = re.compile(
    r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)|\[:\]|\[://\]|\[/\]|\[at\]|\(at\)|\[@\]", re.IGNORECASE
)
_RESTORED = {"dot": ".", "at": "@"}
_HXXP = re.compile(r"\s*(?:h[x*t][x*t]p|fxp)(s?)(?=:)", re.IGNORECASE)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTED = re.compile(r'"[^"\\\r\n]{1,62}"')
_LINE_BREAKS = {0x09: None, 0x0A: None, 0x0D: None, 0x20: "%20"}
_NOT_IN_LOCAL = frozenset(' "(),:;<>@[\\]')
_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}
_LATIN_LOOK = frozenset("асеорхуіјѕһԁԛԝӏвкмнтгɡοανρτυχωικ")
_V4_RANGES = (
    ("0.0.0.0/8", "this-network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-nat"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.2.0/24", "documentation"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_V6_RANGES = (
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
)


def _ranges(declared: tuple[tuple[str, str], ...]) -> tuple[list[int], list[tuple[int, str]]]:
    networks = [(ipaddress.ip_network(network), flag) for network, flag in declared]
    return (
        [int(network.network_address) for network, _ in networks],
        [(int(network.broadcast_address), flag) for network, flag in networks],
    )


_V4_STARTS, _V4_ENDS = _ranges(_V4_RANGES)
_V6_STARTS, _V6_ENDS = _ranges(_V6_RANGES)


def refang(text: str) -> str:
    """Undo what analysts write so that nobody clicks."""
    if "[" in text or "(" in text or "{" in text:
        text = _DEFANGED.sub(_restore, text)
    found = _HXXP.match(text)
    if found is not None:
        scheme = "ftp" if "f" in found[0][:3].lower() else "http"
        text = f"{scheme}{found[1].lower()}{text[found.end() :]}"
    return text


def _restore(found: re.Match[str]) -> str:
    inner = found[0][1:-1].lower()
    return _RESTORED.get(inner, inner)


def _flag(number: int, starts: list[int], ends: list[tuple[int, str]]) -> str:
    place = bisect_right(starts, number) - 1
    if place >= 0 and number <= ends[place][0]:
        return ends[place][1]
    return "ok"


def _parsed_ip(text: str) -> tuple[str, str] | None:
    """Canonical form and flag of an address, None if it is none."""
    try:
        if ":" not in text:
            v4 = ipaddress.IPv4Address(text)
            return str(v4), _flag(int(v4), _V4_STARTS, _V4_ENDS)
        if "%" in text:
            return None
        v6 = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if v6.ipv4_mapped is not None:
        return str(v6.ipv4_mapped), _flag(int(v6.ipv4_mapped), _V4_STARTS, _V4_ENDS)
    return str(v6), _flag(int(v6), _V6_STARTS, _V6_ENDS)


def _without_port(text: str) -> str:
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address if not port or (port[0] == ":" and port[1:].isdigit()) else text
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address if port.isdigit() and len(port) <= 5 else text
    return text


def ip_address(value: str, country: str | None, bureau: str) -> Outcome:
    """An address; a port behind it is dropped from the comparison form."""
    text = refang(ascii_digits(value).strip())
    if not text:
        return EMPTY
    if len(text) > 64:
        return MALFORMED
    parsed = _parsed_ip(_without_port(text))
    return MALFORMED if parsed is None else valid(*parsed)


def _host(text: str) -> tuple[str, str] | None:
    """ASCII form and flag of a domain name, None if it is none."""
    host = text.lower().removesuffix(".")
    if not host or len(host) > _MAX_HOST:
        return None
    shown = host
    if (not host.isascii() or "xn--" in host) and host.count(".") >= _MAX_IDN_LABELS:
        return None  # IDNA is slow, and no name is so deep
    try:
        if not host.isascii():
            host = idna.encode(host, uts46=True).decode("ascii").removesuffix(".")
        elif "xn--" in host:
            shown = idna.decode(host)
    except ValueError:  # IDNAError is one
        return None
    if len(host) > _MAX_HOST or not _HOST.fullmatch(host):
        return None
    if host.endswith(".onion"):
        return host, "onion"
    return host, "ok" if shown.isascii() else _script_flag(shown)


def _script_flag(shown: str) -> str:
    for label in shown.split("."):
        letters = [char for char in label if char.isalpha()]
        scripts = {unicodedata.name(char, "?").partition(" ")[0] for char in letters}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN"}) > 1:
            return "mixed-script"
        if letters and not label.isascii() and _LATIN_LOOK.issuperset(letters):
            return "look-alike"
    return "ok"


def domain(value: str, country: str | None, bureau: str) -> Outcome:
    """A domain name in its ASCII form."""
    text = refang(value.strip())
    if not text:
        return EMPTY
    parsed = _host(text)
    return MALFORMED if parsed is None else valid(*parsed)


def _local_part(local: str) -> bool:
    if local.isascii():
        return bool(_LOCAL.fullmatch(local) or _QUOTED.fullmatch(local))
    return local.isprintable() and _NOT_IN_LOCAL.isdisjoint(local)


def email(value: str, country: str | None, bureau: str) -> Outcome:
    """The local part is kept as written: its case may count."""
    text = refang(value.strip()).strip("<>").removeprefix("mailto:")
    if not text:
        return EMPTY
    local, at, host = text.rpartition("@")
    if not at or not 1 <= len(local) <= 64:
        return MALFORMED
    parsed = _host(host)
    if parsed is None or not _local_part(local):
        return MALFORMED
    return valid(f"{local}@{parsed[0]}", parsed[1])


def url(value: str, country: str | None, bureau: str) -> Outcome:
    """Parsed, without credentials and default port. Never fetched."""
    text = refang(value.strip().translate(_LINE_BREAKS))
    if not text:
        return EMPTY
    noticed = []
    if "://" not in text:
        text = f"http://{text}"
        noticed.append("scheme-assumed")
    try:
        parts = urlsplit(text)
        port = parts.port
        name = parts.hostname
    except ValueError:
        return MALFORMED
    scheme = parts.scheme.lower()
    if not name or not scheme:
        return invalid(None, "no-host")
    if "@" in parts.netloc:
        noticed.append("credentials-stripped")
    parsed = _parsed_ip(name) or _host(name)
    if parsed is None:
        return invalid(None, "bad-host")
    host, flag = parsed
    if flag != "ok":
        noticed.append(flag)
    if ":" in host:
        host = f"[{host}]"
    shown_port = f":{port}" if port is not None and port != _DEFAULT_PORTS.get(scheme) else ""
    tail = (f"?{parts.query}" if parts.query else "") + (
        f"#{parts.fragment}" if parts.fragment else ""
    )
    return valid(
        f"{scheme}://{host}{shown_port}{parts.path or '/'}{tail}", ",".join(noticed) or "ok"
    )
