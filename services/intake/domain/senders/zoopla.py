"""Zoopla's Lead Push Service: one applicant or one appraisal a request, with our key in `Authorization`. Sent again for 24 hours."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import verify_key
from services.intake.domain.senders.plain_text import html_to_text, looks_like_html, unify_newlines
from services.intake.domain.senders.reading import as_id, as_moment, as_object, filled, read_object
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Delivery, Malformed, Notice, Sender, SentLead

KINDS = ("applicant", "appraisal")
# First what is said of the person and the property: the search has fields of the same names.
FIRST = ("contact", "message", "listingDetails", "propertyDetails")


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead. Raises Malformed where there is neither an applicant nor an appraisal, so that Zoopla tries again for a day."""
    body = read_object(delivery.body)
    kind = next((kind for kind in KINDS if kind in body), None)
    if kind is None:
        raise Malformed(f"The body needs one of the objects {' and '.join(KINDS)}.")
    if not (record := as_object(body[kind])):
        raise Malformed(f"`{kind}` must be an object.")
    first = {name: record[name] for name in FIRST if name in record}
    answers = filled({**first, **record, "kind": kind})
    if "message" in answers:
        answers["message"] = _plain(answers["message"])
    external_id = as_id(record.get("id"))
    return [
        SentLead(
            answers,
            f"{kind}:{external_id}" if external_id else fingerprint(answers),
            None if external_id else REPEATS,
            submitted_at=as_moment(record.get("createdAt")),
        )
    ]


def _plain(message: Any) -> Any:
    if not isinstance(message, str):
        return message
    return html_to_text(message) if looks_like_html(message) else unify_newlines(message)


SENDER: Sender = Sender(
    kind="zoopla",
    title="Zoopla",
    help=(
        "Write to Zoopla's member services with the hook's address. As API key, give them the source's secret: they send it as it is in "
        "the header Authorization. If they are set up for OAuth 2.0 client credentials, let your token endpoint issue the source's "
        "secret as access token: `Authorization: Bearer` with it is accepted too."
    ),
    parse=parse,
    verify=verify_key,
    mapping=MappingProxyType(
        {
            "contact.firstName": "first_name",
            "contact.lastName": "last_name",
            "contact.email": "email",
            "contact.phoneNumber": "phone",
            "message": "message",
            "consumerPostcode": "postcode",
            "listingDetails.id": "product",
            "listingDetails.url": "landing_page",
            "listingDetails.pricing.price": "budget",
            "listingDetails.pricing.currencyCode": "currency",
            "listingDetails.address.townOrCity": "city",
            "listingDetails.address.postcode": "postcode",
            "listingDetails.address.countryCode": "country",
            "propertyDetails.address.line1": "street",
            "propertyDetails.address.town": "city",
            "propertyDetails.address.county": "region",
            "propertyDetails.address.postcode": "postcode",
            "searchCriteria.maximumPrice": "budget",
            "searchCriteria.location.postTown": "city",
            "urgency": "timeframe",
        }
    ),
    facts=(
        "kind",
        "intent",
        "enquiryType",
        "propertyUse",
        "consumerSituation",
        "isOverseas",
        "leadSource",
        "justCurious",
        "organiseViewing",
        "portalBranchId",
        "listingDetails.propertyType",
        "listingDetails.pricing.transactionType",
        "propertyDetails.propertyType",
    ),
    secret="The key, or the access token, that you gave Zoopla.",
    acknowledge=answer_nothing,
)
