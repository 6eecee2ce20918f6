"""Identifiers normalised and checked: pure, no network, raises for no string, bounded in time.

Raw values stay with the event; here is the form in which they are compared, whether a check digit
or an exact grammar confirms them, and why not. A failed check lowers confidence, it never drops an
event. What is longer than its type may be is refused unread: an event full of the worst values must
not stop the stream. An unknown type has no comparison form, since nobody knows what may be kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from stream_apps.router.identifiers import (
    content,
    crypto,
    documents,
    finance,
    network,
    telecom,
    vehicles,
)
from stream_apps.router.identifiers.outcome import Check, Checked, Validity

__all__ = ["CHECKS", "MAX_VALUE_CHARS", "Checked", "Validity", "check_identifier"]

_LONGER = {"url": 4096, "address": 1024, "perceptual_hash": 1024}
MAX_VALUE_CHARS = 512
"""Longer values are refused unread, bar those types that have a limit of their own."""

CHECKS: Mapping[str, Check] = {
    "address": content.address,
    "aircraft_registration": vehicles.aircraft_registration,
    "bank_account": finance.bank_account,
    "bic": finance.bic,
    "company_registration": finance.company_registration,
    "container": vehicles.container,
    "crypto_address": crypto.crypto_address,
    "device_id": telecom.device_id,
    "dna_profile": content.reference,
    "domain": network.domain,
    "email": network.email,
    "engine_number": vehicles.engine_number,
    "facial_image": content.reference,
    "file_hash": content.file_hash,
    "fingerprint": content.reference,
    "firearm_serial": vehicles.firearm_serial,
    "flight_number": vehicles.flight_number,
    "geo_point": content.geo_point,
    "iban": finance.iban,
    "icse_series_id": content.reference,
    "imei": telecom.imei,
    "imsi": telecom.imsi,
    "ip_address": network.ip_address,
    "isin": finance.isin,
    "lei": finance.lei,
    "mmsi": vehicles.mmsi,
    "national_id": documents.national_id,
    "notice_id": documents.notice_id,
    "organization_name": content.organization_name,
    "payment_card": finance.payment_card,
    "perceptual_hash": content.perceptual_hash,
    "person_name": content.person_name,
    "phone_e164": telecom.phone_e164,
    "transaction_hash": crypto.transaction_hash,
    "travel_document": documents.travel_document,
    "un_sanctions_reference": documents.un_sanctions_reference,
    "url": network.url,
    "username": content.username,
    "vehicle_plate": vehicles.vehicle_plate,
    "vessel_imo": vehicles.vessel_imo,
    "vin": vehicles.vin,
    "visa_number": documents.visa_number,
}


def check_identifier(type: str, value: str, country: str | None, bureau: str) -> Checked:
    """Normalise and check one identifier.

    `country` is the alpha-2 code of the issuer or the place if the event gives one; `bureau` is
    the publisher, whose country is the default for telephone numbers.
    """
    check = CHECKS.get(type)
    if check is None:
        return Checked(type, None, "unknown", "unknown-type")
    if len(value) > MAX_VALUE_CHARS and len(value) > _LONGER.get(type, 0):
        return Checked(type, None, "invalid", "too-long")
    return Checked(type, *check(value, country, bureau))
