"""Who gets what: the routing table as cases, then rules that no envelope may break."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference import Reference
from schemas.topics import REGIONS
from stream_apps.router.audience import Audience, handling_class, readers

REFERENCE = Reference.load()
DAY = 1_764_028_800_000
EUROPE = REFERENCE.members_of("europe", DAY)
OPEN: dict[str, Any] = {
    "concerned_countries": [], "addressees": [], "tlp": "AMBER", "handling_codes": [],
    "restricted_to": None, "withheld_from": [],
}  # fmt: skip


def of(kind: str, region: str = "europe", **fields: Any) -> Audience | None:
    return readers(kind, {**OPEN, **fields}, region, DAY, REFERENCE)


CASES = [
    ("a notice goes to all regions", of("notice"), Audience(REGIONS)),
    (
        "a seizure goes to the own region and those of the countries concerned",
        of("seizure", concerned_countries=["BR", "KE"]),
        Audience(("africa", "americas", "europe")),
    ),
    (
        "a country that is no member concerns no desk",
        of("sighting", concerned_countries=["TW"]),
        Audience(("europe",)),
    ),
    (
        "what the General Secretariat reports goes to the countries concerned",
        of("report", "global", concerned_countries=["JP"]),
        Audience(("asia-pacific",)),
    ),
    ("a report that concerns nobody has no reader", of("report", "global"), None),
    (
        "a message goes to its addressees",
        of("message", addressees=["DE", "JP"]),
        Audience((), ("DE", "JP")),
    ),
    ("a message to nobody has no reader", of("message"), None),
    ("a diffusion without addressees is regional", of("diffusion"), Audience(("europe",))),
    (
        "a diffusion with addressees is theirs alone",
        of("diffusion", addressees=["BR"]),
        Audience((), ("BR",)),
    ),
    (
        "restricted_to keeps a notice from every desk",
        of("notice", restricted_to=["DE", "BR"]),
        Audience((), ("BR", "DE")),
    ),
    ("an empty restricted_to is nobody", of("notice", restricted_to=[]), None),
    (
        "several lists leave what all of them name",
        of("message", addressees=["DE", "BR", "JP"], restricted_to=["BR", "JP", "KE"]),
        Audience((), ("BR", "JP")),
    ),
    (
        "withheld beats named",
        of("message", addressees=["DE", "BR"], withheld_from=["BR"]),
        Audience((), ("DE",)),
    ),
    (
        "withheld from all who are named is nobody",
        of("message", addressees=["BR"], withheld_from=["BR"]),
        None,
    ),
    (
        "withheld from a member of a region: no desk there, the others directly",
        of("seizure", withheld_from=["FR"]),
        Audience((), tuple(sorted(EUROPE - {"FR"}))),
    ),
    (
        "the other regions keep their desk",
        of("seizure", concerned_countries=["BR"], withheld_from=["FR"]),
        Audience(("americas",), tuple(sorted(EUROPE - {"FR"}))),
    ),
    ("TLP:RED without addressees has no reader", of("notice", tlp="RED"), None),
    (
        "TLP:RED goes to addressees only",
        of("notice", tlp="RED", addressees=["DE"]),
        Audience((), ("DE",)),
    ),
    ("H2 goes to addressees only", of("arrest", handling_codes=["H1", "H2"]), None),
    ("an unknown handling code is the strictest", of("arrest", handling_codes=["H9"]), None),
    ("an unknown TLP is the strictest", of("arrest", tlp="unknown"), None),
    (
        "RED with restricted_to: addressees who are also on the list",
        of("notice", tlp="RED", addressees=["DE", "BR"], restricted_to=["BR"]),
        Audience((), ("BR",)),
    ),
    (
        "RED with restricted_to alone has no reader",
        of("notice", tlp="RED", restricted_to=["BR"]),
        None,
    ),
    ("a search is for no desk", of("search"), Audience()),
    ("a recall reaches everyone by the strikes, not by a desk", of("recall"), Audience()),
]  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_routing_table(found: Audience | None, expected: Audience | None) -> None:
    assert found == expected


BUREAUS = st.lists(st.sampled_from(sorted(REFERENCE.publishers)), max_size=5)
ENVELOPES = st.fixed_dictionaries(
    {
        "concerned_countries": BUREAUS,
        "addressees": BUREAUS,
        "tlp": st.sampled_from(["unknown", "RED", "AMBER_STRICT", "AMBER", "GREEN", "CLEAR"]),
        "handling_codes": st.lists(st.sampled_from(["H0", "H1", "H2", "H3", "ZZ"]), max_size=2),
        "restricted_to": st.none() | BUREAUS,
        "withheld_from": BUREAUS,
    }
)
KINDS = st.sampled_from(["notice", "seizure", "diffusion", "message", "freeze", "hit", "report"])


@given(KINDS, ENVELOPES, st.sampled_from([*REGIONS, "global"]))
def test_nobody_gets_what_they_may_not_have(
    kind: str, envelope: dict[str, Any], region: str
) -> None:
    audience = readers(kind, envelope, region, DAY, REFERENCE)
    if audience is None:
        return
    assert audience
    reached = set(audience.bureaus)
    for desk in audience.regions:
        reached |= REFERENCE.members_of(desk, DAY)
    assert not reached & set(envelope["withheld_from"])
    if envelope["restricted_to"] is not None:
        assert reached <= set(envelope["restricted_to"])
    if envelope["addressees"]:
        assert reached <= set(envelope["addressees"])
    handling = handling_class(kind, envelope)
    if handling == "red":
        assert envelope["addressees"]
    if handling in ("red", "restricted", "directed"):
        assert not audience.regions
    if handling == "none" and region != "global":
        assert region in audience.regions


HANDLING = [
    ("a report for the desk", "report", {}, "none"),
    ("a diffusion to all", "diffusion", {}, "none"),
    ("a diffusion with addressees", "diffusion", {"addressees": ["DE"]}, "directed"),
    ("a message", "message", {"addressees": ["DE"]}, "directed"),
    ("a freeze withheld from one", "freeze", {"addressees": ["DE", "IT"], "withheld_from": ["IT"]},
     "directed"),
    ("a hit to nobody", "hit", {}, "directed"),
    ("restricted to some", "message", {"addressees": ["DE"], "restricted_to": ["DE"]},
     "restricted"),
    ("RED", "message", {"addressees": ["DE"], "restricted_to": ["DE"], "tlp": "RED"}, "red"),
    ("withheld from one", "report", {"withheld_from": ["IT"]}, "withheld"),
    ("a search has no readers to name", "search", {"addressees": ["DE"]}, "none"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fields", "expected"), [c[1:] for c in HANDLING], ids=[c[0] for c in HANDLING]
)
def test_handling_class(kind: str, fields: dict[str, Any], expected: str) -> None:
    assert handling_class(kind, {**OPEN, **fields}) == expected
