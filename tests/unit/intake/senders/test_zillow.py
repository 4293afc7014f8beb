"""Zillow: Premier Agent plain and through SNS, and Rentals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.domain.senders.shape import Confirmation, Connection, Delivery, Forged, Result, SentLead, Status
from services.intake.domain.senders.zillow import PREMIER_AGENT, RENTALS
from tests.unit.intake.senders.envelopes import CONFIRM, SUBSCRIPTION, TOPIC, deliver, signed, trusting
from tests.unit.intake.senders.posted import AT, FORM, form, lead, normal, post, read, refusal
from tests.unit.intake.senders.signed import samples

INFO: dict[str, Any] = {
    "ContactName": "Grace Hopper",
    "ContactPhone": "2025550143",
    "ContactEmail": "grace@example.com",
    "ContactMessage": "I want to see it",
    "Brokerage": "Example Realty",
    "CommunicationGUID": "b9d2-77",
    "Update": False,
    "LeadDateTime": "2026-05-31T10:00:00Z",
    "Assignee": {"ZillowAssigneeAgentEmail": "agent@example.org", "ZillowAssigneeAgentName": "An Agent"},
}
BODY: dict[str, Any] = {
    "Source": "Zillow",
    "ContactMessage": {
        "ContactInfo": INFO,
        "SearchCriteria": {"City": "Elsewhere", "State": "WI", "ZIP": "53001", "MaxPrice": "1200000"},
        "PropertyInfo": {"StreetAddress": "12 Main St", "City": "Springfield", "State": "IL", "Zip": "62701", "ListingPrice": ""},
    },
}


def with_info(**changes: Any) -> dict[str, Any]:
    return {**BODY, "ContactMessage": {**BODY["ContactMessage"], "ContactInfo": {**INFO, **changes}}}


def test_a_premier_agent_lead() -> None:
    found = lead(PREMIER_AGENT, post(json.dumps(BODY)))
    assert found.external_id == "b9d2-77"
    assert found.submitted_at == datetime(2026, 5, 31, 10, tzinfo=UTC)
    assert normal(PREMIER_AGENT, found) == {
        "name": "Grace Hopper",
        "phone": "2025550143",
        "email": "grace@example.com",
        "message": "I want to see it",
        "city": "Springfield",
        "region": "IL",
        "postcode": "62701",
        "budget": "1200000",
    }


@pytest.mark.parametrize("flag", ["Update", "Reassignment"])
def test_what_is_sent_again_is_the_same_lead(flag: str) -> None:
    assert lead(PREMIER_AGENT, post(json.dumps(with_info(**{flag: True})))).external_id == "b9d2-77"


def test_without_a_guid_the_answers_are_the_id_for_ten_minutes() -> None:
    found = lead(PREMIER_AGENT, post(json.dumps(with_info(CommunicationGUID=""))))
    assert found.external_id
    assert found.window == timedelta(minutes=10)


def through_sns(connection: Connection, **changes: Any) -> list[Any]:
    delivery = deliver(signed(**{"Message": json.dumps(BODY), **changes}))
    PREMIER_AGENT.verify(delivery, connection)
    return PREMIER_AGENT.parse(delivery, connection)


def test_the_same_lead_comes_inside_sns() -> None:
    [inside] = through_sns(trusting(topic_arn=TOPIC))
    assert inside == lead(PREMIER_AGENT, post(json.dumps(BODY)))


def test_the_subscription_is_confirmed() -> None:
    assert through_sns(trusting(topic_arn=TOPIC), **SUBSCRIPTION) == [Confirmation(CONFIRM)]


@pytest.mark.parametrize("message", ["", "hello", "[]", "{}", "7", "[" * 9999])
def test_a_notification_of_something_else_is_refused(message: str) -> None:
    delivery = deliver(signed(Message=message))
    assert refusal(PREMIER_AGENT, delivery, certificates=trusting().settings["certificates"]) in (400, 422)


def refused(delivery: Delivery, connection: Connection) -> int:
    with pytest.raises(Forged) as caught:
        PREMIER_AGENT.verify(delivery, connection)
    return caught.value.status


def test_a_source_with_a_topic_takes_nothing_that_is_not_signed() -> None:
    assert refused(post(json.dumps(BODY)), trusting(topic_arn=TOPIC)) == 401
    assert refused(deliver({**signed(Message=json.dumps(BODY)), "Message": "{}"}), trusting(topic_arn=TOPIC)) == 403


def test_a_topic_of_a_strangers_own_does_not_stand_in_for_the_key() -> None:
    assert refused(deliver(signed(Message=json.dumps(BODY))), trusting(None, "key")) == 401
    PREMIER_AGENT.verify(deliver(signed(Message=json.dumps(BODY))), trusting(None, "key", topic_arn=TOPIC))


def test_a_plain_delivery_needs_the_key_where_there_is_one() -> None:
    deliveries = [post(json.dumps(BODY), **headers) for headers in ({"x_api_key": "k"}, {"x_api_key": "no"}, {})]
    assert [refusal(PREMIER_AGENT, one, "k") for one in deliveries] == [0, 403, 401]


@pytest.mark.parametrize(
    "body",
    [{}, [], {"ContactMessage": []}, {"ContactMessage": {"ContactInfo": "x"}}, {"ContactMessage": {"ContactInfo": {"a": ""}}}],
)
def test_a_body_without_a_contact_is_refused(body: Any) -> None:
    assert refusal(PREMIER_AGENT, post(json.dumps(body))) == 422


RENTAL = {
    "listingId": "12345",
    "name": "Grace Hopper",
    "email": "Grace@example.com",
    "phone": "2025550143",
    "message": "Still free?\r\nThanks",
    "listingCity": "Springfield",
    "listingContactEmail": "leasing@example.org",
    "petDetailsJson": '[{"type":"cat"}]',
    "creditScoreRangeJson": "{broken",
    "employer": "Navy",
    "parkingTypesDesired": "",
}


def rental(**changes: Any) -> SentLead:
    return lead(RENTALS, form(**{**RENTAL, **changes}))


def test_a_rental_lead() -> None:
    found = rental()
    assert found.answers["petDetailsJson"] == [{"type": "cat"}]
    assert found.answers["creditScoreRangeJson"] == "{broken"
    assert normal(RENTALS, found) == {
        "name": "Grace Hopper",
        "email": "Grace@example.com",
        "phone": "2025550143",
        "message": "Still free?\nThanks",
        "city": "Springfield",
        "product": "12345",
        "company": "Navy",
    }


def test_a_rental_lead_is_one_a_listing_person_and_day() -> None:
    tomorrow = replace(form(**RENTAL), received_at=AT + timedelta(days=1))
    again, other, later = rental(email="grace@example.com", message="x"), rental(listingId="9"), lead(RENTALS, tomorrow)
    assert rental().external_id == again.external_id
    assert len({rental().external_id, other.external_id, later.external_id, rental(email="ada@example.com").external_id}) == 4


def test_an_empty_rental_form_is_refused() -> None:
    assert refusal(RENTALS, post("a=&b=", FORM)) == 422


@pytest.mark.parametrize("sender", [PREMIER_AGENT, RENTALS])
def test_zillow_is_answered_with_200(sender: Any) -> None:
    assert sender.acknowledge([Result(Status.REJECTED)], post("{}"), Connection()).status == 200


def test_captures_are_read() -> None:
    for name, body in samples("zillow"):
        assert len(read(PREMIER_AGENT, post(body))) == 1, name
    for name, body in samples("zillow", ".urlencoded"):
        assert len(read(RENTALS, post(body, FORM))) == 1, name
