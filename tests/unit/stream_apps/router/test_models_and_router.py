"""What the models accept the router accepts, but for what depends on the publisher."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.headers import read_refusal
from schemas.models import MODELS, Event, event_lane
from schemas.reference import Reference
from schemas.topics import GENERAL_SECRETARIAT
from stream_apps.router.driver import RouterDriver

REFERENCE = Reference.load()
BUREAUS = st.sampled_from(["FR", "DE", "XP", "BR"])
CATEGORIES = st.sampled_from(["terrorism", "drug-trafficking", "drugs"])
DRIVERS = {lane: RouterDriver(lane) for lane in ("message", "search")}
KINDS = st.sampled_from([*MODELS, "gossip"])
IDS = st.integers(1, 4).map(lambda number: UUID(int=number))


def many(item: Any, most: int) -> st.SearchStrategy[list[Any]]:
    """Lists around their bound."""
    return st.sampled_from([most, most + 1]).map(lambda count: [item] * count)


def times() -> st.SearchStrategy[datetime]:
    hours = st.sampled_from([-9_000, -1, -0.01, 0.01, 23.9, 24.1, 9_000])
    year_0 = datetime(1970, 1, 1, tzinfo=UTC)
    edge = st.sampled_from([year_0, year_0 - timedelta(milliseconds=1)])
    return st.one_of(edge, hours.map(lambda hour: datetime.now(UTC) + timedelta(hours=hour)))


MEASURES = st.fixed_dictionaries(
    {
        "measure": st.sampled_from(["persons-arrested", "amount-seized", "arrests"]),
        "value": st.one_of(
            st.decimals(allow_nan=True, places=3), st.sampled_from([Decimal(10) ** 15, Decimal(1)])
        ),
        "unit": st.sampled_from(["", "EUR", "euro", "€", "person", "people", "x" * 17]),
    }
)
GRADINGS = st.fixed_dictionaries(
    {
        "scheme": st.sampled_from(["admiralty", "europol-4x4", "uk-3x5x2"]),
        "source": st.sampled_from(["A", "X", "1", "Ⅷ"]),
        "information": st.sampled_from(["A", "1", "6", "٣"]),
    }
)
USUAL = {
    "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
    "category": "terrorism",
    "concerned_countries": ["FR"],
    "addressees": ["DE"],
}
UNUSUAL: dict[str, st.SearchStrategy[Any]] = {
    "event_id": IDS,
    "occurred_at": times(),
    "retain_until": times(),
    "supersedes": st.fixed_dictionaries({"event_id": IDS, "bureau": BUREAUS, "kind": KINDS}),
    "root": IDS,
    "root_bureau": BUREAUS,
    "in_reply_to": IDS,
    "sub_bureau": st.sampled_from(["GI", "QQ"]),
    "test": st.just(True),
    "category": st.one_of(st.none(), CATEGORIES),
    "further_categories": st.one_of(st.lists(CATEGORIES, max_size=2), many("terrorism", 10)),
    "offence": st.one_of(
        st.text("0123456789", max_size=8),
        st.sampled_from(["٠١", "01٣٤", "0101", "01011", "010111", "12", "00"]),
    ),
    "concerned_countries": st.one_of(st.just([]), st.just(["QQ"]), many("FR", 300)),
    "addressees": st.one_of(st.lists(BUREAUS, max_size=2), many("DE", 300), st.just(["TW"])),
    "tlp": st.sampled_from(["RED", "CLEAR", "PINK"]),
    "handling_codes": st.one_of(
        st.lists(st.sampled_from(["H0", "H1", "H2", "H4"]), max_size=3), many("H1", 16)
    ),
    "restricted_to": st.lists(BUREAUS, max_size=3),
    "withheld_from": st.one_of(st.lists(BUREAUS, max_size=2), st.just(sorted(REFERENCE.members))),
    "gradings": st.lists(GRADINGS, max_size=2),
    "language": st.sampled_from(["", "EN", "English", "pt-BR", "e٣", "en" + "-abcd" * 7]),
    "measures": st.one_of(
        st.lists(MEASURES, max_size=2), many({"measure": "persons-arrested", "value": 1}, 100)
    ),
    "identifiers": many({"type": "iban", "value": "x"}, 1000),
}
FIELDS = st.lists(
    st.sampled_from(sorted(UNUSUAL)).flatmap(lambda name: st.tuples(st.just(name), UNUSUAL[name])),
    max_size=4,
).map(lambda fields: {**USUAL, **dict(fields)})


def depends_on_the_publisher(event: Event, bureau: str, code: str) -> bool:
    """Whether a refusal is one that no model can foresee."""
    earlier = event.supersedes
    if code == "not-yours":
        owners = {event.root_bureau or bureau, bureau if earlier is None else earlier.bureau}
        return owners != {bureau} and bureau != GENERAL_SECRETARIAT
    if code == "no-reader":  # no desk is left: XP has none of its own, or all of one are withheld
        return bureau == GENERAL_SECRETARIAT or bool(event.withheld_from)
    return False


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(MODELS)), fields=FIELDS, bureau=BUREAUS, subtype=st.integers(0, 20)
)
def test_what_a_model_accepts_the_router_accepts(
    kind: str, fields: dict[str, Any], bureau: str, subtype: int
) -> None:
    subtypes = sorted(REFERENCE.subtypes[kind])
    fields = {**fields, "subtype": subtypes[subtype % len(subtypes)]}
    try:
        event = MODELS[kind].model_validate(fields)
    except ValidationError:
        return
    driver = DRIVERS[event_lane(event)]
    driver.now_ms = int(datetime.now(UTC).timestamp() * 1000)
    out = driver.feed(driver.record(bureau, event))
    for topic, records in out.items():
        if topic.startswith("dlq."):
            refusal = read_refusal(records[0].headers)
            assert depends_on_the_publisher(event, bureau, refusal.code), refusal.reason
