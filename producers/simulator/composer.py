"""One event of each kind, as a bureau would send it: message, hit, notice, seizure, freeze …

What it answers or follows is given by the caller, who remembers; nothing here has a memory.
"""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

from producers.simulator import money, shares
from producers.simulator.choice import Choice
from producers.simulator.frame import Fields, Framer, at
from schemas.models import BirthDate, Charge, Event, Name, Subject

__all__ = ["Composer"]

_DAY_MS = 86_400_000
_OUTCOMES = Choice({"answered": 45, "no-trace": 30, "partial": 18, "forwarded": 4, "refused": 3})
_PAYMENT_OUTCOMES = Choice(
    {"withheld-full": 20, "withheld-partial": 25, "already-gone": 45, "refused": 10}
)
_CONFIRMATIONS = Choice({"confirmed": 72, "false-match": 18, "record-stale": 10})
_COLOURS = Choice(shares.NOTICE_COLOURS)
_DIFFUSION_COLOURS = Choice({k: w for k, w in shares.NOTICE_COLOURS.items() if k != "unsc-special"})
_HIT_DATABASE = Choice({slug: hits for slug, (_, hits) in shares.DATABASES.items()})
_PAYMENT_CATEGORIES = Choice(
    {"cyber-enabled-financial-crime": 60, "financial-fraud": 30, "cyber-scam-centres": 10}
)
_VICTIM_CATEGORIES = Choice(
    {"online-child-sexual-exploitation": 70, "human-trafficking": 25, "cyber-scam-centres": 5}
)
_INDICATOR_TYPES = Choice(
    {"domain": 25, "ip_address": 20, "file_hash": 15, "crypto_address": 15, "url": 10, "email": 10,
     "phone_e164": 5}
)  # fmt: skip
_PLACES = ("airport", "seaport", "border post", "railway station", "private address", "hotel")
_COLOUR_CATEGORY = {
    "yellow": "missing-persons",
    "black": "missing-persons",
    "unsc-special": "terrorism",
}
_COLOUR_PURPOSE = {
    "red": "locate-wanted-person",
    "blue": "obtain-information-on-subject",
    "yellow": "identify-person-or-remains",
    "black": "identify-person-or-remains",
}
_WARN = "alert-on-person-event-or-modus-operandi"
_INVESTIGATE = "support-investigation-or-criminal-history"
_SYLLABLES = ("ba", "de", "fo", "gu", "ka", "li", "mo", "na", "ru", "se", "ti", "vo", "za", "yu")


