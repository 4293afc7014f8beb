"""Realtor.com lead delivery: one JSON a lead, with the consumer, the property and the form in blocks. Unsigned; a key by arrangement."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import KEY_HEADER, verify_key_if_any
from services.intake.domain.senders.reading import as_flag, as_id, as_moment, as_object, as_objects, as_text, filled, read_object
from services.intake.domain.senders.shape import Connection, Consent, Delivery, Malformed, Notice, Sender, SentLead

CONSUMER = "lead_consumer_info"
PROPERTY = "lead_property_info"
MAX_LEADS = 100


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """The lead, or the leads where several come under `Lead`. Raises Malformed."""
    body = read_object(delivery.body)
    leads = as_objects(body.get("Lead") or body.get("lead") or body)
    if not leads or len(leads) > MAX_LEADS:
        raise Malformed(f"The body needs an object `Lead`, or from 1 to {MAX_LEADS} of them.")
    return [_lead(lead) for lead in leads]


def _lead(lead: dict[str, Any]) -> SentLead:
    info = as_object(lead.get("lead_info")) or lead
    consumer = _block(CONSUMER, info, lead)
    if not consumer:
        raise Malformed(f"The lead has no {CONSUMER}.")
    # The consumer and the property come first: what is said of earlier searches has fields of the same names.
    answers = filled({CONSUMER: consumer, PROPERTY: _block(PROPERTY, info, lead), **_rest(lead), **_rest(info)})
    inquiry, guid = as_id(info.get("inquiry_guid")), as_id(info.get("lead_guid"))
    external_id = inquiry or guid
    return SentLead(
        answers,
        external_id or fingerprint(answers),
        None if external_id else REPEATS,
        # A person's second inquiry is no repetition of the first.
        also=(guid,) if inquiry and guid else (),
        test=as_flag(info.get("test")) is True,
        submitted_at=as_moment(info.get("lead_date_time")),
        consents=tuple(_consents(consumer)),
    )


def _block(name: str, info: dict[str, Any], lead: dict[str, Any]) -> dict[str, Any]:
    """Some senders put a block one level higher than others."""
    return filled(as_object(info.get(name)) or as_object(lead.get(name)))


def _rest(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in (CONSUMER, PROPERTY, "lead_info")}


def _consents(consumer: dict[str, Any]) -> list[Consent]:
    """Jornaya keeps a recording of the form as the person saw it; its id is the evidence of consent to be called."""
    recording = as_text(consumer.get("jornaya_tcpa_id"))
    return [Consent("phone", True, f"Jornaya LeadiD {recording}")] if recording else []


SENDER: Sender = Sender(
    kind="realtor",
    title="Realtor.com",
    help=(
        "Ask your Realtor.com account manager for lead delivery to the hook's address, with the source's secret as the header X-API-Key "
        "or as the password of Basic authentication. Leads that say `test` are kept apart."
    ),
    parse=parse,
    verify=verify_key_if_any,
    mapping=MappingProxyType(
        {
            f"{CONSUMER}.full_name": "name",
            f"{CONSUMER}.first_name": "first_name",
            f"{CONSUMER}.last_name": "last_name",
            f"{CONSUMER}.email": "email",
            f"{CONSUMER}.phone": "phone",
            f"{CONSUMER}.message": "message",
            f"{CONSUMER}.timeframe": "timeframe",
            f"{CONSUMER}.rdc_visitor_id": "visitor_id",
            f"{PROPERTY}.mls_id": "product",
            f"{PROPERTY}.property_price": "budget",
            f"{PROPERTY}.property_city": "city",
            f"{PROPERTY}.property_state_code": "region",
            f"{PROPERTY}.property_state": "region",
            f"{PROPERTY}.property_zip": "postcode",
            "lead_form_info.form_name": "form_id",
        }
    ),
    facts=(
        "lead_type",
        "lead_method",
        "lead_source",
        "lead_sub_source",
        f"{CONSUMER}.is_veteran",
        f"{CONSUMER}.role",
        f"{PROPERTY}.listing_status",
        f"{PROPERTY}.property_status",
        f"{PROPERTY}.property_type",
    ),
    secret="The key that you agreed with Realtor.com.",
    settings=(KEY_HEADER,),
)
