"""Country names as the United Nations writes them, to ISO 3166 alpha-2.

The members' own names of the reference data come first, in all four languages; the table below
adds the UN's long forms, older names and territories. A name that is not found stays text: it is
never guessed.
"""

from __future__ import annotations

import functools
import unicodedata

from schemas.reference import Reference

__all__ = ["country_code"]

_ALSO = {
    "Bolivia (Plurinational State of)": "BO",
    "British Virgin Islands": "VG",
    "Brunei Darussalam": "BN",
    "Burma": "MM",
    "Cape Verde": "CV",
    "China, Hong Kong Special Administrative Region": "HK",
    "China, Macao Special Administrative Region": "MO",
    "Congo": "CG",
    "Cote d'Ivoire": "CI",
    "Czech Republic": "CZ",
    "Czechia": "CZ",
    "Democratic People's Republic of Korea": "KP",
    "Democratic Republic of the Congo": "CD",
    "DPRK": "KP",
    "Gambia": "GM",
    "Hong Kong": "HK",
    "Iran (Islamic Republic of)": "IR",
    "Iran": "IR",
    "Ivory Coast": "CI",
    "Lao People's Democratic Republic": "LA",
    "Macao": "MO",
    "Macedonia": "MK",
    "Micronesia (Federated States of)": "FM",
    "Netherlands (Kingdom of the)": "NL",
    "North Korea": "KP",
    "Occupied Palestinian Territory": "PS",
    "Palestine": "PS",
    "Republic of Korea": "KR",
    "Republic of Moldova": "MD",
    "Russia": "RU",
    "Russian Federation": "RU",
    "South Korea": "KR",
    "State of Palestine": "PS",
    "Swaziland": "SZ",
    "Syria": "SY",
    "Syrian Arab Republic": "SY",
    "Taiwan": "TW",
    "Tanzania": "TZ",
    "The former Yugoslav Republic of Macedonia": "MK",
    "Türkiye": "TR",
    "Turkey": "TR",
    "United Kingdom of Great Britain and Northern Ireland": "GB",
    "United Republic of Tanzania": "TZ",
    "United States of America": "US",
    "United States": "US",
    "Venezuela (Bolivarian Republic of)": "VE",
    "Viet Nam": "VN",
}
_ADJECTIVES = {
    "Afghan": "AF", "Algerian": "DZ", "Belgian": "BE", "Bosnian": "BA", "British": "GB",
    "Egyptian": "EG", "French": "FR", "German": "DE", "Indian": "IN", "Indonesian": "ID",
    "Iranian": "IR", "Iraqi": "IQ", "Italian": "IT", "Jordanian": "JO", "Kenyan": "KE",
    "Kuwaiti": "KW", "Lebanese": "LB", "Libyan": "LY", "Malaysian": "MY", "Malian": "ML",
    "Moroccan": "MA", "Pakistani": "PK", "Philippine": "PH", "Russian": "RU", "Rwandan": "RW",
    "Saudi": "SA", "Saudi Arabian": "SA", "Somali": "SO", "Sudanese": "SD", "Syrian": "SY",
    "Tunisian": "TN", "Turkish": "TR", "Ugandan": "UG", "Yemeni": "YE",
}  # fmt: skip


def country_code(name: str) -> str | None:
    """ISO 3166 alpha-2 of a country's name or adjective; None if it is not known."""
    return _codes().get(_key(name))


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("’", "'"))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    words = letters.casefold().replace(",", " ").split()
    return " ".join(words[1:] if words[:1] == ["the"] else words)


@functools.cache
def _codes() -> dict[str, str]:
    reference = Reference.load()
    codes: dict[str, str] = {}
    for member in reference.members.values():
        for name in (*member.names.values(), member.iso3):
            codes.setdefault(_key(name), member.iso2)
    for table in (_ALSO, _ADJECTIVES):
        codes.update({_key(name): code for name, code in table.items()})
    return codes
