"""Zoopla: the key in Authorization, applicants and appraisals, HTML in messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.intake.domain.senders.shape import Connection, Delivery, Result, Status
from services.intake.domain.senders.zoopla import SENDER
from tests.unit.intake.senders.posted import lead, normal, post, refusal

KEY = "zoopla-key"
CONTACT = {"firstName": "Grace", "lastName": "Hopper", "email": "grace@example.com", "phoneNumber": "+44 20 7946 0958"}
APPLICANT: dict[str, Any] = {
    "id": "dc-1",
    "searchCriteria": {"location": {"postTown": "LEEDS", "countryCode": "XX"}, "maximumPrice": 9},
    "contact": CONTACT,
    "createdAt": "2026-05-31T15:19:53Z",
    "intent": "APPLICANT_INTENT_SOMETHING_NEW",
    "message": "<p>Hello</p><p>we&rsquo;re <b>keen</b></p><script>x()</script>",
    "listingDetails": {
        "id": "583",
        "address": {"streetName": "High Street", "townOrCity": "LONDON", "postcode": "SW1A 1AA", "countryCode": "GB"},
        "pricing": {"price": 450000.5, "currencyCode": "gbp"},
    },
    "fieldOfTheFuture": [{"a": 1}],
}


def sent(body: Any, authorization: str = KEY) -> Delivery:
    return post(json.dumps(body), **({"authorization": authorization} if authorization else {}))


def test_an_applicant() -> None:
    found = lead(SENDER, sent({"applicant": APPLICANT}), KEY)
    assert found.external_id == "applicant:dc-1"
    assert found.answers["message"] == "Hello\n\nwe’re keen"
    assert normal(SENDER, found) == {
        "first_name": "Grace",
        "last_name": "Hopper",
        "email": "grace@example.com",
        "phone": "+44 20 7946 0958",
        "message": "Hello\n\nwe’re keen",
        "product": "583",
        "city": "LONDON",
        "postcode": "SW1A 1AA",
        "country": "GB",
        "budget": 450000.5,
        "currency": "gbp",
    }


def test_an_appraisal_is_of_the_persons_own_home() -> None:
    address = {"line1": "12 Main St", "town": "York", "postcode": "YO1 7HH"}
    found = lead(SENDER, sent({"appraisal": {"id": 7, "contact": CONTACT, "propertyDetails": {"address": address}}}), KEY)
    assert found.external_id == "appraisal:7"
    assert found.answers["kind"] == "appraisal"
    assert normal(SENDER, found)["street"] == "12 Main St"


def test_plain_messages_stay_as_they_are() -> None:
    found = lead(SENDER, sent({"applicant": {**APPLICANT, "message": "2 < 3\r\nbeds"}}), KEY)
    assert found.answers["message"] == "2 < 3\nbeds"


@pytest.mark.parametrize(
    ("authorization", "status"), [(KEY, 0), (f"Bearer {KEY}", 0), ("Bearer other", 403), ("other", 403), ("", 401)]
)
def test_the_key_comes_as_it_is_or_as_a_bearer_token(authorization: str, status: int) -> None:
    assert refusal(SENDER, sent({"applicant": APPLICANT}, authorization), KEY) == status


def test_zoopla_always_has_a_key_so_that_a_source_without_one_takes_nothing() -> None:
    assert refusal(SENDER, sent({"applicant": APPLICANT})) == 401


@pytest.mark.parametrize("body", [{}, {"lead": {}}, {"applicant": []}, {"applicant": {}}, {"appraisal": "x"}, []])
def test_a_body_without_either_is_refused_so_that_it_is_sent_again(body: Any) -> None:
    assert refusal(SENDER, sent(body), KEY) == 422


def test_a_rejected_lead_is_not_sent_again_for_a_day() -> None:
    assert SENDER.acknowledge is not None
    assert SENDER.acknowledge([Result(Status.REJECTED)], sent({}), Connection()).status == 200
