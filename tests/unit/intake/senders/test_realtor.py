"""Realtor.com: both nestings, tests, and ids."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.intake.domain.senders.realtor import SENDER
from services.intake.domain.senders.shape import Consent
from tests.unit.intake.senders.posted import lead, normal, post, read, refusal

CONSUMER = {
    "first_name": "Grace",
    "last_name": "Hopper",
    "email": "grace@example.com",
    "phone": "2025550143",
    "message": "Is it still for sale?",
    "jornaya_tcpa_id": "01JORNAYA",
    "timeframe": "0-3 months",
    "is_veteran": None,
}
PROPERTY = {
    "mls_id": "ML81",
    "property_price": 995000,
    "property_city": "Springfield",
    "property_state_code": "IL",
    "property_zip": "62701",
}
INFO: dict[str, Any] = {
    "inquiry_guid": "inq-1",
    "lead_guid": "lead-1",
    "lead_type": "buyer",
    "lead_date_time": "2026-05-31T10:00:00.000Z",
    "test": False,
    "listing_customer_info": {
        "listing_agent_name": "An Agent",
        "listing_agent_email": "agent@example.org",
        "listing_agent_phone": "1",
    },
    "lead_property_preferences_info": {"recent_searches": [{"city": "Elsewhere", "postal_code": "99999"}]},
}


def sent(info: dict[str, Any], **beside: Any) -> Any:
    return lead(SENDER, post(json.dumps({"Lead": {"lead_info": info, **beside}})))


WITHIN = {**INFO, "lead_consumer_info": CONSUMER, "lead_property_info": PROPERTY}


def test_the_person_and_the_property_are_found_in_both_nestings() -> None:
    outside = sent({**INFO, "lead_consumer_info": CONSUMER}, lead_property_info=PROPERTY)
    for found in (sent(WITHIN), outside):
        fields = normal(SENDER, found)
        assert {
            name: fields[name] for name in ("first_name", "last_name", "email", "phone", "city", "region", "postcode", "product")
        } == {
            "first_name": "Grace",
            "last_name": "Hopper",
            "email": "grace@example.com",
            "phone": "2025550143",
            "city": "Springfield",
            "region": "IL",
            "postcode": "62701",
            "product": "ML81",
        }
        assert fields["budget"] == 995000


def test_a_lead_without_the_outer_object_is_read_too() -> None:
    assert lead(SENDER, post(json.dumps({"lead_info": WITHIN}))).external_id == "inq-1"
    assert lead(SENDER, post(json.dumps(WITHIN))).external_id == "inq-1"


def test_the_agent_of_the_listing_is_never_taken_for_the_person() -> None:
    fields = normal(SENDER, sent({**WITHIN, "lead_consumer_info": {"first_name": "Grace"}}))
    assert "email" not in fields
    assert "phone" not in fields


@pytest.mark.parametrize(
    ("given", "test"), [(True, True), ("true", True), ("1", True), (1, True), (False, False), ("no", False), (None, False)]
)
def test_test_leads_are_marked(given: Any, test: bool) -> None:
    assert sent({**WITHIN, "test": given}).test is test


def test_ids_and_what_stands_in_for_them() -> None:
    assert (sent(WITHIN).external_id, sent(WITHIN).also) == ("inq-1", ("lead-1",))
    assert (sent({**WITHIN, "lead_guid": None}).external_id, sent({**WITHIN, "lead_guid": None}).also) == ("inq-1", ())
    assert (sent({**WITHIN, "inquiry_guid": 0}).external_id, sent({**WITHIN, "inquiry_guid": 0}).also) == ("lead-1", ())
    without = [sent({**WITHIN, "lead_guid": None, "inquiry_guid": ""}) for _ in range(2)]
    assert without[0].external_id == without[1].external_id
    assert without[0].window is not None
    assert sent(WITHIN).window is None


def test_the_recording_of_the_form_is_evidence_of_consent() -> None:
    assert sent(WITHIN).consents == (Consent("phone", True, "Jornaya LeadiD 01JORNAYA"),)


def test_several_leads_in_one_delivery() -> None:
    body = {"Lead": [{"lead_info": WITHIN}, {"lead_info": {**WITHIN, "inquiry_guid": "inq-2"}}]}
    assert [notice.external_id for notice in read(SENDER, post(json.dumps(body)))] == ["inq-1", "inq-2"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "body", ["{}", '{"Lead": []}', '{"Lead": 7}', '{"Lead": {"lead_info": []}}', "[]", json.dumps({"Lead": [WITHIN] * 101})]
)
def test_a_body_without_a_consumer_is_refused(body: str) -> None:
    assert refusal(SENDER, post(body)) == 422


def test_with_a_secret_the_key_must_be_sent() -> None:
    deliveries = [post(json.dumps(WITHIN), **headers) for headers in ({"authorization": "k"}, {"authorization": "no"}, {})]
    assert [refusal(SENDER, one, "k") for one in deliveries] == [0, 403, 401]
