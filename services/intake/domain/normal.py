"""The normal form: what every lead looks like, whatever its source called things.

Fields fall into two blocks. Contact fields say who the person is; fact fields are what a rule may ask and hold no contact data. What
has no field of its own is kept under `custom`: as contact data, unless the source's mapping marks it as a fact. How each kind of value is
read is in quality/.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from services.intake.domain.facts import MAX_REMEMBERED, Facts, is_dropped, known_country, put_fact, read_facts, read_line
from services.intake.domain.fields import CLICK_FIELDS
from services.intake.domain.identity import Identifier, Kind
from services.intake.domain.quality.consent import read_consent
from services.intake.domain.quality.mail import Mail, read_mail
from services.intake.domain.quality.names import proper_case
from services.intake.domain.quality.notes import Notes
from services.intake.domain.quality.origin import channel_of, is_click_id, is_filled
from services.intake.domain.quality.phone import Phone, read_phone
from services.intake.domain.quality.text import as_text, line_of
from services.intake.domain.senders.shape import Consent

_CLICKS = frozenset(CLICK_FIELDS)


class Unreachable(ValueError):
    """Nobody could answer this lead: it has no e-mail address and no phone number, or none that works.

    `reasons` says of each that was given what is wrong with it. `field` is the first of them, or the e-mail address where none was given.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        odd = "; ".join(f"{field} {reason}" for field, reason in reasons.items())
        super().__init__("needs an email or a phone, so that somebody can answer" + (f": {odd}" if odd else ""))
        self.reasons = dict(reasons)
        self.field = next(iter(reasons), "email")


class NormalLead(NamedTuple):
    """A lead in normal form: its two blocks, and what was odd about it.

    `changes` are `{"field", "sent", "kept", "why"}` for each value that is not as it was sent; they are contact data and stay with intake.
    `identifiers` are what the person is recognised by.
    """

    contact: dict[str, Any]
    facts: dict[str, Any]
    warnings: list[str]
    changes: list[dict[str, Any]]
    identifiers: tuple[Identifier, ...]
    consents: tuple[Consent, ...]


def normalise(
    fields: Mapping[str, Any],
    custom: Mapping[str, Any],
    *,
    source: str,
    region: str | None = None,
    defaults: Mapping[str, Any],
    fact_keys: Collection[str],
) -> NormalLead:
    """Sorts normal fields and custom answers into the two blocks, brings them into normal form and derives facts. Raises Unreachable.

    `region` (ISO 3166 alpha-2) is whose customs the source's phone numbers follow, where the lead itself names no country. What cannot be
    read is marked with a warning and kept as it was sent. A normal lead's normal form is itself.
    """
    notes = Notes()
    facts = read_facts(fields, source, defaults, notes)
    contact = _contact(fields, notes)
    mail, phone = _mail(fields, notes), _phone(fields, known_country(facts) or region, notes)
    _require_reachable(mail, phone)
    _put_ways(contact, facts, mail, phone)
    extra = {}
    for key, value in custom.items():
        if key in fact_keys:
            facts.setdefault(key, value)
        else:
            extra[key] = value
    if channel := channel_of(facts):
        facts.setdefault("channel", channel)
    if extra:
        contact["extra"] = extra
    return NormalLead(
        contact, facts, notes.warnings, notes.changes, _identifiers(fields, facts, mail, phone), _consents(fields.get("consent"))
    )


# -- Contact ---------------------------------------------------------------------------------------------------------------------


