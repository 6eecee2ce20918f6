"""Invented identifiers are right where they say so, and wrong where they should be."""

from __future__ import annotations

from random import Random

import pytest

from producers.simulator.numbers import CHECKED, MAKERS, wrong
from schemas.reference import Reference
from stream_apps.router.identifiers import check_identifier


@pytest.mark.parametrize("type", sorted(MAKERS))
def test_no_check_refutes_a_made_value(type: str) -> None:
    rng = Random(1)
    assert type in Reference.load().identifier_types
    for _ in range(200):
        found = check_identifier(type, MAKERS[type](rng), None, "FR")
        assert found.valid == "valid" if type in CHECKED else found.valid != "invalid"


@pytest.mark.parametrize("type", sorted(CHECKED))
def test_every_wrong_value_is_found_out(type: str) -> None:
    rng = Random(2)
    for _ in range(200):
        assert check_identifier(type, wrong(type, MAKERS[type](rng)), None, "FR").valid == "invalid"


def test_numbers_of_real_people_and_places_are_out_of_reach() -> None:
    rng = Random(3)
    for _ in range(500):
        assert MAKERS["domain"](rng).endswith(".example")
        assert MAKERS["ip_address"](rng).startswith(("192.0.2.", "198.51.100.", "203.0.113."))
        phone = MAKERS["phone_e164"](rng)
        assert phone.startswith(("+447700900", "+3363998", "+120255501", "+61491570"))
