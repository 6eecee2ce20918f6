"""Every vector of the domain's taxonomy, section 8, and what identifiers are like in the wild."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reference import Reference
from stream_apps.router.identifiers import CHECKS, MAX_VALUE_CHARS, check_identifier

TD3_LINE_1 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
TD3_LINE_2 = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
TD1 = "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
MONERO = (
    "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPb"
    "b3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H"
)
TAPROOT = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"

TAXONOMY_VECTORS = [
    ("travel_document", "L898902C3 cd 6", "valid"),
    ("travel_document", "740812 cd 2", "valid"),
    ("travel_document", "120415 cd 9", "valid"),
    ("travel_document", TD3_LINE_2, "valid"),
    ("travel_document", "D23145890 cd 7", "valid"),
    ("travel_document", "L898902C3 cd 5", "invalid"),
    ("iban", "GB82 WEST 1234 5698 7654 32", "valid"),
    ("iban", "SA03 8000 0000 6080 1016 7519", "valid"),
    ("iban", "FR14 2004 1010 0505 0001 3M02 606", "valid"),
    ("iban", "GB82 WEST 1234 5698 7654 33", "invalid"),
    ("bic", "DEUTDEFF", "valid"),
    ("payment_card", "4111111111111111", "valid"),
    ("phone_e164", "+33472447000", "valid"),
    ("imei", "490154203237518", "valid"),
    ("imei", "490154203237519", "invalid"),
    ("vin", "1M8GDM9AXKP042788", "valid"),
    ("vessel_imo", "9074729", "valid"),
    ("vessel_imo", "9074728", "invalid"),
    ("container", "CSQU3054383", "valid"),
    ("crypto_address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "valid"),
    ("crypto_address", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "valid"),
    ("crypto_address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "valid"),
    ("crypto_address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "valid"),
    ("crypto_address", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "valid"),
    ("lei", "5493001KJTIIGC8Y1R12", "valid"),
    ("isin", "US0378331005", "valid"),
    ("un_sanctions_reference", "QDi.001", "valid"),
    ("un_sanctions_reference", "CDi.002", "valid"),
    ("un_sanctions_reference", "IQe.001", "valid"),
]


@pytest.mark.parametrize(("kind", "value", "verdict"), TAXONOMY_VECTORS)
def test_taxonomy_vectors(kind: str, value: str, verdict: str) -> None:
    assert check_identifier(kind, value, None, "FR").valid == verdict


# type, value, country, normalised, valid, reason; the bureau is FR
CASES: list[tuple[str, str, str | None, str | None, str, str]] = [
    ("travel_document", "l898902-c3", "FR", "FRA:L898902C3", "unknown", "no-check-digit"),
    ("travel_document", TD3_LINE_1 + TD3_LINE_2, None, "UTO:L898902C3", "valid", "ok"),
    ("travel_document", f"{TD3_LINE_1}\n{TD3_LINE_2}", "DE", "UTO:L898902C3", "valid", "ok"),
    ("travel_document", TD1, None, "UTO:D23145890", "valid", "ok"),
    ("travel_document", TD1[:30], None, "UTO:D23145890", "valid", "ok"),
    (
        "travel_document",
        TD3_LINE_2[:19] + "3" + TD3_LINE_2[20:],
        None,
        "L898902C3",
        "invalid",
        "bad-check-digit:birth",
    ),
    (
        "travel_document",
        TD3_LINE_2[:-1] + "1",
        None,
        "L898902C3",
        "invalid",
        "bad-check-digit:composite",
    ),
    ("travel_document", TD3_LINE_1, None, None, "invalid", "bad-format"),
    (
        "travel_document",
        "I<UTOD23145890<7349<<<<<<<<<<<",
        None,
        "UTO:D23145890734",
        "valid",
        "ok",
    ),
    ("travel_document", "D<<12345<<", "DE", "DEU:D12345", "unknown", "no-check-digit"),
    ("travel_document", "PASSPORT", None, None, "invalid", "bad-format"),
    ("travel_document", "AB12345", "XP", "XPO:AB12345", "unknown", "no-check-digit"),
    ("travel_document", " ", None, None, "invalid", "empty"),
    (
        "national_id",
        "1 85 05 78 006 084 91",
        "FR",
        "FR:185057800608491",
        "unknown",
        "checked-at-entry",
    ),
    ("iban", "DE00 1234", None, None, "invalid", "bad-format"),
    ("iban", "GB82 WEST 1234 5698 7654 3", None, "GB82WEST1234569876543", "invalid", "bad-layout"),
    (
        "iban",
        "US64SVBKUS6S3300958879",
        None,
        "US64SVBKUS6S3300958879",
        "unknown",
        "country-without-iban",
    ),
    (
        "bank_account",
        "GB82 WEST 1234 5698 7654 33",
        None,
        "GB82WEST12345698765433",
        "invalid",
        "bad-check-digit",
    ),
    (
        "bank_account",
        "021000021 / 1234567",
        "US",
        "US:0210000211234567",
        "unknown",
        "no-check-digit",
    ),
    ("bic", "deutdeffxxx", None, "DEUTDEFF", "valid", "ok"),
    ("payment_card", "4111 1111 1111 1111", None, "411111******1111", "valid", "ok"),
    ("payment_card", "4111-1111-1111-1112", None, "411111******1112", "invalid", "bad-check-digit"),
    ("payment_card", "411111******1111", None, "411111******1111", "unknown", "masked"),
    ("payment_card", "4111 1111 1111 1111 exp 12/30", None, None, "invalid", "bad-format"),
    ("payment_card", "41111111111111111111", None, None, "invalid", "bad-length"),
    ("phone_e164", "04 72 44 70 00", None, "+33472447000", "valid", "ok"),
    ("phone_e164", "٠٤٧٢٤٤٧٠٠٠", None, "+33472447000", "valid", "ok"),
    ("phone_e164", "+٣٣ ٤ ٧٢ ٤٤ ٧٠ ٠٠", "EG", "+33472447000", "valid", "ok"),
    ("phone_e164", "00 33 (0)4 72 44 70 00", "DE", "+33472447000", "valid", "ok"),
    ("phone_e164", "020 7946 0018 ext. 12", "GB", "+442079460018", "valid", "ok"),
    ("phone_e164", "tel:+1-202-555-0143", None, "+12025550143", "valid", "ok"),
    ("phone_e164", "+3", None, None, "invalid", "bad-format"),
    ("phone_e164", "+33 123", None, "+33123", "invalid", "not-in-range"),
    ("phone_e164", "+999 123 456", None, "+999123456", "invalid", "unknown-country-code"),
    (
        "phone_e164",
        "+33 4 72 44 70 00 11 22 33 44",
        None,
        "+3347244700011223344",
        "invalid",
        "too-long",
    ),
    ("phone_e164", "call me", None, None, "invalid", "bad-format"),
    ("imei", "35-209900-176148-1", None, "352099001761481", "valid", "ok"),
    ("imei", "3520990017614823", None, "3520990017614823", "unknown", "imeisv"),
    ("imei", "1234", None, None, "invalid", "bad-length"),
    ("imsi", "208011234567890", None, "208011234567890", "unknown", "no-check-digit"),
    ("vin", "1M8GDM9A9KP042788", None, "1M8GDM9A9KP042788", "invalid", "bad-check-digit"),
    ("vin", "WVWZZZ1JZ3W386752", None, "WVWZZZ1JZ3W386752", "unknown", "check-digit-not-mandatory"),
    ("vin", "1M8GDM9AXKPO42788", None, "1M8GDM9AXKP042788", "invalid", "ioq-mapped"),
    ("vin", "convicted", None, "CONVICTED", "unknown", "pre-1981-length"),
    ("vehicle_plate", "А 123 ВС 77", "RU", "RU:A123BC77", "unknown", "no-check-digit"),
    ("vehicle_plate", "أ ب ج ١٢٣٤", "EG", "EG:ابج1234", "unknown", "no-check-digit"),
    ("vessel_imo", "IMO 9074729", None, "9074729", "valid", "ok"),
    ("mmsi", "002275000", None, "002275000", "unknown", "not-a-ship"),
    ("container", "csqu 305438-4", None, "CSQU3054384", "invalid", "bad-check-digit"),
    ("flight_number", "af 0123", None, "AF123", "unknown", "needs-date"),
    (
        "crypto_address",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        None,
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "invalid",
        "bad-checksum",
    ),
    (
        "crypto_address",
        "1a1zp1ep5qgefi2dmptftl5slmv7divfna",
        None,
        "1a1zp1ep5qgefi2dmptftl5slmv7divfna",
        "unknown",
        "unknown-chain",
    ),
    (
        "crypto_address",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        None,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "valid",
        "ok",
    ),
    (
        "crypto_address",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        None,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "invalid",
        "bad-checksum",
    ),
    (
        "crypto_address",
        "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        None,
        None,
        "invalid",
        "mixed-case",
    ),
    ("crypto_address", TAPROOT, None, TAPROOT, "valid", "ok"),
    (
        "crypto_address",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        None,
        None,
        "invalid",
        "bad-format",
    ),
    (
        "crypto_address",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        None,
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "valid",
        "no-checksum",
    ),
    (
        "crypto_address",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
        None,
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "invalid",
        "bad-checksum",
    ),
    (
        "crypto_address",
        "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa?amount=1",
        None,
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "valid",
        "ok",
    ),
    ("crypto_address", MONERO, None, MONERO, "valid", "ok"),
    ("transaction_hash", "0x" + "AB" * 32, None, "ab" * 32, "valid", "ok"),
    ("email", "Foo.Bar+x@EXAMPLE.Com", None, "Foo.Bar+x@example.com", "valid", "ok"),
    ("email", "user[at]bücher[.]example", None, "user@xn--bcher-kva.example", "valid", "ok"),
    ("email", "a..b@example.com", None, None, "invalid", "bad-format"),
    ("ip_address", "198[.]51[.]100[.]7", None, "198.51.100.7", "valid", "documentation"),
    ("ip_address", "100.64.0.1:8080", None, "100.64.0.1", "valid", "carrier-nat"),
    ("ip_address", "8.8.8.8", None, "8.8.8.8", "valid", "ok"),
    ("ip_address", "[2001:DB8:0:0::1]:443", None, "2001:db8::1", "valid", "documentation"),
    ("ip_address", "::ffff:10.0.0.1", None, "10.0.0.1", "valid", "private"),
    ("ip_address", "256.1.1.1", None, None, "invalid", "bad-format"),
    ("domain", "Evil[.]Example(.)COM.", None, "evil.example.com", "valid", "ok"),
    ("domain", "münchen.de", None, "xn--mnchen-3ya.de", "valid", "ok"),
    ("domain", "xn--80ak6aa92e.com", None, "xn--80ak6aa92e.com", "valid", "look-alike"),
    ("domain", "gооgle.com", None, "xn--ggle-55da.com", "valid", "mixed-script"),
    ("domain", "no_tld", None, None, "invalid", "bad-format"),
    ("domain", "д." * 20 + "com", None, None, "invalid", "bad-format"),
    ("domain", "xn--a.com", None, None, "invalid", "bad-format"),
    (
        "url",
        "hxxps://user:pw@Evil[.]Example.com:443/a?b=1#c",
        None,
        "https://evil.example.com/a?b=1#c",
        "valid",
        "credentials-stripped",
    ),
    ("url", "example.com/x", None, "http://example.com/x", "valid", "scheme-assumed"),
    (
        "url",
        "http://[2001:db8::1]:8080",
        None,
        "http://[2001:db8::1]:8080/",
        "valid",
        "documentation",
    ),
    ("url", "http://[::1", None, None, "invalid", "bad-format"),
    ("url", "http://a:99999/", None, None, "invalid", "bad-format"),
    ("file_hash", "SHA256:" + "AB" * 32, None, "ab" * 32, "valid", "ok"),
    ("file_hash", "md5:" + "ab" * 32, None, None, "invalid", "bad-length"),
    ("perceptual_hash", "PDQ:" + "ab" * 32, None, "pdq:" + "ab" * 32, "unknown", "no-check-digit"),
    ("username", "Telegram:@FooBar", None, "telegram:foobar", "unknown", "no-check-digit"),
    ("username", "@FooBar", None, "FooBar", "unknown", "no-platform"),
    ("device_id", "00-1B-44-11-3A-B7", None, "00:1b:44:11:3a:b7", "valid", "ok"),
    ("notice_id", "2024-012345", None, "2024/12345", "valid", "ok"),
    ("geo_point", "45.78, 4.85, 10 m", None, "45.780000,4.850000", "valid", "ok"),
    ("geo_point", "91,0", None, None, "invalid", "out-of-range"),
    ("geo_point", "-0.0,-0.0", None, "0.000000,0.000000", "valid", "ok"),
    (
        "person_name",
        "  Abū  Bakr \u200fal-Baġdādī ",
        None,
        "abu bakr al bagdadi",
        "unknown",
        "name",
    ),
    ("organization_name", "Acme Holdings S.A.R.L.", None, "acme holdings sarl", "unknown", "name"),
    ("organization_name", "Acme Limited", None, "acme ltd", "unknown", "name"),
    ("facial_image", "data:image/png;base64,AAAA", None, None, "invalid", "not-a-reference"),
    ("no_such_type", "4111111111111111", None, None, "unknown", "unknown-type"),
]


@pytest.mark.parametrize(("kind", "value", "country", "normalised", "verdict", "reason"), CASES)
def test_cases(
    kind: str, value: str, country: str | None, normalised: str | None, verdict: str, reason: str
) -> None:
    checked = check_identifier(kind, value, country, "FR")
    assert checked == (kind, normalised, verdict, reason)


def test_every_type_of_the_reference_data_has_a_check() -> None:
    assert set(CHECKS) == set(Reference.load().identifier_types)


def test_a_phone_number_without_a_country_is_not_guessed() -> None:
    assert check_identifier("phone_e164", "0472447000", None, "XP") == (
        "phone_e164",
        None,
        "unknown",
        "no-country",
    )
    assert check_identifier("phone_e164", "0033472447000", None, "XP").normalised == "+33472447000"


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_phone_numbers_agree_with_the_library_in_every_country(region: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        for written, country in ((e164, None), (e164, "US"), (national, region)):
            checked = check_identifier("phone_e164", written, country, region)
            assert (checked.normalised, checked.valid) == (e164, "valid"), written


@pytest.mark.parametrize("card", ["4111111111111111", "5500000000000005", "378282246310005"])
def test_a_card_number_never_leaves_in_clear(card: str) -> None:
    for written in (card, " ".join(card), card[:-1] + "9", card + "0", "PAN " + card):
        for value in check_identifier("payment_card", written, "FR", "FR"):
            assert card[6:-4] not in (value or "")


TYPES = st.sampled_from([*sorted(CHECKS), "no_such_type"])
NOISE = st.text(max_size=120) | st.text(
    alphabet="0123456789ABCXYZabcxyz<>+:.-/@[]()% \u0661\u0640\u200f\u0430\ufdfa\ud800",
    max_size=100,
)


@settings(max_examples=600, deadline=None)
@given(kind=TYPES, value=NOISE, country=st.none() | st.text(max_size=3) | st.just("FR"))
def test_no_string_raises(kind: str, value: str, country: str | None) -> None:
    checked = check_identifier(kind, value, country, "FR")
    assert checked.type == kind
    assert checked.valid in ("valid", "invalid", "unknown")
    assert checked.reason


@settings(max_examples=300, deadline=None)
@given(kind=TYPES, value=NOISE)
def test_normalising_twice_changes_nothing(kind: str, value: str) -> None:
    once = check_identifier(kind, value, None, "XP")
    if once.valid == "valid" and once.normalised is not None:
        twice = check_identifier(kind, once.normalised, None, "XP")
        assert twice.normalised == once.normalised


@pytest.mark.parametrize("kind", sorted(CHECKS))
@pytest.mark.parametrize("unit", ["a", "1", "<", ".", "\u0301", "\ufdfa", "xn--a.", "[.]", "1a@"])
def test_a_megabyte_is_refused_and_the_longest_accepted_is_bounded(kind: str, unit: str) -> None:
    assert check_identifier(kind, unit * 1_000_000, None, "FR").reason == "too-long"
    for length in (MAX_VALUE_CHARS, 1024, 4096):
        longest = (unit * length)[:length]
        assert check_identifier(kind, longest, None, "FR").valid in ("invalid", "unknown")


@settings(max_examples=200, deadline=None)
@given(body=st.text(alphabet="0123456789", min_size=14, max_size=14), wrong=st.integers(1, 9))
def test_one_wrong_digit_is_always_found_in_an_imei(body: str, wrong: int) -> None:
    verdicts = [check_identifier("imei", f"{body}{digit}", None, "FR").valid for digit in range(10)]
    assert verdicts.count("valid") == 1
    right = verdicts.index("valid")
    assert verdicts[(right + wrong) % 10] == "invalid"