class Composer:
    """Composes events from one framer's random numbers."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._rng: Random = framer.rng

    # -- messages between bureaus --------------------------------------------------------------

    def message(
        self, subtype: str, bureau: str, ms: int, reply_to: Event | None, to: str | None
    ) -> Event:
        """A message; an answer keeps the case, category and language of what it answers."""
        framer, rng = self._framer, self._rng
        worded = subtype in ("information-request", "information-reply", "correspondence")
        fields = framer.common("message", bureau, ms, graded=worded, worded=worded)
        fields["subtype"] = subtype
        category = fields["category"] or framer.category()
        if reply_to is not None:
            fields["in_reply_to"] = reply_to.event_id
            fields["case_ref"] = reply_to.case_ref
            fields["language"] = reply_to.language
            if fields["category"] is not None and reply_to.category is not None:
                category = reply_to.category
                for name in ("category", "further_categories", "offence"):
                    fields[name] = getattr(reply_to, name)
        fields["addressees"] = framer.addressees(bureau) if to is None else (to,)
        fields["title"] = framer.title(fields)
        fields["purpose"] = _INVESTIGATE
        if worded:
            fields["body"] = framer.text(fields, category)
            fields["identifiers"] = framer.identifiers(category, 3)
        if subtype == "information-request":
            fields["purpose"] = "obtain-information-on-subject"
            fields["deadline"] = at(ms + rng.choice((1, 3, 7)) * _DAY_MS)
        elif subtype == "information-reply":
            fields["outcome"] = _OUTCOMES.pick(rng)
        elif subtype == "hit-confirmation":
            fields["outcome"] = _CONFIRMATIONS.pick(rng)
        framer.restrict(fields, bureau)
        return framer.event("message", fields)

    def hit(self, database: str | None, bureau: str, ms: int, search: Any, owner: str) -> Event:
        """A hit of a search, told to the record's owner and at times to the General Secretariat."""
        framer, rng = self._framer, self._rng
        fields = framer.common("hit", bureau, ms, graded=False, worded=False)
        fields["subtype"] = database or _HIT_DATABASE.pick(rng)
        fields["addressees"] = (owner, "XP") if rng.random() < 0.2 else (owner,)
        fields["record_ref"] = f"{fields['subtype']}-{rng.randrange(10**9):09}"
        fields["match_quality"] = rng.randint(60, 100)
        fields["searched_event"] = search
        fields["owner"] = owner
        fields["purpose"] = "identify-person-or-object"
        framer.restrict(fields, bureau)
        return framer.event("hit", fields)

    # -- money ---------------------------------------------------------------------------------

    def freeze(
        self, subtype: str, bureau: str, ms: int, reply_to: Event | None, to: str | None
    ) -> Event:
        """An asset freeze, a stop-payment request, or what became of one."""
        framer, rng = self._framer, self._rng
        fields = framer.common("freeze", bureau, ms, graded=False, worded=True)
        declared = fields["category"] is not None
        category = _PAYMENT_CATEGORIES.pick(rng)
        framer.of_category(fields, category)
        if not declared:
            fields.update(category=None, further_categories=(), offence=None)
        fields["subtype"] = subtype
        fields["purpose"] = _INVESTIGATE
        fields["addressees"] = (framer.population.other(rng, bureau) if to is None else to,)
        fields["institution"] = f"Bank {rng.randrange(1, 900)}"
        fields["description"] = framer.text(fields, category)
        account = "crypto_address" if rng.random() < 0.1 else "iban"
        fields["identifiers"] = (framer.identifier(account, "beneficiary"),)
        if subtype == "asset-freeze":
            measure = "virtual-asset-" if account == "crypto_address" else ""
            fields["status"] = "frozen"
            fields["measures"] = (
                money.count(f"{measure}accounts-blocked", 1 + int(rng.expovariate(0.7))),
                money.amount(rng, "amount-frozen"),
            )
        elif subtype == "stop-payment-request":
            fields["urgency"] = "flash" if rng.random() < 0.6 else "urgent"
            fields["value_date"] = at(ms - rng.randrange(_DAY_MS))
            fields["victim_report_ref"] = f"{bureau}-V-{rng.randrange(10**6):06}"
            fields["measures"] = (money.amount(rng, "amount-lost", 60_000),)
        else:
            fields["outcome"] = _PAYMENT_OUTCOMES.pick(rng)
            if fields["outcome"].startswith("withheld"):
                fields["measures"] = (money.amount(rng, "amount-intercepted", 40_000),)
            if reply_to is not None:
                fields["in_reply_to"] = reply_to.event_id
                fields["case_ref"] = reply_to.case_ref
        framer.restrict(fields, bureau)
        return framer.event("freeze", fields)

    # -- what happened -------------------------------------------------------------------------

    def seizure(self, bureau: str, ms: int) -> Event:
        fields, category = self._report("seizure", bureau, ms, graded=True)
        what, measures = money.seized(self._rng, category)
        fields.update(what=what, measures=measures, place=self._rng.choice(_PLACES))
        return self._finish("seizure", bureau, fields)

    def sighting(self, bureau: str, ms: int) -> Event:
        fields, category = self._report("sighting", bureau, ms, graded=True)
        rng = self._rng
        fields.update(
            what=rng.choice(("person", "vehicle", "document", "vessel", "device")),
            place=rng.choice(_PLACES),
            country=bureau,
            certainty=rng.randint(20, 100),
            identifiers=self._framer.identifiers(category, 2, 1),
        )
        return self._finish("sighting", bureau, fields)

    def indicator(self, bureau: str, ms: int) -> Event:
        fields, _ = self._report("indicator", bureau, ms, graded=True)
        rng = self._rng
        found = _INDICATOR_TYPES.pick(rng)
        fields.update(
            indicator_type=found,
            identifiers=tuple(
                self._framer.identifier(found, None) for _ in range(rng.randint(1, 3))
            ),
            valid_from=at(ms),
            valid_until=at(ms + rng.choice((7, 30, 90)) * _DAY_MS),
            purpose=_WARN,
        )
        return self._finish("indicator", bureau, fields)

    def arrest(self, bureau: str, ms: int) -> Event:
        fields, category = self._report("arrest", bureau, ms, graded=False)
        rng = self._rng
        several = rng.random() < 0.1
        fields.update(
            measures=(money.count("persons-arrested", rng.randint(2, 9) if several else 1),),
            identifiers=self._framer.identifiers(category, 2),
            place=rng.choice(_PLACES),
            notice_ref=f"{at(ms).year}/{rng.randrange(99_999)}" if rng.random() < 0.6 else None,
            purpose="locate-wanted-person",
        )
        return self._finish("arrest", bureau, fields)

    def victim_identified(self, bureau: str, ms: int) -> Event:
        framer, rng = self._framer, self._rng
        fields = framer.common("victim_identified", bureau, ms, graded=False, worded=False)
        category = _VICTIM_CATEGORIES.pick(rng)
        framer.of_category(fields, category)
        minor = category == "online-child-sexual-exploitation"
        fields.update(
            measures=(money.count("victims-identified", 1),),
            age_group="minor" if minor else rng.choice(("adult", "minor", "unknown")),
            concerned_countries=framer.countries(bureau, 1),
            confidentiality="RESTRICTED",
            purpose="identify-person-or-remains",
        )
        return self._finish("victim_identified", bureau, fields)

    def operation_report(self, bureau: str, ms: int) -> Event:
        """Figures of a bureau's own operation: none of those that the reference data names."""
        fields, _ = self._report("operation_report", bureau, ms, graded=False)
        rng = self._rng
        found = [
            money.count("checks", rng.randint(50, 5000)),
            money.count("persons-arrested", rng.randint(0, 30)),
            money.count("investigations-opened", rng.randint(0, 20)),
        ]
        if rng.random() < 0.3:
            found.append(money.amount(rng, "amount-seized", 80_000))
        days = rng.randint(1, 14)
        fields.update(
            measures=tuple(found),
            period_from=at(ms - days * _DAY_MS),
            period_until=at(ms),
            text=fields.pop("description"),
        )
        return self._finish("operation_report", bureau, fields)

    def report(self, subtype: str, bureau: str, ms: int) -> Event:
        fields, _ = self._report("report", bureau, ms, graded=True)
        fields.update(
            subtype=subtype,
            title=self._framer.title(fields),
            text=fields.pop("description"),
            concerned_countries=self._framer.countries(self._framer.population.pick(self._rng), 5),
            purpose="threat-and-trend-analysis" if subtype == "analytical-report" else _WARN,
        )
        return self._finish("report", bureau, fields)

    # -- alerts --------------------------------------------------------------------------------

    def notice(self, bureau: str, ms: int) -> Event:
        """A notice that the General Secretariat issues at a bureau's request."""
        fields, colour, category = self._alert("notice", bureau, ms, _COLOURS)
        rng, framer = self._rng, self._framer
        requester = framer.population.pick(rng)
        number = rng.randrange(1, 99_999)
        fields.update(
            concerned_countries=framer.countries(requester),
            reference=f"{at(ms).year}/{number:05}",
            summary=framer.text(fields, category),
        )
        if colour == "red":
            text = framer.texts.about(rng, category, fields["language"])
            fields["charges"] = (Charge(country=requester, text=text),)
        if colour in ("orange", "red"):
            fields["urgency"] = "urgent"
        return self._finish("notice", bureau, fields)

    def diffusion(self, bureau: str, ms: int) -> Event:
        fields, _, category = self._alert("diffusion", bureau, ms, _DIFFUSION_COLOURS)
        rng, framer = self._rng, self._framer
        fields["concerned_countries"] = framer.countries(bureau)
        if rng.random() < 0.7:
            fields["addressees"] = framer.population.others(rng, bureau, rng.randint(2, 14))
        fields["text"] = framer.text(fields, category)
        return self._finish("diffusion", bureau, fields)

    def _alert(
        self, kind: str, bureau: str, ms: int, colours: Choice[str]
    ) -> tuple[Fields, str, str]:
        framer = self._framer
        fields = framer.common(kind, bureau, ms, graded=True, worded=True)
        declared = fields["category"] is not None
        colour = colours.pick(self._rng)
        category = _COLOUR_CATEGORY.get(colour) or fields["category"] or framer.category()
        if declared:
            fields["category"] = category
            fields["further_categories"] = tuple(
                found for found in fields["further_categories"] if found != category
            )
        fields.update(
            subtype=colour,
            subjects=(self._subject(colour),),
            identifiers=framer.identifiers(category, 4, 1),
            title=framer.title(fields),
            purpose=_COLOUR_PURPOSE.get(colour, _WARN),
            retain_until=at(ms + 5 * 365 * _DAY_MS),
            review_due=at(ms + 4 * 365 * _DAY_MS),
        )
        return fields, colour, category

    def _subject(self, colour: str) -> Subject:
        rng = self._rng
        if colour == "purple":
            return Subject(type="modus_operandi")
        if colour == "silver":
            return Subject(type="asset", names=(Name(full=f"Asset {rng.randrange(9999)}"),))
        year = rng.randrange(1945, 2006)
        day = date(year, rng.randint(1, 12), rng.randint(1, 28))
        names = [Name(full=self._name())]
        if rng.random() < 0.3:
            names.append(Name(full=self._name(), kind="alias", quality="Good"))
        return Subject(
            names=tuple(names),
            birth_dates=() if colour == "black" else (BirthDate(earliest=day, latest=day),),
            sex=rng.choice(("F", "M", "M", "M", None)),
            nationalities=(self._framer.population.pick(rng),),
        )

    def _name(self) -> str:
        parts = ("".join(self._rng.choices(_SYLLABLES, k=n)) for n in (2, 3))
        first, last = parts
        return f"{first.title()} {last.upper()}"

    # -- shared --------------------------------------------------------------------------------

    def _report(self, kind: str, bureau: str, ms: int, *, graded: bool) -> tuple[Fields, str]:
        framer = self._framer
        fields = framer.common(kind, bureau, ms, graded=graded, worded=True)
        category = fields["category"] or framer.category()
        fields["concerned_countries"] = framer.countries(bureau)
        fields["purpose"] = _INVESTIGATE
        fields["description"] = framer.text(fields, category)
        return fields, category

    def _finish(self, kind: str, bureau: str, fields: Fields) -> Event:
        self._framer.restrict(fields, bureau)
        return self._framer.event(kind, fields)
