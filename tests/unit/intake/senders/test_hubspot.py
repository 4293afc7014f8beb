"""HubSpot: arrays of thin events, one fetch a contact, privacy deletions as erasures, and the contact that is fetched."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from services.intake.domain.senders.hubspot import SENDER, parse_contact
from services.intake.domain.senders.shape import Consent, Erasure, Fetch, Ignored, Malformed
from tests.unit.intake.senders.signed import (
    SECRET,
    STAMP,
    URL,
    any_json,
    base64_of,
    connection,
    delivery,
    normal_fields,
    notices,
    refused,
    samples,
    survives,
)


def event(kind: str, contact: Any = 123, **more: Any) -> dict[str, Any]:
    return {"eventId": 1, "subscriptionType": kind, "objectId": contact, "portalId": 62515, "occurredAt": 1564113600000, **more}


def test_a_signed_delivery_is_accepted() -> None:
    body = json.dumps([event("contact.creation")]).encode()
    stamp = str(STAMP * 1000)
    signature = base64_of(b"POST" + URL.encode() + body + stamp.encode(), SECRET)
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    SENDER.verify(delivery(body, headers), connection())
    assert refused(SENDER, delivery(body, headers, url=URL + "?x=1")) == 403
    assert refused(SENDER, delivery(body)) == 401
    old_versions = {"x-hubspot-signature": base64_of(body, SECRET), "x-hubspot-request-timestamp": stamp}
    assert refused(SENDER, delivery(body, old_versions)) == 401


def test_each_contact_is_fetched_once() -> None:
    events = [
        event("contact.creation"),
        event("contact.propertyChange", propertyName="email"),
        event("contact.creation", 9007199254740993),
    ]
    assert notices(SENDER, events) == [
        Fetch("123", "contact", {"portalId": "62515", "occurredAt": "1564113600000"}),
        Fetch("9007199254740993", "contact", {"portalId": "62515", "occurredAt": "1564113600000"}),
    ]


def test_the_source_says_which_events_bring_a_lead() -> None:
    events = [event("contact.creation", 1), event("contact.propertyChange", 2)]
    found = notices(SENDER, events, events=["contact.creation"])
    assert isinstance(found[0], Fetch)
    assert isinstance(found[1], Ignored)
    assert [type(n) for n in notices(SENDER, events, events=[])] == [Fetch, Fetch]


def test_the_newer_platforms_names_are_the_same_events() -> None:
    found = notices(SENDER, [event("object.creation", 1, objectTypeId="0-1"), event("object.creation", 2, objectTypeId="0-3")])
    assert [type(notice) for notice in found] == [Fetch, Ignored]
    assert isinstance(notices(SENDER, [event("object.creation", objectTypeId="0-1")], events=["object.creation"])[0], Fetch)


def test_only_a_privacy_deletion_erases() -> None:
    found = notices(SENDER, [event("contact.privacyDeletion"), event("contact.privacyDeletion"), event("contact.deletion")])
    assert found[0] == Erasure("123")
    assert [type(notice) for notice in found] == [Erasure, Ignored]


@pytest.mark.parametrize("contact", [None, 0, "", [], True])
def test_an_event_without_a_contact_does_not_stop_the_others(contact: Any) -> None:
    found = notices(SENDER, [event("contact.creation", contact), event("contact.creation", 5)])
    assert [type(notice) for notice in found] == [Ignored, Fetch]


@pytest.mark.parametrize("body", [b"", b"{}", b"1", b"[", b"null"])
def test_what_is_no_array_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        notices(SENDER, body)


def test_an_empty_array_says_nothing() -> None:
    assert notices(SENDER, []) == []


def test_a_contact_is_read_with_what_it_has() -> None:
    properties = {
        "firstname": "Ada",
        "lastname": "Example",
        "email": "ada@example.com",
        "phone": None,
        "company": "",
        "hs_object_id": "512",
    }
    lead = parse_contact({"id": "512", "properties": properties, "createdAt": "2026-11-22T09:00:00.123Z", "archived": False})
    assert lead.external_id == "512"
    assert lead.answers == {"firstname": "Ada", "lastname": "Example", "email": "ada@example.com", "hs_object_id": "512"}
    assert lead.submitted_at == datetime(2026, 11, 22, 9, 0, 0, 123000, tzinfo=UTC)
    assert lead.consents == ()


def test_the_properties_arrive_in_normal_fields() -> None:
    properties = {
        "firstname": "Ada",
        "email": "ada@example.com",
        "mobilephone": "+12025550101",
        "numemployees": "50",
        "utm_medium": "cpc",
    }
    assert normal_fields(SENDER, parse_contact({"id": 1, "properties": properties})) == {
        "first_name": "Ada",
        "email": "ada@example.com",
        "phone": "+12025550101",
        "company_size": "50",
        "medium": "cpc",
    }


def test_whoever_opted_out_of_mail_has_said_so() -> None:
    lead = parse_contact({"id": 1, "properties": {"hs_email_optout": "true"}, "updatedAt": "2026-11-22T09:00:00Z"})
    assert lead.consents == (Consent("email", False, at=datetime(2026, 11, 22, 9, 0, tzinfo=UTC)),)


def test_wrapped_properties_of_the_first_version_are_read() -> None:
    assert parse_contact({"id": 1, "properties": {"email": {"value": "ada@example.com"}}}).answers == {"email": "ada@example.com"}


def test_an_answer_without_an_id_is_no_contact() -> None:
    for answer in ({}, None, [], {"status": "error"}):
        with pytest.raises(Malformed):
            parse_contact(answer)


@given(any_json("subscriptionType", "objectId", "objectTypeId", "occurredAt", "contact.creation"))
@settings(max_examples=80, deadline=None)
def test_any_json_is_read_or_malformed(body: Any) -> None:
    survives(SENDER, body)
    survives(SENDER, [body, {"subscriptionType": "contact.creation", "objectId": body}], events=body)
    parse_contact({"id": 1, "properties": body, "createdAt": body, "updatedAt": body})


def test_the_captures_are_read() -> None:
    for name, body in samples("hubspot"):
        if name.startswith("webhook"):
            assert notices(SENDER, body) == [Fetch("123", "contact", {"portalId": "62515", "occurredAt": "1564113600000"})]
