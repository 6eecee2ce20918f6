"""The score's parts are readable, sum to it, and say what the domain says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference import Reference
from stream_apps.router.identifiers import Checked
from stream_apps.router.priority import score, static_parts, with_identifiers

REFERENCE = Reference.load()
GOOD = Checked("imei", "490154203237518", "valid", "ok")
BAD = Checked("imei", "490154203237519", "invalid", "bad-check-digit")
OPAQUE = Checked("dna_profile", "x", "unknown", "opaque")


def grading(codes: str, scheme: str = "admiralty") -> dict[str, str]:
    return {"scheme": scheme, "source": codes[0], "information": codes[1]}


def points(part: str, *codes: dict[str, str]) -> int:
    return dict(static_parts("notice", "red", "terrorism", "routine", codes))[part]


def test_the_most_pressing_event_has_the_highest_score() -> None:
    top = score("freeze", "stop-payment-request", "terrorism", "flash", [grading("A1")], [GOOD])
    assert top.total == 100
    assert top.parts == (
        ("urgency", 40),
        ("category", 30),
        ("kind", 15),
        ("grading", 12),
        ("identifiers", 3),
    )


def test_the_least_pressing_event_has_zero_and_says_how() -> None:
    low = score("search", "sltd", "corruption", "bulk", [grading("E5")], [BAD])
    assert low.total == 0
    assert low.parts[-1] == ("floor", 18)


def test_a_stop_payment_request_overrides_its_category() -> None:
    slug = "cyber-enabled-financial-crime"
    request = dict(static_parts("freeze", "stop-payment-request", slug, "routine", ()))
    freeze = dict(static_parts("freeze", "asset-freeze", slug, "routine", ()))
    assert (request["category"], freeze["category"]) == (30, 20)
    assert request["kind"] > freeze["kind"]


def test_better_known_grades_score_higher() -> None:
    ladder = [points("grading", grading(codes)) for codes in ("A1", "B2", "C3", "D4", "E5")]
    assert ladder == [12, 7, 2, -3, -8]


@pytest.mark.parametrize(
    "unknown",
    [grading("F6"), grading("X4", "europol-4x4"), grading("2D", "uk-3x5x2"), {}, grading("Z9")],
)
def test_unknown_is_not_the_middle_of_the_scale(unknown: dict[str, str]) -> None:
    assert points("grading-unknown", unknown) == 0
    assert points("grading", grading("C3")) != 0


def test_unknown_is_never_averaged_with_what_is_known() -> None:
    half = points("grading", grading("A6"))
    assert half == 6  # half of what is asked is known, and that is the best there is
    assert points("grading", grading("A6"), grading("F1")) == half


def test_no_grading_is_told_from_an_unknown_one() -> None:
    assert points("grading-none") == 0


def test_europols_c_is_the_admiraltys_d() -> None:
    assert points("grading", grading("C4", "4x4")) == points("grading", grading("D6"))
    assert points("grading", grading("A1", "4x4")) == points("grading", grading("A1"))


def test_a_british_grading_begins_with_the_source_too() -> None:
    assert points("grading", grading("1A", "uk-3x5x2")) == points("grading", grading("A1"))
    assert points("grading", grading("3E", "uk-3x5x2")) == points("grading", grading("E5"))


@pytest.mark.parametrize(
    ("checked", "expected"),
    [
        ([], 0),
        ([OPAQUE], 0),
        ([GOOD], 3),
        ([GOOD, OPAQUE], 3),
        ([BAD], -10),
        ([GOOD, BAD], -2),
        ([GOOD] * 9 + [BAD], 2),
        ([GOOD] * 99 + [BAD], 2),
        ([OPAQUE, BAD], -5),
    ],
)
def test_failed_checks_lower_the_score(checked: list[Checked], expected: int) -> None:
    static = static_parts("notice", "red", "terrorism", "urgent", ())
    result = with_identifiers(static, checked)
    assert dict(result.parts)["identifiers"] == expected
    assert result.total == sum(part[1] for part in static) + expected


def test_every_kind_and_urgency_of_the_reference_data_is_weighed() -> None:
    for kind in REFERENCE.kinds:
        kind_points = dict(static_parts(kind, "", "terrorism", "routine", ()))["kind"]
        assert kind_points > 0 or kind == "search"
    ladder = [
        dict(static_parts("notice", "red", "terrorism", slug, ()))["urgency"]
        for slug in REFERENCE.urgencies
    ]
    assert ladder == sorted(ladder, reverse=True)
    assert len(set(ladder)) == 4


@given(
    kind=st.sampled_from(sorted(REFERENCE.kinds)) | st.text(max_size=5),
    subtype=st.sampled_from(["", "red", "stop-payment-request", "acknowledgement"]),
    category=st.none() | st.sampled_from(sorted(REFERENCE.categories)) | st.text(max_size=5),
    urgency=st.sampled_from([*REFERENCE.urgencies, "unknown", ""]),
    gradings=st.lists(
        st.builds(
            lambda scheme, source, information: {
                "scheme": scheme,
                "source": source,
                "information": information,
            },
            st.sampled_from(["admiralty", "4x4", "europol-4x4", "other"]),
            st.sampled_from("ABCDEFX"),
            st.sampled_from("123456"),
        ),
        max_size=4,
    ),
    checked=st.lists(st.sampled_from([GOOD, BAD, OPAQUE]), max_size=12),
)
def test_parts_sum_to_a_total_between_0_and_100(
    kind: str,
    subtype: str,
    category: str | None,
    urgency: str,
    gradings: list[dict[str, str]],
    checked: list[Checked],
) -> None:
    result = score(kind, subtype, category, urgency, gradings, checked)
    assert 0 <= result.total <= 100
    assert sum(part[1] for part in result.parts) == result.total
