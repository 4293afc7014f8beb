"""HubSpot: an array of thin events about contacts, and the contact that is fetched. Its own forms have no webhook; their contacts do."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from services.intake.domain.senders.reading import (
    as_flag,
    as_id,
    as_moment,
    as_name,
    as_object,
    as_objects,
    as_text,
    filled,
    ids,
    once,
    read_json,
)
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import (
    Connection,
    Consent,
    Delivery,
    Erasure,
    Fetch,
    Ignored,
    Malformed,
    Notice,
    Sender,
    SentLead,
    Setting,
)
from services.intake.domain.senders.signing import PROFILES, verify_signature
from services.intake.domain.senders.tracking import TRACKING

CONTACT = "0-1"  # the type id of contacts, where the subscription is to `object.…`
EVENTS = Setting(
    "events",
    "Which events bring a lead: contact.creation, contact.propertyChange, or both. Others are ignored.",
    kind="list",
    default=("contact.creation", "contact.propertyChange"),
)


def parse(delivery: Delivery, connection: Connection) -> list[Notice]:
    """A fetch for each contact that the events name, an erasure for each that is to be forgotten. Raises Malformed."""
    body = read_json(delivery.body)
    if not isinstance(body, list):
        raise Malformed("The body must be an array of events.")
    return once(_notices(as_objects(body), _wanted(connection)))


def _wanted(connection: Connection) -> frozenset[str]:
    chosen = connection.settings.get(EVENTS.name)
    names = chosen if isinstance(chosen, list | tuple) and chosen else EVENTS.default
    return frozenset(str(name).replace("object.", "contact.", 1) for name in names)


def _notices(events: list[dict[str, Any]], wanted: frozenset[str]) -> Iterator[Notice]:
    for event in events:
        kind = _kind(event)
        contact = as_id(event.get("objectId"))
        if contact is None:
            yield Ignored("an event without objectId")
        elif kind == "contact.privacyDeletion":
            yield Erasure(contact)
        elif kind in wanted:
            yield Fetch(contact, "contact", ids(event, ("portalId", "occurredAt")))
        else:
            yield Ignored(f"the event {as_name(kind)}")


def _kind(event: dict[str, Any]) -> str:
    """The event's type by its classic name: apps of the newer platform are sent `object.creation` of the type of contacts."""
    kind = as_text(event.get("subscriptionType")) or as_text(event.get("eventType")) or ""
    if kind.startswith("object.") and event.get("objectTypeId") == CONTACT:
        return "contact." + kind.removeprefix("object.")
    return kind


def parse_contact(answer: Any) -> SentLead:
    """A contact of the CRM API as a lead, its properties as answers. Raises Malformed."""
    contact = as_object(answer)
    if (external_id := as_id(contact.get("id"))) is None:
        raise Malformed("HubSpot's answer is no contact: it has no id.")
    answers = filled({name: _plain(value) for name, value in as_object(contact.get("properties")).items()})
    created_at = as_moment(contact.get("createdAt")) or as_moment(answers.get("createdate"))
    refused = as_flag(answers.get("hs_email_optout")) is True
    consents = (Consent("email", False, at=as_moment(contact.get("updatedAt"))),) if refused else ()
    return SentLead(answers, external_id, submitted_at=created_at, consents=consents)


def _plain(value: Any) -> Any:
    """A property's value; the first version of the API wraps it in an object."""
    return value.get("value") if isinstance(value, dict) else value


SENDER: Sender = Sender(
    kind="hubspot",
    title="HubSpot",
    help=(
        "In the HubSpot app, subscribe this hook to contact.creation or to a change of one property, and to contact.privacyDeletion. "
        "The contact is then fetched with a token that has `crm.objects.contacts.read`."
    ),
    parse=parse,
    verify=partial(verify_signature, PROFILES["hubspot"]),
    mapping={
        "firstname": "first_name",
        "lastname": "last_name",
        "email": "email",
        "phone": "phone",
        "mobilephone": "phone",
        "company": "company",
        "address": "street",
        "city": "city",
        "state": "region",
        "zip": "postcode",
        "country": "country",
        "hs_country_region_code": "country",
        "hs_language": "language",
        "hs_timezone": "timezone",
        "jobtitle": "job_title",
        "numemployees": "company_size",
        "website": "website",
        "message": "message",
        "hs_google_click_id": "gclid",
        "hs_facebook_click_id": "fbclid",
        "hs_analytics_first_url": "landing_page",
        "hs_analytics_first_referrer": "referrer",
        **TRACKING,
    },
    secret="The app's client secret: HubSpot developer account, the app, Auth.",
    settings=(EVENTS,),
    acknowledge=answer_nothing,
    fetches=True,
)
