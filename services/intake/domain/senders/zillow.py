"""Zillow. Premier Agent ("Tech Connect"): one JSON a lead, plain or inside AWS SNS. Rentals: one flat form a lead. Neither signs.

A Premier Agent lead is sent again with `Update` or `Reassignment`, under the same CommunicationGUID: that is the same lead.
"""

from __future__ import annotations

from datetime import UTC
from types import MappingProxyType
from typing import Any

from services.intake.domain.identity import digest
from services.intake.domain.senders.bodies import read_answers
from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import KEY_HEADER, verify_key_if_any
from services.intake.domain.senders.reading import as_id, as_moment, as_object, as_text, filled, read_json, read_object
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Delivery, Forged, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.sns import TOPIC, open_envelope, read_control, verify_envelope

INFO = "ContactInfo"


def verify(delivery: Delivery, connection: Connection) -> None:
    """The envelope's signature where there is one. It proves the sender only with a topic to compare: anybody can have a topic."""
    topic = connection.settings.get(TOPIC.name)
    envelope = open_envelope(delivery)
    if envelope is not None:
        verify_envelope(envelope, delivery, connection)
    elif topic:
        raise Forged("The delivery is not signed: it is expected through the SNS topic of this source.")
    if envelope is None or not topic:
        verify_key_if_any(delivery, connection)


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """The lead, or the confirmation of an SNS subscription. Raises Malformed."""
    envelope = open_envelope(delivery)
    if envelope is None:
        return [_lead(read_object(delivery.body))]
    control = read_control(envelope)
    return [_lead(read_object(envelope.message))] if control is None else control


def _lead(body: dict[str, Any]) -> SentLead:
    message = as_object(body.get("ContactMessage"))
    info = filled(as_object(message.get(INFO)))
    if not info:
        raise Malformed("The body has no ContactMessage.ContactInfo.")
    # The property asked about comes before the search: both have a City, a State and a Zip.
    blocks = {name: filled(as_object(message.get(name))) for name in ("PropertyInfo", "SearchCriteria")}
    rest = {name: value for name, value in message.items() if name != INFO and name not in blocks}
    answers = filled({INFO: info, **blocks, "Source": body.get("Source"), **rest})
    external_id = as_id(info.get("CommunicationGUID"))
    return SentLead(
        answers,
        external_id or fingerprint(answers),
        None if external_id else REPEATS,
        submitted_at=as_moment(info.get("LeadDateTime")) or as_moment(info.get("ContactDateTime")),
    )


PREMIER_AGENT: Sender = Sender(
    kind="zillow_premier_agent",
    title="Zillow Premier Agent",
    help=(
        "In Zillow's Tech Connect, register the hook's address as the partner's endpoint for leads. If Zillow delivers through AWS SNS, "
        "set topic_arn; the subscription is confirmed by itself. If you agreed on a key, set it as the source's secret."
    ),
    parse=parse,
    verify=verify,
    mapping=MappingProxyType(
        {
            f"{INFO}.ContactName": "name",
            f"{INFO}.ContactEmail": "email",
            f"{INFO}.ContactPhone": "phone",
            f"{INFO}.ContactMessage": "message",
            "PropertyInfo.City": "city",
            "PropertyInfo.State": "region",
            "PropertyInfo.Zip": "postcode",
            "PropertyInfo.MLSNumber": "product",
            "PropertyInfo.ListingPrice": "budget",
            "SearchCriteria.City": "city",
            "SearchCriteria.State": "region",
            "SearchCriteria.ZIP": "postcode",
            "SearchCriteria.MaxPrice": "budget",
        }
    ),
    # The address of what is for sale is public, and not where the person lives: as a fact it is not taken for their street.
    facts=(
        f"{INFO}.ContactType",
        "PropertyInfo.ListingStatus",
        "PropertyInfo.StreetAddress",
        "SearchCriteria.PropertyTypes",
    ),
    secret="Optional: a key that you agreed with Zillow.",
    settings=(TOPIC, KEY_HEADER),
    acknowledge=answer_nothing,
)


# -- Rentals -----------------------------------------------------------------------------------------------------------------------


def parse_rental(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead. It has no id: the same person asking for the same listing on the same day (UTC) is one lead. Raises Malformed."""
    answers = filled({name: _unpacked(name, value) for name, value in read_answers(delivery).items()})
    if not answers:
        raise Malformed("The form is empty.")
    who = as_text(answers.get("email")) or as_text(answers.get("phone")) or as_text(answers.get("name")) or ""
    day = delivery.received_at.astimezone(UTC).date().isoformat()
    listing = as_text(answers.get("listingId")) or ""
    return [SentLead(answers, digest("rental", listing, who.lower(), day).hex() if who else fingerprint(answers))]


def _unpacked(name: str, value: Any) -> Any:
    """`petDetailsJson` and its like are JSON inside a text."""
    if not name.endswith("Json") or not isinstance(value, str):
        return value
    try:
        return read_json(value)
    except Malformed:
        return value


RENTALS: Sender = Sender(
    kind="zillow_rentals",
    title="Zillow Rentals",
    help=(
        "Give Zillow Rentals the hook's address as the endpoint for leads of your feed. They do not sign; on request they send a header "
        "of your own: then set its value as the source's secret."
    ),
    parse=parse_rental,
    verify=verify_key_if_any,
    mapping=MappingProxyType(
        {
            "name": "name",
            "email": "email",
            "phone": "phone",
            "message": "message",
            "listingId": "product",
            "listingCity": "city",
            "listingState": "region",
            "listingPostalCode": "postcode",
            "moveInTimeframe": "timeframe",
            "jobTitle": "job_title",
            "employer": "company",
        }
    ),
    facts=("leadType", "movingDate", "numBedroomsSought", "propertyTypesDesired", "neighborhoods", "leaseLengthMonths"),
    secret="Optional: the value of a header that Zillow sends on request.",
    settings=(KEY_HEADER,),
    acknowledge=answer_nothing,
)