def _contact(fields: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """The contact block without the ways to reach the person."""
    contact = {}
    for name in ("name", "first_name", "last_name", "company"):
        if name in fields and (kept := fields[name] if _is_kept(name, fields[name]) else _name(name, fields[name], notes)):
            contact[name] = kept
    if "name" not in contact and (parts := [contact[part] for part in ("first_name", "last_name") if part in contact]):
        contact["name"] = " ".join(parts)
    if "street" in fields and (street := read_line("street", fields["street"], contact, notes)):
        contact["street"] = street
    if message := as_text(fields.get("message")).strip():
        contact["message"] = message
    return contact


def _is_kept(field: str, value: Any) -> bool:
    """Is this a name that stays as it was sent? Remembered of parts of names, which many share, and not of whole ones."""
    return field != "name" and type(value) is str and len(value) <= MAX_REMEMBERED and _stays(field, value)


@lru_cache(maxsize=8192)
def _stays(field: str, text: str) -> bool:
    return _name(field, text, Notes()) == text


def _name(field: str, value: Any, notes: Notes) -> str | None:
    text = line_of(value)
    if not text or is_dropped(field, text, notes):
        return None
    kept = text if field == "company" else proper_case(text, surname=field == "last_name")
    return notes.keep(field, value, kept, "blanks and case")


def _mail(fields: Mapping[str, Any], notes: Notes) -> Mail | None:
    sent = fields.get("email")
    if not (text := line_of(sent)):
        return None
    mail = read_mail(text)
    if mail.warning:
        notes.warn("email", mail.warning)
    notes.keep("email", sent, mail.text, "its normal form")
    return mail


def _phone(fields: Mapping[str, Any], region: str | None, notes: Notes) -> Phone | None:
    sent = fields.get("phone")
    if not (text := line_of(as_text(sent).strip().replace("\n", ";"))):
        return None
    phone = read_phone(text, region.upper() if region else None)
    if phone.warning:
        notes.warn("phone", phone.warning)
    notes.keep("phone", sent, phone.text, "E.164")
    return phone


def _require_reachable(mail: Mail | None, phone: Phone | None) -> None:
    if (mail and mail.kind != "invalid") or (phone and phone.kind != "invalid"):
        return
    ways = {"email": mail, "phone": phone}
    raise Unreachable({name: way.warning or way.kind for name, way in ways.items() if way})


def _put_ways(contact: dict[str, Any], facts: Facts, mail: Mail | None, phone: Phone | None) -> None:
    """`has_email` is true of an address that does not work, too: scorecards take it back by `email_kind`."""
    facts["has_phone"] = phone is not None and phone.kind != "invalid"
    facts["has_email"] = mail is not None
    facts["email_kind"] = mail.kind if mail else "none"
    facts["phone_kind"] = phone.kind if phone else "none"
    if mail:
        contact["email"] = mail.text
        if mail.role:
            facts["email_role"] = True
        if mail.company:
            facts["company_domain"] = mail.company
    if phone:
        contact["phone"] = phone.text
        if phone.kind == "valid":
            facts["phone_type"] = phone.type
        if phone.country:
            facts["phone_country"] = phone.country


# -- What goes with a lead ---------------------------------------------------------------------------------------------------------


def identify(fields: Mapping[str, Any], *, region: str | None = None) -> tuple[Identifier, ...]:
    """What a person is recognised by, of `email`, `phone`, `visitor_id` and ad clicks; what is invalid tells nothing."""
    facts: Facts = {}
    for name in CLICK_FIELDS:
        if name in fields:
            put_fact(facts, name, fields[name], Notes())
    return _identifiers(fields, facts, _mail(fields, Notes()), _phone(fields, region, Notes()))


def _identifiers(fields: Mapping[str, Any], facts: Facts, mail: Mail | None, phone: Phone | None) -> tuple[Identifier, ...]:
    found = []
    if mail and mail.key:
        found.append(Identifier(Kind.EMAIL, mail.key))
    if phone and phone.e164:
        found.append(Identifier(Kind.PHONE, phone.e164))
    if not _CLICKS.isdisjoint(facts):
        clicks = [name for name in CLICK_FIELDS if name in facts and is_click_id(facts[name])]
        found += [Identifier(Kind.CLICK, f"{name}:{facts[name]}") for name in clicks]
    if "visitor_id" in fields and (visitor := line_of(fields["visitor_id"])) and is_filled(visitor):
        found.append(Identifier(Kind.VISITOR, visitor))
    return tuple(found)


def _consents(value: Any) -> tuple[Consent, ...]:
    said = None if value is None else read_consent(value)
    return (Consent("contact", *said),) if said else ()
